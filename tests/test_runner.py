"""The runner outlives what the code under test does; each test here is one way to misbehave."""

from pathlib import Path

import psutil
import pytest

from autograder.runner import Limits, run_tests

AFTER = "def test_after():\n    assert True\n"


def run(tmp_path: Path, source: str, tell=lambda test_id: None, **limits: float):
    (tmp_path / "test_it.py").write_text(source)
    return run_tests(
        [tmp_path / "test_it.py"], [], rootdir=tmp_path, folder=tmp_path, package=tmp_path / "package", tell=tell,
        limits=Limits(**{"test_s": 10} | limits),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while True: pass", "Timeout"),
        ("import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "Timeout"),
        ("import os; os._exit(0)", "Crashed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "Crashed"),
        ("for _ in range(200): print('x' * 1_000_000)", "OutputFlood"),
        ("input()", "EOFError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import pytest; pytest.skip('not today')", "Skipped"),
        ("assert 1 == 2", "AssertionError"),
    ],
)
def test_a_test_that_misbehaves_fails_and_the_next_one_still_runs(tmp_path, body, reason):
    result = run(tmp_path, f"def test_bad():\n    {body}\n\n{AFTER}", test_s=3)
    bad, after = result.outcomes["test_it.py::test_bad"], result.outcomes["test_it.py::test_after"]
    assert (bad.passed, bad.error["type"]) == (False, reason)
    assert after.passed


def test_ctrl_c_ends_an_endless_test_too(tmp_path):
    def ctrl_c(test_id):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, f"{AFTER}\ndef test_endless():\n    while True: pass\n", tell=ctrl_c)
    alive = [p.cmdline() for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
    assert not [line for line in alive if str(tmp_path / "test_it.py") in line]


def test_a_file_that_cannot_be_imported_is_reported_as_broken(tmp_path):
    result = run(tmp_path, "import no_such_module\n" + AFTER)
    assert result.outcomes == {}
    assert result.broken["test_it.py"]["type"] == "ModuleNotFoundError"


def test_a_file_that_ends_python_while_it_is_imported_does_not_take_the_others_along(tmp_path):
    (tmp_path / "test_other.py").write_text(AFTER)
    (tmp_path / "test_it.py").write_text("import os\nos._exit(0)\n")
    files = [tmp_path / "test_it.py", tmp_path / "test_other.py"]
    result = run_tests(files, [], rootdir=tmp_path, folder=tmp_path, package=tmp_path / "package", limits=Limits())
    assert result.broken["test_it.py"]["type"] == "Crashed"
    assert result.outcomes["test_other.py::test_after"].passed


def test_total_time_ends_the_run_and_is_said(tmp_path):
    source = "".join(f"def test_{i}():\n    import time; time.sleep(30)\n\n" for i in range(5))
    result = run(tmp_path, source, test_s=2, total_s=3)
    assert "" in result.broken or not any(o.passed for o in result.outcomes.values())
    assert len(result.outcomes) < 5


def test_children_left_behind_are_ended(tmp_path):
    psutil = pytest.importorskip("psutil")
    source = (
        "def test_leaves_a_child():\n    import subprocess, pathlib\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(subprocess.Popen(['sleep', '300']).pid))\n"
    )
    assert run(tmp_path, source).outcomes["test_it.py::test_leaves_a_child"].passed
    pid = int((tmp_path / "pid").read_text())
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert all(p.status() == psutil.STATUS_ZOMBIE for p in alive)


def test_keys_of_this_process_are_not_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    source = "def test_environment():\n    import os\n    assert 'OPENAI_API_KEY' not in os.environ\n"
    assert run(tmp_path, source).outcomes["test_it.py::test_environment"].passed
