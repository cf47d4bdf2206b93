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

    def run(command: str, *arguments: str, ok: int = 0) -> str:
        full = [sys.executable, "-m", "nbgrader", command, *arguments, f"--config={CONFIG}"]
        done = subprocess.run(full, env=environment, capture_output=True, text=True, timeout=170, cwd=tmp_path)
        assert done.returncode == ok, done.stderr
        return done.stderr

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


def test_links_bring_nothing_into_a_graded_submission(nbgrader):
    """nbgrader copies what a link points to: to the solution, to the hidden tests, to a device without end."""
    from nbgrader.api import Gradebook

    course, grading, run = nbgrader
    run("generate_assignment", "greeter", "--force")
    solution, hidden = course.root / "solutions" / "greeter", course.root / "autograder" / "projects" / "greeter"
    for student in ("ada", "mallory", "trudy"):
        shutil.copytree(course.root / "projects" / "greeter", grading / "submitted" / student / "greeter")
    shutil.copytree(solution / "greeter", grading / "submitted/ada/greeter/greeter", dirs_exist_ok=True)
    links = grading / "submitted" / "mallory" / "greeter"
    for place, target in (
        ("greeter/counting.py", solution / "greeter/counting.py"),
        ("greeter/greeting.py", solution / "greeter/greeting.py"),
        ("greeter/stolen.py", hidden / "test_hidden_counting.py"),
        ("greeter/hidden", hidden),
        ("notes.txt", hidden / "test_hidden_greeting.py"),
        ("tests/test_mine.py", hidden / "test_hidden_greeting.py"),
        ("endless.bin", Path("/dev/zero")),
    ):
        (links / place).unlink(missing_ok=True)
        (links / place).symlink_to(target)
    os.mkfifo(links / "pipe")
    notebook = grading / "submitted" / "trudy" / "greeter" / "greeter.ipynb"
    notebook.unlink()
    notebook.symlink_to(solution / "greeter.ipynb")

    said = run("autograde", "greeter", ok=1)  # one could not be graded; the others are
    assert "trudy" in said and "'greeter.ipynb' left out: a link" in said
    assert "mallory" in said and "'notes.txt'" in said and "Ask for the file itself." in said
    with Gradebook(f"sqlite:///{grading / 'gradebook.db'}") as book:
        scores = {s.student.id: s.score for s in book.assignment_submissions("greeter")}
    assert scores["ada"] == 6 and scores["mallory"] == 0 and not scores.get("trudy")
    assert not (grading / "autograded" / "trudy" / "greeter").exists()

    run("generate_feedback", "greeter")
    secrets = {path: path.read_bytes() for path in (*solution.rglob("*.py"), *hidden.glob("*.py"))}
    shown = {path: path.read_bytes() for path in course.root.glob("projects/greeter/**/*") if path.is_file()}
    for folder in (grading / "autograded" / "mallory", grading / "feedback" / "mallory"):
        there = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert there and not any(path.is_symlink() for path in folder.rglob("*"))
        for path, content in there.items():
            taken = [s.name for s, secret in secrets.items() if secret == content and content not in shown.values()]
            assert not taken, f"{path} is {taken}"
            assert b"return len(text.split())" not in content and b"pytest.mark.check" not in content
