"""Speed of grading a cohort: plain `nbgrader autograde` beside ours with one and two workers, and beside the floor.

The submissions are those in `autograder/projects/late_delivery/wrong` and `right`, the reference and the empty scaffold. All sides
run the same hidden tests with the same seed on them, and must give the same points. Plain nbgrader has the tests in the
notebook and executes all of it, the learner's cells and plots too; ours runs the tests alone. The floor is a process with
the libraries loaded that forks for each submission and runs the tests in the fork: no sandbox, no channel, no gradebook.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

import psutil

from autograder.gradebook import automatic_points
from autograder.plain import PlainCourse
from autograder.project import IGNORED, ROOT, Project, find_project
from bench.rows import row, seconds

COUNT = int(os.environ.get("BENCH_COHORT", 40))
SEED = 7
NAME = "late_delivery"
FLOOR = """
import os, sys
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
from importlib import import_module
from pathlib import Path
from autograder.project import find_project
import pytest
project = find_project({name!r})
for module in (*project.imports, "autograder.trial"):
    import_module(module)
tests = [str(p) for p in sorted(project.hidden.glob("test_hidden_*.py"))]
for folder in sorted(Path({root!r}).glob("submitted/*/{name}")):
    child = os.fork()
    if child == 0:
        sys.path.insert(0, str(folder))
        pytest.main(["-q", "-p", "autograder.pytest_plugin", "-p", "no:cacheprovider", "--import-mode=importlib", "--assert=plain", "--tb=no", "-c", os.devnull,
                     "--rootdir=" + str(project.hidden), "--course-seed={seed}", *tests])
        os._exit(0)
    os.waitpid(child, 0)
"""


def measure() -> list[dict]:
    """Rows of seconds a submission, over COUNT submissions (BENCH_COHORT), and of the memory that a worker needs."""
    project = find_project(NAME)
    with tempfile.TemporaryDirectory(prefix="course-bench-") as scratch:
        roots = {name: Path(scratch) / name for name in ("one", "two", "floor")}
        for root in roots.values():
            for student, packages in submissions(project):
                folder = root / "submitted" / student / NAME
                shutil.copytree(project.release, folder)
                _lay(packages, folder / NAME)
        floor = _python(scratch, "-c", FLOOR.format(name=NAME, root=str(roots["floor"]), seed=SEED))[0]
        one, memory_of_one = _ours(scratch, roots["one"], 1)
        two, memory_of_two = _ours(scratch, roots["two"], 2)
        again = _ours(scratch, roots["two"], 2)[0]
        course, plain = _plain(Path(scratch) / "plain", project)
        points = [*(automatic_points(roots[name] / "gradebook.db") for name in ("one", "two")), course.points()]
        differ = [s for s, _ in submissions(project) if len({p.get(s) for p in points}) > 1]
        if differ:
            raise AssertionError(f"not the same points: {[(s, *(p.get(s) for p in points)) for s in differ]}")
    each, what = "s each", f"plain nbgrader autograde, {COUNT} submissions"
    return [
        row("ours, one worker", one / COUNT, each, what, plain / COUNT),
        row("ours, two workers", two / COUNT, each, what, plain / COUNT),
        row("ours again, nothing changed", again / COUNT, each, what, plain / COUNT),
        row("ours, one worker", one / COUNT, each, "floor: the bare tests, forked", floor / COUNT),
        row("ours, two workers", two / COUNT, each, "floor: the bare tests, forked", floor / COUNT),
        row("memory, two workers", memory_of_two, "MB in all", "one worker", memory_of_one),
    ]


def submissions(project: Project) -> list[tuple[str, tuple[Path, ...]]]:
    """COUNT learners, and the folders whose files are laid over the scaffold's package, one over the other."""
    reference = project.source / NAME
    right, wrong = (
        [p / NAME for p in sorted((project.hidden / kind).iterdir()) if p.is_dir()] for kind in ("right", "wrong")
    )
    packages = [(reference,), (), *((p,) for p in right), *((reference, p) for p in wrong)]
    return [(f"learner{n:04}", package) for n, package in enumerate(islice(cycle(packages), COUNT))]


def _lay(packages: tuple[Path, ...], folder: Path) -> None:
    for package in packages:
        shutil.copytree(package, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*IGNORED))


def _python(scratch: str, *arguments: str) -> tuple[float, float]:
    """Seconds that Python took with these `arguments`, and the largest memory (MB, shared pages counted once) of it and its children."""
    environment = os.environ | {
        "COURSE_WORK": f"{scratch}/work", "COURSE_SEED": str(SEED), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    peak = 0.0

    def run() -> None:
        nonlocal peak
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
        watched = psutil.Process(process.pid)
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.5):
                with suppress(psutil.Error):
                    peak = max(peak, sum(_megabytes(p) for p in [watched, *watched.children(recursive=True)]))

        watcher = threading.Thread(target=watch)
        watcher.start()
        process.wait()
        ended.set()
        watcher.join()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments[:1])

    return seconds(run), peak


def _megabytes(process: psutil.Process) -> float:
    with suppress(psutil.Error, AttributeError):
        return process.memory_full_info().pss / 1e6
    return 0.0


def _ours(scratch: str, root: Path, workers: int) -> tuple[float, float]:
    code = f"""
from pathlib import Path
from autograder.cohort.grading import grade_cohort
grade_cohort(Path({str(root)!r}), {NAME!r}, workers={workers}, seed={SEED})
"""
    return _python(scratch, "-c", code)


def _plain(root: Path, project: Project) -> tuple[PlainCourse, float]:
    """The plain course, graded, and the seconds of `nbgrader autograde` alone."""
    course = PlainCourse(root, project, seed=SEED)
    for student, packages in submissions(project):
        _lay(packages, course.add(student, _scaffold(project)) / NAME)
    return course, seconds(course.autograde)


def _scaffold(project: Project) -> dict[str, bytes]:
    """The released package: plain nbgrader would hand out the reference's modules as they are."""
    files = (p for p in (project.release / NAME).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {str(p.relative_to(project.release)): p.read_bytes() for p in files}
