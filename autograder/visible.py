"""The visible tests: part of the brief, run against the learner's own folder in a process of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GradingError
from autograder.judge import EXPLAINED
from autograder.project import Project, find_project, learner_copy
from autograder.runner import Limits, run_tests


@dataclass(frozen=True)
class VisibleResult:
    """One visible test: `task` it belongs to, its name in words, and pytest's own text when it failed."""

    test: str
    task: str
    passed: bool
    text: str


def check(
    name: str,
    task: str | None = None,
    *,
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda test_id: None,
) -> list[VisibleResult]:
    """Run the visible tests of project `name` (of one `task` if given) in `folder`, by default the learner's copy.

    Raises:
        GradingError: no such project or task, not started, or no tests in the folder.
    """
    project = find_project(name)
    folder = folder or learner_copy(project)
    tests = folder / "tests"
    if not any(tests.glob("test_*.py")):
        raise GradingError(
            f"{tests}: the visible tests are missing.", f"Copy them back: cp -r {project.release / 'tests'} {folder}"
        )
    names = [t.name for t in project.automatic_tasks]
    if task is not None and task not in names:
        raise GradingError(f"Project {name!r} has no task {task!r}.", f"Its tasks are: {', '.join(names)}.")
    chosen = [f"--course-task={task}"] if task else []
    run = run_tests(
        sorted(tests.glob("test_*.py")), chosen,
        rootdir=folder, folder=folder, package=folder / name, limits=Limits(total_s=120), tell=tell,
    )  # fmt: skip
    tasks = _tasks_of(tests)
    results = [
        VisibleResult(o.id, tasks.get(o.id.partition("[")[0].rpartition("::")[2], ""), o.passed, _text(o.error))
        for o in run.outcomes.values()
    ]
    results += [
        VisibleResult(file or "the test run", task or "", False, _text(error)) for file, error in run.broken.items()
    ]
    return results


def _text(error: dict | None) -> str:
    if error is None:
        return ""
    return error.get("text") or EXPLAINED.get(error["type"], error["type"])


def _tasks_of(tests: Path) -> dict[str, str]:
    """Test function name to task, read from the `@pytest.mark.task("…")` marks."""
    import ast

    found = {}
    for path in sorted(tests.glob("test_*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue  # pytest reports it as broken
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.task" and mark.args:
                        found[node.name] = ast.literal_eval(mark.args[0])
    return found


def all_marked(project: Project) -> dict[str, str]:
    """The visible tests of the reference, function name to task."""
    return _tasks_of(project.source / "tests")
