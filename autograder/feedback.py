"""What a learner reads about a verdict: in nbgrader's feedback page and in the terminal. Nothing of a test but its own words."""

from html import escape

from autograder.judge import Verdict
from autograder.project import ROOT


def lesson_path(lesson: str) -> str:
    """`01_ml_basics/05_metrics` as the notebook's path from the course's root."""
    return f"modules/{lesson}.ipynb"


def lesson_title(lesson: str) -> str:
    """The lesson's own title (its notebook's first heading), or its id while the lesson is not there yet."""
    import json

    try:
        cells = json.loads((ROOT / lesson_path(lesson)).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return lesson
    lines = (line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines())
    return next((line[2:].strip() for line in lines if line.startswith("# ")), lesson)


def score_line(verdicts: list[Verdict]) -> str:
    """`3 of 4 points: 2 of 3 behaviours shown`."""
    points, maximum = sum(v.points for v in verdicts), sum(v.check.points for v in verdicts)
    return f"{points:g} of {maximum:g} points: {sum(v.passed for v in verdicts)} of {len(verdicts)} behaviours shown"


def verdicts_to_text(verdicts: list[Verdict]) -> str:
    lines = [score_line(verdicts)]
    for v in verdicts:
        lines.append(f"[{'ok' if v.passed else 'no'}] {v.points:g}/{v.check.points:g}  {v.check.behaviour}")
        if not v.passed:
            lines += [f"     {text}" for text in (v.reason, v.where and f"At {v.where}") if text]
            lines.append(f"     Why it matters: {v.check.why}")
            lines.append(f"     Read again: {lesson_path(v.check.lesson)}")
    return "\n".join(lines)


def verdicts_to_html(verdicts: list[Verdict]) -> str:
    items = []
    for v in verdicts:
        mark = "&#10003; shown" if v.passed else "&#10007; missing"
        head = f"<strong>{mark}</strong> ({v.points:g}/{v.check.points:g}): {escape(v.check.behaviour)}"
        body = "" if v.passed else _explanation(v)
        style = "border-left:4px solid {};padding:2px 0 2px 10px;margin:6px 0".format(
            "#2a7a2a" if v.passed else "#b03020"
        )
        items.append(f'<li style="{style}">{head}{body}</li>')
    return f'<div><p><strong>{score_line(verdicts)}</strong></p><ul style="list-style:none;padding:0">{"".join(items)}</ul></div>'


def _explanation(v: Verdict) -> str:
    rows = []
    if v.reason:
        rows.append(escape(v.reason))
    if v.where:
        rows.append(f"At <code>{escape(v.where)}</code>")
    rows.append(f"<em>Why it matters:</em> {escape(v.check.why)}")
    title = lesson_title(v.check.lesson)
    rows.append(f"<em>Read again:</em> {escape(title)} (<code>{escape(lesson_path(v.check.lesson))}</code>)")
    return "".join(f'<br><span style="margin-left:1em">{row}</span>' for row in rows)


def summary_to_markdown(verdicts: list[Verdict], written_points: float) -> str:
    """A cell for the top of the graded notebook: what the tests gave, and that a person gives the rest."""
    points, maximum = sum(v.points for v in verdicts), sum(v.check.points for v in verdicts)
    text = f"**The tests gave {points:g} of {maximum:g} points.** Each task below says which behaviours are missing."
    if written_points:
        text += f" The written part is worth {written_points:g} more; it shows 0 until a person has read it."
    return text


def notes_to_markdown(notes: list[str]) -> str:
    """A cell for the top of the graded notebook that says what was mended before grading."""
    return "**Before grading, this notebook was mended:**\n\n" + "\n".join(f"- {note}" for note in notes)
