"""Greeting."""


def greet(name: str) -> str:
    """`Hello, NAME!`; ValueError for an empty name."""
    if not name:
        raise ValueError("name must not be empty")
    return "".join(["Hello, ", name, "!"])
