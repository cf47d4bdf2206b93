"""What works on this machine, what does not, and the command that mends it: `course doctor`."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from coursekit import environment, weights
from coursekit.findings import REBUILD, Finding, all_well, as_json, reason_of, report, this_python
from coursekit.jupyter_checks import formgrader, kernel, lab_extensions, loopback, ports, server_extensions

__all__ = ["Finding", "all_well", "as_json", "report", "run"]

NEEDED_MEMORY_GB = 4
NEEDED_FREE_MEMORY_GB = 1.5
NEEDED_FREE_DISK_GB = 1
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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
        mend = f"free some disk space (pip's download cache: {this_python()} -m pip cache purge)"
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
        reason, mend = reason_of(error), weights.CHAT.mend
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
        return Finding("embedding model", False, f"does not answer: {reason_of(error)}", mend)
    return Finding("embedding model", True, f"a text becomes {shape[1]} numbers")


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
         server_extensions, lab_extensions, loopback, ports, formgrader)  # fmt: skip
FULL = (python_version, memory, disk, packages, torch_imports, chat_weights, embedding_weights, chat_answer,
        embedding_answer, kernel, server_extensions, lab_extensions, loopback, ports, formgrader, sandbox,
        chromium)  # fmt: skip


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
            findings.append(Finding(name, False, f"could not be checked: {reason_of(error)}", REBUILD))
    return findings


def _weights(name: str, bundle: weights.Bundle, *, full: bool) -> Finding:
    try:
        weights.verified(bundle, full=full)
    except weights.WeightsError as error:
        return Finding(name, False, str(error).splitlines()[0], bundle.mend)
    return Finding(name, True, f"{bundle.requirement}, " + ("every hash as pinned" if full else "as pinned"))
