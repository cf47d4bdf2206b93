"""Runs that end before their time: killed workers, writers and runs. Nothing is lost, nothing is judged twice."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from autograder.cohort import pool, worker
from autograder.cohort.worker import Worker
from tests.graded_cohort import NAME, assert_sound, grade, hand_in, in_gradebook, job_of

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


RUN = """
import sys
from pathlib import Path
from autograder.cohort.grading import grade_cohort

grade_cohort(Path(sys.argv[1]), "greeter", workers=2, seed=7, tell=lambda d, t, r: print(r.student, flush=True))
"""


@pytest.mark.parametrize("killed", ["the run's own process", "every process of the run"])
def test_a_killed_run_goes_on_where_it_stopped(course, root, judged, killed):
    students = [f"s{i}" for i in range(8)]
    for student in students:
        hand_in(course, root, student)
    run = subprocess.Popen([sys.executable, "-c", RUN, str(root)], stdout=subprocess.PIPE, text=True)
    finished = {run.stdout.readline().strip() for _ in range(3)}
    others = psutil.Process(run.pid).children(recursive=True)
    assert others, "workers, and what they forked"
    run.send_signal(signal.SIGKILL)
    for process in others if killed == "every process of the run" else []:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    finished |= set(run.stdout.read().split())
    run.wait()
    assert 3 <= len(finished) < 8
    assert psutil.wait_procs(others, timeout=10)[1] == [], "whom nobody asks any more, ends"
    results = grade(root)
    for folder in Path(tempfile.gettempdir()).glob(f"{worker.SCRATCH}*"):
        assert str(run.pid) not in folder.name, "the killed run's temporary files are removed"
    assert {s: r.points for s, r in results.items()} == in_gradebook(root) == dict.fromkeys(students, 6.0)
    assert finished.isdisjoint(judged) and len(judged) == len(set(judged)), "nothing is judged twice"
    assert_sound(root)


def test_what_killed_judges_left_is_swept_but_not_what_is_at_work(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = [
        f"{worker.SCRATCH}{ended.pid}-abc",
        f"course-judge-{ended.pid}-abc",
        "course-grade-old_one1",
        "course-gradebook-old_one1",
    ]
    kept = [
        f"{worker.SCRATCH}{os.getpid()}-abc",
        f"{worker.SCRATCH}notours",
        f"course-judge-{os.getpid()}-abc",
        "somebody-else",
    ]
    for name in gone + kept:
        (tmp_path / name / "late_delivery").mkdir(parents=True)
    for name in [*gone, "somebody-else"]:
        os.utime(tmp_path / name, (time.time() - 2 * worker.ABANDONED_S,) * 2)
    worker.sweep()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path

from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import text

from autograder.cohort import writer
from autograder.cohort.grading import grade_cohort

root, seed, moment = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def of_bob(*arguments):
    return ("greeter", "bob") in writer.JudgeTasks.given


def ends_after(owner, name, when=of_bob):
    stock = getattr(owner, name)

    def acting(*arguments, **options):
        result = stock(*arguments, **options)
        if when(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, acting)


stage, publish = writer.Writer._stage, writer.Writer._publish
if moment == "half of the files are staged":
    ends_after(writer, "write_files")
elif moment == "half of the transaction is on the disk":
    def stage_with_little_memory(self, *arguments):  # so that SQLite writes pages before the commit
        stage(self, *arguments)
        if of_bob():
            for statement in ("PRAGMA cache_size = 1", "UPDATE grade SET auto_score = -1", "UPDATE source_cell SET source = ''"):
                self._book.db.execute(text(statement))

    writer.Writer._stage = stage_with_little_memory
    ends_after(AssignLatePenalties, "preprocess")
elif moment == "the gradebook is committed":
    def publish_never(self, student):
        if student == "bob":
            os.kill(os.getpid(), signal.SIGKILL)
        publish(self, student)

    writer.Writer._publish = publish_never
elif moment == "the old files are moved away":
    ends_after(Path, "rename", lambda source, target: of_bob() and Path(target).name == "old")
elif moment == "the new files are in place":
    ends_after(writer.Writer, "_publish")
grade_cohort(root, "greeter", workers=1, seed=seed)
"""
MOMENTS = ("half of the files are staged", "half of the transaction is on the disk", "the gradebook is committed",
           "the old files are moved away", "the new files are in place")  # fmt: skip


def test_a_writer_killed_in_the_middle_of_a_write_loses_nothing(course, root, judged):
    from nbgrader.api import Gradebook

    students = ("ada", "bob", "eve")
    for student in students:
        hand_in(course, root, student)
    grade(root)
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.find_grade("essay", NAME, NAME, "bob").manual_score = 1.5
        book.db.commit()
    for seed, moment in enumerate(MOMENTS, 8):
        judged.clear()
        run = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(root), str(seed), moment], capture_output=True)
        assert run.returncode == -signal.SIGKILL, run.stderr.decode()
        assert (root / "gradebook.db-journal").exists() == (moment == MOMENTS[1])
        with closing(sqlite3.connect(root / "journal.sqlite")) as journal:
            rows = journal.execute("SELECT student, state FROM result WHERE seed = ?", (seed,)).fetchall()
        assert ("ada", "written") in rows and ("bob", "judged") in rows
        assert all(result.points == 6 for result in grade(root, seed=seed).values())
        assert sorted([*judged, *(student for student, _ in rows)]) == sorted(students), f"each once: {moment}"
        assert in_gradebook(root) == dict.fromkeys(students, 6.0)
        with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
            assert book.find_grade("essay", NAME, NAME, "bob").manual_score == 1.5
        for student in students:
            assert json.loads((root / "autograded" / student / NAME / f"{NAME}.ipynb").read_text())["cells"]
        assert_sound(root)
