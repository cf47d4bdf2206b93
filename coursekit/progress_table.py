"""`course progress` as tables."""

from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

COURSE_DAYS = 90


def show(summary: dict[str, Any], console: Console | None = None) -> None:
    """Print `coursekit.progress.summary()`."""
    console = console or Console()
    console.print(_where(summary))
    if summary["lessons"]:
        console.print(_lessons(summary["lessons"]))
    if summary["projects"]:
        console.print(_projects(summary["projects"]))
    _due(summary["due"], console)
    if summary["next_lesson"]:
        console.print(Text(f"Next lesson: modules/{summary['next_lesson']}.ipynb"))
    console.print(Text(f"Kept on this machine only, in {summary['file']}", style="dim"))


def _where(summary: dict[str, Any]) -> Text:
    if summary["day"] is None:
        return Text("You have not opened a lesson yet: day 1 is the day you do.")
    late = f"Day {summary['day']} of {COURSE_DAYS} since your first lesson."
    plan = f" The plan for today: {', '.join(summary['plan'])}." if summary["plan"] else ""
    return Text(late + plan, style="bold")


def _lessons(rows: list[dict[str, Any]]) -> Table:
    table = Table("Lesson", "", _number("Exercises"), "Recall", title="Lessons", title_justify="left")
    module = rows[0]["lesson"].partition("/")[0]
    for row in rows:
        if row["lesson"].partition("/")[0] != module:
            module = row["lesson"].partition("/")[0]
            table.add_section()
        state = "done" if row["done"] else "opened" if row["opened"] else ""
        exercises = f"{row['exercises_done']}/{row['exercises']}" if row["exercises"] else "-"
        table.add_row(row["lesson"], state, exercises, "answered" if row["recall_answered"] else "")
    return table


def _projects(rows: list[dict[str, Any]]) -> Table:
    table = Table("Project", _number("Latest"), _number("Best"), _number("Of"), _number("Graded"))
    table.title, table.title_justify = "Projects", "left"
    for row in rows:
        points = [f"{row[key]:g}" if row[key] is not None else "-" for key in ("latest", "best", "max_points")]
        table.add_row(row["project"], *points, f"{row['graded']} x" if row["graded"] else "not yet")
    return table


def _due(rows: list[dict[str, Any]], console: Console) -> None:
    if not rows:
        return
    console.print(Text(f"Due for recall: {len(rows)} of the questions that you answered.", style="bold"))
    for row in rows[:3]:
        console.print(Text(f"  {row['lesson']}: {row['prompt'].splitlines()[0]}"))
    console.print(Text("  Ask them in any notebook:  from coursekit.recall import recall;  quiz = recall();  quiz"))


def _number(header: str) -> Column:
    """A column of numbers."""
    return Column(header, justify="right")
