"""Runs pytest in a process of its own and survives what the code under test does to it.

An endless loop, a crash, `os._exit` or an output flood ends the test in which it happened; the tests that remain are run
in a new process.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

OUTPUT_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class Limits:
    """Seconds of wall time for one test and for all of them; importing the package counts to the first test.

    COURSE_TEST_LIMIT_S overrides the first for a slow machine.
    """

    test_s: float = field(default_factory=lambda: float(os.environ.get("COURSE_TEST_LIMIT_S", 20)))
    total_s: float = 180.0


@dataclass
class Outcome:
    """What became of one test. `error` has the keys type, message, where (file, line, code) and text."""

    id: str
    passed: bool
    error: dict | None = None


@dataclass
class Run:
    """All outcomes, and the files that could not be imported (file name to error)."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    broken: dict[str, dict] = field(default_factory=dict)


def run_tests(
    files: list[Path],
    arguments: list[str],
    *,
    rootdir: Path,
    folder: Path,
    package: Path,
    limits: Limits | None = None,
    environment: dict[str, str] | None = None,
    tell: Callable[[str], None] = lambda test_id: None,
) -> Run:
    """Run `pytest ARGUMENTS FILES` with `folder` as the working directory and first on the import path.

    Tests are named relative to `rootdir`, and no other pytest configuration is read. `package` is the folder of the code under test: places inside it are named in errors. `tell` hears each finished test's id.
    """
    limits = limits or Limits()
    ends_at = time.monotonic() + limits.total_s
    run = Run()
    fixed = [
        f"--rootdir={rootdir}",
        f"--confcutdir={rootdir}",
        "-c",
        os.devnull,
        "--continue-on-collection-errors",
        *arguments,
    ]
    while True:
        left = [str(file) for file in files if str(file.relative_to(rootdir)) not in run.broken]
        done = [f"--deselect={test_id}" for test_id in run.outcomes]
        if not left:
            return run
        place, reason = _one_process([*fixed, *done, *left], folder, package, limits, environment, ends_at, run, tell)
        if reason is None:
            return run
        error = {"type": reason, "message": "", "where": None, "text": ""}
        if time.monotonic() >= ends_at:
            run.broken[""] = error | {"type": "TotalTimeout"}
            return run
        if "::" in place and place not in run.outcomes:
            run.outcomes[place] = Outcome(place, False, error)
            tell(place)
        elif place and "::" not in place and place not in run.broken:
            run.broken[place] = error  # it died while this file was imported
        else:
            run.broken[""] = error  # outside any test: nothing to blame it on, nothing to go on with
            return run


def _one_process(arguments, folder, package, limits, environment, ends_at, run, tell) -> tuple[str, str | None]:
    """One pytest process to its end. Returns the test or file it was in and why it was stopped (None: it finished)."""
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "pytest", "-p", "autograder.pytest_plugin", "-p", "no:cacheprovider", "-q", "-s",
               "--import-mode=importlib", f"--course-report={write_fd}", f"--course-package={package}", *arguments]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=clean_environment(folder) | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[write_fd],
        start_new_session=True,
    )
    os.close(write_fd)
    place = ""
    deadline = time.monotonic() + limits.test_s
    written = 0
    reason: str | None = "Crashed"
    pending = b""
    with (
        _ended_at_last(process),
        selectors.DefaultSelector() as selector,
        os.fdopen(read_fd, "rb", buffering=0) as reports,
        process.stdout as printed,
    ):
        selector.register(reports, selectors.EVENT_READ)
        selector.register(printed, selectors.EVENT_READ)
        while selector.get_map():
            now = time.monotonic()
            if now >= min(deadline, ends_at):
                reason = "Timeout"
                break
            for key, _ in selector.select(timeout=min(deadline, ends_at) - now):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is printed:
                    written += len(chunk)
                else:
                    events, pending = _events(pending + chunk)
                    for event in events:
                        deadline = time.monotonic() + limits.test_s
                        written = 0
                        if event["event"] == "at":
                            place = event["id"]
                        elif event["event"] == "end":
                            run.outcomes[event["id"]] = Outcome(event["id"], event["passed"], event["error"])
                            tell(event["id"])
                        elif event["event"] == "broken":
                            run.broken[event["file"]] = event["error"]
                        elif event["event"] == "done":
                            reason = None
            if written > OUTPUT_LIMIT_BYTES:
                reason = "OutputFlood"
                break
            if reason is None:
                break
    return place, reason


def _events(buffer: bytes) -> tuple[list[dict], bytes]:
    *lines, rest = buffer.split(b"\n")
    return [json.loads(line) for line in lines if line.startswith(b"{")], rest


@contextlib.contextmanager
def _ended_at_last(process: subprocess.Popen) -> Iterator[None]:
    """Also when the learner presses Ctrl-C: an endless loop would go on for ever."""
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """End the whole process group: a child that the tests left behind goes with it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.2)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def clean_environment(folder: Path) -> dict[str, str]:
    """What the tests' process may know of this one: no keys, no tokens, no other folder on the import path."""
    kept: Iterator[str] = (
        k for k in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "COURSE_OFFLINE") if k in os.environ
    )
    return {key: os.environ[key] for key in kept} | {
        "HOME": str(folder),
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "HF_HUB_OFFLINE": "1",
    }
