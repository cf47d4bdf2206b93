"""Invariants 1 to 6 of the course, over every project, found by walking the tree."""

import ast
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from autograder import release
from autograder.checks import read_checks
from autograder.judge import Judge
from autograder.learner import grade
from autograder.project import ROOT, Project, all_projects, project_files
from autograder.visible import all_marked, check

PROJECTS = all_projects()
LEAST_WRONG, LEAST_RIGHT = 8, 2
# Visible or hidden tests that pass on the untouched scaffold, each with its reason.
PASS_ON_SCAFFOLD: dict[str, str] = {}
SEED = 20260101


@pytest.fixture(scope="module")
def judge():
    """`Judge.judge`; its fork server has the imports loaded for all submissions."""
    with Judge() as one:
        yield one.judge


def ids(value: object) -> str:
    return value.name if isinstance(value, Project | Path) else str(value)


def cases(kind: str) -> list:
    found = [(p, folder) for p in PROJECTS for folder in sorted((p.hidden / kind).glob("*/"))]
    return [pytest.param(p, folder, id=f"{p.name}-{folder.name}") for p, folder in found]


def submission(project: Project, overlay: Path | None, target: Path) -> Path:
    """A submission in `target`: the reference, with `overlay`'s files over it (None: the released scaffold)."""
    if overlay is None:
        shutil.copytree(project.release, target)
        return target
    shutil.copytree(project.release, target, ignore=shutil.ignore_patterns(project.name))
    if overlay.parent.name == "wrong" or overlay == project.source:
        shutil.copytree(project.source / project.name, target / project.name)
    if overlay != project.source:
        shutil.copytree(overlay / project.name, target / project.name, dirs_exist_ok=True)
    return target


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """A private work folder; returns a function that puts a submission there and grades it as `course grade` does."""
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))

    def graded(project: Project, overlay: Path | None):
        submission(project, overlay, tmp_path / project.name)
        return grade(project.name, seed=SEED)

    return graded


def test_there_are_projects():
    assert PROJECTS, f"no project was found in {ROOT / 'solutions'}"


# 1 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_the_release_is_what_the_source_generates_twice(project, tmp_path):
    for folder in ("once", "twice"):
        release.build(project, tmp_path / folder)
    once, twice = tmp_path / "once" / project.name, tmp_path / "twice" / project.name
    assert release.differences(once, twice) == []
    assert release.differences(once, project.release) == [], "run: course release"


def test_nothing_else_is_in_the_release():
    folders = {p.name for p in release.RELEASES.iterdir() if p.is_dir()}
    assert folders == {p.name for p in PROJECTS}


# 2 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_the_reference_scores_everything_through_nbgrader(project, learner):
    result = learner(project, project.source)
    assert [v.check.id for v in result.verdicts if not v.passed] == []
    assert result.points == result.maximum == sum(t.points for t in project.automatic_tasks) > 0


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_the_scaffold_scores_nothing_through_nbgrader(project, learner):
    result = learner(project, None)
    assert result.points == 0
    assert {v.reason for v in result.verdicts} == {"This part is not written yet."}


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_the_points_of_a_task_are_those_of_its_checks(project):
    checks = read_checks(project)
    of_checks = {t.name: sum(c.points for c in checks if c.task == t.name) for t in project.automatic_tasks}
    assert of_checks == {t.name: t.points for t in project.automatic_tasks}
    assert {c.task for c in checks} <= of_checks.keys()
    assert any(t.manual for t in project.tasks), "a project has a written answer that a person grades"


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_feedback_sends_to_lessons_that_exist(project):
    for lesson in {c.lesson for c in read_checks(project)}:
        assert (ROOT / "modules" / f"{lesson}.ipynb").exists(), f"{project.name}: no lesson {lesson}"


# 3 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_every_test_fails_on_the_scaffold(project, tmp_path, judge):
    scaffold = submission(project, None, tmp_path / project.name)
    visible = check(project.name, folder=scaffold)
    hidden = judge(project, scaffold, seed=SEED)
    passing = [r.test for r in visible if r.passed] + [v.check.id for v in hidden if v.passed]
    assert [name for name in passing if name not in PASS_ON_SCAFFOLD] == []
    assert len(hidden) == len(read_checks(project)) > 0 and len(visible) > 0


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_every_visible_test_belongs_to_a_task_and_passes_on_the_reference(project, tmp_path):
    marked = all_marked(project)
    assert set(marked.values()) == {t.name for t in project.automatic_tasks}
    results = check(project.name, folder=submission(project, project.source, tmp_path / project.name))
    assert [(r.test, r.text) for r in results if not r.passed or not r.task] == []


# 4 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_there_are_enough_wrong_and_right_submissions(project):
    assert len(list((project.hidden / "wrong").glob("*/case.toml"))) >= LEAST_WRONG
    assert len(list((project.hidden / "right").glob("*/case.toml"))) >= LEAST_RIGHT


@pytest.mark.parametrize(("project", "folder"), cases("wrong"))
def test_a_wrong_submission_fails_the_test_that_it_names(project, folder, tmp_path, judge):
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    assert case["why"] and case["caught_by"]
    verdicts = judge(project, submission(project, folder, tmp_path / project.name), seed=SEED)
    failed = {v.check.id for v in verdicts if not v.passed}
    assert set(case["caught_by"]) <= failed, f"caught only by {sorted(failed) or 'nothing'}"
    assert {v.reason for v in verdicts if not v.passed} != {"This part is not written yet."}


@pytest.mark.parametrize(("project", "folder"), cases("right"))
def test_a_right_submission_scores_everything_with_any_seed(project, folder, tmp_path, judge):
    case = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    assert case["differs"]
    copy = submission(project, folder, tmp_path / project.name)
    for seed in (SEED, SEED + 1):
        verdicts = judge(project, copy, seed=seed)
        assert [(v.check.id, v.reason, v.where) for v in verdicts if not v.passed] == []


# 5 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_every_hidden_test_draws_from_the_seed(project):
    for path in sorted(project.hidden.glob("test_hidden_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}

        def draws(function: ast.FunctionDef, functions=functions) -> bool:
            names = {a.arg for a in function.args.args}
            used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
            return ("seed" in names and "seed" in used) or any(draws(functions[n]) for n in names & functions.keys())

        for name, function in functions.items():
            if name.startswith("test_"):
                assert draws(function), f"{path.name}::{name} does not use the seed"


# 6 ------------------------------------------------------------------------------------------------------------------


def telling_parts(project: Project) -> set[str]:
    """What would give a hidden test away: its lines and its longer texts, less what the learner is meant to read."""
    shown = {part for c in read_checks(project) for part in (c.behaviour, c.why, c.lesson, c.task)}
    public = "\n".join(
        p.read_text(encoding="utf-8") for p in project_files(project.release) if p.suffix in (".py", ".md", ".ipynb")
    )
    parts: set[str] = set()
    for path in project.hidden.glob("test_hidden_*.py"):
        source = path.read_text(encoding="utf-8")
        docstrings = {
            ast.get_docstring(n) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.Module)
        }
        parts |= {line.strip() for line in source.splitlines() if re.search(r"\bassert\b|pytest\.raises|== ", line)}
        texts = (
            n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        )
        parts |= {text for text in texts if len(text) >= 16 and text not in docstrings}
    return {p for p in parts if len(p) >= 16 and p not in public and not any(p in s or s in p for s in shown)}


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_the_release_gives_no_hidden_test_away(project):
    released = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in project_files(project.release))
    names = {c.function for c in read_checks(project)} | {c.file for c in read_checks(project)}
    names -= all_marked(project).keys()  # a visible test may have the name of a hidden one
    assert [name for name in names if name in released] == []
    assert "BEGIN SOLUTION" not in released and "hidden" not in {p.name for p in project.release.rglob("*")}


@pytest.mark.parametrize("project", PROJECTS, ids=ids)
def test_feedback_gives_no_hidden_test_away(project, learner):
    parts = telling_parts(project)
    assert len(parts) >= 10, "the search itself finds too little to be trusted"
    wrong = sorted((project.hidden / "wrong").glob("*/"))[0]
    result = learner(project, wrong)
    assert result.points < result.maximum
    page = result.feedback.read_text(encoding="utf-8")
    shown = page + json.dumps(result.to_dict() | {"checks": [[v.reason, v.where] for v in result.verdicts]})
    assert [part for part in sorted(parts) if part in shown] == []
    assert "Traceback (most recent call last)" not in shown and "test_hidden" not in page
