"""A sample cohort to try the instructor's day on: 30 invented uploads of one project, from right to empty to hostile.

Made of the project's own right and wrong cases, so it exists for every project; the same on each machine.
"""

import io
import json
import os
import random
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import GradingError
from autograder.project import Project, project_files

Files = dict[str, bytes]
HANDED_IN = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
NAMES = (
    "abebe", "anouk", "bjarne", "carmen", "chidi", "dorota", "elif", "farid", "greta", "hana", "igor", "joao", "kalinda",
    "lars", "mei", "nadia", "omar", "pilar", "quentin", "rosa", "sven", "tariq", "ursula", "viktor", "wanjiru", "ximena",
    "yusuf", "zofia", "amina", "benedikt",
)  # fmt: skip
ANSWERS = (
    "We should act on the cases where acting is cheaper than not acting. The figures above say where that is.",
    "I'd start small: one depot for two weeks, look at the bill, then decide. What speaks against it is that the\nlast quarter looked different.",
    "see plot",
    "My recommendation rests on the test rows only, which nothing was tuned on. The biggest risk is a change in the input that\nnobody notices; the alarm covers part of it.",
    "- do it\n- check again in March\n- costs are guesses, ask finance",
)
OUTLAW = '''"""Ends the process, in the hope that nobody notices."""
import os
import sys

sys.stdout.write("all tests passed\\n")
os._exit(0)
'''
SPY = '''"""Looks for the hidden tests and the gradebook, then claims to be equal to everything."""
import glob
import os


class Everything:
    def __eq__(self, other):
        return True

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self


FOUND = glob.glob("/**/gradebook.db", recursive=False) + glob.glob(os.path.expanduser("~/*.db"))


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Everything()
'''


def write_sample(target: Path, project: Project) -> list[tuple[str, str]]:
    """Write the sample cohort of `project` to `target`, which must not exist or be empty. Returns (upload, what it is).

    Raises:
        GradingError: `target` has files in it, or the project has no release.
    """
    if target.exists() and any(target.iterdir()):
        raise GradingError(f"{target}: not empty, left as it is.", "Name a folder that does not exist yet.")
    if not (project.release / project.notebook).exists():
        raise GradingError(f"{project.release}: the released project is missing.", "Build it: course release")
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for number, (what, files, kind) in enumerate(_uploads(project)):
        name = _put(target, NAMES[number], number, project, files, kind)
        made.append((name, what))
    return made


def _uploads(project: Project) -> list[tuple[str, Files, str]]:
    """Thirty of (what it is, files, how it was uploaded)."""
    reference, scaffold = _reference(project), _package(project.release, project)
    cases = _cases(project)
    right = [_package(folder, project) for folder in sorted(project.hidden.glob("right/*/"))] or [reference]
    written = [path for path in reference if path.endswith(".py") and reference[path] != scaffold.get(path)]
    first = written[0]
    ups: list[tuple[str, Files, str]] = [
        ("right: near the published solution", reference, "folder"),
        ("right: written independently", right[0], "zip"),
        ("right: the one before with other names", {p: _renamed(c) for p, c in right[0].items()}, "canvas"),
        ("right: mangled notebook, graded cells deleted and doubled", right[-1] | {"mangle": b""}, "folder"),
        ("untouched", scaffold, "folder"),
        ("empty package", {f"{project.name}/__init__.py": b""}, "zip"),
        ("half done: the first half of the files", _half(reference, scaffold, written, first=True), "moodle"),
        ("half done: the second half", _half(reference, scaffold, written, first=False), "folder"),
        ("one file does not parse", reference | {first: b"def broken(:\n"}, "folder"),
        ("one file is binary", reference | {first: b"\x7fELF\0\xff\xfe"}, "canvas"),
        ("imports a library that is not there", reference | {first: b"import proprietary_magic\n" + reference[first]}, "zip"),
        ("hostile: ends the process", {p: OUTLAW.encode() for p in reference}, "folder"),
        ("hostile: claims to equal everything", {p: SPY.encode() for p in reference}, "folder"),
        ("refused: a zip that climbs out of its folder", right[0] | {"../../escape.py": b"x = 1\n"}, "zip"),
        ("refused: a notebook that is no JSON", reference | {"cut": b""}, "folder"),
        ("refused: a notebook of another assignment", reference | {"other": b""}, "moodle"),
    ]  # fmt: skip
    kinds = ("folder", "zip", "canvas", "folder", "moodle")
    turn = 0
    while len(ups) < len(NAMES):
        label, files = cases[turn % len(cases)] if cases else ("right: the reference again", reference)
        if turn >= len(cases) and cases:  # more learners than cases: two mistakes at once
            other = cases[(turn + 1) % len(cases)]
            label, files = f"{label} and {other[0]}", files | other[1]
        ups.append((f"wrong: {label}", reference | files, kinds[turn % len(kinds)]))
        turn += 1
    return ups


def _reference(project: Project) -> Files:
    """The reference without its region marks, as a learner would hand it in."""
    return {p: _unmarked(c) for p, c in _package(project.source, project).items()}


def _unmarked(content: bytes) -> bytes:
    return re.sub(rb"(?m)^[ \t]*### (BEGIN|END) SOLUTION.*\n", b"", content)


def _package(folder: Path, project: Project) -> Files:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in project_files(folder / project.name)}
    return {p: c for p, c in files.items() if p.endswith(".py")}


def _cases(project: Project) -> list[tuple[str, Files]]:
    """The project's wrong cases, spread over its tasks by a fixed shuffle: what they do wrong, and the files that differ."""
    found = []
    for folder in sorted(project.hidden.glob("wrong/*/")):
        files = {p: _unmarked(c) for p, c in _package(folder, project).items()}
        found.append((folder.name.replace("_", " "), files))
    random.Random(90).shuffle(found)
    return found


def _half(reference: Files, scaffold: Files, written: list[str], *, first: bool) -> Files:
    middle = (len(written) + 1) // 2
    done = written[:middle] if first else written[middle:]
    return {p: reference[p] if p in done or p not in written else scaffold[p] for p in reference}


def _renamed(content: bytes) -> bytes:
    """The same code in disguise: local names changed, comments and docstrings' wording gone astray."""
    text = content.decode()
    names = sorted(
        set(re.findall(r"^\s+([a-z_]{3,})(?:, [a-z_]+)* = ", text, re.M)) - set(re.findall(r"([a-z_]+)=", text))
    )
    for name in names:
        text = re.sub(rf"(?<![\w.\"']){name}(?![\w\"'=])", f"my_{name}", text)
    return re.sub(r"(?m)^( *)#.*\n", "", text).encode()


def _notebook(project: Project, number: int, files: Files) -> bytes:
    """The released notebook with an invented written answer, and with the harm that `files` asks for."""
    notebook = json.loads((project.release / project.notebook).read_text(encoding="utf-8"))
    cells = notebook["cells"]
    for cell in cells:
        mark = cell["metadata"].get("nbgrader", {})
        if mark.get("grade") and mark.get("solution") and number % 4 != 3:
            cell["source"] = ANSWERS[number % len(ANSWERS)]
        if "other" in files and mark:
            mark["grade_id"] += "-week-2"
    if "mangle" in files:
        graded = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade")]
        cells.remove(graded[0])
        cells.append(graded[-1] | {"id": "pasted-again"})
    content = json.dumps(notebook, indent=1).encode()
    return content[: len(content) // 2] if "cut" in files else content


def _put(target: Path, student: str, number: int, project: Project, files: Files, kind: str) -> str:
    """Write one upload as its kind of LMS would. Returns its name in `target`."""
    whole = {project.notebook: _notebook(project, number, files)}
    whole |= {path: content for path, content in files.items() if "/" in path}
    put: dict[str, Callable[[], str]] = {
        "folder": lambda: _folder(target, student, whole),
        "zip": lambda: _file(target, f"{student}.zip", _zip(whole, number)),
        "canvas": lambda: _file(target, f"{student}_{1000 + number}_{50_000 + number}_{project.name}.zip", _zip(whole, number)),
        "moodle": lambda: _file(target, f"{student.title()} Example_{2000 + number}_assignsubmission_file_/{project.name}.zip",
                                _zip(whole, number)),
    }  # fmt: skip
    name = put[kind]()
    moment = HANDED_IN.timestamp() - 3600 * number
    for path in [target / name, *(target / name).rglob("*")] if (target / name).is_dir() else [target / name]:
        os.utime(path, (moment, moment))
    return name


def _folder(target: Path, student: str, files: Files) -> str:
    for path, content in files.items():
        place = target / student / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return student


def _file(target: Path, name: str, content: bytes) -> str:
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    (target / name).write_bytes(content)
    return name


def _zip(files: Files, number: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(path, (2026, 11, 20, 17 - number % 12, 0, 0)), content)
    return buffer.getvalue()
