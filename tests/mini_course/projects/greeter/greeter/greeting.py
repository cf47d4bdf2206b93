"""Greeting."""


def greet(name: str) -> str:
    """`Hello, NAME!`; ValueError for an empty name."""
    raise NotImplementedError("YOUR CODE HERE: refuse an empty name, then greet")
