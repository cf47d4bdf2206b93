"""Judges a submission with the hidden tests: one verdict a check, whatever the submission does."""

import builtins
import contextlib
import errno
import functools
import importlib
import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder import sandbox
from autograder.checks import Check, read_checks
from autograder.fork_server import ForkServer
from autograder.project import IGNORED, Project
from autograder.runner import Limits, Outcome, Run
from autograder.sandbox import Bounds

EXPLAINED = {
    "Timeout": "It was stopped: it took longer than a test may take. Look for a loop that never ends.",
    "TotalTimeout": "Not run: the time for the whole submission was used up by the tests before it.",
    "Crashed": "The Python process ended in the middle of the test (exit() or os._exit(), a crash in compiled code, or out of memory).",
    "OutputFlood": "It was stopped: it printed more than 10 MB. Remove the print from the loop.",
    "EOFError": "It asks for keyboard input (input()). A graded function gets everything as arguments.",
    "NotImplementedError": "This part is not written yet.",
    "MissingPackage": "The package folder is missing from the submission.",
    "NotRun": "The test gave no verdict.",
    "HandleLost": "An object that an earlier test made was lost when that test's process ended.",
    "Malformed": "The process sent back something that is no answer.",
    "TooLarge": "The package folder holds more than 50 MB or 2,000 files: leave data and models out of it.",
    "NotReadable": "The package folder holds files that cannot be read (their permissions, or names that are too long).",
    "SystemExit": "It calls exit(). Raise an exception or return instead.",
}

# Whose exceptions are named to learners.
LIBRARIES_WITH_ERRORS = (
    "pandas.errors",
    "numpy.exceptions",
    "numpy.linalg",
    "sklearn.exceptions",
    "pydantic",
    "openai",
    "httpx",
    "sqlite3",
)

PACKAGE_LIMIT_BYTES, PACKAGE_LIMIT_FILES = 50_000_000, 2_000
SHOWN_LIMIT = 500  # characters of a submission's own message or line


@dataclass(frozen=True)
class Verdict:
    """What one check gave. `reason` and `where` say how it failed, without anything of the test itself."""

    check: Check
    passed: bool
    reason: str = ""
    where: str = ""

    @property
    def points(self) -> float:
        return self.check.points if self.passed else 0.0

    def to_dict(self) -> dict:
        return asdict(self) | {"points": self.points}


def new_seed() -> int:
    """A seed that nobody can know before grading."""
    return secrets.randbelow(2**31)


class Judge:
    """Judges submissions one after the other, with one fork server a set of imports. A context manager.

    Not for several threads: each worker has a judge of its own.
    """

    def __init__(self) -> None:
        self._servers: dict[tuple[str, ...], ForkServer] = {}
        self.why_not_sandboxed = sandbox.why_not()
        if self.why_not_sandboxed:
            warnings.warn(
                f"Submissions are judged without a sandbox: {self.why_not_sandboxed}. Only judge what you trust; "
                "`course doctor` says what to do.",
                RuntimeWarning,
                stacklevel=2,
            )

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def judge(
        self,
        project: Project,
        submission: Path,
        *,
        seed: int | None = None,
        limits: Limits | None = None,
        tell: Callable[[str], None] = lambda check_id: None,
    ) -> list[Verdict]:
        """Run every hidden test of `project` against the package in `submission`; a check without a verdict has failed.

        The submission's process sees a read-only copy of the package and nothing else of the submission.
        """
        checks = read_checks(project)
        with tempfile.TemporaryDirectory(prefix=f"course-judge-{os.getpid()}-") as scratch:
            try:
                copy_package(submission / project.name, Path(scratch) / project.name)
            except Unreadable as error:
                return [Verdict(check, False, EXPLAINED[error.kind], f"{project.name}/") for check in checks]
            Path(scratch).chmod(0o755)
            seed = new_seed() if seed is None else seed
            planned, run = self._run(project, Path(scratch), checks, seed, limits or Limits(), tell)
            return [_verdict(check, planned, run, Path(scratch)) for check in checks]

    def _run(self, project, folder, checks, seed, limits, tell) -> tuple[list[str], Run]:
        """The ids of all tests that were to be run, and what became of them."""
        planned, run = [], Run()
        job = {
            "tests": str(project.hidden),
            "files": sorted({check.file for check in checks}),
            "package": project.name,
            "submission": str(folder),
            "seed": seed,
            "test_s": limits.test_s,
            "total_s": limits.total_s,
            "sandboxed": not self.why_not_sandboxed,
            "bounds": asdict(Bounds()),
        }
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                trial = self._fork_trial(project, theirs)
            ours.sendall(json.dumps(job).encode() + b"\n")
            ours.settimeout(limits.total_s + 30)
            try:
                with ours.makefile("r", encoding="utf-8") as lines:
                    for line in lines:
                        _take(json.loads(line), planned, run, tell)
            except TimeoutError:
                run.broken[""] = {"type": "TotalTimeout"}
            except (ValueError, ConnectionError):
                pass  # the trial was ended in the middle of a line; what it did not say was not shown
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(trial, signal.SIGKILL)
        return planned, run

    def _fork_trial(self, project: Project, line: socket.socket) -> int:
        """The trial's process id; from a new fork server if the one at hand has died."""
        try:
            return self._server(project).fork("trial", line.fileno())
        except OSError:
            self._servers.pop(project.imports).close()
            return self._server(project).fork("trial", line.fileno())

    def _server(self, project: Project) -> ForkServer:
        imports = project.imports
        server = self._servers.get(imports)
        if server is None or not server.alive:
            server = self._servers[imports] = ForkServer(imports)
        return server


def _take(event: dict, planned: list[str], run: Run, tell: Callable[[str], None]) -> None:
    match event["event"]:
        case "planned":
            planned += event["ids"]
        case "end":
            run.outcomes[event["id"]] = Outcome(event["id"], event["passed"], event["error"])
            tell(event["id"])
        case "broken":
            run.broken[event["file"]] = event["error"]


class Unreadable(Exception):
    """The package cannot be judged; `kind` is a key of EXPLAINED."""

    def __init__(self, kind: str) -> None:
        super().__init__(EXPLAINED[kind])
        self.kind = kind


def copy_package(package: Path, target: Path) -> None:
    """A copy that everybody may read, without links (they could point anywhere) and without what Python leaves behind.

    Raises Unreadable for a package that is missing, a link itself, too large, or not to be read.
    """
    if package.is_symlink() or not package.is_dir():
        raise Unreadable("MissingPackage")
    try:
        target.mkdir(mode=0o755)
        files, size = 0, 0
        for path in sorted(package.rglob("*")):
            relative = path.relative_to(package)
            if path.is_symlink() or IGNORED & set(relative.parts):
                continue
            if path.is_dir():
                (target / relative).mkdir(mode=0o755, parents=True, exist_ok=True)
            elif path.is_file() and (target / relative).parent.is_dir():
                files, size = files + 1, size + path.stat().st_size
                if files > PACKAGE_LIMIT_FILES or size > PACKAGE_LIMIT_BYTES:
                    raise Unreadable("TooLarge")
                shutil.copyfile(path, target / relative)
                (target / relative).chmod(0o644)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unreadable("NotReadable") from None


def judge(project: Project, submission: Path, **options) -> list[Verdict]:
    """`Judge.judge` for one submission, with a judge of its own."""
    with Judge() as one:
        return one.judge(project, submission, **options)


def _verdict(check: Check, planned: list[str], run: Run, package_root: Path) -> Verdict:
    # A parametrised test has one outcome a parameter set, and passes when all that were planned do.
    ids = [test_id for test_id in planned if test_id.partition("[")[0] == check.id]
    failed = [run.outcomes[i] for i in ids if i in run.outcomes and not run.outcomes[i].passed]
    if ids and not failed and all(i in run.outcomes for i in ids) and "" not in run.broken:
        return Verdict(check, True)
    if failed:
        error, at_import = failed[0].error, False
    else:
        error, at_import = run.broken.get(check.file) or run.broken.get("") or {"type": "NotRun"}, True
    return Verdict(check, False, _reason(error, at_import), _where(error, package_root))


def _reason(error: dict, at_import: bool) -> str:
    """Why it failed, in words. An error's own message is shown only where no test input can be in it: at import."""
    kind, own = error["type"], error.get("where") is not None
    if kind in EXPLAINED:
        return EXPLAINED[kind]
    if kind in ("AssertionError", "Failed") and not own:
        return ""
    if at_import and kind == "ModuleNotFoundError":
        return f"{_shown(error['message'])}. Only what the course's environment has can be imported: remove the import."
    if at_import:
        return f"The file cannot be imported: {_shown(kind)}: {_shown(error.get('message', ''))}"
    if not isinstance(getattr(builtins, kind, None), type):
        kind = _library_class(kind) or "an exception of its own class"
    return f"Your code raised {kind}." if own else f"The result could not be used as the contract says ({kind})."


@functools.cache
def _library_class(name: str) -> str:
    """`pandas.errors.IndexingError` for "IndexingError"; empty for what no library has: a submission chooses its own names."""
    for module in LIBRARIES_WITH_ERRORS:
        with contextlib.suppress(ImportError):
            found = getattr(importlib.import_module(module), name, None)
            if isinstance(found, type) and issubclass(found, BaseException):
                return f"{module}.{name}"
    return ""


def _where(error: dict, package_root: Path) -> str:
    """The place in the learner's code: the line's text is read from the judge's copy, and only from a file in it."""
    where = error.get("where")
    if not where:
        return ""
    relative = Path(where["file"])
    try:
        if relative.is_absolute() or ".." in relative.parts or relative.suffix != ".py":
            return ""
        lines = (package_root / relative).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):  # no such file, or no name for one
        return ""
    number = where["line"]
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return _shown(f"{where['file']}, line {number}: {line}")


def _shown(text: str) -> str:
    """The text of a submission, fit for a terminal, a page and a database: short, printable, valid Unicode."""
    short = text[:SHOWN_LIMIT] + "…" * (len(text) > SHOWN_LIMIT)
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "�" for c in short)
