"""Progress: kept in one file, never in the way of a lesson."""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import date

import pytest

from coursekit import curriculum, progress

DAY = "2025-03-{:02}T12:00:00+00:00"


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(progress, "_said", set())
    return tmp_path / "work"


def small_tree(root):
    """A course of two lessons in one module, one exercise, one question, one project."""
    module = root / "modules" / "00_start"
    module.mkdir(parents=True)
    for number, title in ((1, "Hello"), (2, "Again")):
        (module / f"0{number}_l.ipynb").write_text(
            json.dumps({"cells": [{"cell_type": "markdown", "source": ["# " + title]}]})
        )
    (module / "README.md").write_text("# Start\n\n**Days 1-4.**\n")
    (module / "exercises.py").write_text('class SumUp:\n    lesson = "01_l"\n')
    (module / "quiz.toml").write_text(
        '[[question]]\nlesson="01_l"\nprompt="P?"\noptions=[{text="a", why="w", right=true}, {text="b", why="w"}]\n'
    )
    (root / "solutions" / "late").mkdir(parents=True)
    (root / "solutions" / "late" / "README.md").write_text("# Late")
    return root


def test_nothing_recorded_is_an_empty_summary_and_creates_no_file(tmp_path, work):
    found = progress.summary(small_tree(tmp_path))
    assert found["day"] is None and found["due"] == [] and found["next_lesson"] == "00_start/01_l"
    assert found["lessons"][0]["title"] == "Hello" and found["lessons"][0]["exercises"] == 1
    assert not work.exists()


def test_a_lesson_is_done_when_opened_solved_and_recalled(tmp_path):
    root = small_tree(tmp_path)
    progress.record_open("00_start/01_l")
    progress.record_attempt("00_start/sum_up", False, "Adds")
    progress.record_attempt("00_start/sum_up", True)
    assert progress.summary(root)["lessons"][0]["done"] is False
    progress.record_recall("00_start/01_l#x", "00_start/01_l", False)
    found = progress.summary(root)
    assert found["lessons"][0] | {"title": ""} == {
        "lesson": "00_start/01_l", "title": "", "opened": True, "exercises_done": 1, "exercises": 1,
        "recall_answered": True, "done": True,
    }  # fmt: skip
    assert found["next_lesson"] == "00_start/02_l" and found["day"] == 1 and found["plan"] == ["00_start"]


def test_a_project_shows_latest_and_best(tmp_path):
    progress.record_grade("late", 80, 100, {"cost": 20})
    progress.record_grade("late", 60.5, 100, {"cost": 5})
    row = progress.summary(small_tree(tmp_path))["projects"][0]
    assert (row["latest"], row["best"], row["max_points"], row["graded"]) == (60.5, 80, 100, 2)
    assert row["per_task"] == {"cost": 5}


@pytest.mark.parametrize(
    ("answers", "due"),
    [
        ("1", date(2025, 3, 2)),
        ("11", date(2025, 3, 5)),
        ("111", date(2025, 3, 10)),
        ("1111", date(2025, 3, 18)),
        ("11111", date(2025, 4, 4)),
        ("111111", date(2025, 4, 5)),
        ("0", date(2025, 3, 2)),
        ("1110", date(2025, 3, 5)),
        ("11101", date(2025, 3, 6)),
        ("111011", date(2025, 3, 9)),
    ],
)
def test_a_question_is_due_at_growing_intervals_and_soon_after_a_wrong_answer(answers, due):
    rows = [{"question": "q", "at": DAY.format(i), "correct": int(c)} for i, c in enumerate(answers, 1)]
    assert progress.due_dates(rows) == {"q": due}


def test_due_questions_are_listed_with_their_lesson(tmp_path, monkeypatch):
    root = small_tree(tmp_path)
    question = curriculum.modules(root)[0].questions()[0]
    monkeypatch.setattr(progress, "_now", lambda: DAY.format(1))
    progress.record_recall(question.id, "00_start/01_l", True)
    progress.record_recall("gone#1", "00_start/01_l", True)
    assert progress.summary(root, date(2025, 3, 1))["due"] == []
    due = progress.summary(root, date(2025, 3, 2))["due"]
    assert [(row["lesson"], row["prompt"], row["since"]) for row in due] == [("00_start/01_l", "P?", "2025-03-02")]


def test_a_damaged_file_is_moved_aside_and_a_new_one_started(work, capsys):
    work.mkdir()
    progress.database().write_bytes(b"not a database" * 100)
    progress.record_open("00_start/01_l")
    assert len(progress.history()["lesson_opens"]) == 1
    aside = list(work.glob("progress.damaged-*.sqlite"))
    assert len(aside) == 1 and aside[0].read_bytes() == b"not a database" * 100
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and aside[0].name in said


def test_a_locked_file_is_one_line_and_stays(work, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_S", 0.1)
    progress.record_open("00_start/01_l")
    with sqlite3.connect(progress.database()) as other:
        other.execute("BEGIN EXCLUSIVE")
        progress.record_open("00_start/02_l")
        progress.record_hint("00_start/sum_up", 1)
    other.close()
    assert capsys.readouterr().err.count("database is locked") == 1
    assert [row["lesson"] for row in progress.history()["lesson_opens"]] == ["00_start/01_l"]


def test_a_place_that_cannot_be_written_is_one_line(work, capsys):
    work.write_text("a file where the folder should be")
    progress.record_open("00_start/01_l")
    progress.record_open("00_start/02_l")
    assert capsys.readouterr().err.count("\n") == 1
    assert progress.history()["lesson_opens"] == []


def test_a_read_only_file_is_one_line(work, capsys):
    progress.record_open("00_start/01_l")
    real = progress.sqlite3.connect
    progress.database().chmod(0o444)
    try:
        progress.sqlite3.connect = lambda path, timeout: real(f"file:{path}?mode=ro", uri=True, timeout=timeout)
        progress.record_open("00_start/02_l")
    finally:
        progress.sqlite3.connect = real
    assert "readonly" in capsys.readouterr().err
    assert len(progress.history()["lesson_opens"]) == 1


def test_two_processes_write_at_once(work):
    code = "from coursekit import progress\nfor i in range(40): progress.record_open(f'00_start/{i}')"
    running = [subprocess.Popen([sys.executable, "-c", code], env=os.environ, stderr=subprocess.PIPE) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert errors == [b"", b"", b""]
    assert len(progress.history()["lesson_opens"]) == 120
