"""What works on this machine, what does not, and the command that mends it: `course doctor`."""

import importlib.metadata
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from coursekit import environment, weights

NEEDED_MEMORY_GB = 4
NEEDED_FREE_MEMORY_GB = 1.5
NEEDED_FREE_DISK_GB = 1
SERVER_EXTENSIONS = ("jupyterlab", "nbgrader.server_extensions.formgrader")
LAB_EXTENSIONS = ("@jupyter/nbgrader", "@jupyter-widgets/jupyterlab-manager")
FIRST_PORT, PORTS_TRIED = 8888, 50  # as JupyterLab does
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REBUILD = f"cd {shlex.quote(str(environment.ROOT))} && rm -f .venv/{environment.STAMP} && make start"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` is True, False, or "warning" (the course works without it, or works worse)."""

    name: str
    ok: bool | Literal["warning"]
    found: str
    mend: str = ""  # the command or step that mends it; empty where ok is True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def python_version() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < environment.OLDEST_PYTHON:
        oldest = ".".join(map(str, environment.OLDEST_PYTHON))
        mend = f"install Python {oldest} or newer, then: make start PYTHON=python{oldest}"
        return Finding("Python", False, f"{version}; {oldest} or newer is needed", mend)
    return Finding("Python", True, f"{version} at {sys.executable}")


def memory() -> Finding:
    import psutil

    state = psutil.virtual_memory()
    total, free = state.total / 1e9, state.available / 1e9
    found = f"{free:.1f} GB free of {total:.1f} GB"
    if total < NEEDED_MEMORY_GB:
        mend = "use a machine with 4 GB or more, or point OPENAI_BASE_URL at a model elsewhere"
        return Finding("memory", False, f"{found}; the lessons need {NEEDED_MEMORY_GB} GB", mend)
    if free < NEEDED_FREE_MEMORY_GB:
        mend = "close other programs, or in JupyterLab: Kernel > Shut Down All Kernels"
        return Finding("memory", "warning", f"{found}; a lesson needs up to {NEEDED_FREE_MEMORY_GB} GB", mend)
    return Finding("memory", True, found)


def disk() -> Finding:
    free = shutil.disk_usage(environment.ROOT).free / 1e9
    found = f"{free:.1f} GB free at {environment.ROOT}"
    if free < NEEDED_FREE_DISK_GB:
        mend = f"free some disk space (pip's download cache: {_python()} -m pip cache purge)"
        return Finding("disk", False, f"{found}; {NEEDED_FREE_DISK_GB} GB is needed", mend)
    return Finding("disk", True, found)


def packages() -> Finding:
    if Path(sys.prefix).resolve() != environment.VENV.resolve():
        found = f"{sys.executable} is not the course's own {environment.VENV.name}"
        return Finding("packages", "warning", found, f"{environment.venv_python()} -m coursekit.commands doctor")
    taken_over = (Path(sysconfig.get_path("purelib")) / "base_torch.pth").exists()
    base_torch = importlib.metadata.version("torch") if taken_over else None
    try:
        built_from = (environment.VENV / environment.STAMP).read_text()
    except OSError:
        return Finding("packages", False, "the environment was not built to its end", REBUILD)
    if built_from != environment.digest(base_torch=base_torch):
        return Finding("packages", False, f"{environment.LOCK.name} has changed since .venv was built", REBUILD)
    return Finding("packages", True, f"as {environment.LOCK.name} says")


def torch_imports() -> Finding:
    """torch, torchvision and transformers import in a fresh process."""
    code = "import torch, torchvision, transformers; print(torch.__version__, torchvision.__version__, transformers.__version__)"
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return Finding("torch", "warning", "importing torch took more than 5 minutes", "course doctor  (once more)")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return Finding("torch", False, f"torch, torchvision or transformers does not import: {reason}", REBUILD)
    torch, torchvision, transformers = done.stdout.split()[-3:]
    return Finding("torch", True, f"torch {torch}, torchvision {torchvision}, transformers {transformers}")


def chat_weights() -> Finding:
    return _weights("chat model's file", weights.CHAT, full=True)


def embedding_weights() -> Finding:
    return _weights("embedding model's files", weights.EMBEDDING, full=True)


def chat_weights_quick() -> Finding:
    return _weights("chat model's file", weights.CHAT, full=False)


def embedding_weights_quick() -> Finding:
    return _weights("embedding model's files", weights.EMBEDDING, full=False)


def chat_answer() -> Finding:
    """The chat model answers with one token. Says which one, where OPENAI_BASE_URL points elsewhere."""
    name = "chat model"
    elsewhere = os.environ.get("OPENAI_BASE_URL")
    try:
        from coursekit import models

        models.ask("Hi", max_tokens=1)
        served = models.serving()
    except Exception as error:
        reason, mend = _reason(error), weights.CHAT.mend
        if elsewhere:
            reason = f"{elsewhere}: {reason}"
            mend = "check OPENAI_BASE_URL, OPENAI_API_KEY and COURSE_CHAT_MODEL, or: unset OPENAI_BASE_URL"
        elif not isinstance(error, weights.WeightsError):
            mend = REBUILD
        return Finding(name, False, f"does not answer: {reason}", mend)
    return Finding(name, True, f"{served['model']} answers at {served['address']}")


def embedding_answer() -> Finding:
    try:
        from coursekit.embeddings import embed

        shape = embed(["a parcel"]).shape
    except Exception as error:
        mend = weights.EMBEDDING.mend if isinstance(error, weights.WeightsError) else REBUILD
        return Finding("embedding model", False, f"does not answer: {_reason(error)}", mend)
    return Finding("embedding model", True, f"a text becomes {shape[1]} numbers")


def kernel() -> Finding:
    mend = f"{_python()} -m ipykernel install --sys-prefix --name python3"
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        spec = KernelSpecManager().get_kernel_spec("python3")
    except Exception as error:
        return Finding("kernel", False, f"python3 was not found: {_reason(error)}", mend)
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
        mend = f"{_python()} -m jupyter server extension enable --sys-prefix {' '.join(missing)}"
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
        mend = " && ".join(f"{_python()} -m jupyter labextension enable {extension}" for extension in off)
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
    mend = f"{_python()} -m jupyter server list  (then stop some: … -m jupyter server stop PORT)"
    return Finding("ports", False, f"{FIRST_PORT} to {last} are all taken", mend)


def sandbox() -> Finding:
    """Whether `course grade` can shut a submission in. One's own work needs no sandbox; other people's does."""
    from autograder.sandbox import how_to, why_not

    if not (reason := why_not()):
        return Finding("sandbox", True, "submissions are judged in namespaces of their own")
    return Finding("sandbox", "warning", f"none: {reason}; judge only work that you trust", how_to())


def chromium() -> Finding:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if not found:
        mend = "sudo apt-get install chromium chromium-driver  (contributors only)"
        return Finding(
            "Chromium", "warning", "not installed: the browser test will be skipped; lessons don't need it", mend
        )
    return Finding("Chromium", True, found)


QUICK = (python_version, memory, disk, packages, chat_weights_quick, embedding_weights_quick, kernel,
         server_extensions, lab_extensions, loopback, ports)  # fmt: skip
FULL = (python_version, memory, disk, packages, torch_imports, chat_weights, embedding_weights, chat_answer,
        embedding_answer, kernel, server_extensions, lab_extensions, loopback, ports, sandbox, chromium)  # fmt: skip


def run(*, quick: bool = False, on_check: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Look at everything; never raises. `quick` loads no model and no torch, and trusts remembered hashes.

    `on_check` is told the name of each check before it runs.
    """
    findings = []
    for check in QUICK if quick else FULL:
        name = check.__name__.removesuffix("_quick").replace("_", " ")
        on_check(name)
        try:
            findings.append(check())
        except Exception as error:
            findings.append(Finding(name, False, f"could not be checked: {_reason(error)}", REBUILD))
    return findings


def all_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong; warnings do not count."""
    return all(finding.ok for finding in findings)


def report(findings: Iterable[Finding], console: Any = None) -> None:
    """Print a table of the findings, then, one by one and unbroken, the command that mends each."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    findings = list(findings)
    console = console or Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found"):
        table.add_column(heading)
    marks = {True: "[green]ok[/]", False: "[red]WRONG[/]", "warning": "[yellow]note[/]"}
    for finding in findings:
        table.add_row(marks[finding.ok], escape(finding.name), escape(finding.found))
    console.print(table)
    for finding in findings:
        if finding.mend:
            console.print(f"\nTo mend {finding.name}:", markup=False, highlight=False)
            console.print(f"    {finding.mend}", markup=False, highlight=False, soft_wrap=True)


def as_json(findings: Iterable[Finding]) -> str:
    return json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False)


def _weights(name: str, bundle: weights.Bundle, *, full: bool) -> Finding:
    try:
        weights.verified(bundle, full=full)
    except weights.WeightsError as error:
        return Finding(name, False, str(error).splitlines()[0], bundle.mend)
    return Finding(name, True, f"{bundle.requirement}, " + ("every hash as pinned" if full else "as pinned"))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _python() -> str:
    return shlex.quote(sys.executable)
