"""Which submissions share more code than the task explains. A hint for a person who looks, never a proof.

Winnowing's idea (Schleimer, Wilkerson, Aiken 2003), without the winnowing: a submission is the set of its k-token windows;
what the release gives to everybody, and what many share, is taken out before two are compared.
"""

import builtins
import io
import keyword
import tokenize
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from autograder.project import Project, project_files

WINDOW = 12  # tokens
LEAST_OWN = 25  # windows of own code below which nothing can be said about the published solution
MANY = 20  # what more learners than this wrote alike says nothing about two of them
LEAST_SHARED = 60  # windows that a pair must share: two short answers to one question are alike
SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
KEPT_NAMES = set(keyword.kwlist) | set(dir(builtins))


@dataclass(frozen=True)
class Pair:
    """Two learners; `share` (0 to 1) is of the own code of the one who wrote less; `windows` are in both."""

    first: str
    second: str
    share: float
    windows: int


@dataclass(frozen=True)
class Code:
    """A package's windows, each with the lines where it occurs: (file, line numbers)."""

    lines: dict[int, list[tuple[str, frozenset[int]]]]

    @property
    def windows(self) -> set[int]:
        return set(self.lines)


def read_code(folder: Path, package: str) -> Code:
    """The windows of every `.py` file of `package` in `folder`. Files that are no Python are left out."""
    found: dict[int, list[tuple[str, frozenset[int]]]] = defaultdict(list)
    for path in project_files(folder / package) if (folder / package).is_dir() else []:
        if path.suffix != ".py" or path.stat().st_size > 500_000:
            continue
        tokens = _tokens(path)
        name = str(path.relative_to(folder))
        for start in range(len(tokens) - WINDOW + 1):
            part = tokens[start : start + WINDOW]
            found[hash(tuple(kind for kind, _ in part))].append((name, frozenset(line for _, line in part)))
    return Code(dict(found))


def _tokens(path: Path) -> list[tuple[str, int]]:
    """(token, line), with every name of the learner's own choice made one and the same, and no text of theirs in docstrings."""
    tokens = []
    previous = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            if token.type in SKIPPED:
                continue
            text = token.string
            if is_free_name(token, previous):
                text = "name"
            elif token.type == tokenize.STRING and text.lstrip("rbufRBUF")[:3] in ('"""', "'''"):
                continue
            tokens.append((text, token.start[0]))
            previous = token.string
    except (OSError, UnicodeDecodeError, SyntaxError, tokenize.TokenError):
        return tokens if tokens else []
    return tokens


def is_free_name(token: tokenize.TokenInfo, previous: str) -> bool:
    """Whether the token is a name that a learner could have chosen: no keyword, no builtin, no attribute."""
    return token.type == tokenize.NAME and token.string not in KEPT_NAMES and previous != "."


def published(project: Project) -> set[int]:
    """What everybody can read: the release's windows and the reference's, which is in the course's repository."""
    return read_code(project.release, project.name).windows | read_code(project.source, project.name).windows


def near_reference(codes: dict[str, Code], project: Project, least: float = 0.9) -> dict[str, float]:
    """Learners of whose own code at least the share `least` is in the published solution, highest first."""
    given = read_code(project.release, project.name).windows
    reference = read_code(project.source, project.name).windows - given
    shares = {}
    for student, code in codes.items():
        own = code.windows - given
        if len(own) >= LEAST_OWN:
            shares[student] = len(own & reference) / len(own)
    return {s: share for s, share in sorted(shares.items(), key=lambda item: (-item[1], item[0])) if share >= least}


def similar_pairs(codes: dict[str, Code], known: set[int], least: float = 0.5) -> list[Pair]:
    """Pairs of learners that share at least `least` of the smaller one's own code, most alike first.

    `known` windows do not count, nor does what more than a quarter of the cohort (at least 5, at most 20 learners) wrote alike.
    """
    counts = Counter(window for code in codes.values() for window in code.windows - known)
    common = min(max(5, len(codes) // 4), MANY)
    own = {s: {w for w in code.windows - known if counts[w] <= common} for s, code in codes.items()}
    writers = defaultdict(list)
    for student in sorted(own):
        for window in own[student]:
            writers[window].append(student)
    shared: Counter[tuple[str, str]] = Counter()
    for students in writers.values():
        for i, first in enumerate(students):
            shared.update((first, second) for second in students[i + 1 :])
    pairs = [
        Pair(a, b, count / min(len(own[a]), len(own[b])), count)
        for (a, b), count in shared.items()
        if count >= LEAST_SHARED and count / min(len(own[a]), len(own[b])) >= least
    ]
    return sorted(pairs, key=lambda p: (-p.share, -p.windows, p.first, p.second))


def shared_lines(code: Code, other: Code, known: set[int]) -> dict[str, set[int]]:
    """Line numbers of `code`, by file, that lie in a window which `other` has too and which is not `known`."""
    lines: dict[str, set[int]] = defaultdict(set)
    for window in (code.windows & other.windows) - known:
        for file, numbers in code.lines[window]:
            lines[file] |= numbers
    return dict(lines)
