"""Runs that end before their time: killed workers, writers and runs, a locked or damaged gradebook, a full disk. Nothing is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from autograder.cohort import pool, worker, writer
from autograder.cohort.worker import Worker
from autograder.errors import GradingError
from tests.graded_cohort import grade, hand_in, in_gradebook, job_of

pytest_plugins = ["tests.graded_cohort"]


def _doomed(send_signal: int, times: int):
    """A Worker that is sent a signal when it has got a job, `times` times."""
    left = [times]

    class Doomed(Worker):
        def send(self, job):
            super().send(job)
            if left[0]:
                left[0] -= 1
                os.kill(self.process.pid, send_signal)

    return Doomed


def test_a_killed_worker_is_replaced(course, root, monkeypatch):
    for student in ("ada", "bob", "eve"):
        hand_in(course, root, student)
    monkeypatch.setattr(pool, "Worker", _doomed(signal.SIGKILL, 1))
    results = grade(root, workers=2)
    assert {s: (r.points, r.problem) for s, r in results.items()} == {s: (6, None) for s in ("ada", "bob", "eve")}


def test_a_submission_that_loses_two_workers_is_a_problem_and_tried_again_next_time(course, root, monkeypatch, judged):
    for student in ("ada", "bob"):
        hand_in(course, root, student)
    monkeypatch.setattr(pool, "Worker", _doomed(signal.SIGKILL, 2))
    results = grade(root)
    assert results["bob"].points == 6 and results["ada"].problem == worker.GAVE_UP
    assert in_gradebook(root) == {"bob": 6}, "no zero for what was not judged"
    judged.clear()
    assert {s: (r.points, r.problem) for s, r in grade(root).items()} == {"ada": (6, None), "bob": (6, None)}
    assert judged == ["ada"]


def test_a_worker_that_hangs_is_replaced(course, root, monkeypatch):
    hand_in(course, root, "ada")
    monkeypatch.setattr(pool, "Worker", _doomed(signal.SIGSTOP, 1))
    answers = list(pool.judge_here(iter([("ada", job_of(root, total_s=5.0))]), 1, grace_s=0.0))
    assert [(t, all(v["passed"] for v in a["verdicts"])) for t, a in answers] == [("ada", True)]


SCRIPT = """
import sys
from pathlib import Path
from autograder.cohort.grading import grade_cohort

grade_cohort(Path(sys.argv[1]), "greeter", workers=2, seed=7, tell=lambda d, t, r: print(r.student, flush=True))
"""


def test_a_killed_run_goes_on_where_it_stopped(course, root, judged):
    students = [f"s{i}" for i in range(8)]
    for student in students:
        hand_in(course, root, student)
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(root)], stdout=subprocess.PIPE, text=True)
    finished = {run.stdout.readline().strip() for _ in range(3)}
    run.send_signal(signal.SIGKILL)
    finished |= set(run.stdout.read().split())
    run.wait()
    assert 3 <= len(finished) < 8
    results = grade(root)
    for folder in Path(tempfile.gettempdir()).glob(f"{worker.SCRATCH}*"):
        assert str(run.pid) not in folder.name, "the killed run's temporary files are removed"
    assert not list(root.glob(".writing-*"))
    assert {s: r.points for s, r in results.items()} == in_gradebook(root) == dict.fromkeys(students, 6.0)
    assert finished.isdisjoint(judged) and len(judged) == len(set(judged)), "nothing is judged twice"
    with closing(sqlite3.connect(root / "gradebook.db")) as book:
        assert book.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_that_dies_before_during_or_after_its_commit_loses_nothing(course, root, judged, monkeypatch):
    for student in ("ada", "bob", "eve"):
        hand_in(course, root, student)
    stock = {name: getattr(writer.Writer, name) for name in ("_stage", "_publish")}
    for step in ("_stage", "_publish"):  # before anything is written; after the gradebook's commit

        def die(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(writer.Writer, step, die)
        with pytest.raises(KeyboardInterrupt):
            grade(root)
        monkeypatch.setattr(writer.Writer, step, stock[step])
    grade(root)
    assert judged.count("ada") == 1, "what was recorded before the end is not judged again"
    assert in_gradebook(root) == dict.fromkeys(("ada", "bob", "eve"), 6.0)
    assert not list(root.glob(".writing-*")), "nothing is left behind"


def test_a_locked_gradebook_costs_one_line_and_nothing_else(course, root, judged):
    for student in ("ada", "bob", "eve"):
        hand_in(course, root, student)
    other = sqlite3.connect(root.parent / "unused.db")

    def lock(done, total, result):
        nonlocal other
        if done == 1:
            other = sqlite3.connect(root / "gradebook.db", isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(GradingError) as error:
        grade(root, tell=lock)
    assert "gradebook.db: locked" in error.value.wrong and "2 result(s)" in error.value.wrong
    with pytest.raises(GradingError, match=r"gradebook\.db: locked"):
        grade(root)
    other.close()
    assert len(judged) == 3
    assert {s: r.points for s, r in grade(root).items()} == in_gradebook(root)
    assert len(judged) == 3, "only the writing was left"


def test_a_damaged_gradebook_is_named_and_its_copy_brings_everything_back(course, root, judged):
    hand_in(course, root, "ada")
    grade(root)
    hand_in(course, root, "bob")
    grade(root)  # keeps a copy of the gradebook as it was before
    path = root / "gradebook.db"
    path.write_bytes(b"not a database " * 1000)
    before = path.read_bytes()
    with pytest.raises(GradingError) as error:
        grade(root)
    assert str(path) in error.value.wrong and "gradebook.backup.db" in error.value.todo
    assert path.read_bytes() == before
    shutil.copy(root / "gradebook.backup.db", path)
    judged.clear()
    grade(root)
    assert in_gradebook(root) == {"ada": 6, "bob": 6} and judged == []
    path.unlink()
    grade(root)
    assert in_gradebook(root) == {"ada": 6, "bob": 6} and judged == [], "a new one is filled from the journal"
