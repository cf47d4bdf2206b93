"""A cohort's points as tables: for spreadsheets, for Canvas, for Moodle. And the feedback pages as files to return."""

import csv
import io
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.cohort.journal import Journal
from autograder.cohort.records import Records
from autograder.cohort.store import submissions
from autograder.errors import GradingError
from autograder.project import Project, find_project

FORMATS = ("csv", "canvas", "moodle")


@dataclass
class Row:
    """One learner. `tasks`: points by task, None where a person has not graded yet. `late_seconds` 0 when in time or unknown.

    `status`: graded, needs a person (a written answer is not graded), problem, or not graded.
    """

    student: str
    tasks: dict[str, float | None]
    status: str
    late_seconds: float = 0.0
    penalty: float = 0.0
    problem: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms: dict = field(default_factory=dict)
    late_in_lms: bool = False

    @property
    def total(self) -> float | None:
        """All points minus the late penalty, never below 0; None before grading."""
        if self.status == "not graded":
            return None
        return max(0.0, sum(p or 0.0 for p in self.tasks.values()) - self.penalty)

    @property
    def final(self) -> bool:
        """Every task has its points."""
        return self.status != "not graded" and None not in self.tasks.values()

    def to_dict(self) -> dict:
        return {k: v for k, v in vars(self).items() if k != "lms"} | {"total": self.total}


def rows(root: Path, project: Project) -> list[Row]:
    """A row a learner with a submission of `project`: the gradebook's points, which hold manual grades and penalties too."""
    records = Records(root)
    graded = _from_gradebook(root, project)
    results = {result.student: result for result in Journal(root).results(project.name)}
    names = {s.student for s in submissions(root, project.name)} | graded.keys()
    found = []
    for student in sorted(names):
        row = graded.get(student) or Row(student, {task.name: None for task in project.tasks}, "not graded")
        result = results.get(student)
        if result and result.problem:
            row.problem, row.status = result.problem, "problem" if row.status == "graded" else row.status
        row.lms, row.late_in_lms = records.person(student), records.late_in_lms(student, project.name)
        found.append(row)
    return found


def _from_gradebook(root: Path, project: Project) -> dict[str, Row]:
    path = root / "gradebook.db"
    if not path.exists():
        return {}
    from nbgrader.api import Gradebook, MissingEntry
    from sqlalchemy.exc import DatabaseError

    found: dict[str, Row] = {}
    try:
        with Gradebook(f"sqlite:///{path}") as book:
            try:
                submitted = book.find_assignment(project.name).submissions
            except MissingEntry:
                return {}
            for one in submitted:
                grades = {grade.name: grade for notebook in one.notebooks for grade in notebook.grades}
                tasks = {task.name: _points(grades.get(task.name)) for task in project.tasks}
                found[one.student.id] = Row(
                    one.student.id, tasks, "needs a person" if one.needs_manual_grade else "graded",
                    late_seconds=float(one.total_seconds_late or 0), penalty=float(one.late_submission_penalty or 0),
                    first_name=one.student.first_name or "", last_name=one.student.last_name or "",
                    email=one.student.email or "",
                )  # fmt: skip
    except DatabaseError as error:
        raise GradingError(
            f"{path}: cannot be read ({error.orig}).",
            "Is a grading run at work? Then wait for it. Else put a backup in its place.",
        ) from None
    return found


def _points(grade) -> float | None:
    if grade is None or grade.needs_manual_grade:
        return None
    return float(grade.score)


def table(root: Path, project: Project, form: str, *, column: str | None = None, partial: bool = False) -> str:
    """The points as CSV text: `csv` (everything we know), `canvas` or `moodle` (what their gradebooks import).

    The LMS tables leave out learners whose written answers nobody has graded yet, unless `partial`.
    `column` is the assignment's name in Canvas, with its number where you have it: `Late delivery (4711)`.
    """
    found = rows(root, project)
    if not found:
        raise GradingError(
            f"{root / 'submitted'}: no submission of {project.name}.", "Import some: course cohort import SOURCE"
        )
    if form != "csv":  # half a grade in an LMS looks like a bad one
        found = [row for row in found if row.final or partial]
    make = {"csv": _plain, "canvas": _canvas, "moodle": _moodle}[form]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[_cell(value) for value in line] for line in make(project, found, column or project.name)])
    return out.getvalue()


def lms_notes(found: list[Row], form: str, *, partial: bool) -> list[str]:
    """What the instructor must know about an LMS table: who is not in it, and whom the LMS may not know."""
    notes = []
    taken = [row for row in found if row.final or partial]
    if len(taken) < len(found):
        notes.append(
            f"{len(found) - len(taken)} learners left out: not graded yet, or a written answer waits (--partial takes them too)."
        )
    unknown = [row.student for row in taken if row.lms.get("lms") != form]
    if unknown:
        then = "Moodle skips them" if form == "moodle" else "Canvas looks for their id as a login"
        notes.append(
            f"{len(unknown)} learners have no {form.title()} number (they were not imported from its download): {then}."
        )
    return notes


def _plain(project: Project, found: list[Row], column: str):
    tasks = [task.name for task in project.tasks]
    yield ["student", "last_name", "first_name", "email", "project", *tasks, "late_penalty", "total", "maximum",
           "late_seconds", "late_in_lms", "status", "problem"]  # fmt: skip
    for row in found:
        late = "yes" if row.late_in_lms else ""
        yield [row.student, row.last_name, row.first_name, row.email, project.name, *(row.tasks[t] for t in tasks),
               row.penalty, row.total, _maximum(project), row.late_seconds, late, row.status, row.problem]  # fmt: skip


def _canvas(project: Project, found: list[Row], column: str):
    """Canvas knows a learner by ID, else by the login; an empty total leaves the score as it is."""
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]
    yield ["    Points Possible", "", "", "", "", _maximum(project)]
    for row in found:
        number = row.lms["lms_id"] if row.lms.get("lms") == "canvas" else ""
        yield [_name(row), number, "", "" if number else row.email or row.student, "", row.total]


def _moodle(project: Project, found: list[Row], column: str):
    """Moodle's offline grading worksheet: it knows a learner by the number in the names of downloaded files."""
    yield ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Last modified (grade)",
           "Feedback comments"]  # fmt: skip
    for row in found:
        number = row.lms["lms_id"] if row.lms.get("lms") == "moodle" else ""
        yield [f"Participant {number}" if number else "", _name(row), row.email, row.status, row.total,
               _maximum(project), "-", row.problem]  # fmt: skip


def _maximum(project: Project) -> float:
    return sum(task.points for task in project.tasks)


def _name(row: Row) -> str:
    own = f"{row.last_name}, {row.first_name}" if row.last_name and row.first_name else row.last_name or row.first_name
    return own or row.lms.get("name") or row.student


def _cell(value: object) -> object:
    """A number without needless zeros; a text that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{round(value, 4):g}"
    return f"'{value}" if value[:1] in ("=", "+", "@", "\t", "\r") or (value[:1] == "-" and len(value) > 1) else value


def write_feedback(
    root: Path,
    target: Path,
    project: Project,
    tell: Callable[[int, int, str], None] = lambda done, total, student: None,
) -> tuple[list[Path], dict[str, str]]:
    """Write nbgrader's feedback page of every graded submission to `target`/STUDENT/PROJECT.html.

    Returns the pages, and for each learner without one, why. Pages written before are replaced.
    """
    from nbgrader.converters import GenerateFeedback
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.settings import configure

    students = [p.parent.name for p in sorted((root / "autograded").glob(f"*/{project.name}")) if p.is_dir()]
    if not students:
        raise GradingError(
            f"{root / 'autograded'}: nothing of {project.name} is graded.",
            f"Grade it: course cohort grade --project {project.name}",
        )
    log = logging.getLogger("autograder.feedback")
    log.handlers, log.propagate = [logging.NullHandler()], False
    pages, missing = [], {}
    for done, student in enumerate(students):
        tell(done, len(students), student)
        config = configure(Config(), root)
        config.CourseDirectory.assignment_id, config.CourseDirectory.student_id = project.name, student
        config.GenerateFeedback.force = True  # manual grades may have come after the last page
        try:
            GenerateFeedback(coursedir=CourseDirectory(config=config), config=config, log=log).start()
            page = target / student / f"{project.name}.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            half = page.with_suffix(".part")
            shutil.copyfile(root / "feedback" / student / project.name / f"{project.name}.html", half)
            os.replace(half, page)
            pages.append(page)
        except (NbGraderException, FileNotFoundError) as error:
            missing[student] = f"no feedback page could be made ({' '.join(str(error).split())[:200]})"
    tell(len(students), len(students), "")
    return pages, missing


def project_of(root: Path, name: str | None) -> Project:
    """The project called `name`; without a name, the only one that was handed in.

    Raises:
        GradingError: none was handed in, or several.
    """
    if name:
        return find_project(name)
    there = sorted({s.project for s in submissions(root)})
    if len(there) == 1:
        return find_project(there[0])
    if not there:
        raise GradingError(
            f"{root / 'submitted'}: there are no submissions.", "Import some: course cohort import SOURCE"
        )
    raise GradingError(f"{root / 'submitted'} has several projects: {', '.join(there)}.", "Say which: --project NAME")
