"""`course lab`: JupyterLab on a lesson, with the course's environment inside it."""

import os
import subprocess
import sys
from pathlib import Path

from coursekit import curriculum

GRADING = "grading"
FIRST_LESSON = "modules/00_start_here/01_first_call.ipynb"


def can_show_a_browser() -> bool:
    """Whether a browser window can appear: not in CI, not over ssh, not without a display on Linux."""
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def command(lesson: str = FIRST_LESSON, *, port: int | None = None, browser: bool | None = None) -> list[str]:
    """The command line that serves the course and opens `lesson` (a path from the course's root).

    JupyterLab takes 8888 or the next free port when `port` is None.
    """
    show = can_show_a_browser() if browser is None else browser
    arguments = [f"--ServerApp.root_dir={curriculum.ROOT}", f"--LabApp.default_url=/lab/tree/{lesson}"]
    arguments += [] if show else ["--no-browser"]
    arguments += [f"--port={port}"] if port is not None else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return [sys.executable, "-m", "jupyter", "lab", *arguments]


def environment() -> dict[str, str]:
    """This process's variables, with the course's commands first on the path: terminals in JupyterLab have `course`.

    COURSE_GRADING is made absolute: JupyterLab runs in another folder than the terminal.
    """
    binaries = str(Path(sys.executable).parent)
    found = os.environ | {"PATH": os.pathsep.join([binaries, os.environ.get("PATH", "")])}
    return found | ({"COURSE_GRADING": str(grading_root())} if os.environ.get("COURSE_GRADING") else {})


def grading_root() -> Path:
    """The folder that formgrader opens: COURSE_GRADING, or `grading/` in the course."""
    return Path(os.environ.get("COURSE_GRADING") or curriculum.ROOT / GRADING).resolve()


def formgrader_note(used: Path | None = None) -> str:
    """Why formgrader will not show the grading root `used` (by default the one it opens), in one line; empty when it will."""
    root = grading_root()
    if used is not None and used.resolve() != root:
        return (
            f"formgrader opens {root}, not {used.resolve()}: set COURSE_GRADING to the one that you want to see there."
        )
    if os.path.relpath(root, curriculum.ROOT).startswith(os.pardir):  # nbgrader's own rule
        return (
            f"formgrader cannot open {root}: it lies outside {curriculum.ROOT}, the folder that `course lab` serves. "
            "All else works. To grade written answers, choose a COURSE_GRADING in that folder."
        )
    return ""


def lab(lesson: str = FIRST_LESSON, *, port: int | None = None, browser: bool | None = None) -> int:
    """Run JupyterLab until it is stopped; returns its exit code."""
    if not (curriculum.ROOT / lesson).exists():
        raise curriculum.CurriculumError(f"{lesson}: no such lesson. See them with: ls modules/*/*.ipynb")
    if os.environ.get("COURSE_GRADING") and (note := formgrader_note()):
        print(f"Note: {note}", file=sys.stderr)
    return subprocess.run(
        command(lesson, port=port, browser=browser), env=environment(), cwd=curriculum.ROOT
    ).returncode
