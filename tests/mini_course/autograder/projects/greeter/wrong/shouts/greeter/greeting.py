"""Greeting."""


def greet(name: str) -> str:
    """`Hello, NAME!`; ValueError for an empty name."""
    ### BEGIN SOLUTION: refuse an empty name, then greet
    if not name:
        raise ValueError("name must not be empty")
    return f"Hello, {name}!".upper()
    ### END SOLUTION
