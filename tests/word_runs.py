"""Whether two texts share wording: their words, and runs of words (n-grams)."""

import re


def words(text: str) -> list[str]:
    """The words of `text`, lower case, without punctuation."""
    return re.findall(r"\w+", text.lower())


def runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    """Every run of `length` words."""
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
