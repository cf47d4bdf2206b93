"""The one writer of nbgrader's gradebook: puts verdicts into it through nbgrader's own Autograde, a transaction a submission."""

import contextlib
import errno
import json
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nbgrader import converters, preprocessors
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import DatabaseError, OperationalError
from tornado.log import app_log
from traitlets.config import Config, PyFileConfigLoader

from autograder.cohort.store import TIMESTAMP, Content, Submission, write_files
from autograder.errors import GradingError
from autograder.gradebook import copy_gradebook
from autograder.judge import Verdict
from autograder.preprocessors import JudgeTasks
from autograder.project import Project
from autograder.settings import configure

BUSY_S = 2.0
CONFIG = "nbgrader_config.py"
# Every place where nbgrader opens the gradebook while it grades one submission: nine times.
OPENED_IN = (
    converters.autograde, preprocessors.overwritekernelspec, preprocessors.overwritecells, preprocessors.saveautogrades,
    preprocessors.latesubmissions,
)  # fmt: skip


class Busy(Exception):
    """Another program holds the gradebook: to be tried again."""


class Unconvertible(Exception):
    """nbgrader cannot work with this submission's notebook."""


class _Shared(Gradebook):
    """A gradebook that stays open while nbgrader's steps open and close it, and commits when we say so."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.db.commit = self.db.flush

    def close(self) -> None:
        pass


class _OneSubmission(Autograde):
    """nbgrader's Autograde for one submission; its preprocessors are made once, and what goes wrong is raised as it is."""

    def prepare(self) -> None:
        from nbconvert.writers import FilesWriter

        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = self.exporter_class(parent=self, config=self.config)
        self._made: dict[bool, list] = {}

    def _init_preprocessors(self) -> None:
        if self._sanitizing not in self._made:
            super()._init_preprocessors()
            self._made[self._sanitizing] = self.exporter._preprocessors
        self.exporter._preprocessors = self._made[self._sanitizing]

    def grade(self, project: Project, student: str) -> None:
        self.coursedir.student_id = student
        self.notebooks = [str(Path(self._format_source(project.name, student)) / project.notebook)]
        self.init_assignment(project.name, student)
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        self.set_permissions(project.name, student)


class Writer:
    """Writes one project's results below a grading root. A context manager; not for several threads."""

    def __init__(self, root: Path, project: Project) -> None:
        self.root, self.project, self.path = root, project, root / "gradebook.db"
        for left in root.glob(".writing-*"):  # of a run that was killed: only one is at work at a time
            shutil.rmtree(left, ignore_errors=True)
        self._scratch = tempfile.TemporaryDirectory(prefix=".writing-", dir=root)
        try:
            self._open(Path(self._scratch.name))
        except BaseException:
            self._scratch.cleanup()
            raise

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._book.db.remove()
        self._book.engine.dispose()
        self._scratch.cleanup()

    def _open(self, scratch: Path) -> None:
        self._staging, self._fresh = scratch / "submitted", scratch / "autograded"
        self._log = logging.getLogger("autograder.cohort.nbgrader")
        self._log.setLevel(logging.CRITICAL)
        with self._explained():
            if self.path.exists():
                self._check_and_keep()
            else:
                copy_gradebook(self.project, scratch / "gradebook.db")
                shutil.move(scratch / "gradebook.db", self.path)
            self._add_assignment(scratch)
            self._book = _Shared(f"sqlite:///{self.path}?timeout={BUSY_S}")
        config = self._config()
        config.CourseDirectory.submitted_directory = str(self._staging)
        config.CourseDirectory.autograded_directory = str(self._fresh)
        config.CourseDirectory.assignment_id = self.project.name
        config.Exporter.optimistic_validation = True  # of the finished notebook, not after each of the steps
        for steps in (config.Autograde.sanitize_preprocessors, config.Autograde.autograde_preprocessors):
            steps.remove(preprocessors.CheckCellMetadata)  # MendCells has put the released metadata there
        self._converter = _OneSubmission(coursedir=CourseDirectory(config=config), config=config, log=self._log)
        self._converter.prepare()

    def _config(self) -> Config:
        """The course's configuration, with the root's own `nbgrader_config.py` (late penalties, say) where there is one."""
        config = Config()
        if (self.root / CONFIG).exists():
            config.merge(PyFileConfigLoader(CONFIG, path=str(self.root)).load_config())
        return configure(config, self.root)

    def _check_and_keep(self) -> None:
        """Refuse a damaged gradebook; copy a sound one to `gradebook.backup.db` before anything is written."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as book:
            found = book.execute("PRAGMA quick_check").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            half = self.path.with_name(".gradebook.backup.part")
            half.unlink(missing_ok=True)
            with closing(sqlite3.connect(half)) as copy:
                book.backup(copy)
            half.replace(self.path.with_name("gradebook.backup.db"))

    def _add_assignment(self, scratch: Path) -> None:
        """Make the gradebook know the project's notebook as it is now; nbgrader keeps due dates and grades."""
        released = json.loads((self.project.release / self.project.notebook).read_text(encoding="utf-8"))
        marked = [(cell, cell["metadata"]["nbgrader"]) for cell in released["cells"] if "nbgrader" in cell["metadata"]]
        wanted = {m["grade_id"]: (m.get("points"), "".join(cell["source"])) for cell, m in marked}
        with Gradebook(f"sqlite:///{self.path}?timeout={BUSY_S}") as book, contextlib.suppress(MissingEntry):
            known = book.find_notebook(self.project.name, self.project.name)
            points = {cell.name: cell.max_score for cell in known.grade_cells}
            if wanted == {cell.name: (points.get(cell.name), cell.source) for cell in known.source_cells}:
                return
        config = self._config()
        config.CourseDirectory.release_directory = str(scratch / "release")
        config.CourseDirectory.assignment_id = self.project.name
        config.GenerateAssignment.post_convert_hook = lambda **_: None
        GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, log=self._log).start()

    def written(self) -> dict[str, float]:
        """For every learner who is in the gradebook and has graded files: the automatic points there."""
        names = [task.name for task in self.project.automatic_tasks]
        marks = ",".join("?" * len(names))
        query = f"""
            SELECT submitted.student_id, total(grade.auto_score) FROM submitted_assignment AS submitted
            JOIN assignment ON assignment.id = submitted.assignment_id
            JOIN submitted_notebook AS notebook ON notebook.assignment_id = submitted.id
            JOIN grade ON grade.notebook_id = notebook.id JOIN base_cell ON base_cell.id = grade.cell_id
            WHERE assignment.name = ? AND base_cell.name IN ({marks}) AND grade.auto_score IS NOT NULL
            GROUP BY submitted.student_id"""
        with self._explained(), closing(sqlite3.connect(self.path, timeout=30)) as book:
            rows = book.execute(query, [self.project.name, *names]).fetchall()
        return {student: points for student, points in rows if self._graded(student).exists()}

    def _graded(self, student: str) -> Path:
        return self.root / "autograded" / student / self.project.name / self.project.notebook

    def write(self, submission: Submission, content: Content, verdicts: list[Verdict]) -> None:
        """Put `verdicts` into the gradebook and the graded notebook into `autograded/`. May be repeated; what a person wrote stays.

        Raises:
            Busy: another program holds the gradebook; nothing was changed.
            Unconvertible: nbgrader cannot work with the notebook; nothing was changed.
            GradingError: the gradebook is damaged or the disk is full; nothing of this submission was changed.
        """
        project, student = self.project, submission.student
        JudgeTasks.given[project.name, student] = verdicts
        session = self._book.db.registry()
        try:
            with self._explained(), _one_gradebook(self._book):
                self._stage(submission, content)
                self._converter.grade(project, student)
                session.commit()
                self._publish(student)
        except (Busy, GradingError):
            session.rollback()
            raise
        except Exception as error:
            session.rollback()
            raise Unconvertible(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error
        finally:
            self._book.db.remove()
            del JudgeTasks.given[project.name, student]
            for folder in (self._staging, self._fresh):
                shutil.rmtree(folder / student, ignore_errors=True)

    def _stage(self, submission: Submission, content: Content) -> None:
        """Only what is graded, as it was judged: no links, no other files."""
        folder = self._staging / submission.student / self.project.name
        folder.mkdir(parents=True)
        write_files(content.files or {}, folder)
        source = self.project.release if content.unreadable else submission.folder
        shutil.copyfile(source / self.project.notebook, folder / self.project.notebook)
        if submission.submitted_at:
            moment = submission.submitted_at.strftime("%Y-%m-%d %H:%M:%S.%f")
            (folder / TIMESTAMP).write_text(f"{moment} UTC", encoding="utf-8")

    def _publish(self, student: str) -> None:
        """Readers see the old graded files or the new ones."""
        fresh, target = self._fresh / student / self.project.name, self._graded(student).parent
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(self._fresh / student / "old")
        fresh.rename(target)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (Busy, GradingError):
            raise
        except Exception as error:
            known = self._known(error)
            inner: BaseException | None = error
            while known is None and (inner := inner.__cause__ or inner.__context__):
                known = self._passing(inner)  # nbgrader tells a full disk as an invalid entry
            if known is None:
                raise
            raise known from error

    def _known(self, error: BaseException) -> Exception | None:
        if isinstance(error, sqlite3.DatabaseError | DatabaseError):
            return self._passing(error) or self._damaged(str(getattr(error, "orig", error)))
        return self._passing(error)

    def _passing(self, error: BaseException) -> Exception | None:
        """What to raise for a locked file or a full disk; None for all else."""
        said = str(getattr(error, "orig", error))
        if isinstance(error, sqlite3.OperationalError | OperationalError):
            if "locked" in said or "busy" in said:
                return Busy(said)
            return self._disk_full() if "full" in said else None
        return self._disk_full() if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT) else None

    def _disk_full(self) -> GradingError:
        return GradingError(
            f"{self.root}: the disk is full. What was graded so far is kept.",
            "Free some space (df -h shows where), then run the same command again.",
        )

    def _damaged(self, said: str) -> GradingError:
        backup = self.path.with_name("gradebook.backup.db")
        return GradingError(
            f"{self.path}: damaged or not a gradebook ({said}). It was not changed; the journal keeps every result.",
            f"Move it aside (mv {self.path} {self.path}.damaged), bring back a copy"
            + (f" (cp {backup} {self.path})" if backup.exists() else "")
            + ", then run the same command again: nothing is judged twice.",
        )


@contextlib.contextmanager
def _one_gradebook(book: _Shared) -> Iterator[None]:
    """While this lasts, nbgrader's grading steps use `book` instead of opening the file again, and keep their tracebacks."""
    for module in OPENED_IN:
        module.Gradebook = lambda *_arguments, **_options: book
    loud, app_log.disabled = app_log.disabled, True  # what goes wrong is told in one line, by us
    try:
        yield
    finally:
        app_log.disabled = loud
        for module in OPENED_IN:
            module.Gradebook = Gradebook
