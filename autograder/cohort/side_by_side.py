"""Two learners' files beside each other, aligned by what the code does and not by how its names are spelt."""

import difflib
import io
import tokenize
from dataclasses import dataclass
from pathlib import Path

from autograder.cohort.similarity import Code, is_free_name, shared_lines

LONGEST_LINES = 600
FOLD_FROM = 5


@dataclass(frozen=True)
class Row:
    """One row: line numbers (from 1) and texts of both sides; `alike` marks shared code; `folded` counts hidden rows."""

    left: tuple[int, str] | None = None
    right: tuple[int, str] | None = None
    alike: bool = False
    folded: int = 0


def beside(first: Path, second: Path, codes: tuple[Code, Code], known: set[int]) -> list[tuple[str, list[Row]]]:
    """For each file with code that both submissions share and that is not `known`: its name, and its rows."""
    here, there = shared_lines(codes[0], codes[1], known), shared_lines(codes[1], codes[0], known)
    found = []
    for name in sorted(here):
        match = name if name in there else max(there, key=lambda n: len(there[n]), default=None)
        if match is None:
            continue
        left, right = _lines(first / name), _lines(second / match)
        rows = _align(left, right, here[name], there[match])
        if any(row.alike for row in rows):
            found.append((name if name == match else f"{name} | {match}", _fold(rows)))
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[:LONGEST_LINES]


def _align(left: list[str], right: list[str], here: set[int], there: set[int]) -> list[Row]:
    keys = [[_key(line) for line in side] for side in (left, right)]
    rows: list[Row] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        for i in range(max(b - a, d - c)):
            one = (a + i + 1, left[a + i]) if a + i < b else None
            two = (c + i + 1, right[c + i]) if c + i < d else None
            alike = kind == "equal" and bool(left[a + i].strip()) and a + i + 1 in here and c + i + 1 in there
            rows.append(Row(one, two, alike))
    return rows


def _key(line: str) -> str:
    """A line with the names of the learner's own choice made one and the same."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line.strip() + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return line.strip()
    words, previous = [], ""
    for token in tokens:
        if token.type != tokenize.COMMENT and token.string.strip():
            words.append("name" if is_free_name(token, previous) else token.string)
            previous = token.string
    return " ".join(words)


def _fold(rows: list[Row]) -> list[Row]:
    """Runs of rows without shared code become one row that counts them."""
    folded: list[Row] = []
    run: list[Row] = []
    for row in [*rows, None]:
        if row is not None and not row.alike:
            run.append(row)
            continue
        folded += run if len(run) < FOLD_FROM else [Row(folded=len(run))]
        run = []
        if row is not None:
            folded.append(row)
    return folded
