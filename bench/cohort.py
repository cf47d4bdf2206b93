"""Speed of grading a cohort: stock `nbgrader autograde`, one process, beside ours with one and two workers, and the floor.

Both sides judge the same submissions with the same judge, and must give the same points. Stock runs with our configuration
(nbgrader's own Execute preprocessor cannot reach hidden tests that are not in the notebook): it pays for its imports once,
for a judge and its preloaded imports each submission, and for opening the gradebook again and again.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from autograder.project import ROOT
from bench.rows import row, seconds

COUNT = int(os.environ.get("BENCH_COHORT", 40))
SEED = 7
NAME = "greeter"
KINDS = ("right", "scaffold", "wrong", "broken")


def measure() -> list[dict]:
    """Rows of seconds a submission, over COUNT submissions (BENCH_COHORT) of the small course's project."""
    with tempfile.TemporaryDirectory(prefix="course-bench-") as scratch:
        course = Path(scratch) / "course"
        shutil.copytree(ROOT / "tests" / "mini_course", course)
        (course / "projects").mkdir()
        _python(scratch, course, "-m", "coursekit.commands", "release")
        roots = {name: _cohort(Path(scratch) / name, course) for name in ("stock", "one", "two", "floor")}
        stock = _stock(scratch, course, roots["stock"])
        ours = {n: _ours(scratch, course, roots[name], n) for name, n in (("one", 1), ("two", 2))}
        cached = _ours(scratch, course, roots["two"], 2)
        floor = _floor(scratch, course, roots["floor"])
        points = {name: _points(roots[name]) for name in ("stock", "one", "two")}
        if not points["stock"] == points["one"] == points["two"] or len(points["one"]) != COUNT:
            raise AssertionError(f"not the same grades: {points}")
    unit, of = "s each", f"of {COUNT}"
    return [
        row(f"ours, one worker, {of}", ours[1] / COUNT, unit, "stock nbgrader autograde", stock / COUNT),
        row(f"ours, two workers, {of}", ours[2] / COUNT, unit, "stock nbgrader autograde", stock / COUNT),
        row(f"ours, one worker, {of}", ours[1] / COUNT, unit, "floor: the judge alone", floor / COUNT),
        row(f"ours, two workers, {of}", ours[2] / COUNT, unit, "floor: the judge alone", floor / COUNT),
        row("ours again, nothing changed", cached / COUNT, unit, "stock nbgrader autograde", stock / COUNT),
    ]


def _cohort(root: Path, course: Path) -> Path:
    for number in range(COUNT):
        kind = KINDS[number % len(KINDS)]
        folder = root / "submitted" / f"learner{number:04}" / NAME
        shutil.copytree(course / "projects" / NAME, folder)
        if kind != "scaffold":
            shutil.copytree(course / "solutions" / NAME / NAME, folder / NAME, dirs_exist_ok=True)
        if kind in ("wrong", "broken"):
            text = "def greet(name):\n    return 'Hi'\n" if kind == "wrong" else "def greet(name:\n"
            (folder / NAME / "greeting.py").write_text(text)
    return root


def _python(scratch: str, course: Path, *arguments: str, **variables: str) -> float:
    environment = os.environ | {
        "COURSE_ROOT": str(course), "COURSE_WORK": f"{scratch}/work", "COURSE_SEED": str(SEED), "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, *arguments]
    return seconds(lambda: subprocess.run(command, env=environment | variables, check=True, capture_output=True))


def _ours(scratch: str, course: Path, root: Path, workers: int) -> float:
    code = f"""
from pathlib import Path
from autograder.cohort.grading import grade_cohort
grade_cohort(Path({str(root)!r}), {NAME!r}, workers={workers}, seed={SEED})
"""
    return _python(scratch, course, "-c", code)


def _stock(scratch: str, course: Path, root: Path) -> float:
    """`nbgrader autograde greeter`, as the command runs it; making the gradebook is not counted."""
    code = f"""
from pathlib import Path
from autograder.gradebook import copy_gradebook
from autograder.project import find_project
copy_gradebook(find_project({NAME!r}), Path({str(root / "gradebook.db")!r}))
"""
    _python(scratch, course, "-c", code)
    folder = Path(scratch) / "config"
    folder.mkdir(exist_ok=True)
    folder.joinpath("nbgrader_config.py").write_text(
        "from autograder.settings import configure\nconfigure(get_config())\n", encoding="utf-8"
    )
    return _python(
        scratch, course, "-m", "nbgrader", "autograde", NAME,
        COURSE_GRADING=str(root), JUPYTER_CONFIG_DIR=str(folder), JUPYTER_CONFIG_PATH=str(folder),
    )  # fmt: skip


def _floor(scratch: str, course: Path, root: Path) -> float:
    """One judge, one process, no gradebook: its start is not spread over anything."""
    code = f"""
from pathlib import Path
from autograder.judge import Judge
from autograder.project import find_project
project = find_project({NAME!r})
with Judge() as judge:
    for folder in sorted(Path({str(root)!r}).glob("submitted/*/{NAME}")):
        judge.judge(project, folder, seed={SEED})
"""
    return _python(scratch, course, "-c", code)


def _points(root: Path) -> dict[str, float]:
    query = """
        SELECT submitted.student_id, total(grade.auto_score) FROM submitted_assignment AS submitted
        JOIN submitted_notebook AS notebook ON notebook.assignment_id = submitted.id
        JOIN grade ON grade.notebook_id = notebook.id GROUP BY submitted.student_id"""
    with closing(sqlite3.connect(root / "gradebook.db")) as book:
        return dict(book.execute(query).fetchall())
