"""Fixtures shared by the course's own tests: a small course with one project, and the `course` command on it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@dataclass
class Course:
    """A course tree and a learner's work folder, both temporary; `run` is the `course` command on them."""

    root: Path
    work: Path

    def run(self, *arguments: str, ok: int | None = 0, **variables: str) -> subprocess.CompletedProcess:
        environment = (
            os.environ | {"COURSE_ROOT": str(self.root), "COURSE_WORK": str(self.work), "COLUMNS": "200"} | variables
        )
        command = [sys.executable, "-m", "coursekit.commands", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170)
        if ok is not None:
            assert done.returncode == ok, (
                f"course {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        assert "Traceback (most recent call last)" not in done.stderr, done.stderr
        return done

    def grade(self, project: str, seed: int = 7) -> dict:
        """`course grade --json`, parsed."""
        return json.loads(self.run("grade", project, "--seed", str(seed), "--json").stdout)

    def copy(self, project: str) -> Path:
        return self.work / project

    def solve(self, project: str) -> Path:
        """Put the reference's package and notebook into the learner's copy."""
        source, copy = self.root / "solutions" / project, self.copy(project)
        shutil.copytree(source / project, copy / project, dirs_exist_ok=True)
        return copy


@pytest.fixture(scope="session")
def mini_course_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course in `tests/mini_course`, released."""
    root = tmp_path_factory.mktemp("mini") / "course"
    shutil.copytree(TESTS / "mini_course", root)
    (root / "projects").mkdir()
    Course(root, root / "work").run("release")
    return root


@pytest.fixture
def mini(mini_course_tree: Path, tmp_path: Path) -> Course:
    """The small course with its project `greeter` started in a fresh work folder."""
    course = Course(mini_course_tree, tmp_path / "work")
    shutil.copytree(mini_course_tree / "projects" / "greeter", course.copy("greeter"))
    cache = mini_course_tree / "cache"  # one gradebook for all tests: making it is what takes longest
    cache.mkdir(exist_ok=True)
    (course.work / ".cache").symlink_to(cache)
    return course


def tree_digest(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its bytes: equal before and after means that nothing was touched."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
