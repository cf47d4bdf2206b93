"""A gradebook that knows a project, made once and copied for each grading run."""

import hashlib
import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from autograder.project import Project


def copy_gradebook(project: Project, target: Path) -> None:
    """Write to `target` a fresh nbgrader gradebook in which `project` is an assignment without submissions."""
    from coursekit.progress import work_folder

    notebook = (project.source / project.notebook).read_bytes()
    key = hashlib.sha256(notebook + version("nbgrader").encode()).hexdigest()[:16]
    cached = work_folder() / ".cache" / f"gradebook-{project.name}-{key}.db"
    if not cached.exists():
        with tempfile.TemporaryDirectory(prefix="course-gradebook-") as scratch:
            made = _generate(project, Path(scratch))
            cached.parent.mkdir(parents=True, exist_ok=True)
            half = cached.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, half)
            os.replace(half, cached)
    shutil.copyfile(cached, target)


def _generate(project: Project, root: Path) -> Path:
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.settings import configure

    config = configure(Config(), root)
    config.CourseDirectory.release_directory = str(root / "release")
    config.CourseDirectory.assignment_id = project.name
    config.GenerateAssignment.post_convert_hook = lambda **_: None
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.log.setLevel(logging.ERROR)
    converter.start()
    return root / "gradebook.db"


def automatic_points(path: Path) -> dict[str, float]:
    """The automatic points of every learner in the gradebook file at `path`, of all assignments together."""
    query = """
        SELECT submitted.student_id, total(grade.auto_score) FROM submitted_assignment AS submitted
        JOIN submitted_notebook AS notebook ON notebook.assignment_id = submitted.id
        JOIN grade ON grade.notebook_id = notebook.id GROUP BY submitted.student_id"""
    with closing(sqlite3.connect(path)) as book:
        return dict(book.execute(query).fetchall())
