"""The judge's side of one submission: runs the hidden tests in a fresh, trusted process, with the package over there.

Talks to the process that asked in JSON lines: the job comes in as one line, then go out

    {"event": "planned", "ids": [ … ]}              the tests that were found; each needs its end
    {"event": "at", "id": …}                        a file about to be imported, or a test about to run
    {"event": "end", "id": …, "passed": …, "error": {…} | null}
    {"event": "broken", "file": …, "error": {…}}    a file that could not be imported
    {"event": "done"}
"""

import contextlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from autograder import listener as listeners
from autograder import sandbox
from autograder.fork_server import fork_from
from autograder.proxy import Link, Lost
from autograder.remote import RemoteFinder
from autograder.wire import Channel

OUTPUT_LIMIT_BYTES = 10_000_000
LISTENER_WAIT_S = 10  # for the sandbox to be set up
GRACE_S = 2  # for the judge's own part of a test, when its time is over


class Trial:
    """A pytest plug-in: the seed, the verdicts, the time limits, and the link to the submission's process."""

    def __init__(self, job: dict, asker: socket.socket, server: socket.socket) -> None:
        self._job, self._out, self._server = job, asker.makefile("w", encoding="utf-8"), server
        self._errors: dict[str, dict] = {}
        self._ends_at = time.monotonic() + job["total_s"]
        self._channel: Channel | None = None
        self._line: socket.socket | None = None  # where this process's listener comes from
        self._listener: socket.socket | None = None
        self.link = Link(self._connect)

    def _connect(self) -> Channel:
        self.end_process()
        ours, theirs = socket.socketpair()
        self._line, lender = socket.socketpair()
        read_end, write_end = os.pipe()
        settings = {name: self._job[name] for name in ("submission", "bounds", "sandboxed")}
        fork_from(self._server, "defendant", theirs.fileno(), write_end, lender.fileno(), **settings)
        theirs.close()
        lender.close()
        os.close(write_end)
        self._channel = Channel(ours)
        threading.Thread(target=self._drain, args=(read_end, self._channel), daemon=True).start()
        return self._channel

    def _drain(self, output: int, channel: Channel) -> None:
        """What the submission prints is counted and thrown away."""
        written = 0
        with contextlib.suppress(OSError):
            while chunk := os.read(output, 1 << 16):
                written += len(chunk)
                if written > OUTPUT_LIMIT_BYTES and channel is self._channel:
                    self.link.broken = self.link.broken or "OutputFlood"
                    channel.hang_up()
                    break
        os.close(output)

    def end_process(self) -> None:
        """End the submission's process and whatever it started: its guard does so when we hang up."""
        if self._channel:
            self._channel.hang_up()
        for held in (self._line, self._listener):
            if held:
                held.close()
        self._line = self._listener = None

    def _send(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def _at(self, place: str) -> None:
        self._send(event="at", id=place)
        if time.monotonic() >= self._ends_at:
            self.link.broken = "TotalTimeout"
            return
        self.link.renew()
        allowed = min(self._job["test_s"], self._ends_at - time.monotonic())
        self.link.allow(allowed)
        signal.setitimer(signal.ITIMER_REAL, allowed + GRACE_S)  # a value may be harmless and still keep a test busy

    @staticmethod
    def _too_long(number: int, frame: object) -> None:
        raise Lost("Timeout")

    # --- pytest's hooks

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._send(event="planned", ids=[item.nodeid for item in session.items])

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "check(task, points, why, lesson): a hidden test")

    @pytest.fixture
    def seed(self) -> int:
        return self._job["seed"]

    @pytest.fixture
    def listener(self) -> socket.socket:
        """Listens on a port of 127.0.0.1 inside the submission's sandbox: `ScriptedProvider(listener=listener)`.

        The same one for all tests that one process of the submission hears; it stays open.
        """
        if self._listener is None:
            if self.link.broken or self._line is None:
                raise self.link.lose("Crashed")
            try:
                self._listener = listeners.borrow(self._line, LISTENER_WAIT_S)
            except OSError:
                raise self.link.lose("Crashed") from None
        return self._listener

    @pytest.fixture(scope="module")
    def module_seed(self) -> int:
        """The same seed, for fixtures that are made once for a file."""
        return self._job["seed"]

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        if isinstance(collector, pytest.Module):
            self._at(collector.nodeid)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._at(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        report = yield
        if call.excinfo is not None:
            self._errors.setdefault(item.nodeid, _describe(call.excinfo.value))
        elif report.skipped:
            self._errors.setdefault(item.nodeid, {"type": "Skipped", "message": "", "where": None})
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        error = self._errors.get(nodeid)
        self._send(event="end", id=nodeid, passed=error is None, error=error)

    def pytest_exception_interact(self, node, call, report) -> None:
        if isinstance(node, pytest.Collector):
            error = call.excinfo.value
            while error.__cause__ is not None and not hasattr(error, "course_error"):
                error = error.__cause__
            self._send(event="broken", file=node.nodeid, error=_describe(error))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._send(event="done")


def _describe(error: BaseException) -> dict:
    """The learner's error as it was told, or a plain type name for what went wrong on this side."""
    if isinstance(error, Lost):
        return {"type": error.kind, "message": "", "where": None}
    return getattr(error, "course_error", None) or {"type": type(error).__name__, "message": "", "where": None}


def main(asker: socket.socket, server: socket.socket) -> None:
    """Read the job, run its tests, report. `server` is where defendants are asked for."""
    with asker.makefile("r", encoding="utf-8") as lines:
        job = json.loads(lines.readline())
    null = os.open(os.devnull, os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    random.seed(job["seed"])  # forked processes share their parent's state, and the submission is one of them
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(job["seed"] % 2**32)
    sandbox.limit(sandbox.Bounds(files=1024, file_bytes=2**40, processes=2**20, cpu_s=int(job["total_s"]) + 60))
    trial = Trial(job, asker, server)
    signal.signal(signal.SIGALRM, trial._too_long)
    sys.meta_path.insert(0, RemoteFinder(job["package"], trial.link))
    sys.dont_write_bytecode = False  # pytest keeps the rewritten hidden tests for the next submission
    try:
        pytest.main(
            [f"--rootdir={job['tests']}", f"--confcutdir={job['tests']}", "-c", os.devnull, "-q", "--tb=no", "--assert=plain", "-s", "-p", "no:cacheprovider",
             "--import-mode=importlib", "--continue-on-collection-errors", *(str(Path(job["tests"]) / f) for f in job["files"])],
            plugins=[trial],
        )  # fmt: skip
    finally:
        trial.end_process()
