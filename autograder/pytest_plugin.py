"""The pytest plug-in of visible and hidden tests: markers, the seed, and one JSON line a test to the process that waits.

`--course-report FD` names the file descriptor that the lines go to:

    {"event": "at", "id": …}                                a file that is about to be imported, or a test about to run
    {"event": "end", "id": …, "passed": …, "error": {…} | null}
    {"event": "broken", "file": …, "error": {…}}            a file that could not be imported
    {"event": "done"}                                       every test was run
"""

import json
import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.listener import on_loopback


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--course-seed", type=int, default=0, help="where hidden tests draw their inputs from")
    parser.addoption("--course-report", type=int, default=None, help="file descriptor for the verdicts")
    parser.addoption("--course-package", default=None, help="folder of the package under test")
    parser.addoption("--course-task", default=None, help="run the tests of this task only")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "task(name): a visible test, and the task that it belongs to")
    config.addinivalue_line("markers", "check(task, points, why, lesson): a hidden test")
    if config.getoption("--course-report") is not None:
        config.pluginmanager.register(_Reporter(config), "course-reporter")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--course-task")
    if wanted is None:
        return
    kept = [item for item in items if (mark := item.get_closest_marker("task")) and mark.args[0] == wanted]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The integer that a hidden test draws its fresh inputs from."""
    return request.config.getoption("--course-seed")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens on a free port of 127.0.0.1: what a hidden test serves a scripted provider on.

    Under the judge, `autograder.trial` gives one inside the submission's sandbox instead.
    """
    with on_loopback() as listening:
        yield listening


class _Reporter:
    def __init__(self, config: pytest.Config) -> None:
        self._out = os.fdopen(config.getoption("--course-report"), "w", encoding="utf-8")
        package = config.getoption("--course-package")
        self._package = Path(package).resolve() if package else None
        self._errors: dict[str, dict] = {}

    def _send(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._send(event="at", id=nodeid)

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        if isinstance(collector, pytest.Module):
            self._send(event="at", id=collector.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        report = yield
        if call.excinfo is not None and not report.skipped:
            self._errors.setdefault(item.nodeid, self._describe(call.excinfo.value))
            self._errors[item.nodeid]["text"] = report.longreprtext
        elif report.skipped:
            self._errors[item.nodeid] = {"type": "Skipped", "message": "", "where": None, "text": ""}
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        error = self._errors.get(nodeid)
        self._send(event="end", id=nodeid, passed=error is None, error=error)

    def pytest_exception_interact(self, node, call, report) -> None:
        if isinstance(node, pytest.Collector):
            error = self._describe(call.excinfo.value.__cause__ or call.excinfo.value)
            error["text"] = str(report.longrepr)
            self._send(event="broken", file=node.nodeid, error=error)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        # exit() or KeyboardInterrupt in the code under test ends the session early: that is not "done".
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
            self._send(event="done")

    def _describe(self, error: BaseException) -> dict:
        """Type, message and the last place in the learner's own code; that of a SyntaxError is where it points."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if self._is_theirs(f.filename)]
        where = None
        if isinstance(error, SyntaxError) and error.filename and self._is_theirs(error.filename):
            where = {"file": self._relative(error.filename), "line": error.lineno, "code": (error.text or "").strip()}
        elif frames:
            where = {"file": self._relative(frames[-1].filename), "line": frames[-1].lineno, "code": frames[-1].line}
        return {"type": type(error).__name__, "message": str(error), "where": where}

    def _is_theirs(self, filename: str) -> bool:
        return self._package is not None and self._package in Path(filename).resolve().parents

    def _relative(self, filename: str) -> str:
        return str(Path(filename).resolve().relative_to(self._package.parent))
