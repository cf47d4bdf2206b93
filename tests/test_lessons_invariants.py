"""Invariants 8, 9 and 10 over every lesson, found by walking the tree; and proof that each of these checks can fail."""

import json
import os
from pathlib import Path

import lesson_rules as rules
import pytest

from coursekit import curriculum
from coursekit.curriculum import ROOT, Lesson, Module

MODULES = curriculum.modules()
LESSONS = curriculum.lessons()
EXERCISES = [(module, name) for module in MODULES for name in module.exercise_lessons()]
NOTEBOOKS = [lesson.path for lesson in LESSONS] + sorted((ROOT / "solutions").glob("*/*.ipynb"))
NOT_OURS = {"work", "build", "node_modules"}


def pages(root: Path) -> list[Path]:
    """Every Markdown file and notebook of the repository, the learner's own and hidden folders left out."""
    found = []
    for folder, inside, files in os.walk(root):
        inside[:] = [
            name for name in inside if not name.startswith(".") and not (folder == str(root) and name in NOT_OURS)
        ]
        found += [Path(folder, name) for name in files if name.endswith((".md", ".ipynb"))]
    return sorted(found)


def test_the_tree_holds_lessons():
    assert LESSONS and EXERCISES, "no lesson was found: the tests below would pass over nothing"


@pytest.mark.parametrize(("module", "name"), EXERCISES, ids=[f"{m.name}/{n}" for m, n in EXERCISES])
def test_an_exercise_tells_right_from_wrong_and_sits_in_its_lesson(module, name):
    assert rules.exercise_problems(module, name) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_every_exercise_of_the_file_is_found_without_running_it(module):
    from coursekit.exercises import definitions

    assert list(module.exercise_lessons()) == list(definitions(module))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_a_lesson_is_clean_and_closes_with_recap_and_recall(lesson):
    assert rules.lesson_problems(lesson) == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_notebook_carries_no_outputs(file):
    from coursekit import notebooks

    assert notebooks.leftovers(notebooks.read(file)) == []


def test_no_helper_is_defined_in_two_notebooks():
    assert rules.shared_definitions(NOTEBOOKS) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_recall_questions_explain_themselves_and_show_no_pattern(module):
    assert rules.quiz_problems(module) == []


@pytest.mark.parametrize("file", pages(ROOT), ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_resolve(file):
    assert rules.link_problems(file, ROOT) == []


# --- the checks themselves: a small course that is right, and one fault at a time


EXERCISES_PY = '''
from coursekit.exercises import Exercise


class Doubled(Exercise):
    """`doubled(n)`: twice `n`."""

    lesson = "01_numbers"
    stub = """
def doubled(n):
    return ...  # your code
"""
    hints = ("Add.", "Add n to n.", "`n + n`")
    solution = """
def doubled(n):
    return n + n
"""
    wrong = {
        "squares": """
def doubled(n):
    return n * n
""",
        "returns a string": """
def doubled(n):
    return str(n) * 2
""",
    }

    def check(self, doubled):
        self.expect(doubled(3), 6, behaviour="Three doubled is six", given="n=3", why="Invoices would be wrong.")
'''
CELLS = [
    ("markdown", "# Numbers"),
    ("code", 'ex = exercise("00_start/doubled")\nex'),
    ("code", "def doubled(n):\n    return ...  # your code"),
    ("code", "ex.check(doubled)\n# ex.hint()"),
    ("markdown", "## Recap\n\nSee [numbers](#numbers)."),
    ("code", 'quiz = recall("00_start/01_numbers")\nquiz'),
    ("code", 'quiz.answer("?", "?", "?")'),
    ("markdown", "Next: [the README](README.md)"),
]


def question(number: int, right: int, lengths: tuple[int, int, int] = (5, 5, 5)) -> str:
    options = [
        f'  {{ text = "{"abc"[i] * length}", why = "because"{", right = true" if i == right else ""} }},'
        for i, length in enumerate(lengths)
    ]
    head = f'[[question]]\nlesson = "01_numbers"\nprompt = "Question {number}?"\noptions = ['
    return "\n".join([head, *options, "]\n"])


THREE_QUESTIONS = question(1, 0) + question(2, 1) + question(3, 2)


@pytest.fixture
def small_course(tmp_path):
    """A function that writes a course of one lesson, with the given parts replaced, and returns its module."""

    def write(exercises=EXERCISES_PY, cells=CELLS, quiz=THREE_QUESTIONS) -> Module:
        folder = tmp_path / "modules" / "00_start"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "exercises.py").write_text(exercises)
        (folder / "quiz.toml").write_text(quiz)
        (folder / "README.md").write_text("# Start\n\n[first](01_numbers.ipynb#Numbers)\n")
        write_notebook(folder / "01_numbers.ipynb", cells)
        return Module(folder)

    return write


def write_notebook(path: Path, cells, **extra) -> Path:
    made = [{"cell_type": kind, "metadata": {}, "source": text} for kind, text in cells]
    for cell in made:
        if cell["cell_type"] == "code":
            cell.update({"outputs": [], "execution_count": None} | extra)
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_a_right_course_has_no_problems(small_course):
    module = small_course()
    lesson = module.lessons[0]
    assert rules.exercise_problems(module, "doubled") == []
    assert rules.lesson_problems(lesson) == []
    assert rules.quiz_problems(module) == []
    assert [rules.link_problems(f, module.path.parent) for f in (lesson.path, module.path / "README.md")] == [[], []]


EXERCISE_FAULTS = {
    "solution does not pass": ("return n + n", "return n + 1"),
    "accepts everything": ("self.expect(doubled(3), 6,", "dict(a=1,"),
    "three hints": ('"Add n to n.", ', ""),
    "'passed', expected 'failed'": ("return n * n", "return 2 * n"),
    "'not attempted', expected 'failed'": ("return n * n", "return ..."),
    "without a behaviour or a why": ('why="Invoices would be wrong."', 'why=""'),
    "an unchanged stub is 'failed'": ("    stub = ", "    stub = 'doubled = 5'\n    other = "),
    "2 wrong answers or more": ('"returns a string"', '"squares"'),
    "no docstring": ('"""`doubled(n)`: twice `n`."""', "pass"),
    "to the letter": ("# your code", "# code"),
    "does not exist": ('lesson = "01_numbers"', 'lesson = "02_numbers"'),
    "uses math": ("return n + n", "return math.floor(n + n)"),
}


@pytest.mark.parametrize(("problem", "change"), EXERCISE_FAULTS.items(), ids=EXERCISE_FAULTS)
def test_a_fault_in_an_exercise_is_found(small_course, problem, change):
    source = EXERCISES_PY.replace(*change)
    assert source != EXERCISES_PY
    if problem == "uses math":
        source = "import math\n" + source
    assert problem in "\n".join(rules.exercise_problems(small_course(exercises=source), "doubled"))


@pytest.mark.parametrize(
    ("cell", "problem"), [(1, "no cell with exercise"), (2, "to the letter"), (3, "ex.check"), (3, "# ex.hint()")]
)
def test_a_missing_exercise_cell_is_found(small_course, cell, problem):
    module = small_course(cells=CELLS[:cell] + CELLS[cell + 1 :])
    assert problem in "\n".join(rules.exercise_problems(module, "doubled"))


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (CELLS[:4] + CELLS[5:], "Recap"),
        (CELLS[:5] + CELLS[6:], "does not close with"),
        (CELLS[:6], "does not close with"),
        ([*CELLS[5:7], *CELLS[:5]], "another order"),
        ([*CELLS, ("code", "1 + 1")], "code after"),
        ([("code", 'exercise("00_start/tripled")'), *CELLS], "not an exercise of this lesson"),
    ],
)
def test_a_fault_in_a_lesson_is_found(small_course, cells, problem):
    assert problem in "\n".join(rules.lesson_problems(small_course(cells=cells).lessons[0]))


def test_a_lesson_with_too_few_questions_to_ask_is_found(small_course):
    lesson = small_course(quiz=question(1, 0) + question(2, 1)).lessons[0]
    assert rules.lesson_problems(lesson) == ["has 2 recall questions to ask, not 3: add to quiz.toml"]


@pytest.mark.parametrize("extra", [{"outputs": [{"output_type": "stream"}]}, {"execution_count": 3}])
def test_an_output_or_an_execution_count_is_found(tmp_path, extra):
    assert rules.lesson_problems(Lesson(write_notebook(tmp_path / "01_x.ipynb", [("code", "1")], **extra)))[
        0
    ].startswith("cell 1")


def test_a_helper_in_two_notebooks_is_found(tmp_path):
    helper = [("code", "%matplotlib inline\ndef score(a):\n    return a")]
    files = [write_notebook(tmp_path / f"0{i}_x.ipynb", helper) for i in (1, 2)]
    assert "score is defined in" in rules.shared_definitions(files)[0]
    assert rules.shared_definitions(files[:1] * 2) == []


QUIZ_FAULTS = {
    "needs 2": question(1, 0),
    "is not a lesson": question(1, 0) + question(2, 1) + question(3, 1).replace("01_numbers", "09_none"),
    "asked twice": question(1, 0) + question(1, 1),
    "three or more different options": question(1, 0) + question(2, 0).replace("bbbbb", "aaaaa"),
    "has no why": question(1, 0) + question(2, 0).replace("because", " "),
    "exactly one option": question(1, 0) + question(2, 9),
    "not valid TOML": "[[question",
    "has no prompt": question(1, 0) + question(2, 1).replace("prompt", "asked"),
    "option a is right in 8 of 8": "".join(question(i, 0) for i in range(8)),
    "the longest in 8 of 8": "".join(
        question(i, i % 3, tuple(9 if i % 3 == k else 5 for k in range(3))) for i in range(8)
    ),
}


@pytest.mark.parametrize(("problem", "quiz"), QUIZ_FAULTS.items(), ids=QUIZ_FAULTS)
def test_a_fault_in_the_recall_questions_is_found(small_course, problem, quiz):
    assert problem in "\n".join(rules.quiz_problems(small_course(quiz=quiz)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](nowhere.md)", "no such file"),
        ("![a](img/x.png 'title')", "no such file"),
        ("<img src='x.png'>", "no such file"),
        ("[a]: nowhere.md", "no such file"),
        ("# Here\n[a](#there)", "no heading #there"),
        ("[a](..)", "out of the repository"),
    ],
)
def test_a_broken_link_is_found(tmp_path, text, problem):
    page = tmp_path / "README.md"
    page.write_text(text)
    assert problem in rules.link_problems(page, tmp_path)[0]


def test_links_that_are_right_or_not_ours_are_left_alone(tmp_path):
    page = tmp_path / "a b.md"
    text = "# Cost & `risk`: two\n[a](#cost--risk-two) [b](https://x.org/y) [c](mailto:a@b) [d](a%20b.md) `[e](none)`\n```\n[f](none)\n```\n"
    page.write_text(text)
    assert rules.link_problems(page, tmp_path) == []
