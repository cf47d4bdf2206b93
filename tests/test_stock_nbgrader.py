"""nbgrader's own commands, unchanged, on our layout: release, autograde through the judge, feedback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Course, tree_digest

CONFIG = Path(__file__).resolve().parent.parent / "autograder" / "nbgrader_config.py"


@pytest.fixture
def nbgrader(mini_course_tree, tmp_path):
    """`nbgrader COMMAND …` on a private copy of the small course; grading happens in `tmp_path/grading`."""
    root = tmp_path / "course"
    shutil.copytree(mini_course_tree, root, symlinks=True)
    environment = os.environ | {"COURSE_ROOT": str(root), "COURSE_GRADING": str(tmp_path / "grading")}

    def run(command: str, *arguments: str) -> None:
        full = [sys.executable, "-m", "nbgrader", command, *arguments, f"--config={CONFIG}"]
        done = subprocess.run(full, env=environment, capture_output=True, text=True, timeout=170, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    return Course(root, tmp_path / "work"), tmp_path / "grading", run


def test_a_cohort_goes_through_the_stock_commands(nbgrader):
    from nbgrader.api import Gradebook

    course, grading, run = nbgrader
    before = tree_digest(course.root / "projects")
    shutil.rmtree(course.root / "projects")
    run("generate_assignment", "greeter")
    assert tree_digest(course.root / "projects") == before, "the stock command releases something else than ours"

    for student in ("ada", "unsolved"):
        shutil.copytree(course.root / "projects" / "greeter", grading / "submitted" / student / "greeter")
    package = grading / "submitted" / "ada" / "greeter" / "greeter"
    shutil.copytree(course.root / "solutions" / "greeter" / "greeter", package, dirs_exist_ok=True)
    (package.parent / "tests" / "test_greeting.py").write_text(
        "assert False\n"
    )  # a visible test that was tampered with
    run("autograde", "greeter")
    run("generate_feedback", "greeter")

    with Gradebook(f"sqlite:///{grading / 'gradebook.db'}") as book:
        scores = {s: book.find_submission("greeter", s).score for s in ("ada", "unsolved")}
    assert scores == {"ada": 6, "unsolved": 0}
    restored = grading / "autograded" / "ada" / "greeter" / "tests" / "test_greeting.py"
    assert restored.read_text() == (course.root / "solutions" / "greeter" / "tests" / "test_greeting.py").read_text()
    page = (grading / "feedback" / "unsolved" / "greeter" / "greeter.html").read_text()
    assert "Every name is greeted, not only the one in the brief." in page
