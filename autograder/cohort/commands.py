"""`course cohort …`: import, grade, report, export and return a cohort's work. Heavy imports happen inside the commands."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Collect, grade and return a cohort's work.", no_args_is_help=True)

ProjectOption = Annotated[
    str | None, typer.Option("--project", help="The project's name. Not needed where only one was handed in.")
]
Root = Annotated[
    Path | None, typer.Option(help="The grading root. By default COURSE_GRADING, or grading/ in the course.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Submissions judged at a time. By default one a core.")]
Scheduler = Annotated[str | None, typer.Option(help="Judge on this Dask cluster, for example tcp://10.0.0.5:8786.")]
Seed = Annotated[
    int | None, typer.Option(help="The seed of the hidden tests' inputs. By default the cohort's own, kept.")
]


def _console(as_json: bool = False):
    from rich.console import Console

    return Console(stderr=as_json, highlight=False, soft_wrap=True)


def _note_on_formgrader(console, root: Path) -> None:
    from coursekit.lab import formgrader_note

    if note := formgrader_note(root):
        console.print(f"Note: {note}", markup=False)


def _progress(console):
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn(),
                    TextColumn("{task.fields[said]}"), console=console)  # fmt: skip


@app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Folders or zips: one a learner, or one with all.")],
    project: Annotated[
        str | None, typer.Option("--project", help="Take this project only, and leave out all others.")
    ] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Bring submissions in: folders, zips, file names as Canvas and Moodle write them, nbgrader's exchange.

    Sources are only read. A newer submission replaces an older one, which is kept in history/. Exit code 1 when every upload
    is refused.
    """
    from rich.markup import escape

    from autograder.cohort.imports import import_sources
    from autograder.cohort.store import grading_root

    console = _console(as_json)
    marks = {
        "imported": "[green]✓[/]",
        "replaced": "[green]↻[/]",
        "unchanged": "=",
        "older": "[yellow]-[/]",
        "refused": "[bold red]✗[/]",
    }

    def tell(line) -> None:
        who = f"{line.student}: " if line.student else ""
        told = f": {line.text}" if line.text else ""
        console.print(f"{marks[line.outcome]} {escape(who)}{line.outcome} {escape(line.source)}{escape(told)}")

    place = grading_root(root)
    lines = import_sources(place, sources, project, tell=tell)
    counts = Counter(line.outcome for line in lines)
    if as_json:
        print(
            json.dumps({"counts": counts, "uploads": [line.to_dict() for line in lines]}, indent=2, ensure_ascii=False)
        )
    else:
        console.print(f"{len(lines)} uploads: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        console.print("Next: course cohort grade")
    _note_on_formgrader(console, place)
    raise typer.Exit(1 if lines and counts["refused"] == len(lines) else 0)


@app.command()
def grade(
    project: ProjectOption = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    seed: Seed = None,
    again: Annotated[bool, typer.Option("--again", help="Judge unchanged work again too.")] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Grade every submission. Unchanged work is not judged again; a run that was ended goes on where it stopped.

    Manual grades and late penalties stay.
    """
    _grade(project, workers, scheduler, seed, again, root, as_json)


@app.command()
def regrade(
    project: ProjectOption = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    seed: Seed = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Judge every submission again, changed or not (the same as `grade --again`). Manual grades and late penalties stay."""
    _grade(project, workers, scheduler, seed, True, root, as_json)


def _grade(project, workers, scheduler, seed, again: bool, root: Path | None, as_json: bool) -> None:
    from rich.markup import escape

    from autograder.cohort.exports import project_of
    from autograder.cohort.grading import grade_cohort
    from autograder.cohort.store import grading_root
    from autograder.cohort.summary import Summary

    place, console = grading_root(root), _console(as_json)
    name = project_of(place, project).name
    summary = Summary()
    with _progress(console) as progress:
        bar = progress.add_task(f"Grading {name}", total=None, said="")

        def tell(done: int, total: int, result) -> None:
            summary.add(result)
            if result.problem:
                progress.console.print(f"[bold red]✗[/] {escape(result.student)}: {escape(result.problem)}")
            progress.update(bar, completed=done, total=total, said=summary.text())

        results = grade_cohort(place, name, workers=workers or os.cpu_count() or 1, scheduler=scheduler, seed=seed,
                               again=again, tell=tell)  # fmt: skip
    if as_json:
        counts = {
            "graded": len(results),
            "mean": summary.mean,
            "problems": summary.problems,
            "unchanged": summary.cached,
        }
        print(
            json.dumps({"project": name, **counts, "results": [vars(r) for r in results]}, indent=2, ensure_ascii=False)
        )
    else:
        console.print(f"{len(results)} submissions: {summary.text()}\nNext: course cohort report")
    _note_on_formgrader(console, place)


@app.command()
def report(
    project: ProjectOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page. By default ROOT/report-PROJECT.html.")
    ] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Write one page: points per task, the hardest behaviours, who failed at what, problems, similar submissions."""
    from autograder.cohort.exports import project_of
    from autograder.cohort.report import build, plain, render
    from autograder.cohort.store import grading_root

    place = grading_root(root)
    data = build(place, project_of(place, project))
    if as_json:
        print(json.dumps(plain(data), indent=2, ensure_ascii=False))
        if output is None:
            return
    target = output or place / f"report-{data['project']}.html"
    _write(target, render(data))
    _console(as_json).print(f"{data['submissions']} submissions, {len(data['pairs'])} similar pairs: {target}")


@app.command()
def export(
    project: ProjectOption = None,
    form: Annotated[
        str, typer.Option("--format", help="csv (everything), canvas or moodle (what they import).")
    ] = "csv",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file. By default, the terminal.")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="canvas, moodle: learners whose written answers are not graded yet too.")
    ] = False,
    column: Annotated[
        str | None,
        typer.Option(help="Canvas: the assignment as its gradebook's export names it, as in 'Late delivery (4711)'."),
    ] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Write the points as a table: for spreadsheets, for Canvas, for Moodle."""
    from autograder.cohort.exports import FORMATS, lms_notes, project_of, rows, table
    from autograder.cohort.store import grading_root
    from autograder.errors import GradingError

    if form not in FORMATS:
        raise GradingError(f"There is no format {form!r}.", f"There are: {', '.join(FORMATS)}.")
    place = grading_root(root)
    found = project_of(place, project)
    text = table(place, found, form, column=column, partial=partial)
    if form != "csv":
        for note in lms_notes(rows(place, found), form, partial=partial):
            _console(True).print(note)
    if as_json:
        print(json.dumps([row.to_dict() for row in rows(place, found)], indent=2, ensure_ascii=False))
    if output:
        _write(output, text)
        _console(as_json).print(f"{len(text.splitlines())} lines: {output}")
    elif not as_json:
        print(text.replace("\r\n", "\n"), end="")


@app.command()
def feedback(
    target: Annotated[Path, typer.Argument(help="Where the pages go: TARGET/STUDENT/PROJECT.html.")],
    project: ProjectOption = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Write every graded submission's feedback page, to be returned. Exit code 1 when one could not be made."""
    from rich.markup import escape

    from autograder.cohort.exports import project_of, write_feedback
    from autograder.cohort.store import grading_root

    place, console = grading_root(root), _console(as_json)
    found = project_of(place, project)
    with _progress(console) as progress:
        bar = progress.add_task("Feedback", total=None, said="")
        pages, missing = write_feedback(
            place,
            target,
            found,
            lambda done, total, student: progress.update(bar, completed=done, total=total, said=student),
        )
    if as_json:
        print(json.dumps({"pages": [str(p) for p in pages], "missing": missing}, indent=2, ensure_ascii=False))
    else:
        for student, why in missing.items():
            console.print(f"[bold red]✗[/] {escape(student)}: {escape(why)}")
        console.print(f"{len(pages)} pages in {target}")
    raise typer.Exit(1 if missing else 0)


@app.command()
def sample(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    project: Annotated[str, typer.Option("--project", help="The project's name.")] = "late_delivery",
    as_json: Json = False,
) -> None:
    """Write 30 invented uploads of a project, from right to empty to hostile, to try all this on."""
    from autograder.cohort.sample import write_sample
    from autograder.project import find_project

    made = write_sample(target, find_project(project))
    if as_json:
        print(json.dumps([{"upload": name, "what": what} for name, what in made], indent=2))
        return
    console = _console()
    for name, what in made:
        console.print(f"{name}: {what}", markup=False)
    console.print(f"{len(made)} uploads. Next: course cohort import {target}", markup=False)


def _write(target: Path, text: str) -> None:
    """The whole new file, or the old one."""
    from autograder.errors import GradingError

    half = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(text, encoding="utf-8", newline="")
        os.replace(half, target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise GradingError(
            f"{target}: cannot be written ({error.strerror}).", "Name another place with -o, or free some space."
        ) from None
