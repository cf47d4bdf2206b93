"""Solution regions in `.py` files: nbgrader strips them from notebooks only."""

import json
import re
from pathlib import Path

BEGIN = re.compile(r"^(?P<indent>\s*)### BEGIN SOLUTION(?::?\s+(?P<text>.*\S))?\s*$")
END = re.compile(r"^\s*### END SOLUTION\s*$")
DEFAULT_TEXT = "write this part"


def strip_solutions(source: str, path: Path | str = "<source>") -> str:
    """`source` with every solution region replaced by one line that raises NotImplementedError.

    Raises:
        ValueError: a region that is not closed, not opened, or nested; the message names file and line.
    """
    kept: list[str] = []
    opened = None
    for number, line in enumerate(source.splitlines(keepends=True), start=1):
        begin = BEGIN.match(line)
        if begin and opened:
            raise ValueError(f"{path}:{number}: a solution region inside the one opened at line {opened}")
        if END.match(line):
            if not opened:
                raise ValueError(f"{path}:{number}: END SOLUTION without BEGIN SOLUTION")
            opened = None
        elif begin:
            opened = number
            text = begin["text"] or DEFAULT_TEXT
            quoted = json.dumps(f"YOUR CODE HERE: {text}", ensure_ascii=False)
            kept.append(f"{begin['indent']}raise NotImplementedError({quoted})\n")
        elif not opened:
            kept.append(line)
    if opened:
        raise ValueError(f"{path}:{opened}: BEGIN SOLUTION is never closed")
    return "".join(kept)
