"""Judges a submission with the hidden tests: one verdict a check, whatever the submission does."""

import builtins
import linecache
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.checks import Check, read_checks
from autograder.project import IGNORED, Project
from autograder.runner import Limits, Run, run_tests

EXPLAINED = {
    "Timeout": "It was stopped: it took longer than a test may take. Look for a loop that never ends.",
    "TotalTimeout": "Not run: the time for the whole submission was used up by the tests before it.",
    "Crashed": "The Python process ended in the middle of the test (exit() or os._exit(), a crash in compiled code, or out of memory).",
    "OutputFlood": "It was stopped: it printed more than 10 MB. Remove the print from the loop.",
    "EOFError": "It asks for keyboard input (input()). A graded function gets everything as arguments.",
    "NotImplementedError": "This part is not written yet.",
    "MissingPackage": "The package folder is missing from the submission.",
    "NotRun": "The test gave no verdict.",
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


def judge(
    project: Project,
    submission: Path,
    *,
    seed: int | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda check_id: None,
) -> list[Verdict]:
    """Run every hidden test of `project` against the package in `submission`; a check without a verdict has failed.

    The tests see a copy that holds the package alone, so nothing else of the submission can be imported.
    """
    checks = read_checks(project)
    package = submission / project.name
    if not package.is_dir():
        return [Verdict(check, False, EXPLAINED["MissingPackage"], f"{project.name}/") for check in checks]
    with tempfile.TemporaryDirectory(prefix="course-judge-") as scratch:
        copied = Path(scratch) / project.name
        shutil.copytree(package, copied, symlinks=True, ignore=shutil.ignore_patterns(*IGNORED))
        run = run_tests(
            [project.hidden / name for name in sorted({check.file for check in checks})],
            [f"--course-seed={new_seed() if seed is None else seed}"],
            rootdir=project.hidden, folder=Path(scratch), package=copied, limits=limits, tell=tell,
        )  # fmt: skip
    linecache.checkcache()
    return [_verdict(check, run, submission) for check in checks]


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
