"""`course start`, `check` and `grade` on the small course: points, feedback, and every kind of bad input."""

import errno
import json

import pytest

from tests.conftest import tree_digest


def points(result: dict) -> dict[str, float]:
    return {task["name"]: task["points"] for task in result["tasks"]}


def test_the_scaffold_scores_nothing_and_the_reference_everything(mini):
    assert points(mini.grade("greeter")) == {"greeting": 0, "counting": 0, "essay": None}
    mini.solve("greeter")
    result = mini.grade("greeter")
    assert points(result) == {"greeting": 3, "counting": 3, "essay": None}
    assert (result["points"], result["maximum"]) == (6, 6)


def test_start_never_touches_an_existing_copy(mini):
    (mini.copy("greeter") / "greeter" / "mine.py").write_text("x = 1\n")
    before = tree_digest(mini.work)
    error = mini.run("start", "greeter", ok=1).stderr
    assert str(mini.copy("greeter")) in error and "mv " in error
    assert tree_digest(mini.work) == before


def test_grading_changes_no_file_of_the_learner(mini):
    before = tree_digest(mini.copy("greeter"))
    mini.grade("greeter")
    assert tree_digest(mini.copy("greeter")) == before


def test_check_runs_the_visible_tests_of_one_task(mini):
    mini.solve("greeter")
    (mini.copy("greeter") / "greeter" / "counting.py").write_text("def count_words(text):\n    return 0\n")
    done = mini.run("check", "greeter", "--json", ok=1)
    found = {r["task"]: r["passed"] for r in json.loads(done.stdout)}
    assert found == {"greeting": True, "counting": False}
    mini.run("check", "greeter", "--task", "greeting", ok=0)
    assert "no task 'greetings'" in mini.run("check", "greeter", "--task", "greetings", ok=1).stderr


def test_the_first_check_of_a_scaffold_is_a_short_list_in_the_brief_s_order(mini):
    lines = mini.run("check", "greeter", ok=1).stdout.splitlines()
    assert [line for line in lines if line.startswith("○")] == [
        "○ greeting: not written yet: greeter/greeting.py, line 6",
        "○ counting: not written yet: greeter/counting.py, line 6",
    ]
    assert len(lines) < 15


def test_check_says_a_syntax_error_once_with_its_line(mini):
    (mini.copy("greeter") / "greeter" / "__init__.py").write_text("def greet(name:\n")
    said = mini.run("check", "greeter", ok=1).stdout
    assert said.count("greeter/__init__.py, line 1: SyntaxError") == 1
    assert "importlib" not in said


def test_feedback_names_behaviour_reason_and_lesson_and_gives_nothing_away(mini):
    spy = "def greet(name):\n    print(name)\n    raise LookupError(name)\n"
    (mini.copy("greeter") / "greeter" / "greeting.py").write_text(spy)
    result = mini.grade("greeter")
    page = (mini.work / "feedback" / "greeter" / "greeter.html").read_text()
    terminal = mini.run("grade", "greeter", "--seed", "7").stdout
    for text in (page, terminal):
        assert "Every name is greeted, not only the one in the brief." in text
        assert "A greeting for one name only is no greeting." in text
        assert "modules/00_start_here/01_first_call.ipynb" in text
        assert "raise LookupError(name)" in text
    for text in (page, terminal, json.dumps(result)):
        assert "secret" not in text and "assert greet" not in text and "test_hidden_greeting.py:" not in text


def test_a_grader_that_fails_by_itself_is_no_zero(mini):
    mini.solve("greeter")
    broken = mini.work.parent / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import autograder.judge as judge\njudge.Judge._run = lambda self, *a: ([], judge.Run())\n"
    )
    error = mini.run("grade", "greeter", ok=1, PYTHONPATH=str(broken)).stderr
    assert "your work is not to blame" in error


def test_a_failing_grade_is_repeatable_by_its_seed(mini):
    mini.solve("greeter")
    (mini.copy("greeter") / "greeter" / "greeting.py").write_text(
        "def greet(name):\n    return 'Hello, ' + name + '!'\n"
    )
    first, second = mini.grade("greeter", seed=3), mini.grade("greeter", seed=3)
    assert points(first) == points(second) == {"greeting": 2, "counting": 3, "essay": None}
    assert first["seed"] == 3


# --- bad input: one clear message that names the file and what to do, the other tasks graded, nothing changed


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def greet(name:\n", "SyntaxError"),
        ("import not_installed_anywhere\n", "No module named 'not_installed_anywhere'"),
        ("def greet(name):\n    return input()\n", "keyboard input"),
        ("def greet(name):\n    for _ in range(200):\n        print('x' * 1_000_000)\n", "more than 10 MB"),
        ("import os\n\n\ndef greet(name):\n    os._exit(0)\n", "ended in the middle"),
        ("exit()\n", "exit()"),
    ],
)
def test_one_broken_file_costs_its_own_task_only(mini, code, said):
    mini.solve("greeter")
    (mini.copy("greeter") / "greeter" / "greeting.py").write_text(code)
    before = tree_digest(mini.copy("greeter"))
    result = mini.grade("greeter")
    assert points(result) == {"greeting": 0, "counting": 3, "essay": None}
    failed = [c for c in result["checks"] if not c["passed"]]
    assert all(said in c["reason"] for c in failed), failed
    assert tree_digest(mini.copy("greeter")) == before


def test_an_endless_loop_costs_its_own_task_only(mini):
    mini.solve("greeter")
    (mini.copy("greeter") / "greeter" / "greeting.py").write_text("def greet(name):\n    while True:\n        pass\n")
    result = json.loads(mini.run("grade", "greeter", "--json", COURSE_TEST_LIMIT_S="3").stdout)
    assert points(result) == {"greeting": 0, "counting": 3, "essay": None}
    assert any("longer than" in c["reason"] for c in result["checks"])


def test_a_missing_package_folder_is_named(mini):
    import shutil

    shutil.rmtree(mini.copy("greeter") / "greeter")
    result = mini.grade("greeter")
    assert result["points"] == 0
    assert all("package folder is missing" in c["reason"] and c["where"] == "greeter/" for c in result["checks"])


@pytest.mark.parametrize("harm", ["deleted", "renamed", "duplicated"])
def test_a_mangled_graded_cell_is_mended_said_and_graded(mini, harm):
    copy = mini.solve("greeter")
    path = copy / "greeter.ipynb"
    notebook = json.loads(path.read_text())
    index = next(
        i for i, c in enumerate(notebook["cells"]) if c["metadata"].get("nbgrader", {}).get("grade_id") == "counting"
    )
    if harm == "deleted":
        del notebook["cells"][index]
    elif harm == "renamed":
        notebook["cells"][index]["metadata"]["nbgrader"]["grade_id"] = "countess"
    else:
        notebook["cells"].append(notebook["cells"][index] | {"id": "again"})
    path.write_text(json.dumps(notebook))
    before = tree_digest(copy)
    result = mini.grade("greeter")
    assert points(result) == {"greeting": 3, "counting": 3, "essay": None}
    assert any("greeter.ipynb" in note and "coun" in note for note in result["notes"]), result["notes"]
    assert tree_digest(copy) == before


def test_an_untouched_notebook_needs_no_note(mini):
    assert mini.grade("greeter")["notes"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe\x00", "not a text file"),
        (b'{"a": 1}', "not a notebook"),
        (None, "is missing"),
    ],
)
def test_a_damaged_notebook_is_named_with_what_to_do(mini, content, said):
    path = mini.copy("greeter") / "greeter.ipynb"
    path.unlink() if content is None else path.write_bytes(content)
    before = tree_digest(mini.work)
    error = " ".join(mini.run("grade", "greeter", ok=1).stderr.split())
    assert said in error and str(path) in error and "cp " in error
    assert tree_digest(mini.work) == before


def test_an_unknown_project_suggests_the_nearest(mini):
    for command in ("start", "check", "grade"):
        error = mini.run(command, "greter", ok=1).stderr
        assert "no project called 'greter'" in error and "'greeter'" in error


def test_a_project_that_was_not_started_says_how(mini):
    import shutil

    shutil.rmtree(mini.copy("greeter"))
    assert "course start greeter" in mini.run("grade", "greeter", ok=1).stderr


def test_a_full_disk_while_grading_is_said_and_the_old_feedback_stays(mini):
    mini.grade("greeter")
    page = mini.work / "feedback" / "greeter" / "greeter.html"
    before = tree_digest(mini.copy("greeter")), page.read_bytes()
    full = mini.run("grade", "greeter", ok=1, COURSE_WORK=str(mini.work), PYTHONPATH=str(_full_disk(mini.work)))
    said = " ".join(full.stderr.split())
    assert "the disk is full" in said and "TMPDIR" in said
    assert (tree_digest(mini.copy("greeter")), page.read_bytes()) == before


def _full_disk(work):
    """A folder whose `sitecustomize` makes nbgrader's writer meet a full disk, as write(2) reports it."""
    folder = work.parent / "full"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import nbconvert.writers.files as files\n"
        "def write(self, *a, **k):\n"
        f"    raise OSError({errno.ENOSPC}, 'No space left on device', '/tmp/course-grade/x')\n"
        "files.FilesWriter.write = write\n"
    )
    return folder
