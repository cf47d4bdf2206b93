"""`course cohort report`: one page on a cohort. Points per task, what was hard, who failed at what, who wrote alike."""

import math
import statistics
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from autograder.cohort.exports import Row, rows
from autograder.cohort.journal import Journal
from autograder.cohort.records import Records
from autograder.cohort.similarity import Code, Pair, near_reference, published, read_code, similar_pairs
from autograder.cohort.store import submissions
from autograder.errors import GradingError
from autograder.feedback import lesson_title
from autograder.project import Project

TEMPLATES = Path(__file__).resolve().parent / "templates"
PAIRS_SHOWN = 20
COLUMNS = 13


def build(root: Path, project: Project) -> dict:
    """Everything on the page, as plain data (also for `--json`; the pairs there are without their code).

    Raises:
        GradingError: nothing of `project` was graded yet.
    """
    found = rows(root, project)
    results = Journal(root).results(project.name)
    if not results:
        raise GradingError(
            f"{root}: nothing of {project.name} is graded.", f"Grade it: course cohort grade --project {project.name}"
        )
    folders = {s.student: s.folder for s in submissions(root, project.name)}
    codes = {student: read_code(folder, project.name) for student, folder in folders.items()}
    known = published(project)
    pairs = similar_pairs(codes, known)
    totals = [row.total for row in found if row.total is not None]
    maximum = sum(task.points for task in project.tasks)
    return {
        "project": project.name,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "maximum": maximum,
        "submissions": len(found),
        "graded": len(totals),
        "mean": statistics.fmean(totals) if totals else None,
        "median": statistics.median(totals) if totals else None,
        "needs_a_person": sum(row.status == "needs a person" for row in found),
        "totals": histogram(totals, maximum),
        "tasks": [_task(task, found) for task in project.tasks],
        "behaviours": behaviours(results),
        "problems": [{"student": row.student, "problem": row.problem} for row in found if row.problem]
        + [
            {"student": r.student, "problem": "not graded yet"}
            for r in found
            if r.status == "not graded" and not r.problem
        ]
        + Records(root).refused_uploads(),
        "students": [row.to_dict() for row in sorted(found, key=_by_total)],
        "near_published": near_reference(codes, project),
        "pairs": [vars(pair) for pair in pairs],
        "_beside": _beside(pairs[:PAIRS_SHOWN], folders, codes, known),
    }


def _by_total(row: Row) -> tuple:
    return (row.total is None, -(row.total or 0), row.student)


def _task(task, found: list[Row]) -> dict:
    points = [row.tasks[task.name] for row in found if row.tasks.get(task.name) is not None]
    return {
        "name": task.name,
        "maximum": task.points,
        "manual": task.manual,
        "graded": len(points),
        "waiting": sum(row.status != "not graded" and row.tasks.get(task.name) is None for row in found),
        "mean": statistics.fmean(points) if points else None,
        "full": sum(p >= task.points for p in points),
        "none": sum(p == 0 for p in points),
        "bars": histogram(points, task.points),
    }


def histogram(points: list[float], maximum: float) -> list[dict]:
    """Counts over 0 … `maximum`: a bar a point where that gives at most 13 bars, else equal ranges; full marks have their own."""
    width = max(1, math.ceil(maximum / (COLUMNS - 1)))
    starts = list(range(0, max(1, math.ceil(maximum)), width))
    bars = [
        {"label": str(s) if width == 1 else f"{s}-{min(s + width, math.ceil(maximum)) - 1}", "count": 0} for s in starts
    ]
    bars.append({"label": f"{maximum:g}", "count": 0})
    for p in points:
        bars[-1 if p >= maximum else min(int(max(p, 0) // width), len(starts) - 1)]["count"] += 1
    return bars


def behaviours(results: list) -> list[dict]:
    """Each check with who failed at it, grouped by how; hardest first (by the share of the cohort that failed, then by points)."""
    checks: dict[tuple, dict] = {}
    for result in results:
        for verdict in result.verdicts:
            check = verdict["check"]
            entry = checks.setdefault(
                (check["file"], check["function"]),
                {k: check[k] for k in ("behaviour", "task", "points", "why", "lesson")}
                | {"of": 0, "groups": defaultdict(list)},
            )
            entry["of"] += 1
            if not verdict["passed"]:
                how = verdict["reason"] or "The result is not what the contract says."
                entry["groups"][how].append({"student": result.student, "where": verdict["where"]})
    found = []
    for entry in checks.values():
        groups = [{"how": how, "students": who} for how, who in entry["groups"].items()]
        groups.sort(key=lambda g: (-len(g["students"]), g["how"]))
        failed = sum(len(g["students"]) for g in groups)
        found.append(entry | {"groups": groups, "failed": failed, "lesson_title": lesson_title(entry["lesson"])})
    return sorted(found, key=lambda e: (-e["failed"] / e["of"], -e["points"], e["behaviour"]))


def _beside(pairs: list[Pair], folders: dict[str, Path], codes: dict[str, Code], known: set[int]) -> list[dict]:
    from autograder.cohort.side_by_side import beside

    return [
        vars(pair)
        | {"files": beside(folders[pair.first], folders[pair.second], (codes[pair.first], codes[pair.second]), known)}
        for pair in pairs
    ]


def render(data: dict) -> str:
    """The page: one HTML file that needs nothing else, without scripts. Whatever learners wrote is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("report.html").render(**data, beside=data["_beside"])


def plain(data: dict) -> dict:
    """`build`'s data for `--json`."""
    return {key: value for key, value in data.items() if not key.startswith("_")}
