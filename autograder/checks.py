"""The hidden tests of a project, read without importing them: a check exists even where the learner's code cannot be imported."""

import ast
from dataclasses import dataclass
from pathlib import Path

from autograder.project import Project


@dataclass(frozen=True)
class Check:
    """One hidden test. `behaviour`, `why` and `lesson` are written for the learner; the rest of the test is never shown."""

    file: str
    function: str
    task: str
    points: float
    behaviour: str
    why: str
    lesson: str

    @property
    def id(self) -> str:
        """As pytest names it: `test_hidden_cost.py::test_a_dearer_miss_lowers_the_threshold`."""
        return f"{self.file}::{self.function}"


def read_checks(project: Project) -> list[Check]:
    """Every check of `project`, in file and source order.

    Raises:
        ValueError: a hidden test without the `check` marker, its fields or a docstring; the message names it.
    """
    return [check for path in sorted(project.hidden.glob("test_hidden_*.py")) for check in _checks_of(path)]


def _checks_of(path: Path) -> list[Check]:
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        if not (isinstance(node, ast.FunctionDef) and node.name.startswith("test_")):
            continue
        marks = [
            d for d in node.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "pytest.mark.check"
        ]
        if len(marks) != 1:
            raise ValueError(f"{path}:{node.lineno}: {node.name} needs exactly one @pytest.mark.check(...)")
        fields = {keyword.arg: ast.literal_eval(keyword.value) for keyword in marks[0].keywords}
        missing = {"task", "points", "why", "lesson"} - fields.keys()
        behaviour = " ".join((ast.get_docstring(node) or "").split())
        if missing or not behaviour:
            lacking = ", ".join(sorted(missing)) or "a docstring that states the behaviour"
            raise ValueError(f"{path}:{node.lineno}: {node.name} lacks {lacking}")
        found.append(
            Check(
                file=path.name,
                function=node.name,
                task=fields["task"],
                points=float(fields["points"]),
                behaviour=behaviour,
                why=" ".join(fields["why"].split()),
                lesson=fields["lesson"],
            )
        )
    return found
