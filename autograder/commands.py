"""The project commands of `course`: start, check, grade, release. Heavy imports happen inside them."""

import json
import sys
from typing import Annotated

import typer

from autograder.cohort.commands import app as cohort_app

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.add_typer(cohort_app, name="cohort", rich_help_panel="Instructor")

Name = Annotated[str, typer.Argument(help="The project's name, as in projects/.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def _console(as_json: bool):
    from rich.console import Console

    # In a file or a pipe nothing wraps: paths and sentences stay whole.
    wide = None if sys.stdout.isatty() else 200
    return Console(stderr=as_json, highlight=False, width=wide)


@app.command()
def start(name: Name, as_json: Json = False) -> None:
    """Copy a project to work/ and begin. Never touches an existing copy."""
    from autograder.learner import start as start_project

    folder = start_project(name)
    if as_json:
        print(json.dumps({"project": name, "folder": str(folder)}))
        return
    console = _console(as_json)
    console.print(f"[bold]{folder}[/] is yours now. Begin with its README.md, then {name}.ipynb.")
    console.print(f"While you work:  course check {name}        When you are done:  course grade {name}")


@app.command()
def check(
    name: Name,
    task: Annotated[str | None, typer.Option(help="One task only.")] = None,
    as_json: Json = False,
) -> None:
    """Run a project's visible tests on your copy. Exit code 1 when one fails."""
    from autograder.visible import check as run_checks

    console = _console(as_json)
    with console.status("Running the visible tests…") as status:
        results = run_checks(name, task, tell=lambda test: status.update(f"{test.rpartition('::')[2]}"))
    if as_json:
        print(json.dumps([vars(result) for result in results], indent=2))
    else:
        _print_checks(console, name, results)
    raise typer.Exit(0 if results and all(result.passed for result in results) else 1)


def _print_checks(console, name: str, results: list) -> None:
    from rich.markup import escape
    from rich.table import Table

    from autograder.visible import NOT_WRITTEN
    from coursekit.projects import tail

    said: set[str] = set()
    for result in results:
        if result.passed or result.reason in said:
            continue
        said.add(result.reason)  # one syntax error breaks every test of its file: once is enough
        if result.reason.startswith(NOT_WRITTEN):
            console.print(f"○ {escape(result.task)}: {escape(result.reason)}")
            continue
        console.rule(f"[bold]✗ {escape(result.task)}: {escape(result.test)}", align="left")
        console.print(escape(result.reason))
        if result.text:
            console.print(escape(tail(result.text)))
    console.print(f"[bold]{name}: visible tests")
    table = Table()
    for column in ("task", "pass", "of"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for task in dict.fromkeys(result.task for result in results):
        of_task = [result for result in results if result.task == task]
        table.add_row(task or "(no task)", str(sum(r.passed for r in of_task)), str(len(of_task)))
    console.print(table)
    if any(not result.passed for result in results):
        console.print(f"One task alone: course check {name} --task TASK")


@app.command()
def grade(
    name: Name,
    seed: Annotated[int | None, typer.Option(help="Repeat a grading run with the seed that it printed.")] = None,
    as_json: Json = False,
) -> None:
    """Grade your copy with nbgrader and the hidden tests. Your files are only read."""
    from autograder.learner import grade as grade_project
    from coursekit import progress

    console = _console(as_json)
    with console.status(f"Grading {name}…") as status:
        result = grade_project(name, seed=seed, tell=lambda step: status.update(f"Grading {name}: {step}…"))
    progress.record_grade(name, result.points, result.maximum, {task.name: task.points for task in result.tasks})
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
    else:
        _print_grade(console, result)


def _print_grade(console, result) -> None:
    from rich.markup import escape
    from rich.table import Table

    from autograder.feedback import lesson_path

    for note in result.notes:
        console.print(f"[yellow]Note:[/] {escape(note)}")
    for verdict in result.verdicts:
        if verdict.passed:
            continue
        console.print(f"[bold red]✗[/] [bold]{escape(verdict.check.task)}[/]: {escape(verdict.check.behaviour)}")
        for label, text in (("", verdict.reason), ("at ", verdict.where)):
            if text:
                console.print(f"    {label}{escape(text)}")
        console.print(f"    why it matters: {escape(verdict.check.why)}")
        console.print(f"    read again: {lesson_path(verdict.check.lesson)}")
    console.print(f"[bold]{result.project}: {result.points:g} of {result.maximum:g} points from tests")
    table = Table()
    for column in ("task", "points", "of"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for task in result.tasks:
        by_person = "a person reads it" if task.answered else "no answer yet"
        table.add_row(task.name, by_person if task.points is None else f"{task.points:g}", f"{task.maximum:g}")
    console.print(table)
    console.print(f"Feedback page: {result.feedback}\nSeed of this run: {result.seed}")


@app.command()
def release(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if projects/ has drifted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build projects/ from solutions/ (for instructors and authors)."""
    from autograder.release import release as build_release

    console = _console(as_json)
    with console.status("Building projects/…") as status:
        found = build_release(check, tell=lambda project: status.update(f"Building {project}…"))
    drifted = {project: lines for project, lines in found.items() if lines}
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for project, lines in drifted.items():
            for line in lines:
                console.print(f"{project}: {line}" if check else f"{project}: was {line}")
        todo = "Mend it with: course release" if check and drifted else ""
        console.print(f"{len(found)} project(s), {len(drifted)} {'differ' if check else 'rewritten'}. {todo}".strip())
    raise typer.Exit(1 if check and drifted else 0)
