"""The `course` command. Everything heavy is imported inside the command that needs it: `course --help` must be instant."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

LEARNER, INSTRUCTOR, CONTRIBUTOR = "Learner", "Instructor", "Contributor"
FOR_LEARNERS = ("start", "check", "grade")
JsonOption = Annotated[bool, typer.Option("--json", help="Print the data as JSON instead of a table.")]

app = typer.Typer(
    name="course",
    help="From backend engineer to AI engineer in 90 days: check your machine, work on projects, see where you are.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
notebook_app = typer.Typer(help="Look after notebooks.", no_args_is_help=True)
app.add_typer(notebook_app, name="notebook", rich_help_panel=CONTRIBUTOR)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    if debug:
        os.environ["COURSE_DEBUG"] = "1"


@app.command(rich_help_panel=LEARNER)
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Load no model and no torch: a second instead of half a minute.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check this machine: what works, what does not, and the command that mends it. Exit code 1 when something is wrong."""
    from rich.console import Console

    from coursekit import doctor as checks

    with Console(stderr=as_json).status("Looking…") as status:
        findings = checks.run(quick=quick, on_check=lambda name: status.update(f"Looking at {name}…"))
    if as_json:
        print(checks.as_json(findings))
    else:
        checks.report(findings)
    raise typer.Exit(0 if checks.all_well(findings) else 1)


@app.command(rich_help_panel=LEARNER)
def lab(
    lesson: Annotated[
        str | None, typer.Argument(help="A lesson's path, as in modules/…; the first one by default.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="By default 8888, or the next free one.")] = None,
    browser: Annotated[
        bool | None, typer.Option("--browser/--no-browser", help="By default, where there is a display.")
    ] = None,
) -> None:
    """Open JupyterLab on a lesson. Stop it with Ctrl-C."""
    from coursekit.lab import FIRST_LESSON
    from coursekit.lab import lab as open_lab

    raise typer.Exit(open_lab(lesson or FIRST_LESSON, port=port, browser=browser))


@app.command(rich_help_panel=LEARNER)
def progress(as_json: JsonOption = False) -> None:
    """Show where you are on the 90 days: lessons, exercises, points, and what is due."""
    from coursekit.progress import summary

    found = summary()
    if as_json:
        print_json(found)
    else:
        from coursekit.progress_table import show

        show(found)


@notebook_app.command()
def clean(
    paths: Annotated[list[Path], typer.Argument(help="Notebooks, or folders of them.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if a notebook is not clean.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove outputs and execution counts from notebooks, in place."""
    from coursekit import notebooks

    found = notebooks.find(paths)
    dirty = (
        [p for p in found if notebooks.leftovers(notebooks.read(p))]
        if check
        else [p for p in found if notebooks.clean(p)]
    )
    if as_json:
        print_json({"notebooks": len(found), "dirty" if check else "cleaned": [str(p) for p in dirty]})
    else:
        for path in dirty:
            print(f"{path}: has outputs. Mend it: course notebook clean {path}" if check else f"{path}: cleaned")
        print(f"{len(found)} notebooks, {len(dirty)} {'not clean' if check else 'changed'}")
    if check and dirty:
        raise typer.Exit(1)


def print_json(data: Any) -> None:
    """Data on standard output, for `--json`."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def mount_projects(target: typer.Typer) -> None:
    """Add the commands on projects (`start`, `check`, `grade`, `release` …), which the grading package brings."""
    try:
        from autograder.commands import app as project_app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "autograder":
            raise
        return
    for command in project_app.registered_commands:
        if not isinstance(command.rich_help_panel, str):
            command.rich_help_panel = LEARNER if command.callback.__name__ in FOR_LEARNERS else INSTRUCTOR
    target.registered_commands.extend(project_app.registered_commands)
    target.registered_groups.extend(project_app.registered_groups)


def main() -> None:
    """Run `course`. An unexpected error is one line; `--debug` or COURSE_DEBUG=1 shows its traceback."""
    try:
        mount_projects(app)
        app()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except Exception as error:
        if os.environ.get("COURSE_DEBUG"):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        known = type(error).__module__.partition(".")[0] in ("coursekit", "autograder")
        kind = "" if known else f"{type(error).__name__}: "
        print(f"course: {kind}{text}", file=sys.stderr)
        if not known:
            print("        This was not expected. `course --debug …` shows where it happened.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
