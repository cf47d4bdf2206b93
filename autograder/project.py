"""A project: where its parts are, and its tasks with their points."""

import ast
import difflib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.errors import GradingError

# COURSE_ROOT: another tree of the same shape (an instructor's own projects, the small one in tests/).
ROOT = Path(os.environ.get("COURSE_ROOT") or Path(__file__).resolve().parent.parent)
SOLUTIONS = ROOT / "solutions"
RELEASES = ROOT / "projects"
HIDDEN = ROOT / "autograder" / "projects"
# Never part of a project, wherever they turn up.
IGNORED = {".ipynb_checkpoints", "__pycache__", ".pytest_cache", ".ruff_cache", ".nbgrader.log", ".DS_Store"}


@dataclass(frozen=True)
class Task:
    """One graded cell of a project's notebook: `points` is its maximum; `manual` ones are graded by a person."""

    name: str
    points: float
    manual: bool


@dataclass(frozen=True)
class Project:
    """The parts of one project, by its name (which is also its package's and its notebook's name)."""

    name: str

    @property
    def source(self) -> Path:
        return SOLUTIONS / self.name

    @property
    def release(self) -> Path:
        return RELEASES / self.name

    @property
    def hidden(self) -> Path:
        return HIDDEN / self.name

    @property
    def notebook(self) -> str:
        return f"{self.name}.ipynb"

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks in the notebook's order."""
        cells = json.loads((self.source / self.notebook).read_text(encoding="utf-8"))["cells"]
        marked = [cell["metadata"]["nbgrader"] for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade")]
        return [Task(m["grade_id"], float(m["points"]), bool(m["solution"])) for m in marked]

    @property
    def automatic_tasks(self) -> list[Task]:
        return [task for task in self.tasks if not task.manual]

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """The libraries that the reference imports: loaded once, before submissions are forked."""
        found: set[str] = set()
        for path in (self.source / self.name).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module)
        return tuple(sorted(name for name in found if name.partition(".")[0] != self.name))

    def package_files(self) -> list[str]:
        """The package's files, relative to the project: what learners edit, and what grading must not overwrite."""
        package = self.source / self.name
        return [str(p.relative_to(self.source)) for p in project_files(package)]


def project_files(folder: Path) -> list[Path]:
    """Every file below `folder` that belongs to a project, sorted."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not IGNORED & set(p.relative_to(folder).parts))


def all_projects() -> list[Project]:
    """Every project of the course, found by walking `solutions/`."""
    return [Project(path.parent.name) for path in sorted(SOLUTIONS.glob("*/README.md"))]


def find_project(name: str) -> Project:
    """The project called `name`; GradingError with the nearest name when there is none."""
    names = [project.name for project in all_projects()]
    if name in names:
        return Project(name)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"The projects are: {', '.join(names)}."
    raise GradingError(f"There is no project called {name!r}.", hint)


def learner_copy(project: Project) -> Path:
    """The learner's own copy of a project; GradingError when it was not started yet."""
    from coursekit.progress import work_folder

    folder = work_folder() / project.name
    if not folder.is_dir():
        raise GradingError(
            f"{folder}: you have not started this project.", f"Start it with: course start {project.name}"
        )
    return folder
