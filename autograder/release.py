"""`course release`: `projects/` is `solutions/` minus its solution regions, and nothing else."""

import filecmp
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from autograder.project import IGNORED, RELEASES, Project, all_projects, project_files
from autograder.regions import strip_solutions


def strip_tree(folder: Path) -> None:
    """Strip the solution regions of every `.py` file below `folder`, in place."""
    for path in project_files(folder):
        if path.suffix == ".py":
            path.write_text(strip_solutions(path.read_text(encoding="utf-8"), path), encoding="utf-8")


def strip_released_files(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's `GenerateAssignment.post_convert_hook`: it copies `.py` files as they are, solutions and all."""
    strip_tree(RELEASES / assignment)


def build(project: Project, destination: Path) -> None:
    """Write the release of `project` into `destination`/NAME, through nbgrader's own converter and without a gradebook."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells
    from traitlets.config import Config

    destination.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.CourseDirectory.root = str(destination)
    config.CourseDirectory.source_directory = str(project.source.parent)
    config.CourseDirectory.release_directory = str(destination)
    config.CourseDirectory.assignment_id = project.name
    config.CourseDirectory.ignore = sorted(IGNORED)
    config.GenerateAssignment.no_database = True
    config.GenerateAssignment.post_convert_hook = lambda **_: strip_tree(destination / project.name)
    steps = [step for step in GenerateAssignment.preprocessors.default_args[0] if step is not SaveCells]
    config.GenerateAssignment.preprocessors = steps
    # ensure that regions in the notebook are stripped even where the author forgot the nbgrader metadata
    config.ClearSolutions.enforce_metadata = False
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.log.setLevel(logging.ERROR)
    converter.start()


def differences(built: Path, committed: Path) -> list[str]:
    """What differs between two trees, one line each: missing, stray or changed files."""
    ours = {p.relative_to(built) for p in project_files(built)}
    theirs = {p.relative_to(committed) for p in project_files(committed)} if committed.is_dir() else set()
    lines = [f"missing: {path}" for path in sorted(ours - theirs)]
    lines += [f"stray: {path}" for path in sorted(theirs - ours)]
    lines += [
        f"changed: {path}"
        for path in sorted(ours & theirs)
        if not filecmp.cmp(built / path, committed / path, shallow=False)
    ]
    return lines


def release(check: bool = False, tell: Callable[[str], None] = lambda name: None) -> dict[str, list[str]]:
    """Build every project's release; with `check`, write nothing.

    Returns the differences from the committed `projects/`, by project (empty lists where there are none). `tell` is
    called with each project's name before it is built. Projects that no longer have a source are reported as stray.
    """
    found: dict[str, list[str]] = {}
    projects = all_projects()
    with tempfile.TemporaryDirectory(prefix="course-release-") as scratch:
        for project in projects:
            tell(project.name)
            build(project, Path(scratch))
            built = Path(scratch) / project.name
            found[project.name] = differences(built, project.release)
            if found[project.name] and not check:
                _replace(project.release, built)
    for path in sorted(RELEASES.glob("*/")):
        if path.name not in found and path.name not in IGNORED:
            found[path.name] = ["stray: the whole folder (it has no source in solutions/)"]
            if not check:
                shutil.rmtree(path)
    return found


def _replace(target: Path, built: Path) -> None:
    """Put `built` in the place of `target`; the old tree goes only after the new one is whole on the same disk."""
    target.parent.mkdir(exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(built, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
