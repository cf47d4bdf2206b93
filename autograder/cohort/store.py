"""The grading root: where submissions lie, what of one is graded, and the lock that keeps a second run out."""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autograder.errors import GradingError
from autograder.judge import PACKAGE_LIMIT_BYTES, PACKAGE_LIMIT_FILES
from autograder.project import IGNORED, ROOT, Project, project_files

TIMESTAMP = "timestamp.txt"


@dataclass(frozen=True)
class Submission:
    """One learner's submission of one project: `folder` is `submitted/STUDENT/PROJECT`, `submitted_at` is in UTC."""

    student: str
    project: str
    folder: Path
    submitted_at: datetime | None


@dataclass(frozen=True)
class Content:
    """What of a submission is graded, read at one moment.

    `files` is the package (path from the submission's folder to bytes), None where it must not be judged. `problem` is one line
    for the instructor; `unreadable` says that the notebook cannot be used, and the released one stands in for it.
    """

    files: dict[str, bytes] | None
    digest: str
    problem: str | None = None
    unreadable: bool = False


def grading_root(root: Path | None = None) -> Path:
    """The grading root: `root`, or COURSE_GRADING, or `grading/` of the course."""
    return Path(root or os.environ.get("COURSE_GRADING") or ROOT / "grading").resolve()


def submissions(root: Path, project: str | None = None) -> list[Submission]:
    """Every submission below `root/submitted` (of one project, if named), sorted by learner and project."""
    pattern = f"*/{project}" if project else "*/*"
    return [
        Submission(folder.parent.name, folder.name, folder, _submitted_at(folder / TIMESTAMP))
        for folder in sorted((root / "submitted").glob(pattern))
        if folder.is_dir() and not folder.parent.name.startswith(".") and not folder.name.startswith(".")
    ]


def _submitted_at(path: Path) -> datetime | None:
    """The moment in a `timestamp.txt` as nbgrader writes it (`2026-02-02 15:58:23.9 UTC`); None without a readable one."""
    from dateutil import parser, tz

    try:
        words = path.read_text(encoding="utf-8").split()
        zone = tz.gettz(words.pop()) if len(words) == 3 else tz.UTC
        found = parser.parse(" ".join(words), default=None)
        return (found if found.tzinfo else found.replace(tzinfo=zone or tz.UTC)).astimezone(UTC)
    except (OSError, ValueError, OverflowError, IndexError):
        return None


def load(submission: Submission, project: Project) -> Content:
    """Read what is graded. What is wrong with it becomes its `problem`; nothing is raised for a bad submission."""
    digest = hashlib.sha256(f"{submission.submitted_at}".encode())
    problem, unreadable = _notebook(submission.folder, project, digest)
    files: dict[str, bytes] | None = {}
    try:
        files = _package(submission.folder, project)
        digest.update(files_digest(files).encode())
    except GradingError as error:
        files, problem = None, error.wrong
        digest.update(problem.encode())
    except OSError as error:
        files, problem = None, f"{error.filename}: cannot be read ({error.strerror})."
        digest.update(problem.encode())
    return Content(files, digest.hexdigest(), problem, unreadable)


def _notebook(folder: Path, project: Project, digest) -> tuple[str | None, bool]:
    from autograder.submission import NOTEBOOK_LIMIT_BYTES, read_notebook  # takes nbformat along: workers do without

    path = folder / project.notebook
    try:
        if path.is_symlink():
            raise GradingError(f"{path}: a link, not a notebook.", "")
        if path.is_file() and path.stat().st_size <= NOTEBOOK_LIMIT_BYTES:
            digest.update(path.read_bytes())
        _refuse_another(read_notebook(folder, project), project, path)
    except GradingError as error:
        digest.update(error.wrong.encode())
        return error.wrong, True
    except (OSError, RecursionError, MemoryError) as error:
        return f"{path}: cannot be read ({error}).", True
    return None, False


def _refuse_another(notebook: dict, project: Project, path: Path) -> None:
    """GradingError where the notebook has graded cells, and none of them is this project's."""
    marks = [cell["metadata"].get("nbgrader") for cell in notebook["cells"]]
    ids = {str(mark.get("grade_id")) for mark in marks if isinstance(mark, dict) and mark.get("grade")}
    if ids and not ids & {task.name for task in project.tasks}:
        raise GradingError(
            f"{path}: a notebook of another assignment (none of its graded cells is this project's).", ""
        )


def _package(folder: Path, project: Project) -> dict[str, bytes]:
    package, files, size = folder / project.name, {}, 0
    if package.is_symlink() or not package.is_dir():
        return {}
    for place, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        for path in (Path(place) / name for name in sorted(names) if name not in IGNORED):
            if path.is_symlink() or not path.is_file():
                continue
            size += path.stat().st_size
            if size > PACKAGE_LIMIT_BYTES or len(files) >= PACKAGE_LIMIT_FILES:
                raise GradingError(
                    f"{package}: too large to grade (limit {PACKAGE_LIMIT_BYTES / 1e6:.0f} MB, {PACKAGE_LIMIT_FILES} files).",
                    "Ask for a submission without data files.",
                )
            files[str(path.relative_to(folder))] = path.read_bytes()
    return files


def hidden_tests(project: Project) -> dict[str, bytes]:
    """The hidden tests and what they read (path to bytes): what a worker needs besides a submission."""
    aside = {"wrong", "right"}
    return {
        str(path.relative_to(project.hidden)): path.read_bytes()
        for path in project_files(project.hidden)
        if path.relative_to(project.hidden).parts[0] not in aside
    }


def files_digest(files: dict[str, bytes]) -> str:
    """One hash over names and bytes."""
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return digest.hexdigest()


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Write `files` below `folder`; ValueError for a path that leads out of it."""
    for name, data in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name}: leads out of the folder")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@contextlib.contextmanager
def explained_disk(root: Path, kept: Callable[[], str]) -> Iterator[None]:
    """A full disk becomes a GradingError that names the file, and says what was kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise GradingError(
            f"{error.filename or root}: the disk is full. {kept()}",
            "Free some space (df -h shows where), then run the same command again.",
        ) from error


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Only one grading run at a time on a root; the lock ends with the process, however that ends."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / ".grading.lock"
    with open(path, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise GradingError(
                f"{root}: another grading run (process {file.read().strip() or '?'}) is at work here.",
                "Wait until it has finished, or end it; what it has graded is kept.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
