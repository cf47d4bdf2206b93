"""Counting words."""


def count_words(text: str) -> int:
    """How many words `text` has; words are separated by white space."""
    raise NotImplementedError("YOUR CODE HERE: write this part")
