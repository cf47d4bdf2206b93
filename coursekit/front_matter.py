"""Text files that begin with TOML between two lines `+++`: contracts and policies."""

import re
import tomllib
from pathlib import Path
from typing import Any

_FRONT = re.compile(r"\+\+\+\n(.*?\n)\+\+\+\n\s*", re.DOTALL)


def read_front_matter(path: Path, error: type[ValueError]) -> tuple[dict[str, Any], str, int]:
    """The TOML, the text after it, and the number of lines before that text.

    Raises FileNotFoundError, and `error`, which names the file, where it is not UTF-8, has no front matter or broken TOML.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as found:
        raise error(f"{path}: not UTF-8 text ({found}). Save it as UTF-8") from found
    front = _FRONT.match(source)
    if front is None:
        raise error(f"{path}: it must begin with a line `+++`, TOML, and another line `+++`")
    try:
        head = tomllib.loads(front.group(1))
    except tomllib.TOMLDecodeError as found:
        raise error(f"{path}: the front matter is not TOML: {found}") from found
    return head, source[front.end() :], source.count("\n", 0, front.end())
