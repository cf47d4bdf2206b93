"""Finds a project's notebook and package in what a learner handed in, copies just these, and checks them."""

import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from autograder.cohort.layouts import trusted_time
from autograder.cohort.trees import Entry, Limits, Refused, Tree, copy_file, head, shown
from autograder.errors import GradingError
from autograder.project import Project
from autograder.submission import NOTEBOOK_LIMIT_BYTES, mend_cells, read_notebook


@dataclass
class Pick:
    """What of a learner's files is taken for one project: path in the submission to file; `left` counts the others."""

    project: Project
    files: dict[str, Entry]
    left: int = 0
    when: datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def content_time(self) -> float:
        return max((entry.when for entry in self.files.values()), default=0.0)


def find_work(tree: Tree, projects: dict[str, Project], known: set[str], *, trust_times: bool) -> list[Pick]:
    """The work on each of `projects` in `tree`, one pick a project; `known` are the names of all projects.

    Raises:
        Refused: there is none; says what was found instead.
    """
    if not tree.files:
        raise Refused("it is empty")
    found = {name: root for name in sorted(projects) if (root := _root(tree, name)) is not None}
    picks = [_pick(tree, projects[name], *root, trust_times) for name, root in found.items()]
    if picks:
        return picks
    notebooks = [p for p in sorted(tree.files) if p.endswith(".ipynb") and p.count("/") < 6]
    wanted = " or ".join(f"{name}.ipynb" for name in sorted(projects))
    if not notebooks:
        raise Refused(f"there is no notebook in it: {wanted} is missing")
    owners = {}
    for path in notebooks[:20]:
        ids = _graded_ids(tree.files[path])
        owner = PurePosixPath(path).stem if PurePosixPath(path).stem in known else _owner(ids, known)
        if owner in projects:
            owners.setdefault(owner, path)
        elif owner or ids:
            other = f"the project {owner}" if owner else "another assignment"
            raise Refused(f"{shown(path)} is a notebook of {other}; {wanted} was asked for")
    if not owners:
        raise Refused(f"{shown(notebooks[0])} has no graded cell of {wanted}")
    return [_pick(tree, projects[n], str(PurePosixPath(p).parent), p, trust_times) for n, p in owners.items()]


def _root(tree: Tree, name: str) -> tuple[str, str] | None:
    """The folder that holds `name`'s notebook or else its package, the shallowest if there are several; and the notebook."""
    notebooks = [p for p in tree.files if PurePosixPath(p).name == f"{name}.ipynb"]
    if notebooks:
        best = min(notebooks, key=lambda p: (p.count("/"), -tree.files[p].when, p))
        return str(PurePosixPath(best).parent), best
    if any(p.endswith(".ipynb") for p in tree.files):
        return None  # a renamed one, or another assignment's
    packages = {
        str(PurePosixPath(p).parent.parent) for p in tree.files if p.endswith(".py") and PurePosixPath(p).parent.name == name
    }  # fmt: skip
    return (min(packages, key=lambda p: (p.count("/"), p)), "") if packages else None


def _pick(tree: Tree, project: Project, folder: str, notebook: str, trust_times: bool) -> Pick:
    folder = "" if folder == "." else folder
    start = f"{folder}/" if folder else ""
    taken = {project.notebook: tree.files[notebook]} if notebook else {}
    notes = []
    if notebook and PurePosixPath(notebook).name != project.notebook:
        notes.append(f"{shown(notebook)} was renamed {project.notebook}")
    package = f"{start}{project.name}/"
    taken |= {p.removeprefix(start): e for p, e in tree.files.items() if p.startswith(package)}
    if len(taken) == bool(notebook):  # no package: files uploaded one by one lose their folder
        names = {PurePosixPath(p).name: p for p in project.package_files()}
        loose = {n: e for n, e in tree.files.items() if "/" not in n.removeprefix(start) and n.startswith(start)}
        loose = {names[n.removeprefix(start)]: e for n, e in loose.items() if n.removeprefix(start) in names}
        taken |= loose
        if loose:
            notes.append(f"{len(loose)} loose .py files were put into {project.name}/")
        else:
            notes.append(f"the package folder {project.name}/ is missing: only the notebook can be graded")
    when = trusted_time(tree, folder) if trust_times else None
    return Pick(project, taken, len(tree.files) - len(taken), when, notes)


def _graded_ids(entry: Entry) -> set[str]:
    if entry.size > NOTEBOOK_LIMIT_BYTES:
        return set()
    try:
        cells = json.loads(head(entry, NOTEBOOK_LIMIT_BYTES + 1))["cells"]
        marks = [cell["metadata"].get("nbgrader") for cell in cells]
        return {str(m["grade_id"]) for m in marks if isinstance(m, dict) and m.get("grade") and "grade_id" in m}
    except Exception:  # whatever is in that file, it is no notebook of ours
        return set()


def released_ids(project: Project) -> set[str]:
    """The ids of the project's graded cells."""
    return {task.name for task in project.tasks}


def _owner(ids: set[str], known: set[str]) -> str | None:
    """The project whose graded cells these are: more than half of them."""
    shares = {name: len(ids & released_ids(Project(name))) / (len(ids) or 1) for name in sorted(known)}
    best = max(shares, key=shares.get, default=None)
    return best if best and shares[best] > 0.5 else None


def stage(pick: Pick, folder: Path, limits: Limits) -> list[str]:
    """Copy the picked files to `folder` and check them. Returns notes for the instructor.

    Raises:
        Refused: too large, damaged, or a notebook that cannot be graded.
    """
    _refuse_large(pick, limits)
    left = limits.submission_bytes
    for path, entry in sorted(pick.files.items()):
        left -= copy_file(entry, folder / path, left)
        os.utime(folder / path, (entry.when, entry.when))
    notes = list(pick.notes)
    if pick.left:
        notes.append(f"{pick.left} other file{'s' * (pick.left > 1)} left in the source")
    notes += [
        f"{path} is not text: its tests will fail"
        for path in sorted(pick.files)
        if path.endswith(".py") and not _is_text(folder / path)
    ]
    return notes + _check_notebook(pick.project, folder)


def _refuse_large(pick: Pick, limits: Limits) -> None:
    total = sum(entry.size for entry in pick.files.values())
    if len(pick.files) > limits.submission_files:
        raise Refused(f"{len(pick.files)} files are too many (limit {limits.submission_files})")
    if total > limits.submission_bytes:
        largest = max(pick.files, key=lambda p: pick.files[p].size)
        size = pick.files[largest].size / 1e6
        limit = limits.submission_bytes / 1e6
        raise Refused(
            f"{total / 1e6:.0f} MB is too large (limit {limit:.0f} MB): {shown(largest)} alone has {size:.0f} MB"
        )


def _is_text(path: Path) -> bool:
    try:
        return "\0" not in path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False


def _check_notebook(project: Project, folder: Path) -> list[str]:
    import nbformat

    try:
        notebook = read_notebook(folder, project)
    except GradingError as error:
        raise Refused(error.wrong.replace(str(folder / project.notebook), project.notebook)) from None
    ids = {str(mark.get("grade_id")) for cell in notebook["cells"] if isinstance(mark := cell["metadata"].get("nbgrader"), dict)
           and mark.get("grade")}  # fmt: skip
    if ids and not ids & released_ids(project):
        raise Refused(
            f"{project.notebook} is a notebook of another assignment: none of its graded cells is this project's"
        )
    try:
        released = nbformat.read(project.release / project.notebook, as_version=4)
        mended = mend_cells(nbformat.from_dict(notebook), released, name=project.notebook)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"{project.notebook} is JSON, but not a notebook ({type(error).__name__}: {error})") from None
    if not mended:
        return []
    cells = re.findall(r"graded cell '([^']+)'", " ".join(mended))
    return [f"graded cells to be mended at grading: {', '.join(dict.fromkeys(cells)) or len(mended)}"]
