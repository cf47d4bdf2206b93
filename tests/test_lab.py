import os
import signal
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import pytest

from coursekit import lab


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"CI": "true", "DISPLAY": ":0"}, False),
        ({"SSH_CONNECTION": "x"}, False),
        ({"DISPLAY": ":0"}, True),
        ({}, False),
    ],
)
def test_a_browser_opens_only_where_one_can_be_seen(monkeypatch, variables, shown):
    for name in ("CI", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert lab.can_show_a_browser() is shown
    assert ("--no-browser" in lab.command()) is not shown


def test_an_unknown_lesson_is_named():
    with pytest.raises(Exception, match=r"nowhere\.ipynb: no such lesson"):
        lab.lab("nowhere.ipynb")


def test_a_grading_root_out_of_formgrader_s_reach_is_said_before_jupyterlab_starts(monkeypatch, tmp_path, capsys):
    started = []
    monkeypatch.setattr(
        subprocess, "run", lambda *a, **options: started.append(options) or SimpleNamespace(returncode=0)
    )
    monkeypatch.delenv("COURSE_GRADING", raising=False)
    assert lab.lab() == 0 and capsys.readouterr().err == ""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_GRADING", "winter")
    assert lab.lab() == 0
    said = capsys.readouterr().err
    assert f"formgrader cannot open {tmp_path.resolve() / 'winter'}" in said and said.count("\n") == 1
    assert started[1]["env"]["COURSE_GRADING"] == str(tmp_path.resolve() / "winter"), (
        "JupyterLab runs in another folder"
    )


def test_it_prints_the_address_and_serves_the_first_lesson(tmp_path):
    """What `make start` ends with: the address on the terminal, and the lesson behind it over HTTP."""
    environment = lab.environment() | {"CI": "true", "JUPYTER_RUNTIME_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        lab.command(),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        address = next(
            (word for line in server.stdout for word in line.split() if word.startswith("http://127.0.0.1:")), None
        )
        assert address and f"/lab/tree/{lab.FIRST_LESSON}?token=" in address
        token = address.partition("?")[2]
        lesson = address.partition("/lab/tree/")[0] + f"/files/{lab.FIRST_LESSON}?{token}"
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(lesson, timeout=10) as answer:
                    assert answer.status == 200 and b'"cells"' in answer.read(2000)
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
