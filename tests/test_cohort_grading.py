"""Grading a cohort of the small course's project: points, cache, manual grades, bad submissions."""

import json
import os
import re
import shutil

import pytest

from autograder.checks import read_checks
from autograder.cohort import worker
from autograder.cohort.journal import Journal
from autograder.cohort.store import locked
from autograder.errors import GradingError
from autograder.judge import EXPLAINED, Judge, Verdict
from tests.graded_cohort import BROKEN, NAME, POINTS, WRONG, grade, hand_in, in_gradebook, job_of

pytest_plugins = ["tests.graded_cohort"]


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
    other = hand_in(course, root, "other") / f"{NAME}.ipynb"
    other.write_text(re.sub(r'"grade_id": "(\w+)"', r'"grade_id": "\1-of-week-2"', other.read_text()))
    results = grade(root, workers=2)
    assert {s: r.points for s, r in results.items()} == {
        "ada": 6, "zoe": 6, "damaged": 6, "other": 6, "odd": 6, "huge": 6, "link": 6,
        "empty": 0, "packless": 0, "heavy": 0, "binary": 3,
    }  # fmt: skip
    said = {s: r.problem for s, r in results.items() if r.problem}
    words = {
        "damaged": "not valid JSON", "odd": "nbgrader cannot read it", "huge": "60 MB is too large", "link": "a link",
        "other": "another assignment", "empty": "the notebook is missing", "heavy": "too large to grade",
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


def test_a_job_is_bytes_in_and_data_out(course, root):
    hand_in(course, root, "ada", BROKEN)
    answer = worker.judge_files(job_of(root))
    assert json.loads(json.dumps(answer)) == answer
    assert sum(v["points"] for v in answer["verdicts"]) == POINTS[BROKEN]


def test_a_judge_that_fails_by_itself_gives_no_zero(course, root, tmp_path):
    hand_in(course, root, "ada")
    job = job_of(root)

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
