"""Grading a cohort of the small course's project: points, cache, resume after every kind of end, bad submissions."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from autograder import project as project_module
from autograder import settings
from autograder.checks import read_checks
from autograder.cohort import grading, pool, scheduler, worker, writer
from autograder.cohort.grading import grade_cohort
from autograder.cohort.journal import Journal
from autograder.cohort.store import hidden_tests, load, locked, submissions
from autograder.cohort.worker import Job, Worker
from autograder.errors import GradingError
from autograder.judge import EXPLAINED, Judge, Verdict
from autograder.project import Project

NAME = "greeter"
RIGHT, WRONG, SCAFFOLD, BROKEN = "right", "wrong", "scaffold", "broken"
POINTS = {RIGHT: 6, WRONG: 4, SCAFFOLD: 0, BROKEN: 3}


@pytest.fixture
def course(mini, monkeypatch, tmp_path):
    """The small course, seen by this process too (its own copy, so that hidden tests may be changed)."""
    root = tmp_path / "course"
    shutil.copytree(mini.root, root, ignore=shutil.ignore_patterns("cache"))
    parts = {
        "ROOT": root, "SOLUTIONS": root / "solutions", "RELEASES": root / "projects", "HIDDEN": root / "autograder/projects",
    }  # fmt: skip
    for module in (project_module, settings):
        for name in parts.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, parts[name])
    monkeypatch.setenv("COURSE_ROOT", str(root))
    monkeypatch.setenv("COURSE_WORK", str(mini.work))
    monkeypatch.setattr(writer, "BUSY_S", 0.1)
    monkeypatch.setattr(grading, "PATIENCE_S", 0.5)
    mini.root = root
    return mini


@pytest.fixture
def root(tmp_path):
    return tmp_path / "grading"


def hand_in(course, root: Path, student: str, kind: str = RIGHT) -> Path:
    """A submission of one of four kinds."""
    folder = root / "submitted" / student / NAME
    shutil.copytree(course.root / "projects" / NAME, folder)
    if kind != SCAFFOLD:
        shutil.copytree(course.root / "solutions" / NAME / NAME, folder / NAME, dirs_exist_ok=True)
    greeting = folder / NAME / "greeting.py"
    if kind == WRONG:
        greeting.write_text(
            "def greet(name):\n    if not name:\n        raise ValueError('no name')\n    return 'Hello!'\n"
        )
    if kind == BROKEN:
        greeting.write_text("def greet(name:\n")
    return folder


def grade(root: Path, **options) -> dict[str, object]:
    results = grade_cohort(root, NAME, **({"workers": 1, "seed": 7} | options))
    return {result.student: result for result in results}


def in_gradebook(root: Path) -> dict[str, float]:
    """Automatic points by learner, as nbgrader's own interface reads them."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {s.student.id: sum(g.auto_score or 0 for n in s.notebooks for g in n.grades) for s in book.assignment_submissions(NAME)}  # fmt: skip


@pytest.fixture
def judged(monkeypatch):
    """The learners whose work was given to a worker, in order."""
    seen = []
    stock = grading.judge_here

    def counting(jobs, workers):
        def told():
            for ticket, job in jobs:
                seen.append(ticket.submission.student)
                yield ticket, job

        return stock(told(), workers)

    monkeypatch.setattr(grading, "judge_here", counting)
    return seen


def test_a_cohort_gets_the_points_of_course_grade(course, root):
    for kind in POINTS:
        hand_in(course, root, kind, kind)
    told = []
    results = grade(root, workers=2, tell=lambda done, total, result: told.append((done, total, result.student)))
    assert {s: r.points for s, r in results.items()} == POINTS | {WRONG: results[WRONG].points}
    assert in_gradebook(root) == {s: r.points for s, r in results.items()}
    assert [(done, total) for done, total, _ in told] == [(i, 4) for i in (1, 2, 3, 4)]
    assert all(r.maximum == 6 and r.problem is None and not r.cached for r in results.values())

    shutil.rmtree(course.copy(NAME))
    shutil.copytree(root / "submitted" / WRONG / NAME, course.copy(NAME))
    alone = course.grade(NAME)
    assert alone["points"] == results[WRONG].points == 4
    assert [c["passed"] for c in alone["checks"]] == [v["passed"] for v in results[WRONG].verdicts]

    graded = (root / "autograded" / WRONG / NAME / f"{NAME}.ipynb").read_text()
    assert "Every name is greeted, not only the one in the brief." in graded and "secret" not in graded
    assert sorted(p.name for p in (root / "autograded").iterdir()) == sorted(POINTS)


def test_only_what_changed_is_judged_again(course, root, judged):
    for student in ("ada", "bob"):
        hand_in(course, root, student)
    first = grade(root)
    judged.clear()
    assert all(r.cached for r in grade(root).values()) and judged == []
    assert {s: r.verdicts for s, r in grade(root, seed=None).items()} == {s: r.verdicts for s, r in first.items()}
    assert judged == [], "without a seed, the cohort's last one is used"

    (root / "submitted/bob" / NAME / NAME / "greeting.py").write_text("def greet(name):\n    return 'Hi'\n")
    assert {s: r.points for s, r in grade(root).items()} == {"ada": 6, "bob": 3}
    assert judged == ["bob"]
    assert in_gradebook(root) == {"ada": 6, "bob": 3}
    assert {r.student: r.points for r in Journal(root).results(NAME)} == {"ada": 6, "bob": 3}

    judged.clear()
    grade(root, seed=8)
    assert judged == ["ada", "bob"], "a new seed regrades"
    judged.clear()
    with open(course.root / "autograder/projects" / NAME / "test_hidden_counting.py", "a") as file:
        file.write("\n# changed\n")
    grade(root, seed=8)
    assert judged == ["ada", "bob"], "a changed hidden test regrades"
    judged.clear()
    grade(root, seed=8, only=["bob"], again=True)
    assert judged == ["bob"]


def test_manual_grade_comment_and_late_penalty_survive_a_regrade(course, root):
    from nbgrader.api import Gradebook

    folder = hand_in(course, root, "ada")
    (folder / "timestamp.txt").write_text("2026-02-02 12:00:00 UTC")
    root.joinpath("nbgrader_config.py").write_text("c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    grade(root)
    url = f"sqlite:///{root / 'gradebook.db'}"
    with Gradebook(url) as book:
        book.update_or_create_assignment(NAME, duedate="2026-02-01 12:00:00")
        book.find_grade("essay", NAME, NAME, "ada").manual_score = 2
        book.find_comment("essay", NAME, NAME, "ada").manual_comment = "Well argued."
        book.db.commit()
    for change in ({"again": True}, {"seed": 9}):
        assert not grade(root, **change)["ada"].cached
        with Gradebook(url) as book:
            assert book.find_grade("essay", NAME, NAME, "ada").manual_score == 2
            assert book.find_comment("essay", NAME, NAME, "ada").manual_comment == "Well argued."
            submission = book.find_submission(NAME, "ada")
            assert submission.total_seconds_late == 24 * 3600
            assert submission.notebooks[0].late_submission_penalty == 8, "all of the points: 6 and 2"


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


def _job(course, root, **changes) -> Job:
    known = Project(NAME)
    content = load(submissions(root, NAME)[0], known)
    return Job(**(vars(Job.of(known, 7, content.files, hidden_tests(known))) | changes))


def test_a_worker_that_hangs_is_replaced(course, root, monkeypatch):
    hand_in(course, root, "ada")
    monkeypatch.setattr(pool, "Worker", _doomed(signal.SIGSTOP, 1))
    answers = list(pool.judge_here(iter([("ada", _job(course, root, total_s=5.0))]), 1, grace_s=0.0))
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


def test_bad_submissions_cost_one_line_each_and_the_rest_is_graded(course, root):
    good = ("ada", "zoe")
    for student in good:
        hand_in(course, root, student)
    (hand_in(course, root, "damaged") / f"{NAME}.ipynb").write_text('{"cells": [')
    (hand_in(course, root, "odd") / f"{NAME}.ipynb").write_text('{"cells": [{"metadata": {}}]}')
    with open(hand_in(course, root, "huge") / f"{NAME}.ipynb", "r+b") as file:
        file.truncate(60_000_000)
    (root / "submitted" / "empty" / NAME).mkdir(parents=True)
    shutil.rmtree(hand_in(course, root, "packless") / NAME)
    with open(hand_in(course, root, "heavy") / NAME / "model.bin", "wb") as file:
        file.truncate(500_000_000)
    (hand_in(course, root, "binary") / NAME / "greeting.py").write_bytes(bytes(range(256)))
    link = hand_in(course, root, "link") / f"{NAME}.ipynb"
    link.unlink()
    link.symlink_to(course.root / "solutions" / NAME / f"{NAME}.ipynb")
    results = grade(root, workers=2)
    assert {s: r.points for s, r in results.items()} == {
        "ada": 6, "zoe": 6, "damaged": 6, "odd": 6, "huge": 6, "link": 6,
        "empty": 0, "packless": 0, "heavy": 0, "binary": 3,
    }  # fmt: skip
    said = {s: r.problem for s, r in results.items() if r.problem}
    words = {
        "damaged": "not valid JSON", "odd": "nbgrader cannot read it", "huge": "60 MB is too large", "link": "a link",
        "empty": "the notebook is missing", "heavy": "too large to grade",
    }  # fmt: skip
    assert said.keys() == words.keys()
    for student, problem in said.items():
        assert words[student] in problem and student in problem and "\n" not in problem
    assert in_gradebook(root) == {s: r.points for s, r in results.items()}
    assert all(r.cached for r in grade(root).values())


def test_two_runs_at_once_are_refused_and_nothing_to_grade_is_said(course, root):
    with pytest.raises(GradingError, match="no submission of 'greeter'"):
        grade(root)
    hand_in(course, root, "ada")
    with pytest.raises(GradingError, match="by eve"):
        grade(root, only=["eve"])
    with locked(root), pytest.raises(GradingError, match=f"another grading run .process {os.getpid()}."):
        grade(root)


# --- a cluster: what can be shown without Dask


def test_without_dask_a_scheduler_is_refused_with_what_to_install(course, root, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    hand_in(course, root, "ada")
    with pytest.raises(GradingError, match="pip install distributed"):
        grade(root, scheduler="tcp://127.0.0.1:8786")


class _Cluster(ModuleType):
    """Stands in for `distributed`: tasks run in a thread, and the first connection breaks after one answer."""

    def __init__(self):
        super().__init__("distributed")
        self.threads, self.connections, self.tasks = ThreadPoolExecutor(1), 0, 0
        self.Client = lambda *a, **k: _Connection(self)
        self.wait = self.first_of

    def first_of(self, futures, timeout, return_when):
        if self.connections == 1 and self.tasks > 2:
            raise OSError("connection reset")
        futures[0].result()


class _Connection:
    def __init__(self, cluster):
        self.cluster = cluster
        cluster.connections += 1

    def nthreads(self):
        return {"tcp://one": 1}

    def submit(self, function, job, pure):
        assert function is worker.judge_files and not pure
        self.cluster.tasks += 1
        future = self.cluster.threads.submit(function, job)
        future.status = "finished"
        return future

    def close(self, timeout):
        pass


def test_a_cluster_that_breaks_off_is_asked_again_for_what_is_missing(course, root, monkeypatch):
    cluster = _Cluster()
    monkeypatch.setitem(sys.modules, "distributed", cluster)
    monkeypatch.setattr(scheduler, "PAUSE_S", 0.0)
    kinds = {f"{kind}{i}": kind for i in (1, 2) for kind in (RIGHT, SCAFFOLD)}
    for student, kind in kinds.items():
        hand_in(course, root, student, kind)
    told = []
    results = grade(root, scheduler="tcp://cluster:8786", tell=lambda d, t, r: told.append(r.student))
    assert {s: r.points for s, r in results.items()} == {s: POINTS[k] for s, k in kinds.items()} == in_gradebook(root)
    assert cluster.connections == 2 and sorted(told) == sorted(kinds), "each once"


def test_a_job_is_bytes_in_and_data_out(course, root):
    hand_in(course, root, "ada", BROKEN)
    answer = worker.judge_files(_job(course, root))
    assert json.loads(json.dumps(answer)) == answer
    assert sum(v["points"] for v in answer["verdicts"]) == POINTS[BROKEN]


def test_a_judge_that_fails_by_itself_gives_no_zero(course, root, tmp_path):
    hand_in(course, root, "ada")
    job = _job(course, root)

    class Failing:
        def judge(self, project, folder, **_):
            return [Verdict(check, False, EXPLAINED["NotRun"]) for check in read_checks(project)]

    class Losing:
        def judge(self, project, folder, **_):
            (project.hidden / "test_hidden_counting.py").unlink()
            return []

    for judge in (Failing(), Losing()):
        with pytest.raises(OSError, match="no verdict"):
            worker.judge_job(job, judge, tmp_path)
    with Judge() as judge:  # what went missing is put back
        assert all(v["passed"] for v in worker.judge_job(job, judge, tmp_path)["verdicts"])
