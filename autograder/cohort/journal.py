"""The journal of a grading root: every result by content hash, so that a run resumes where it was ended."""

import json
import sqlite3
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from autograder.errors import GradingError
from autograder.judge import Verdict, new_seed

JUDGED, WRITTEN, FAILED = "judged", "written", "failed"
TABLES = """
CREATE TABLE IF NOT EXISTS result (
    project TEXT, student TEXT, key TEXT, seed INTEGER, points REAL, maximum REAL, verdicts TEXT, problem TEXT,
    seconds REAL, state TEXT, at REAL, PRIMARY KEY (project, student, key));
CREATE TABLE IF NOT EXISTS project (name TEXT PRIMARY KEY, seed INTEGER);
"""


@dataclass(frozen=True)
class Result:
    """What became of one submission. Points are of what is graded automatically.

    `problem` is one line for the instructor; `cached` says that this run judged nothing for it.
    """

    student: str
    project: str
    key: str
    points: float
    maximum: float
    verdicts: list[dict]
    problem: str | None
    seconds: float
    cached: bool

    def to_dict(self) -> dict:
        return asdict(self)


class Journal:
    """`journal.sqlite` of a grading root. Written by one run at a time; may be read at any time.

    States of a result: judged (not in the gradebook yet), written (it is), failed (no verdict was reached: tried again).
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "journal.sqlite"
        root.mkdir(parents=True, exist_ok=True)
        try:
            self._book = sqlite3.connect(self.path, timeout=30)
            self._book.row_factory = sqlite3.Row
            # A log that needs no wait for the disk at each result, and that a killed process cannot damage.
            self._book.execute("PRAGMA journal_mode = WAL")
            self._book.execute("PRAGMA synchronous = NORMAL")
            self._book.executescript(TABLES)
        except sqlite3.OperationalError as error:
            raise GradingError(
                f"{self.path}: cannot be used ({error}).", "Look whether the disk is full or the file read-only."
            ) from None
        except sqlite3.DatabaseError as error:
            raise GradingError(
                f"{self.path}: damaged ({error}). The gradebook is not touched.",
                f"Move it aside, then grade again (everything is judged anew): mv {self.path} {self.path}.damaged",
            ) from None

    def close(self) -> None:
        self._book.close()

    def _run(self, statement: str, *values: object) -> list[sqlite3.Row]:
        try:
            with self._book:
                return self._book.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise GradingError(
                f"{self.path}: cannot be used ({error}). What was graded so far is kept.",
                "Is the disk full (df -h), or the file damaged? Mend that, then run the same command again.",
            ) from None

    def seed(self, project: str, given: int | None = None) -> int:
        """The seed of this cohort: `given` (remembered from now on), or the one of the last run, or a new one."""
        rows = self._run("SELECT seed FROM project WHERE name = ?", project)
        seed = given if given is not None else rows[0]["seed"] if rows else new_seed()
        if not rows or rows[0]["seed"] != seed:
            self._run("INSERT OR REPLACE INTO project VALUES (?, ?)", project, seed)
        return seed

    def find(self, project: str, student: str, key: str) -> tuple[Result, str] | None:
        """The result for exactly this content, and its state."""
        where = "WHERE project = ? AND student = ? AND key = ?"
        rows = self._run(f"SELECT * FROM result {where}", project, student, key)
        return (_result(rows[0]), rows[0]["state"]) if rows else None

    def record(self, result: Result, seed: int, state: str) -> None:
        """Keep `result` as the learner's latest; on disk when this returns."""
        self._run(
            "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            result.project, result.student, result.key, seed, result.points, result.maximum,
            json.dumps(result.verdicts), result.problem, result.seconds, state, time.time(),
        )  # fmt: skip

    def mark(self, result: Result, state: str) -> None:
        """Set the state of a result that was recorded before."""
        self._run(
            "UPDATE result SET state = ?, at = ? WHERE project = ? AND student = ? AND key = ?",
            state, time.time(), result.project, result.student, result.key,
        )  # fmt: skip

    def results(self, project: str) -> list[Result]:
        """The latest result of every learner, by name."""
        rows = self._run("SELECT *, max(at) FROM result WHERE project = ? GROUP BY student ORDER BY student", project)
        return [_result(row) for row in rows]


def _result(row: sqlite3.Row) -> Result:
    plain = {name: row[name] for name in ("student", "project", "key", "points", "maximum", "problem", "seconds")}
    return Result(**plain, verdicts=json.loads(row["verdicts"]), cached=True)


def with_problem(result: Result, problem: str) -> Result:
    """`result` with one more line for the instructor."""
    return replace(result, problem=f"{result.problem} {problem}" if result.problem else problem)


def verdict(data: dict) -> Verdict:
    """A verdict from `Verdict.to_dict()`."""
    from autograder.checks import Check

    return Verdict(Check(**data["check"]), bool(data["passed"]), data["reason"], data["where"])
