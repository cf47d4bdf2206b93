"""The course's own `.venv`: built from `requirements.lock`, rebuilt only when the lock changes.

Runs before anything is installed, so it uses the standard library alone:

    python3 coursekit/environment.py            # build .venv if it is missing or out of date
    python3 coursekit/environment.py --lock     # rewrite requirements.lock from pyproject.toml
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = "lock.sha256"
RECIPE = b"1"  # raise it when `build` comes to install something else from the same lock
OLDEST_PYTHON = (3, 11)
NEEDED_DISK_GB = 4
NO_DEPS_HEADING = "# --- installed with --no-deps: their dependencies compile C++ that the course does not use"
# A CUDA build of torch names its own exact NVIDIA packages; the lock leaves them to it, because a CPU build has none.
TORCH_OWN = re.compile(r"^(nvidia-|cuda-|triton)")


def digest(*, base_torch: str | None = None) -> str:
    """SHA-256 over what decides the environment: the lock, RECIPE, Python's minor version, a torch taken over."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    parts = [LOCK.read_bytes(), RECIPE, minor.encode(), (base_torch or "").encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def venv_python(venv: Path = VENV) -> Path:
    """The interpreter inside `venv` on this operating system."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def split_lock(text: str) -> tuple[list[str], list[str]]:
    """The lock's requirement lines: (installed with dependencies, installed without)."""
    head, _, tail = text.partition(NO_DEPS_HEADING)
    without_comments = ([line.partition("#")[0].strip() for line in part.splitlines()] for part in (head, tail))
    return tuple([line for line in lines if line] for lines in without_comments)


def torch_of_base() -> tuple[str, Path] | None:
    """Version and site-packages of a torch that this interpreter already has, if it satisfies pyproject's bounds."""
    from importlib import metadata

    try:
        found = metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        return None
    wanted = next(d for d in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
                  if re.match(r"torch\b", d))  # fmt: skip
    low, high = re.search(r">=([\d.]+),<([\d.]+)", wanted).groups()
    release = found.version.split("+")[0]
    if _numbers(low) <= _numbers(release) < _numbers(high):
        return found.version, Path(found.locate_file("")).resolve()
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def install_plan(lock_text: str, base_torch: str | None) -> list[list[str]]:
    """The argument lists that follow `pip install`, in order.

    With `base_torch`, torch itself is left out and torchvision is chosen to fit it.
    """
    ordinary, without_deps = split_lock(lock_text)
    if base_torch:
        ordinary = [line for line in ordinary if not re.match(r"torch(vision)?[= ]", line)]
        ordinary += [f"torch=={base_torch}", "torchvision"]
    return [ordinary, ["--no-deps", *without_deps], ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]]


def build(venv: Path = VENV) -> None:
    """Build `venv` unless it is already what the lock says. A half-built one is never taken for a whole one."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"This course needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer; {sys.executable} is "
            f"{sys.version.split()[0]}.\nInstall a newer one, then say which:  make start PYTHON=python3.12"
        )
    found = torch_of_base()
    wanted = digest(base_torch=found[0] if found else None)
    stamp = venv / STAMP
    if stamp.exists() and stamp.read_text() == wanted and venv_python(venv).exists():
        return
    free_gb = shutil.disk_usage(venv.parent).free / 1e9
    if free_gb < NEEDED_DISK_GB:
        sys.exit(
            f"{venv}: needs about {NEEDED_DISK_GB} GB of free disk, there are {free_gb:.1f} GB. Free some, then run it again."
        )
    started = time.monotonic()
    print(
        f"Building {venv} (once; again only when requirements.lock changes). A few minutes, mostly downloads.",
        flush=True,
    )
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    site_packages = Path(_ask(venv_python(venv), "import sysconfig; print(sysconfig.get_path('purelib'))"))
    if found:
        print(f"Keeping the torch {found[0]} that {sys.executable} already has.", flush=True)
        (site_packages / "base_torch.pth").write_text(f"{found[1]}\n")
    quiet = ["-qq"] if os.environ.get("CI") else []
    pip = [
        str(venv_python(venv)),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--no-warn-script-location",
        *quiet,
    ]
    for arguments in install_plan(LOCK.read_text(), found[0] if found else None):
        if subprocess.run([*pip, *arguments]).returncode:
            sys.exit(
                f"pip could not install the packages named above (from {LOCK.name}). Check the network connection and "
                "the free disk space, then run the same command again: what was downloaded is kept."
            )
    # Sorted last, so that the editable install's own .pth has put the repository on the path.
    (site_packages / "zz_coursekit_startup.pth").write_text("import coursekit.startup\n")
    # nbgrader's stock commands and JupyterLab's formgrader find the course's configuration from any folder.
    config = venv / "etc" / "jupyter" / "nbgrader_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"load_subconfig('nbgrader_config.py', path={str(ROOT / 'autograder')!r})\n")
    stamp.write_text(wanted)
    print(f"Environment ready in {time.monotonic() - started:.0f} s.", flush=True)


def _ask(python: Path, code: str) -> str:
    return subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def relock() -> None:
    """Rewrite requirements.lock: one resolution for every platform and Python that pyproject.toml allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    oldest = f"{OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]}"
    compile_command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--quiet",
                       "--python-version", oldest, "--no-header", "--annotation-style", "line"]  # fmt: skip
    resolved = subprocess.run(compile_command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines: list[str] = []
    for line in resolved.splitlines():
        line = re.sub(r"^(torch==[\d.]+)(\+\w+)? .*?(\s+#.*)?$", r"\1\3", line)
        if not TORCH_OWN.match(line) and line not in lines:
            lines.append(line)
    text = "# Written by `make lock` from pyproject.toml; do not edit by hand.\n" + "\n".join(lines)
    LOCK.write_text(text + f"\n{NO_DEPS_HEADING}\n" + "\n".join(project["tool"]["course"]["no-deps"]) + "\n")
    print(f"{LOCK.name}: {len(lines)} packages")


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the course's environment, .venv.")
    parser.add_argument("--lock", action="store_true", help="rewrite requirements.lock from pyproject.toml instead")
    (relock if parser.parse_args().lock else build)()


if __name__ == "__main__":
    main()
