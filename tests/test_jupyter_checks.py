"""Faults around JupyterLab, acted out, and the command that mends each."""

from types import SimpleNamespace

import pytest

from coursekit import curriculum, jupyter_checks
from coursekit.findings import Finding
from tests.doctors_findings import assert_mended_by, raising


def test_no_kernel(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", raising(NoSuchKernel("python3")))
    assert_mended_by(jupyter_checks.kernel(), "-m ipykernel install --sys-prefix --name python3")


def test_kernel_of_another_python(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager

    spec = SimpleNamespace(argv=["/opt/other/bin/python", "-m", "ipykernel_launcher"], resource_dir="/home/me/kernels")
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    assert "/opt/other/bin/python" in jupyter_checks.kernel().found
    assert_mended_by(jupyter_checks.kernel(), "-m ipykernel install --sys-prefix --name python3")


def test_server_extension_that_is_off(monkeypatch):
    from jupyter_server.extension.config import ExtensionConfigManager

    monkeypatch.setattr(ExtensionConfigManager, "get_jpserver_extensions", lambda self: {"jupyterlab": True})
    command = "jupyter server extension enable --sys-prefix nbgrader.server_extensions.formgrader"
    assert_mended_by(jupyter_checks.server_extensions(), command)


def test_lab_extension_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("jupyterlab_server.config.get_federated_extensions", lambda folders: {})
    assert_mended_by(jupyter_checks.lab_extensions(), "make start")


@pytest.mark.parametrize("disabled", [["@jupyter/nbgrader"], {"@jupyter/nbgrader": True, "other": False}])
def test_lab_extension_that_is_off(monkeypatch, disabled):
    page = {"disabledExtensions": disabled}
    monkeypatch.setattr("jupyterlab_server.config.get_page_config", lambda folders: page)
    assert_mended_by(jupyter_checks.lab_extensions(), "jupyter labextension enable @jupyter/nbgrader")


def test_no_loopback(monkeypatch):
    monkeypatch.setattr(jupyter_checks.socket, "create_server", raising(PermissionError("not permitted")))
    assert_mended_by(jupyter_checks.loopback(), "127.0.0.1")


def test_first_free_port_is_named(monkeypatch):
    monkeypatch.setattr(jupyter_checks, "_is_free", lambda port: port > 8889)
    assert jupyter_checks.ports() == Finding("ports", True, "8888 is taken; JupyterLab will use 8890")


def test_all_ports_taken(monkeypatch):
    monkeypatch.setattr(jupyter_checks, "_is_free", lambda port: False)
    assert_mended_by(jupyter_checks.ports(), "jupyter server list")


def test_a_grading_root_that_formgrader_cannot_open(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_GRADING", raising=False)
    assert jupyter_checks.formgrader() == Finding(
        "formgrader", True, f"grades in {curriculum.ROOT.resolve() / 'grading'}"
    )
    monkeypatch.setenv("COURSE_GRADING", str(curriculum.ROOT / "work" / "winter"))
    assert jupyter_checks.formgrader().ok is True
    monkeypatch.setenv("COURSE_GRADING", str(tmp_path))
    found = jupyter_checks.formgrader()
    assert str(tmp_path) in found.found and str(curriculum.ROOT) in found.found
    assert_mended_by(found, "unset COURSE_GRADING", ok="warning")
