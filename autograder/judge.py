"""Judges a submission with the hidden tests: one verdict a check, whatever the submission does."""

import builtins
import contextlib
import json
import linecache
import os
import secrets
import shutil
import signal
import socket
import tempfile
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
    "SystemExit": "It calls exit(). Raise an exception or return instead.",
}


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
        package = submission / project.name
        if not package.is_dir():
            return [Verdict(check, False, EXPLAINED["MissingPackage"], f"{project.name}/") for check in checks]
        limits = limits or Limits()
        with tempfile.TemporaryDirectory(prefix="course-judge-") as scratch:
            copy_package(package, Path(scratch) / project.name)
            Path(scratch).chmod(0o755)
            run = self._run(project, Path(scratch), checks, new_seed() if seed is None else seed, limits, tell)
        linecache.checkcache()
        return [_verdict(check, run, submission) for check in checks]

    def _run(self, project, folder, checks, seed, limits, tell) -> Run:
        run = Run()
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
                trial = self._server(project).fork("trial", theirs.fileno())
            ours.sendall(json.dumps(job).encode() + b"\n")
            ours.settimeout(limits.total_s + 30)
            try:
                with ours.makefile("r", encoding="utf-8") as lines:
                    for line in lines:
                        _take(json.loads(line), run, tell)
            except TimeoutError:
                run.broken[""] = {"type": "TotalTimeout"}
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(trial, signal.SIGKILL)
        return run

    def _server(self, project: Project) -> ForkServer:
        imports = project.imports
        server = self._servers.get(imports)
        if server is None or not server.alive:
            server = self._servers[imports] = ForkServer(imports)
        return server


def _take(event: dict, run: Run, tell: Callable[[str], None]) -> None:
    match event["event"]:
        case "end":
            run.outcomes[event["id"]] = Outcome(event["id"], event["passed"], event["error"])
            tell(event["id"])
        case "broken":
            run.broken[event["file"]] = event["error"]


def copy_package(package: Path, target: Path) -> None:
    """A copy that everybody may read, without links (they could point anywhere) and without what Python leaves behind."""
    target.mkdir(mode=0o755)
    for path in sorted(package.rglob("*")):
        relative = path.relative_to(package)
        if path.is_symlink() or IGNORED & set(relative.parts):
            continue
        if path.is_dir():
            (target / relative).mkdir(mode=0o755, parents=True, exist_ok=True)
        elif path.is_file() and (target / relative).parent.is_dir():
            shutil.copyfile(path, target / relative)
            (target / relative).chmod(0o644)


def judge(project: Project, submission: Path, **options) -> list[Verdict]:
    """`Judge.judge` for one submission, with a judge of its own."""
    with Judge() as one:
        return one.judge(project, submission, **options)


def _verdict(check: Check, run: Run, submission: Path) -> Verdict:
    # A parametrised test has one outcome a parameter set, and passes when all of them do.
    outcomes = [o for test_id, o in run.outcomes.items() if test_id.partition("[")[0] == check.id]
    failed = [o for o in outcomes if not o.passed]
    if outcomes and not failed and "" not in run.broken:
        return Verdict(check, True)
    if failed:
        error, at_import = failed[0].error, False
    else:
        error, at_import = run.broken.get(check.file) or run.broken.get("") or {"type": "NotRun"}, True
    return Verdict(check, False, _reason(error, at_import), _where(error, submission))


def _reason(error: dict, at_import: bool) -> str:
    """Why it failed, in words. An error's own message is shown only where no test input can be in it: at import."""
    kind, own = error["type"], error.get("where") is not None
    if kind in EXPLAINED:
        return EXPLAINED[kind]
    if kind in ("AssertionError", "Failed") and not own:
        return ""
    if at_import and kind == "ModuleNotFoundError":
        return f"{error['message']}. Only what the course's environment has can be imported: remove the import."
    if at_import:
        return f"The file cannot be imported: {kind}: {error.get('message', '')}"
    if not isinstance(getattr(builtins, kind, None), type):
        kind = "an exception of another library's class"
    return f"Your code raised {kind}." if own else f"The result could not be used as the contract says ({kind})."


def _where(error: dict, submission: Path) -> str:
    where = error.get("where")
    if not where:
        return ""
    # The line is read from the submission, not taken from the process: what it says there is the learner's own text.
    line = linecache.getline(str(submission / where["file"]), where["line"] or 0).strip()
    return f"{where['file']}, line {where['line']}: {line}"
