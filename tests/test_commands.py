"""The `course` command: quick to start, clear when something is wrong; and notebooks made clean."""

import json
import os
import subprocess
import sys

import pytest

from coursekit import notebooks, progress

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code", "execution_count": 4, "id": "a1", "source": ["1 + é"],
            "metadata": {"execution": {"iopub.execute_input": "x"}, "tags": ["keep"], "nbgrader": {"grade": True}},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x"]}],
        },
        {"cell_type": "markdown", "id": "b2", "metadata": {}, "source": ["# Title"]},
    ],
    "metadata": {"kernelspec": {"display_name": "mine", "language": "python", "name": "venv"}, "widgets": {}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


def course(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"COLUMNS": "100", "TERM": "dumb"} | variables
    command = [sys.executable, "-m", "coursekit.commands", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "01_x.ipynb"
    path.write_text(json.dumps(NOTEBOOK))
    return path


def test_help_groups_the_commands_by_reader():
    text = course("--help").stdout
    assert text.index("Learner") < text.index("progress") < text.index("Contributor") < text.index("notebook")


def test_help_imports_nothing_heavy():
    heavy = "torch, pandas, numpy, nbgrader, nbconvert, sklearn, matplotlib, openai, transformers"
    code = (
        "import sys\nfrom coursekit import commands\ncommands.mount_projects(commands.app)\n"
        f"print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_progress_prints_tables_and_json(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path))
    empty = course("progress").stdout
    assert "You have not opened a lesson yet" in empty
    progress.record_open("00_start/01_l")
    progress.record_grade("late_delivery", 81.5, 100, {"cost": 20})
    assert "81.5" in course("progress").stdout
    found = json.loads(course("progress", "--json").stdout)
    best = {project["project"]: project["best"] for project in found["projects"]}
    assert found["day"] == 1 and best["late_delivery"] == 81.5


def test_cleaning_removes_what_a_run_leaves_and_keeps_the_rest(notebook):
    assert "cleaned" in course("notebook", "clean", str(notebook)).stdout
    after = json.loads(notebook.read_text())
    code = after["cells"][0]
    assert code["outputs"] == [] and code["execution_count"] is None
    assert code["metadata"] == {"tags": ["keep"], "nbgrader": {"grade": True}}
    assert code["source"] == ["1 + é"] and code["id"] == "a1" and after["cells"][1] == NOTEBOOK["cells"][1]
    assert after["metadata"]["kernelspec"]["name"] == "python3" and "widgets" not in after["metadata"]
    before = notebook.read_bytes()
    assert json.loads(course("notebook", "clean", str(notebook.parent), "--json").stdout) == {
        "notebooks": 1,
        "cleaned": [],
    }
    assert notebook.read_bytes() == before


def test_checking_changes_nothing_and_fails_on_outputs(notebook):
    before = notebook.read_bytes()
    assert "Mend it" in course("notebook", "clean", "--check", str(notebook), code=1).stdout
    assert notebook.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "not valid JSON"), ("[]", "no list of cells"), (None, "there is no such file"), (b"\xff", "cannot be read")],
)
def test_what_is_not_a_notebook_is_one_clear_line(tmp_path, content, said):
    path = tmp_path / "broken.ipynb"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = course("notebook", "clean", str(path), code=1)
    assert done.stderr.startswith(f"course: {path}") and said in done.stderr and done.stderr.count("\n") == 1


def test_checkpoints_are_left_alone(tmp_path, notebook):
    copy = tmp_path / ".ipynb_checkpoints" / "01_x.ipynb"
    copy.parent.mkdir()
    copy.write_text(json.dumps(NOTEBOOK))
    assert notebooks.find([tmp_path]) == [notebook]


def test_an_unexpected_error_is_a_line_and_a_traceback_on_request(tmp_path):
    code = "import sys\nfrom coursekit import commands, progress\nprogress.summary = lambda: 1 / 0\ncommands.main()"
    for arguments, variables, traceback in (
        (["progress"], {}, False),
        (["--debug", "progress"], {}, True),
        (["progress"], {"COURSE_DEBUG": "1"}, True),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ | variables
        )
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is traceback
        if not traceback:
            assert done.stderr.startswith("course: ZeroDivisionError: division by zero")
