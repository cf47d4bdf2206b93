"""A learner's own loop: start a project, grade it. Their files are read and copied, never written."""

import errno
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GradingError
from autograder.judge import EXPLAINED, Verdict, new_seed
from autograder.project import IGNORED, Project, find_project, learner_copy
from autograder.submission import read_notebook

STUDENT = "you"


@dataclass(frozen=True)
class TaskScore:
    """Points of one task; `points` is None where a person grades, and `answered` says whether there is something to read."""

    name: str
    points: float | None
    maximum: float
    answered: bool = True


@dataclass(frozen=True)
class Grade:
    """The outcome of `course grade`: per task, per check, notes on the notebook, and the feedback page."""

    project: str
    seed: int
    tasks: list[TaskScore]
    verdicts: list[Verdict]
    notes: list[str]
    feedback: Path

    @property
    def points(self) -> float:
        return sum(t.points or 0.0 for t in self.tasks)

    @property
    def maximum(self) -> float:
        """Of what is graded automatically; answers that a person grades come on top."""
        return sum(t.maximum for t in self.tasks if t.points is not None)

    def to_dict(self) -> dict:
        return {
            "project": self.project,
            "seed": self.seed,
            "points": self.points,
            "maximum": self.maximum,
            "tasks": [vars(t) for t in self.tasks],
            "checks": [v.to_dict() for v in self.verdicts],
            "notes": self.notes,
            "feedback": str(self.feedback),
        }


def start(name: str) -> Path:
    """Copy project `name` to `work/`. Returns the new folder.

    Raises:
        GradingError: no such project, or a folder of that name is already there (it is left exactly as it is).
    """
    from coursekit.progress import work_folder

    project = find_project(name)
    target = work_folder() / name
    if target.exists() or target.is_symlink():
        raise GradingError(
            f"{target}: already there, left as it is.",
            f"Go on in it. To begin anew, move it away first: mv {target} {target}.old",
        )
    if not project.release.is_dir():
        raise GradingError(f"{project.release}: the released project is missing.", "Build it: course release")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _explained_disk(target), tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as scratch:
        copied = Path(shutil.copytree(project.release, Path(scratch) / name, ignore=shutil.ignore_patterns(*IGNORED)))
        copied.rename(target)  # whole or not at all
    return target


def grade(name: str, *, seed: int | None = None, tell: Callable[[str], None] = lambda step: None) -> Grade:
    """Grade the learner's copy of project `name` through nbgrader and the hidden tests.

    Works on a copy; the feedback page goes to `work/feedback/NAME/`, replaced only by a whole new one.

    Raises:
        GradingError: what is wrong with the submission or the disk, naming the file and what to do.
    """
    from coursekit.progress import work_folder

    project = find_project(name)
    folder = learner_copy(project)
    notebook = read_notebook(folder, project)
    seed = new_seed() if seed is None else seed
    with _explained_disk(folder), tempfile.TemporaryDirectory(prefix="course-grade-") as scratch:
        submitted = Path(scratch) / "submitted" / STUDENT / name
        _copy(folder, submitted, project)
        tell("running the hidden tests")
        graded = _through_nbgrader(project, Path(scratch), seed, tell)
        if all(v.reason == EXPLAINED["NotRun"] for v in graded.verdicts):
            raise GradingError(
                "The grader itself gave no verdict on anything: your work is not to blame.",
                "Run it again; if that does not help, course doctor says what is wrong with this machine.",
            )
        page = Path(scratch) / "feedback" / STUDENT / name / f"{name}.html"
        feedback = _publish(page, work_folder() / "feedback" / name / f"{name}.html")
        return Grade(name, seed, graded.tasks, graded.verdicts, _notes(notebook, project), feedback)


def _copy(folder: Path, submitted: Path, project: Project) -> None:
    """The notebook and the package, which is what is graded; the learner's other files stay where they are."""
    submitted.mkdir(parents=True)
    shutil.copy(folder / project.notebook, submitted / project.notebook)
    if (folder / project.name).is_dir():
        shutil.copytree(folder / project.name, submitted / project.name, ignore=shutil.ignore_patterns(*IGNORED))


def _notes(notebook: dict, project: Project) -> list[str]:
    import nbformat

    from autograder.submission import mend_cells

    released = nbformat.read(project.release / project.notebook, as_version=4)
    return mend_cells(nbformat.from_dict(notebook), released, name=project.notebook)


@dataclass(frozen=True)
class _Graded:
    tasks: list[TaskScore]
    verdicts: list[Verdict]


def _through_nbgrader(project: Project, root: Path, seed: int, tell: Callable[[str], None]) -> _Graded:
    from nbgrader.api import Gradebook
    from nbgrader.converters import Autograde, GenerateFeedback
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.gradebook import copy_gradebook
    from autograder.preprocessors import JudgeTasks
    from autograder.settings import configure

    config = configure(Config(), root)
    config.CourseDirectory.assignment_id, config.CourseDirectory.student_id = project.name, STUDENT
    copy_gradebook(project, root / "gradebook.db")
    log = logging.getLogger("autograder.nbgrader")
    last = _LastError()
    log.handlers, log.propagate = [last], False
    try:
        with _environment(COURSE_SEED=str(seed)):
            for converter, step in (
                (Autograde, "running the hidden tests"),
                (GenerateFeedback, "writing the feedback page"),
            ):
                tell(step)
                converter(coursedir=CourseDirectory(config=config), config=config, log=log).start()
    except NbGraderException as error:
        if isinstance(last.cause, OSError):
            raise last.cause from None
        raise GradingError(
            f"{project.notebook}: nbgrader could not grade it ({type(last.cause).__name__}: {last.cause}).",
            f"Move yours aside and take a fresh one: cp {project.release / project.notebook} {learner_copy(project)}",
        ) from error
    with Gradebook(config.CourseDirectory.db_url) as book:
        submitted = book.find_submission_notebook(project.name, project.name, STUDENT)
        scores = {g.name: g for g in submitted.grades}
        tasks = [
            TaskScore(t.name, None, t.points, answered=scores[t.name].needs_manual_grade)
            if t.manual
            else TaskScore(t.name, float(scores[t.name].score), t.points)
            for t in project.tasks
        ]
    return _Graded(tasks, JudgeTasks.last_verdicts)


class _LastError(logging.Handler):
    """Keeps the exception that nbgrader logs before it raises a general one of its own."""

    cause: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.cause = self.cause or sys.exc_info()[1]


def _publish(page: Path, target: Path) -> Path:
    """Move the finished page to `target`: readers see the old page or the new one, never half of one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    shutil.copyfile(page, half)
    os.replace(half, target)
    return target


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def _explained_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or tempfile.gettempdir()
        raise GradingError(
            f"{where}: the disk is full. Nothing in {folder} was changed.",
            "Free some space (df -h shows where), or point TMPDIR at a bigger disk, then run the same command again.",
        ) from error
