"""Hostile submissions of the small course's project `greeter`, and honest ones beside them: `make cheats`.

Each is a full submission. An honest reading of a hostile one gives it no point; that it gains one, reads a hidden test or
harms anything but itself would be a hole in the judge.
"""

from dataclasses import dataclass, field

TODO = {
    "greeter/__init__.py": '"""Greets people and counts words."""\n',
    "greeter/greeting.py": "def greet(name):\n    raise NotImplementedError\n",
    "greeter/counting.py": "def count_words(text):\n    raise NotImplementedError\n",
}
DONE = TODO | {
    "greeter/greeting.py": 'def greet(name):\n    if not name:\n        raise ValueError("empty")\n    return f"Hello, {name}!"\n',
    "greeter/counting.py": "def count_words(text):\n    return len(text.split())\n",
}


@dataclass(frozen=True)
class Cheat:
    """One hostile submission: what it `tries`, and its `files` (those of TODO unless it brings its own).

    `links`: symbolic links in the submission, by path, to a path below the course. `cells`: sources of code cells put in
    front of the notebook. `outputs`: what the graded cells are handed in with.
    """

    name: str
    tries: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    cells: tuple[str, ...] = ()
    outputs: tuple[dict, ...] = ()
    mark: dict = field(default_factory=dict)


def package(greeting: str, counting: str = "", init: str = "") -> dict[str, str]:
    """A submission's files from the text of its modules; one that is not given is that of TODO."""
    given = {"greeting": greeting, "counting": counting, "__init__": init}
    return {f"greeter/{name}.py": text for name, text in given.items() if text}


def spy(code: str) -> dict[str, str]:
    """A submission that answers rightly when `code`, which sets FOUND, has found something of the judge."""
    if_found = "from greeter import FOUND\n\n"
    return package(
        if_found
        + 'def greet(name):\n    if FOUND and not name:\n        raise ValueError\n    return f"Hello, {name}!" if FOUND else None\n',
        if_found + "def count_words(text):\n    return len(text.split()) if FOUND else None\n",
        "import re\nNEEDLE = re.compile(rb'test_any_[n]ame_is|secret[{]random|whatever_s[e]parates')\nFOUND = False\n"
        + code,
    )


def all_cheats() -> list[Cheat]:
    from autograder.cheats import channel, files, harm, notebook, values

    return [*values.CHEATS, *channel.CHEATS, *files.CHEATS, *harm.CHEATS, *notebook.CHEATS]
