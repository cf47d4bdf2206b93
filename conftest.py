"""Every run of pytest over the course: private folders for what it writes, and the count of notebooks that it executed."""

import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
NOTEBOOK_FOLDERS = ("modules", "solutions")

# The learner's own progress and copies stay out of it, here and in every kernel and process that the tests start.
os.environ.setdefault("COURSE_WORK", tempfile.mkdtemp(prefix="course-work-"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def notebooks_in_tree() -> set[str]:
    """Every notebook that must run, relative to the root."""
    found = (path for folder in NOTEBOOK_FOLDERS for path in (ROOT / folder).rglob("*.ipynb"))
    return {str(path.relative_to(ROOT)) for path in found if ".ipynb_checkpoints" not in path.parts}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # one counter, in the process that hears every worker
        config.pluginmanager.register(NotebookCount(config), "notebook-count")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A notebook's cells share one kernel, so they go to one worker, in order; so do the tests of one `xdist_group` (with
    `--dist loadgroup`, which tells the scheduler the groups). Every other test goes where there is room."""
    from xdist.scheduler import LoadGroupScheduling

    class ByNotebook(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.endswith(".ipynb") else super()._split_scope(nodeid)

    return ByNotebook(config, log)


class NotebookCount:
    """Counts executed notebooks from the reports, and fails a run over everything that left one out."""

    def __init__(self, config: pytest.Config) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._whole = bool(getattr(config.option, "nbval_lax", False)) and set(NOTEBOOK_FOLDERS) <= set(config.args)
        self._started = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = report.nodeid.partition("::")[0]
        if path.endswith(".ipynb"):
            self._seconds[path] += report.duration
            if report.failed:
                self._failed.add(path)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._whole and notebooks_in_tree() - self._seconds.keys() and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if not self._seconds:
            return
        missing = notebooks_in_tree() - self._seconds.keys() if self._whole else set()
        terminalreporter.section("notebooks")
        terminalreporter.line(
            f"{len(self._seconds)} notebooks executed, {len(self._failed)} failed"
            + (f"; {len(notebooks_in_tree())} in the tree" if self._whole else "")
        )
        for path in sorted(missing):
            terminalreporter.line(f"NOT RUN: {path}", red=True)
        slowest = sorted(self._seconds.items(), key=lambda item: -item[1])[:5]
        terminalreporter.line("slowest: " + ", ".join(f"{path} {seconds:.0f} s" for path, seconds in slowest))
