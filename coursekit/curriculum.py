"""What the course contains, found by walking the tree: modules, lessons, recall questions, projects.

Nothing is listed by hand, so that a new lesson is covered by being there. Every function takes the repository's root, so
that tests can point it at a small tree of their own.
"""

import ast
import json
import os
import re
import tomllib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(os.environ.get("COURSE_ROOT") or Path(__file__).resolve().parent.parent)
NUMBERED = re.compile(r"^\d\d_\w+$")
DAYS = re.compile(r"\bdays?\s*:?\**\s*(\d{1,2})(?:\s*(?:[\u2013\u2014-]|to)\s*(\d{1,2}))?", re.IGNORECASE)


class CurriculumError(Exception):
    """A file of the course is not in the format that CONTRIBUTING.md describes. The message names the file."""


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A recall question. `lesson` is the key of the lesson it belongs to, such as "01_ml_basics/03_validation"."""

    lesson: str
    prompt: str
    options: tuple[Option, ...]

    @property
    def id(self) -> str:
        """Stays the same while the prompt does, whatever is added to the file around it."""
        return f"{self.lesson}#{sha256(self.prompt.encode()).hexdigest()[:8]}"

    @property
    def right_index(self) -> int:
        """Position of the right option, from 0."""
        return next(i for i, option in enumerate(self.options) if option.right)


@dataclass(frozen=True)
class Lesson:
    """A notebook in a module."""

    path: Path

    @property
    def key(self) -> str:
        """`module/lesson`, as `recall()` and `@pytest.mark.check(lesson=…)` write it."""
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def title(self) -> str:
        """The notebook's first Markdown heading, or a readable form of its file name."""
        try:
            cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError):
            cells = []
        for cell in cells:
            if cell.get("cell_type") == "markdown":
                for line in "".join(cell["source"]).splitlines():
                    if line.startswith("# "):
                        return line[2:].strip()
        return self.path.stem[3:].replace("_", " ")


@dataclass(frozen=True)
class Module:
    """One numbered folder of `modules/`."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def lessons(self) -> list[Lesson]:
        """In reading order."""
        return [Lesson(p) for p in sorted(self.path.glob("*.ipynb")) if NUMBERED.match(p.stem)]

    @property
    def exercises_file(self) -> Path:
        return self.path / "exercises.py"

    @property
    def days(self) -> tuple[int, int] | None:
        """First and last day (1 to 90) that the module's README plans for it; None where it names none."""
        readme = self.path / "README.md"
        found = DAYS.search(readme.read_text(encoding="utf-8")) if readme.exists() else None
        return (int(found[1]), int(found[2] or found[1])) if found else None

    def exercise_lessons(self) -> dict[str, str]:
        """Exercise name → name of its lesson, read from the file's source without running it (it may import a lot)."""
        if not self.exercises_file.exists():
            return {}
        try:
            tree = ast.parse(self.exercises_file.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise CurriculumError(f"{self.exercises_file}: line {error.lineno}: {error.msg}.") from None
        found = {}
        for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            assigned = (n for n in kind.body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant))
            for node in assigned:
                if any(isinstance(target, ast.Name) and target.id == "lesson" for target in node.targets):
                    found[snake_case(kind.name)] = str(node.value.value)
        return found

    def questions(self) -> list[Question]:
        """The module's recall questions, in the order of its lessons; CurriculumError for a file that is not valid."""
        file = self.path / "quiz.toml"
        found = read_quiz(file, self.name) if file.exists() else []
        order = {lesson.key: i for i, lesson in enumerate(self.lessons)}
        return sorted(found, key=lambda q: order.get(q.lesson, len(order)))


def snake_case(name: str) -> str:
    """ExpectedCost → expected_cost, PRCurve → pr_curve, TopKAccuracy → top_k_accuracy."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def modules(root: Path = ROOT) -> list[Module]:
    """The modules under `root`/modules, in reading order."""
    folder = root / "modules"
    return (
        [Module(p) for p in sorted(folder.iterdir()) if p.is_dir() and NUMBERED.match(p.name)]
        if folder.is_dir()
        else []
    )


def lessons(root: Path = ROOT) -> list[Lesson]:
    """Every lesson of the course, in reading order."""
    return [lesson for module in modules(root) for lesson in module.lessons]


def projects(root: Path = ROOT) -> list[Path]:
    """The folders of `solutions/`, where projects are written; a folder without a README is not a project."""
    folder = root / "solutions"
    return sorted(p.parent for p in folder.glob("*/README.md")) if folder.is_dir() else []


def read_quiz(file: Path, module: str) -> list[Question]:
    """The questions of one `quiz.toml`, in file order. CurriculumError names the file, the question and what is wrong."""

    def wrong(text: str) -> CurriculumError:
        return CurriculumError(f"{file}: {text}")

    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("question", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise wrong(f"is not valid TOML: {error}") from None
    found = []
    for number, table in enumerate(tables, 1):
        if missing := {"lesson", "prompt", "options"} - set(table):
            raise wrong(f"question {number} has no {', '.join(sorted(missing))}.")
        label = f"question {number} ({table['prompt'][:40]!r})"
        try:
            options = tuple(Option(**option) for option in table["options"])
        except TypeError as error:
            raise wrong(f"{label}: every option is {{ text, why }} and one has right = true ({error}).") from None
        if sum(option.right for option in options) != 1:
            raise wrong(f"{label}: exactly one option has right = true; here it is {sum(o.right for o in options)}.")
        found.append(Question(f"{module}/{table['lesson']}", table["prompt"].strip(), options))
    return found
