"""Puts every submission before the judge, as a cohort would, and looks at what it gained and what it harmed."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from autograder.cheats import DONE, TODO, Cheat
from autograder.checks import read_checks
from autograder.judge import Judge, Verdict
from autograder.plain import PlainCourse
from autograder.project import Project
from autograder.runner import Limits

LIMITS = Limits(test_s=1.5, total_s=8.0)  # of the hostile: some use them up
HONEST_LIMITS = Limits(test_s=30, total_s=60)
PLAIN_SEED, CELL_S, PLAIN_S = 20250101, 10, 60
LEAVE_S = 1.0  # how long a process may take to be gone


@dataclass(frozen=True)
class Row:
    """What one submission got: `points` of `maximum`, and `harm` in words (empty: none).

    `plain`: its points by plain nbgrader, with the same hidden tests in the notebook; None where that was not tried, because it
    would harm this machine or because it attacks what plain nbgrader does not have.
    """

    cheat: str
    tries: str
    points: float
    maximum: float
    harm: str
    seconds: float
    plain: float | None = None

    @property
    def pays(self) -> bool:
        return self.points > 0 or bool(self.harm)


def small_course(source: Path, root: Path) -> Path:
    """A copy of the course in `source`, released; with a gradebook's file to protect."""
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "projects").mkdir()
    environment = os.environ | {"COURSE_ROOT": str(root)}
    command = [sys.executable, "-m", "coursekit.commands", "release"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=100)
    (root / "grading").mkdir()
    (root / "grading" / "gradebook.db").write_text("whatever_separates the learners")
    return root


class Court:
    """The small course at `root` and one judge for all submissions. A context manager."""

    def __init__(self, root: Path) -> None:
        self.root, self.project = root, Project("greeter")

    def __enter__(self) -> "Court":
        self._judge = Judge().__enter__()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._named = socket.socket(socket.AF_UNIX)
        self.port = self._listener.getsockname()[1]
        self._mark = f"cheating-{self.port}"  # hostile processes and files of this court, not of one beside it
        if sys.platform == "linux":
            self._named.bind(f"\0{self._mark}")
            self._named.listen()
        return self

    def __exit__(self, *exception: object) -> None:
        self._judge.close()
        self._listener.close()
        self._named.close()

    def hear(self, cheat: Cheat, *, honest: bool = False, plain: bool = False) -> Row:
        """Judge `cheat` and see what it left behind; a hostile one is followed by a right one, which must not suffer."""
        began, before = time.monotonic(), self._files()
        with self._submission(cheat, DONE if honest else TODO) as folder:
            try:
                points, shown = self._points(cheat, folder, HONEST_LIMITS if honest else LIMITS)
                harm = []
            except Exception as error:
                points, shown, harm = 0.0, "", [f"the judge failed: {type(error).__name__}: {error}"[:200]]
        seconds = time.monotonic() - began
        if not honest and seconds > 4 * LIMITS.total_s:  # what the limits allow, on a machine that is busy
            harm.append(f"took {seconds:.0f} s")
        if self._gives_away(shown):
            harm.append("a hidden test was shown")
        if not honest and self._judge.judge(self.project, self.project.source, limits=HONEST_LIMITS) != self._right():
            harm.append("the next submission suffered")
        if left := self._left_over():
            harm.append(f"{len(left)} processes left")
        if self._files() != before:
            harm.append("files were changed")
        maximum = sum(t.points for t in self.project.automatic_tasks)
        in_one_process = self._plain_points(cheat) if plain else None
        return Row(cheat.name, cheat.tries, points, maximum, "; ".join(harm), seconds, in_one_process)

    def _plain_points(self, cheat: Cheat) -> float:
        """Points by plain nbgrader, in a course of its own. A daemon is given the time to do its work."""
        plain = PlainCourse(self.root.parent / "plain" / cheat.name, self.project, seed=PLAIN_SEED, cell_s=CELL_S)
        student = plain.add("mallory", {}, notebook=self._notebook(cheat, plain.released()))
        with self._submission(cheat, TODO) as folder:
            shutil.rmtree(student / self.project.name)
            shutil.copytree(folder, student, dirs_exist_ok=True, symlinks=True)
            plain.autograde(shut_in=True, limit_s=PLAIN_S)
        return plain.points().get("mallory", 0.0)

    def _points(self, cheat: Cheat, folder: Path, limits: Limits) -> tuple[float, str]:
        if cheat.cells or cheat.outputs or cheat.mark or cheat.name == "output-none":
            return self._notebook_points(cheat, folder)
        verdicts = self._judge.judge(self.project, folder, limits=limits)
        return sum(v.points for v in verdicts), "\n".join(f"{v.reason}\n{v.where}" for v in verdicts)

    def _notebook_points(self, cheat: Cheat, folder: Path) -> tuple[float, str]:
        """What nbgrader reads from the notebook after our preprocessors."""
        from nbgrader.utils import determine_grade

        from autograder.preprocessors import ClearGradedOutputs, JudgeTasks, MendCells

        released = nbformat.read(self.project.release / self.project.notebook, as_version=4)
        notebook = self._notebook(cheat, released)
        resources = {
            "nbgrader": {"assignment": self.project.name, "student": "mallory"},
            "metadata": {"path": str(folder)},
        }
        for step in (MendCells(), ClearGradedOutputs(), JudgeTasks()):
            notebook, resources = step.preprocess(notebook, resources)
        automatic = {t.name for t in self.project.automatic_tasks}
        cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") in automatic]
        grades = [determine_grade(cell)[0] for cell in cells]
        return sum(g or 0.0 for g in grades), "\n".join(c.source for c in notebook.cells if c.cell_type == "code")

    @staticmethod
    def _notebook(cheat: Cheat, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
        """The released `notebook` as the cheat hands it in."""
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
                cell.outputs = [nbformat.from_dict(o) for o in cheat.outputs]
                cell.metadata["nbgrader"].update(cheat.mark)
        notebook.cells[:0] = [nbformat.v4.new_code_cell(source) for source in cheat.cells]
        return notebook

    @contextlib.contextmanager
    def _submission(self, cheat: Cheat, base: dict) -> Iterator[Path]:
        folder = self.root / "submitted" / cheat.name
        for name, content in (base | cheat.files).items():
            if any(name == link or name.startswith(f"{link}/") for link in cheat.links):
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content.replace("@ROOT@", str(self.root)).replace("@PORT@", str(self.port)))
        for name, target in cheat.links.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(self.root / target)
        try:
            yield folder
        finally:
            shutil.rmtree(self.root / "submitted")

    def _right(self) -> list[Verdict]:
        return [Verdict(check, True) for check in read_checks(self.project)]

    def _gives_away(self, shown: str) -> bool:
        """Whether a line of a hidden test that is no more than code is in what learners see."""
        if "secret" in shown:
            return True
        lines = {line.strip() for p in self.project.hidden.glob("*.py") for line in p.read_text().splitlines()}
        return any(line in shown for line in lines if len(line) > 15)

    def _files(self) -> dict[str, bytes]:
        found = (p for p in self.root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        marks = [p for f in (Path(sys.prefix), Path("/tmp")) for p in f.glob(f"*{self._mark}*")]
        return {str(p): p.read_bytes() for p in [*found, *marks]}

    def _left_over(self) -> list[int]:
        ends = time.monotonic() + LEAVE_S
        while True:
            left = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/comm") if _name_of(p) == self._mark.encode()]
            if not left or time.monotonic() > ends:
                return left
            time.sleep(0.02)


def _name_of(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError:
        return b""


def hear_all(
    root: Path,
    cheats: list[Cheat],
    controls: list[Cheat],
    *,
    plain: frozenset[str] = frozenset(),
    tell: Callable[[Row], None] = lambda row: None,
) -> tuple[list[Row], list[Row]]:
    """A row each for the hostile and for the honest submissions; those named in `plain` also go through plain nbgrader."""
    with Court(root) as court:
        rows: tuple[list[Row], list[Row]] = ([], [])
        for found, submissions, honest in zip(rows, (cheats, controls), (False, True), strict=True):
            for submission in submissions:
                found.append(court.hear(submission, honest=honest, plain=submission.name in plain))
                tell(found[-1])
        return rows


def to_json(rows: tuple[list[Row], list[Row]]) -> str:
    return json.dumps({"cheats": [asdict(r) for r in rows[0]], "controls": [asdict(r) for r in rows[1]]})
