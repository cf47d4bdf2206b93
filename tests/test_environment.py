"""The environment is built from the lock, once, and a torch that is there already is kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import environment

ROOT = Path(__file__).resolve().parent.parent


def test_the_lock_has_an_exact_version_for_every_dependency_of_pyproject():
    import re
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ordinary, without_deps = environment.split_lock(environment.LOCK.read_text())
    locked = {re.split(r"[=\[ ;]", line)[0].lower() for line in ordinary}
    wanted = {re.split(r"[>=<\[ ]", line)[0].lower() for line in project["project"]["dependencies"]}
    assert wanted <= locked, f"run make lock: {wanted - locked}"
    assert all("==" in line for line in [*ordinary, *without_deps])
    assert without_deps == project["tool"]["course"]["no-deps"]


def test_the_lock_leaves_cuda_to_the_torch_that_brings_it():
    ordinary, _ = environment.split_lock(environment.LOCK.read_text())
    assert not [line for line in ordinary if environment.TORCH_OWN.match(line)]
    assert [line for line in ordinary if line.startswith("torch==")] == ["torch==2.13.0"]


def test_a_torch_of_the_base_python_is_kept_and_torchvision_chosen_to_fit():
    ordinary, *_ = environment.install_plan(
        "torch==2.13.0\ntorchvision==0.28.0\nnumpy==2.4.6  # via torch\n", "2.9.1+cpu"
    )
    assert ordinary == ["numpy==2.4.6", "torch==2.9.1+cpu", "torchvision"]


@pytest.mark.parametrize(("version", "kept"), [("2.9.1+cpu", True), ("2.5.0", False), ("3.0.0", False)])
def test_only_a_torch_within_the_bounds_is_kept(monkeypatch, version, kept):
    class Found:
        def __init__(self):
            self.version = version

        def locate_file(self, name):
            return ROOT

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Found())
    assert (environment.torch_of_base() is not None) == kept


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A `.venv` whose installs are only recorded: what `build` runs, without the network."""
    ran: list[list[str]] = []
    real = subprocess.run

    def run(command, **options):
        ran.append([str(part) for part in command])
        if "pip" in ran[-1]:
            return subprocess.CompletedProcess(command, 0)
        return real(command, **options)

    monkeypatch.setattr(environment.subprocess, "run", run)
    monkeypatch.setattr(environment, "torch_of_base", lambda: None)
    return tmp_path / ".venv", ran


def test_it_is_rebuilt_only_when_the_lock_changed(built, tmp_path, monkeypatch):
    venv, ran = built
    environment.build(venv)
    assert any("venv" in command for command in ran)
    ran.clear()
    environment.build(venv)
    assert ran == []
    changed = tmp_path / "requirements.lock"
    changed.write_text(environment.LOCK.read_text() + "\n")
    monkeypatch.setattr(environment, "LOCK", changed)
    environment.build(venv)
    assert any("venv" in command for command in ran)


def test_a_build_that_broke_off_is_not_taken_for_a_whole_one(built, monkeypatch):
    venv, ran = built
    with monkeypatch.context() as patch:
        patch.setattr(
            environment.subprocess, "run", lambda command, **o: subprocess.CompletedProcess(command, 1, "", "")
        )
        patch.setattr(environment, "_ask", lambda python, code: str(venv / "site"))
        with pytest.raises(SystemExit, match="run the same command again"):
            environment.build(venv)
    environment.build(venv)
    assert any("venv" in command for command in ran)


def test_too_little_disk_and_too_old_a_python_are_said_before_anything_is_done(built, monkeypatch):
    venv, ran = built
    with monkeypatch.context() as patch:
        patch.setattr(environment.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**9})())
        with pytest.raises(SystemExit, match=r"needs about 4 GB of free disk, there are 1\.0 GB"):
            environment.build(venv)
    monkeypatch.setattr(environment, "OLDEST_PYTHON", (9, 9))
    with pytest.raises(SystemExit, match=r"needs Python 9\.9 or newer"):
        environment.build(venv)
    assert ran == []


def test_it_needs_nothing_installed():
    code = "import sys; sys.path.insert(0, 'coursekit'); import environment; print('ok')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "ok\n", done.stderr


def test_the_network_is_closed_but_for_loopback():
    code = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
for reach in (lambda: socket.create_connection(("192.0.2.1", 80), timeout=1), lambda: socket.getaddrinfo("example.org", 80)):
    try:
        reach()
    except ConnectionRefusedError as error:
        assert "COURSE_OFFLINE=1" in str(error)
    else:
        sys.exit("reached the network")
print("closed")
"""
    done = subprocess.run([sys.executable, "-c", code], env={"COURSE_OFFLINE": "1"}, capture_output=True, text=True)
    assert done.stdout == "closed\n", done.stderr
