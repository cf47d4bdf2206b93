"""A cohort of the small course's project, seen by the test's own process: fixtures and what the tests of grading share.

A test module takes the fixtures with `pytest_plugins = ["tests.graded_cohort"]`.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from autograder import project as project_module
from autograder import settings
from autograder.cohort import grading, writer
from autograder.cohort.grading import grade_cohort
from autograder.cohort.store import hidden_tests, load, submissions
from autograder.cohort.worker import Job
from autograder.project import Project

NAME = "greeter"
RIGHT, WRONG, SCAFFOLD, BROKEN = "right", "wrong", "scaffold", "broken"
POINTS = {RIGHT: 6, WRONG: 4, SCAFFOLD: 0, BROKEN: 3}


@pytest.fixture
def course(mini, monkeypatch, tmp_path):
    """The small course, seen by this process too (its own copy, so that hidden tests may be changed)."""
    root = tmp_path / "course"
    shutil.copytree(mini.root, root, ignore=shutil.ignore_patterns("cache"))
    parts = {
        "ROOT": root, "SOLUTIONS": root / "solutions", "RELEASES": root / "projects", "HIDDEN": root / "autograder/projects",
    }  # fmt: skip
    for module in (project_module, settings):
        for name in parts.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, parts[name])
    monkeypatch.setenv("COURSE_ROOT", str(root))
    monkeypatch.setenv("COURSE_WORK", str(mini.work))
    monkeypatch.setattr(writer, "BUSY_S", 0.1)
    monkeypatch.setattr(grading, "PATIENCE_S", 0.5)
    mini.root = root
    return mini


@pytest.fixture
def root(tmp_path):
    return tmp_path / "grading"


def hand_in(course, root: Path, student: str, kind: str = RIGHT) -> Path:
    """A submission of one of four kinds."""
    folder = root / "submitted" / student / NAME
    shutil.copytree(course.root / "projects" / NAME, folder)
    if kind != SCAFFOLD:
        shutil.copytree(course.root / "solutions" / NAME / NAME, folder / NAME, dirs_exist_ok=True)
    greeting = folder / NAME / "greeting.py"
    if kind == WRONG:
        greeting.write_text(
            "def greet(name):\n    if not name:\n        raise ValueError('no name')\n    return 'Hello!'\n"
        )
    if kind == BROKEN:
        greeting.write_text("def greet(name:\n")
    return folder


def grade(root: Path, **options) -> dict[str, object]:
    results = grade_cohort(root, NAME, **({"workers": 1, "seed": 7} | options))
    return {result.student: result for result in results}


def in_gradebook(root: Path) -> dict[str, float]:
    """Automatic points by learner, as nbgrader's own interface reads them."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {s.student.id: sum(g.auto_score or 0 for n in s.notebooks for g in n.grades) for s in book.assignment_submissions(NAME)}  # fmt: skip


@pytest.fixture
def judged(monkeypatch):
    """The learners whose work was given to a worker, in order."""
    seen = []
    stock = grading.judge_here

    def counting(jobs, workers):
        def told():
            for ticket, job in jobs:
                seen.append(ticket.submission.student)
                yield ticket, job

        return stock(told(), workers)

    monkeypatch.setattr(grading, "judge_here", counting)
    return seen


def job_of(root, **changes) -> Job:
    known = Project(NAME)
    content = load(submissions(root, NAME)[0], known)
    return Job(**(vars(Job.of(known, 7, content.files, hidden_tests(known))) | changes))


def assert_sound(root: Path) -> None:
    """The gradebook passes SQLite's own check, and nothing of an ended run is left beside it."""
    with closing(sqlite3.connect(root / "gradebook.db")) as book:
        assert book.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    left = {".writing-*", "*.part", ".*.part", "gradebook.db-journal", "gradebook.db-wal"}
    assert not [path for pattern in left for path in root.glob(pattern)]
