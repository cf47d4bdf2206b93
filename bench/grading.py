"""Speed of `course check` and `course grade`, beside the bare cost of running the same tests with `python`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from autograder.project import ROOT, find_project
from bench.rows import median, row, seconds

PROJECT = "late_delivery"


def measure() -> list[dict]:
    """Rows for the reference of `late_delivery`: cold is the first run of a fresh clone, warm every later one."""
    project = find_project(PROJECT)
    with tempfile.TemporaryDirectory(prefix="course-bench-") as scratch:
        work = Path(scratch) / "work"
        copy = work / PROJECT
        shutil.copytree(project.release, copy)
        shutil.copytree(project.source / PROJECT, copy / PROJECT, dirs_exist_ok=True)
        bare_visible = median(lambda: _run(copy, "-m", "pytest", "-q", "-p", "autograder.pytest_plugin", "tests"))
        hidden = [
            "-m",
            "pytest",
            "-q",
            "-p",
            "autograder.pytest_plugin",
            f"--rootdir={project.hidden}",
            "-c",
            os.devnull,
        ]
        bare_hidden = median(lambda: _run(copy, *hidden, *map(str, sorted(project.hidden.glob("test_hidden_*.py")))))
        check = median(lambda: _course(work, "check", PROJECT))
        cold = _course(work, "grade", PROJECT)
        warm = median(lambda: _course(work, "grade", PROJECT))
    return [
        row("course check", check, "s", "bare python, visible tests", bare_visible),
        row("course grade, cold", cold, "s", "bare python, hidden tests", bare_hidden),
        row("course grade, warm", warm, "s", "bare python, hidden tests", bare_hidden),
        row("course grade, warm", warm, "s", "cold", cold),
    ]


def _run(folder: Path, *arguments: str, **variables: str) -> float:
    environment = (
        os.environ
        | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | variables
    )
    command = [sys.executable, *arguments]
    return seconds(lambda: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True))


def _course(work: Path, *arguments: str) -> float:
    return _run(ROOT, "-m", "coursekit.commands", *arguments, COURSE_WORK=str(work))
