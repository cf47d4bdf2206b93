"""`course cohort import`: put what learners handed in where nbgrader looks for it, and say one line about each upload.

Sources are only read. A submission that is there already is replaced by a newer one only, and is then kept in `history/`.
"""

import contextlib
import errno
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from autograder.cohort.layouts import Found, Label, read_sources
from autograder.cohort.pick import Pick, find_work, stage
from autograder.cohort.records import Records
from autograder.cohort.store import explained_disk, locked
from autograder.cohort.trees import Limits, Refused
from autograder.errors import GradingError
from autograder.project import all_projects, find_project, project_files

PLACED = ("imported", "replaced")


@dataclass(frozen=True)
class Line:
    """What became of one upload. `outcome`: imported, replaced (the one before is in history/), unchanged, older, refused."""

    outcome: str
    source: str
    text: str
    student: str | None = None
    project: str | None = None

    def to_dict(self) -> dict:
        return vars(self)


@dataclass
class _Upload:
    """A checked submission in its temporary place, with what is known about its age."""

    found: Found
    pick: Pick
    folder: Path
    digest: str
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> Label:
        return self.found.label  # a found tree has one

    def age(self) -> dict:
        when = self.label.when or self.pick.when
        return {"when": when.timestamp() if when else None, "number": self.label.number or None,
                "content": self.pick.content_time}  # fmt: skip


def import_sources(
    root: Path,
    sources: list[Path],
    project: str | None = None,
    *,
    limits: Limits | None = None,
    tell: Callable[[Line], None] = lambda line: None,
) -> list[Line]:
    """Import every submission in `sources` (folders and zips) into the grading root; `project` leaves out all others.

    Returns a line an upload, in the order in which they were decided; `tell` hears each at once.

    Raises:
        GradingError: no such project, a project without a release, or a full disk (what was imported stays).
    """
    projects = {p.name: p for p in ([find_project(project)] if project else all_projects())}
    for one in projects.values():
        if not (one.release / one.notebook).exists():
            raise GradingError(f"{one.release}: the released project is missing.", "Build it: course release")
    lines: list[Line] = []

    def say(line: Line) -> None:
        lines.append(line)
        tell(line)

    limits = limits or Limits()
    with locked(root):  # a grading run reads what is moved here
        _import(root, sources, projects, limits, say, lines)
    return lines


def _import(root: Path, sources, projects, limits, heard, lines) -> None:
    records = Records(root)

    def say(line: Line) -> None:
        heard(line)
        records.settle(line.source, line.student, line.text if line.outcome == "refused" else "")

    def kept() -> str:
        return f"{sum(line.outcome in PLACED for line in lines)} submissions were imported and are whole."

    with explained_disk(root, kept):
        try:
            with tempfile.TemporaryDirectory(prefix=".import-", dir=root) as scratch:
                uploads = _read(sources, projects, Path(scratch), limits, records, say)
                for key in sorted(uploads):
                    _decide(root, uploads[key], records, say)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                records.save()
            raise
        records.save()


def _read(sources, projects, scratch, limits, records, say) -> dict[tuple[str, str], list[_Upload]]:
    """Every upload, checked and copied to `scratch`; by learner and project. What cannot be used is said."""
    (scratch / "zips").mkdir()
    uploads: dict[tuple[str, str], list[_Upload]] = {}
    known = {p.name for p in all_projects()}
    for number, found in enumerate(read_sources(sources, known, scratch / "zips", limits)):
        student = records.student(found.label) if found.label else None
        if found.refused or found.tree is None:
            say(Line("refused", found.where, found.refused, student))
            continue
        try:
            found.tree.refuse_unsafe()
            picks = find_work(found.tree, projects, known, trust_times=_is_folder(sources, found.where))
        except Refused as error:
            say(Line("refused", found.where, str(error), student))
            continue
        for pick in picks:
            try:
                folder = scratch / f"{number}" / pick.project.name
                notes = stage(pick, folder, limits)
            except Refused as error:
                say(Line("refused", found.where, str(error), student, pick.project.name))
                continue
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                say(Line("refused", found.where, f"cannot be copied ({error.strerror})", student, pick.project.name))
                continue
            upload = _Upload(found, pick, folder, digest(folder), notes)
            uploads.setdefault((student, pick.project.name), []).append(upload)
    return uploads


def _is_folder(sources: list[Path], where: str) -> bool:
    return any(source.is_dir() and where.startswith(str(source)) and ".zip" not in where.lower() for source in sources)


def digest(folder: Path) -> str:
    """A hash over names and contents, without nbgrader's `timestamp.txt`."""
    total = hashlib.sha256()
    for path in project_files(folder):
        if path.name != "timestamp.txt":
            total.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def compare_age(a: dict, b: dict) -> int:
    """Which of two uploads of one learner is newer: by the exchange's time, else the LMS's number, else the files' own times."""
    for by in ("when", "number", "content"):
        if a.get(by) is not None and b.get(by) is not None and a[by] != b[by]:
            return -1 if a[by] < b[by] else 1
    return 0


def _decide(root: Path, uploads: list[_Upload], records: Records, say: Callable[[Line], None]) -> None:
    """Of one learner's uploads the newest goes in, if it is newer than what is there."""
    ordered = sorted(uploads, key=functools.cmp_to_key(lambda a, b: compare_age(a.age(), b.age())), reverse=True)
    newest, *older = ordered
    student, project = records.student(newest.label), newest.pick.project.name
    target = root / "submitted" / student / project

    def line(outcome: str, upload: _Upload, text: str) -> None:
        say(Line(outcome, upload.found.where, text, student, project))

    before = records.submission(student, project, target)
    if before and before["digest"] == newest.digest:
        line("unchanged", newest, "is what was imported before")
    elif before and compare_age(newest.age(), before) <= 0:
        line("older", newest, f"not newer than what is there (from {before['source']}); that one stays")
    else:
        kept = _place(root, newest, target)
        notes = "; ".join(([f"the one before is in {kept}"] if kept else []) + newest.notes)
        line("replaced" if kept else "imported", newest, notes)
        records.remember(newest.label, project, newest.age() | {"digest": newest.digest, "source": newest.found.where})
    for upload in older:
        line("older", upload, f"left out: {newest.found.where} is newer")


def _place(root: Path, upload: _Upload, target: Path) -> str:
    """Move the checked copy to `target`; what was there goes to `history/`, whose path below `root` is returned."""
    when = upload.label.when or upload.pick.when
    if when:
        (upload.folder / "timestamp.txt").write_text(when.strftime("%Y-%m-%d %H:%M:%S.%f UTC"), encoding="utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if target.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        kept = root / "history" / target.parent.name / target.name / stamp
        kept.parent.mkdir(parents=True, exist_ok=True)
        os.rename(target, kept)
    try:
        os.rename(upload.folder, target)
    except OSError:
        if kept:
            os.rename(kept, target)
        raise
    shutil.rmtree(upload.folder.parent, ignore_errors=True)
    return str(kept.relative_to(root)) if kept else ""
