"""Checks of what JupyterLab needs: its kernel, its extensions, a port, and the grading root that formgrader opens."""

import shlex
import socket
import sys
from pathlib import Path

from coursekit.findings import REBUILD, Finding, reason_of, this_python

SERVER_EXTENSIONS = ("jupyterlab", "nbgrader.server_extensions.formgrader")
LAB_EXTENSIONS = ("@jupyter/nbgrader", "@jupyter-widgets/jupyterlab-manager")
FIRST_PORT, PORTS_TRIED = 8888, 50  # as JupyterLab does


def kernel() -> Finding:
    mend = f"{this_python()} -m ipykernel install --sys-prefix --name python3"
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        spec = KernelSpecManager().get_kernel_spec("python3")
    except Exception as error:
        return Finding("kernel", False, f"python3 was not found: {reason_of(error)}", mend)
    program = Path(spec.argv[0])
    # A bare name is replaced by the Python that runs JupyterLab.
    if program.is_absolute() and program.parent != Path(sys.executable).parent:
        return Finding("kernel", False, f"python3 ({spec.resource_dir}) runs {program}, another Python", mend)
    return Finding("kernel", True, "python3 runs this environment")


def server_extensions() -> Finding:
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    enabled = ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()
    missing = [name for name in SERVER_EXTENSIONS if not enabled.get(name)]
    if missing:
        mend = f"{this_python()} -m jupyter server extension enable --sys-prefix {' '.join(missing)}"
        return Finding("JupyterLab's server extensions", False, f"not enabled: {', '.join(missing)}", mend)
    return Finding("JupyterLab's server extensions", True, f"enabled: {', '.join(SERVER_EXTENSIONS)}")


def lab_extensions() -> Finding:
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_federated_extensions, get_page_config

    name, folders = "JupyterLab's extensions", jupyter_path("labextensions")
    absent = [extension for extension in LAB_EXTENSIONS if extension not in get_federated_extensions(folders)]
    if absent:
        return Finding(name, False, f"not installed: {', '.join(absent)}", REBUILD)
    disabled = get_page_config(folders).get("disabledExtensions", [])  # names, or {name: bool} in older versions
    if isinstance(disabled, dict):
        disabled = [extension for extension, is_off in disabled.items() if is_off]
    off = [extension for extension in LAB_EXTENSIONS if extension in disabled]
    if off:
        mend = " && ".join(f"{this_python()} -m jupyter labextension enable {extension}" for extension in off)
        return Finding(name, False, f"switched off: {', '.join(off)}", mend)
    return Finding(name, True, f"enabled: {', '.join(LAB_EXTENSIONS)}")


def loopback() -> Finding:
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=5),
        ):
            return Finding("loopback", True, "a port on 127.0.0.1 can be opened and reached")
    except OSError as error:
        mend = "let the firewall or sandbox allow connections to 127.0.0.1: JupyterLab and the chat model need them"
        return Finding("loopback", False, f"no port on 127.0.0.1 can be used: {error}", mend)


def ports() -> Finding:
    """The port that JupyterLab will take: the first free one from 8888 on."""
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            taken = f"{FIRST_PORT} is taken; " if port > FIRST_PORT else ""
            return Finding("ports", True, f"{taken}JupyterLab will use {port}")
    last = FIRST_PORT + PORTS_TRIED - 1
    mend = f"{this_python()} -m jupyter server list  (then stop some: … -m jupyter server stop PORT)"
    return Finding("ports", False, f"{FIRST_PORT} to {last} are all taken", mend)


def formgrader() -> Finding:
    """Whether formgrader will open the grading root: instructors grade written answers with it."""
    from coursekit import lab

    root = lab.grading_root()
    if note := lab.formgrader_note():
        inside = shlex.quote(str(lab.curriculum.ROOT / lab.GRADING))
        return Finding("formgrader", "warning", note, f"unset COURSE_GRADING  (or: export COURSE_GRADING={inside})")
    return Finding("formgrader", True, f"grades in {root}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
