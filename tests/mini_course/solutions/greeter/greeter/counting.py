"""Counting words."""


def count_words(text: str) -> int:
    """How many words `text` has; words are separated by white space."""
    ### BEGIN SOLUTION
    return len(text.split())
    ### END SOLUTION
