"""What the learner has done, in one SQLite file under `work/`. It stays on this machine; nothing here opens a connection.

A lesson never stops because of this file: where it cannot be read or written, one line says so and the lesson goes on.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from coursekit import curriculum

FILE_NAME = "progress.sqlite"
PATIENCE_S = 3.0  # how long a write waits for another kernel's
INTERVALS_DAYS = (1, 3, 7, 14, 30)  # after the first, second, third … right answer in a row
SCHEMA = """
CREATE TABLE IF NOT EXISTS exercise_attempts (exercise TEXT NOT NULL, at TEXT NOT NULL, passed INTEGER NOT NULL, behaviour TEXT);
CREATE TABLE IF NOT EXISTS hints (exercise TEXT NOT NULL, at TEXT NOT NULL, step INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS recall_answers (question TEXT NOT NULL, asked_in TEXT NOT NULL, at TEXT NOT NULL, correct INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lesson_opens (lesson TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS project_grades
    (project TEXT NOT NULL, at TEXT NOT NULL, points REAL NOT NULL, max_points REAL NOT NULL, per_task TEXT NOT NULL);
"""
SOLUTION_STEP = 4  # the `step` of a look at the solution, after hints 1 to 3

_said: set[str] = set()


def work_folder() -> Path:
    """`work/` in the repository, or the folder that `COURSE_WORK` names."""
    return Path(os.environ.get("COURSE_WORK") or curriculum.ROOT / "work")


def database() -> Path:
    """Where progress is kept; the file may not exist yet."""
    return work_folder() / FILE_NAME


def record_attempt(exercise: str, passed: bool, behaviour: str = "") -> None:
    """One `check()` of the exercise "module/name"; `behaviour` is the one that failed."""
    _write("INSERT INTO exercise_attempts VALUES (?, ?, ?, ?)", exercise, _now(), int(passed), behaviour)


def record_hint(exercise: str, step: int) -> None:
    """Hint 1, 2 or 3 of the exercise was read; 4 is the solution."""
    _write("INSERT INTO hints VALUES (?, ?, ?)", exercise, _now(), step)


def record_recall(question: str, asked_in: str, correct: bool) -> None:
    """An answer to the question with this id, asked at the end of the lesson `asked_in`."""
    _write("INSERT INTO recall_answers VALUES (?, ?, ?, ?)", question, asked_in, _now(), int(correct))


def record_open(lesson: str) -> None:
    """The lesson "module/lesson" was opened: its notebook asked for an exercise or for its recall questions."""
    _write("INSERT INTO lesson_opens VALUES (?, ?)", lesson, _now())


def record_grade(project: str, points: float, max_points: float, per_task: dict[str, Any]) -> None:
    """One `course grade`: `points` of `max_points`, and what each task got, in any form that JSON can hold."""
    values = (project, _now(), float(points), float(max_points), json.dumps(per_task, default=str))
    _write("INSERT INTO project_grades VALUES (?, ?, ?, ?, ?)", *values)


def history() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, oldest first. Empty lists where nothing was recorded or the file cannot be read."""
    tables = ("exercise_attempts", "hints", "recall_answers", "lesson_opens", "project_grades")
    if not database().exists():
        return {table: [] for table in tables}

    def read(connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
        connection.row_factory = sqlite3.Row
        return {t: [dict(row) for row in connection.execute(f"SELECT * FROM {t} ORDER BY at, rowid")] for t in tables}

    return _guarded(read) or {table: [] for table in tables}


def due_dates(answers: list[dict[str, Any]]) -> dict[str, date]:
    """For each answered question id, the day from which it should be asked again.

    1, 3, 7, 14, then 30 days after the first, second, … right answer in a row; a wrong answer starts again at 1 day.
    `answers` are rows of `recall_answers`, oldest first.
    """
    streak: dict[str, int] = {}
    due: dict[str, date] = {}
    for row in answers:
        question = row["question"]
        streak[question] = streak.get(question, 0) + 1 if row["correct"] else 0
        days = INTERVALS_DAYS[min(max(streak[question], 1), len(INTERVALS_DAYS)) - 1]
        due[question] = datetime.fromisoformat(row["at"]).astimezone().date() + timedelta(days=days)
    return due


def summary(root: Path = curriculum.ROOT, today: date | None = None) -> dict[str, Any]:
    """What `course progress` shows, as plain data.

    `lessons` (opened, exercises done of how many, recall answered, done), `projects` (latest and best points), `due` (questions to
    answer again), `next_lesson`, `day` (1 on the day of the first lesson; None before) and `plan` (the modules planned for that day).
    """
    today = today or date.today()
    past = history()
    opened = {row["lesson"] for row in past["lesson_opens"]}
    passed = {row["exercise"] for row in past["exercise_attempts"] if row["passed"]}
    recalled = {row["asked_in"] for row in past["recall_answers"]}
    lessons = []
    for module in curriculum.modules(root):
        by_lesson: dict[str, list[str]] = {}
        for name, lesson_name in module.exercise_lessons().items():
            by_lesson.setdefault(f"{module.name}/{lesson_name}", []).append(f"{module.name}/{name}")
        asked = {question.lesson for question in module.questions()}
        for lesson in module.lessons:
            of_lesson = by_lesson.get(lesson.key, [])
            solved = [e for e in of_lesson if e in passed]
            answered = lesson.key in recalled
            enough = len(solved) == len(of_lesson) and (answered or lesson.key not in asked)
            lessons.append(
                {
                    "lesson": lesson.key,
                    "title": lesson.title,
                    "opened": lesson.key in opened,
                    "exercises_done": len(solved),
                    "exercises": len(of_lesson),
                    "recall_answered": answered,
                    "done": lesson.key in opened and enough,
                }
            )
    first = min((row["at"] for row in past["lesson_opens"]), default=None)
    day = (today - datetime.fromisoformat(first).astimezone().date()).days + 1 if first else None
    planned = [m.name for m in curriculum.modules(root) if day and m.days and m.days[0] <= day <= m.days[1]]
    return {
        "file": str(database()),
        "day": day,
        "plan": planned,
        "next_lesson": next((row["lesson"] for row in lessons if not row["done"]), None),
        "lessons": lessons,
        "projects": _projects(past["project_grades"], root),
        "due": _due(past["recall_answers"], root, today),
    }


def _projects(grades: list[dict[str, Any]], root: Path) -> list[dict[str, Any]]:
    rows = []
    for name in sorted({p.name for p in curriculum.projects(root)} | {g["project"] for g in grades}):
        own = [g for g in grades if g["project"] == name]
        best = max(own, key=lambda g: g["points"] / (g["max_points"] or 1)) if own else None
        rows.append(
            {
                "project": name,
                "graded": len(own),
                "latest": own[-1]["points"] if own else None,
                "best": best["points"] if best else None,
                "max_points": own[-1]["max_points"] if own else None,
                "per_task": json.loads(own[-1]["per_task"]) if own else {},
            }
        )
    return rows


def _due(answers: list[dict[str, Any]], root: Path, today: date) -> list[dict[str, Any]]:
    questions = {q.id: q for module in curriculum.modules(root) for q in module.questions()}
    found = [
        {"question": id_, "lesson": questions[id_].lesson, "prompt": questions[id_].prompt, "since": day.isoformat()}
        for id_, day in due_dates(answers).items()
        if day <= today and id_ in questions
    ]
    return sorted(found, key=lambda row: (row["since"], row["question"]))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write(statement: str, *values: Any) -> None:
    def write(connection: sqlite3.Connection) -> None:
        with connection:
            connection.execute(statement, values)

    _guarded(write)


def _guarded(action: Callable[[sqlite3.Connection], Any]) -> Any:
    """Run `action` on an open database. A damaged file is moved aside, never deleted, and a new one started."""
    for attempt in (1, 2):
        try:
            work_folder().mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(database(), timeout=PATIENCE_S)) as connection:
                connection.executescript(SCHEMA) if _is_new(connection) else None
                return action(connection)
        except (sqlite3.OperationalError, OSError) as error:
            _say(f"{database()}: progress was not recorded ({error}). The lesson goes on; `course doctor` says more.")
            return None
        except sqlite3.DatabaseError as error:
            if attempt == 2:
                _say(f"{database()}: progress was not recorded ({error}). The lesson goes on.")
                return None
            _move_aside(error)
    return None


def _is_new(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'project_grades'").fetchone()
    return found[0] == 0


def _move_aside(error: Exception) -> None:
    stamp = datetime.now().strftime("%Y%m%dT%H%M%S%f")
    aside = database().with_name(f"progress.damaged-{stamp}.sqlite")
    try:
        database().rename(aside)
    except OSError as problem:
        _say(f"{database()}: is damaged ({error}) and could not be moved aside ({problem}).")
        return
    _say(f"{database()}: was damaged ({error}). It is kept as {aside.name}; a new one was started.")


def _say(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(line, file=sys.stderr)
