"""The visible tests: part of the brief, run against the learner's own folder in a process of their own."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import GradingError
from autograder.judge import EXPLAINED
from autograder.project import Project, find_project, learner_copy
from autograder.runner import Limits, run_tests

NOT_WRITTEN = "not written yet"


@dataclass(frozen=True)
class VisibleResult:
    """One visible test: the `task` it belongs to, and when it failed a line that says why, and pytest's own text.

    `reason` starts with `NOT_WRITTEN` where the scaffold's NotImplementedError is all that was met.
    """

    test: str
    task: str
    passed: bool
    reason: str
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
    found = [(o.id, o.passed, o.error) for o in run.outcomes.values()]
    found += [(file or "the test run", False, error) for file, error in run.broken.items()]
    results = [
        VisibleResult(
            test, _task_of(test, tasks), passed, _reason(error) if error else "", _text(error) if error else ""
        )
        for test, passed, error in found
    ]
    return sorted(results, key=lambda r: names.index(r.task) if r.task in names else len(names))


def _task_of(test: str, tasks: dict[str, str]) -> str:
    """A test's task; that of a file which could not be imported is the one that most of its tests belong to."""
    own = tasks.get(test.partition("[")[0])
    in_file = [task for name, task in tasks.items() if name.partition("::")[0] == test]
    return own or (max(in_file, key=in_file.count) if in_file else "")


def _reason(error: dict) -> str:
    where = error.get("where")
    place = f"{where['file']}, line {where['line']}" if where else ""
    if error["type"] == "NotImplementedError" and where:
        return f"{NOT_WRITTEN}: {place}"
    if error["type"] in EXPLAINED:
        return f"{EXPLAINED[error['type']]} {place}".strip()
    message = error["message"].splitlines()[0] if error["message"] else ""
    return f"{place + ': ' if place else ''}{error['type']}: {message}".removesuffix(": ")


def _text(error: dict) -> str:
    """What pytest printed; of a syntax error, the line itself."""
    if error.get("where") and error["type"] in ("SyntaxError", "IndentationError", "TabError"):
        return error["where"]["code"] or ""
    return error.get("text") or ""


def _tasks_of(tests: Path) -> dict[str, str]:
    """Test id (`tests/test_x.py::test_y`) to task, read from the `@pytest.mark.task("…")` marks."""
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
                        found[f"{tests.name}/{path.name}::{node.name}"] = ast.literal_eval(mark.args[0])
    return found


def all_marked(project: Project) -> dict[str, str]:
    """The visible tests of the reference, function name to task."""
    return {test.rpartition("::")[2]: task for test, task in _tasks_of(project.source / "tests").items()}
