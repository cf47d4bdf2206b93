import shutil
from pathlib import Path

import pytest

from tests.conftest import Course, tree_digest


@pytest.fixture
def released(mini_course_tree: Path, tmp_path: Path) -> Course:
    root = tmp_path / "course"
    shutil.copytree(mini_course_tree, root)
    return Course(root, tmp_path / "work")


def test_nothing_of_a_solution_is_released(released):
    text = b"".join(tree_digest(released.root / "projects").values()).decode()
    assert "BEGIN SOLUTION" not in text and "split()" not in text and "it is polite" not in text
    assert text.count("YOUR CODE HERE") == 2 and "YOUR ANSWER HERE" in text


def test_the_same_source_gives_the_same_bytes(released):
    before = tree_digest(released.root / "projects")
    shutil.rmtree(released.root / "projects")
    released.run("release")
    assert tree_digest(released.root / "projects") == before


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (lambda p: (p / "greeter/stray.txt").write_text("x"), "stray: stray.txt"),
        (lambda p: (p / "greeter/README.md").unlink(), "missing: README.md"),
        (lambda p: (p / "greeter/greeter/counting.py").write_text("x = 1\n"), "changed: greeter/counting.py"),
        (lambda p: (p / "gone").mkdir(), "gone: stray: the whole folder"),
    ],
)
def test_check_names_each_drift_and_writes_nothing(released, harm, line):
    projects = released.root / "projects"
    harm(projects)
    before = tree_digest(projects)
    assert line in released.run("release", "--check", ok=1).stdout
    assert tree_digest(projects) == before
    released.run("release")
    released.run("release", "--check")
