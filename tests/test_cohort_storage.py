"""A locked or damaged gradebook, a damaged journal, a full disk: one line that says what to do, and nothing is lost."""

import errno
import shutil
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from autograder.cohort import pool, worker, writer
from autograder.cohort.journal import Journal
from autograder.cohort.worker import Worker
from autograder.errors import GradingError
from tests.graded_cohort import assert_sound, grade, hand_in, in_gradebook

pytest_plugins = ["tests.graded_cohort"]


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


def test_a_full_disk_is_said_in_one_line_and_nothing_is_judged_twice(course, root, judged, monkeypatch):
    students = ("ada", "bob", "eve")
    for student in students:
        hand_in(course, root, student)
    stock = writer.write_files

    def full(files, folder):
        if "eve" in folder.parts:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        stock(files, folder)

    monkeypatch.setattr(writer, "write_files", full)
    with pytest.raises(GradingError, match=r"the disk is full\. What was graded so far is kept") as error:
        grade(root)
    assert "\n" not in error.value.wrong and "df -h" in error.value.todo
    monkeypatch.setattr(writer, "write_files", stock)
    assert_sound(root)
    assert {s: r.points for s, r in grade(root).items()} == in_gradebook(root) == dict.fromkeys(students, 6.0)
    assert sorted(judged) == sorted(students)


def test_a_full_disk_that_nbgrader_calls_an_invalid_entry_is_no_problem_of_the_submission(course, root, monkeypatch):
    from nbgrader.api import InvalidEntry

    def full(self, *arguments, **options):
        try:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
        except OperationalError as error:
            raise InvalidEntry(*error.args)  # noqa: B904  (as nbgrader does)

    hand_in(course, root, "ada")
    with monkeypatch.context() as patch:
        patch.setattr(writer._Shared, "update_or_create_student", full)
        with pytest.raises(GradingError, match="the disk is full"):
            grade(root)
    assert grade(root)["ada"].problem is None and in_gradebook(root) == {"ada": 6}


def test_a_journal_that_cannot_grow_is_named(course, root, monkeypatch):
    """SQLite's own full disk: no more pages than the file has."""
    students = [f"s{i}" for i in range(10)]
    for student in students:
        hand_in(course, root, student)
    opened = Journal.__init__

    def small(self, root):
        opened(self, root)
        self._book.execute("PRAGMA max_page_count = 1")

    monkeypatch.setattr(Journal, "__init__", small)
    with pytest.raises(GradingError) as error:
        grade(root)
    assert "full" in error.value.wrong and "is kept" in error.value.wrong and "same command again" in error.value.todo
    assert "\n" not in error.value.wrong
    monkeypatch.setattr(Journal, "__init__", opened)
    grade(root)
    assert in_gradebook(root) == dict.fromkeys(students, 6.0)


def test_a_damaged_journal_is_named_and_the_gradebook_left_alone(course, root):
    hand_in(course, root, "ada")
    grade(root)
    for left in root.glob("journal.sqlite-*"):
        left.unlink()
    (root / "journal.sqlite").write_bytes(b"not a database " * 1000)
    before = (root / "gradebook.db").read_bytes()
    with pytest.raises(GradingError, match=r"journal\.sqlite: damaged") as error:
        grade(root)
    assert "mv " in error.value.todo and (root / "gradebook.db").read_bytes() == before
    (root / "journal.sqlite").rename(root / "journal.sqlite.damaged")
    grade(root)
    assert in_gradebook(root) == {"ada": 6}


def test_what_the_judge_itself_failed_at_is_told(course, root, monkeypatch):
    """A full /tmp, say: one line a submission, and no zeros."""
    hand_in(course, root, "ada")

    class Full(Worker):
        def receive(self, timeout_s):
            super().receive(timeout_s)
            raise worker.Lost("lost", "No space left on device")

    monkeypatch.setattr(pool, "Worker", Full)
    assert grade(root)["ada"].problem == worker.FAILED_TWICE.format("No space left on device")
    assert in_gradebook(root) == {}
