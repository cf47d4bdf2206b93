"""Where each submission came from and who its learner is in the LMS: `imports.json` in the grading root."""

import contextlib
import json
import os
from pathlib import Path

from autograder.cohort.layouts import Label, parse_time
from autograder.errors import GradingError
from autograder.project import project_files

FILE = "imports.json"


class Records:
    """What earlier imports knew. `save` replaces the file whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, root / FILE
        self._data: dict = {"students": {}, "submissions": {}, "refused": {}}
        if self._path.exists():
            try:
                self._data = json.loads(self._path.read_text(encoding="utf-8"))
                self._data = {part: dict(self._data.get(part, {})) for part in ("students", "submissions", "refused")}
            except (ValueError, TypeError, AttributeError, OSError) as error:
                raise GradingError(
                    f"{self._path}: damaged ({error}).",
                    f"Move it aside: mv {self._path} {self._path}.bad (the next import learns it again).",
                ) from None
        self._by_lms = {(s["lms"], s["lms_id"]): i for i, s in self._data["students"].items() if s["lms"]}
        submitted = root / "submitted"
        there = [p.name for p in submitted.iterdir()] if submitted.is_dir() else []
        self._by_spelling = {name.casefold(): name for name in [*self._data["students"], *there]}

    def student(self, label: Label) -> str:
        """The learner's id: as known by the LMS's number, else by the name, whatever its capitals."""
        known = self._by_lms.get((label.lms, label.lms_id)) if label.lms else None
        if known:
            return known
        student = self._by_spelling.setdefault(label.student.casefold(), label.student)
        if label.lms:
            self._by_lms[label.lms, label.lms_id] = student
        return student

    def person(self, student: str) -> dict:
        """`lms` (canvas, moodle or empty), `lms_id` and `name` of a learner; empty strings where unknown."""
        return {"lms": "", "lms_id": "", "name": ""} | self._data["students"].get(student, {})

    def submission(self, student: str, project: str, folder: Path) -> dict | None:
        """What is known about the age, origin and content of the submission in `folder`; None if there is none."""
        if not folder.is_dir():
            return None
        from autograder.cohort.imports import digest

        known = self._data["submissions"].get(f"{student}/{project}") or {"source": str(folder)}
        if known.get("digest") != digest(folder):  # somebody changed it, or nbgrader collected it
            when = None
            with contextlib.suppress(OSError):
                when = parse_time((folder / "timestamp.txt").read_text(encoding="utf-8")[:100])
            content = max((p.stat().st_mtime for p in project_files(folder) if p.name != "timestamp.txt"), default=0.0)
            known = {"when": when.timestamp() if when else None, "number": None, "content": content,
                     "digest": digest(folder), "source": str(folder)}  # fmt: skip
        return known

    def remember(self, label: Label, project: str, submission: dict) -> None:
        student = self.student(label)
        if label.lms or student not in self._data["students"]:
            self._data["students"][student] = {"lms": label.lms, "lms_id": label.lms_id, "name": label.name}
        self._data["submissions"][f"{student}/{project}"] = submission | {"late_in_lms": label.late}

    def settle(self, source: str, student: str | None, refused: str) -> None:
        """Remember why an upload was refused, or (with no reason) that it is refused no longer."""
        if refused:
            self._data["refused"][source] = {"student": student or "unknown", "problem": refused}
        else:
            self._data["refused"].pop(source, None)

    def refused_uploads(self) -> list[dict]:
        """Uploads that the last import of them refused: `student` and `problem`."""
        found = self._data["refused"].items()
        return [
            {"student": r["student"], "problem": f"upload {source} not imported: {r['problem']}"} for source, r in found
        ]

    def late_in_lms(self, student: str, project: str) -> bool:
        return bool(self._data["submissions"].get(f"{student}/{project}", {}).get("late_in_lms"))

    def save(self) -> None:
        half = self._path.with_suffix(".part")
        try:
            half.write_text(json.dumps(self._data, indent=1, ensure_ascii=False), encoding="utf-8")
            os.replace(half, self._path)
        except OSError:
            half.unlink(missing_ok=True)
            raise
