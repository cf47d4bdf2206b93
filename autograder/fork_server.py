"""A process that has imported what submissions import, and forks: a trial (the judge's side) or a defendant (the learner's).

It holds nothing secret: no hidden test, no seed, no other submission. It has one thread, so that its children may shut
themselves in. Started as `python -m autograder.fork_server FD MODULE …`; ends when the other end of FD is closed.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

# Threads of numerical libraries would not survive a fork, and a process with threads cannot enter a namespace.
SINGLE_THREADED = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
# What pytest itself loads at its start, loaded before the fork.
PYTEST_OWN = ("assertion", "assertion.rewrite", "mark", "main", "runner", "fixtures", "helpconfig", "python", "terminal", "debugging",
              "unittest", "capture", "skipping", "legacypath", "tmpdir", "monkeypatch", "recwarn", "pastebin", "nose",
              "junitxml", "doctest", "cacheprovider", "setuponly", "setupplan", "stepwise", "unraisableexception",
              "threadexception", "warnings", "logging", "reports", "faulthandler", "subtests", "raises", "python_api")  # fmt: skip
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "COURSE_ROOT", "COURSE_OFFLINE")


class ForkServer:
    """A running fork server, from the side that asks. One per set of imports; closing it ends its children too."""

    def __init__(self, imports: tuple[str, ...]) -> None:
        self.imports = imports
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autograder.fork_server", str(theirs.fileno()), *imports],
                pass_fds=[theirs.fileno()], env=self._environment(), stdin=subprocess.DEVNULL, start_new_session=True,
                cwd=Path(__file__).resolve().parent.parent,  # `-m` imports from there: never from a submission's folder
            )  # fmt: skip

    @staticmethod
    def _environment() -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return kept | SINGLE_THREADED | {
            "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }  # fmt: skip

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, role: str, *fds: int, **settings: object) -> int:
        """Fork a child in `role` ("trial" or "defendant") that gets `fds`; returns its process id."""
        return fork_from(self._control, role, *fds, **settings)

    def close(self) -> None:
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def fork_from(control: socket.socket, role: str, *fds: int, **settings: object) -> int:
    """Ask the fork server at the other end of `control` for a child; returns its process id."""
    request = json.dumps({"role": role} | settings).encode()
    socket.send_fds(control, [len(request).to_bytes(4, "big") + request], list(fds))
    answer = b""
    while len(answer) < 4:
        part = control.recv(4 - len(answer))
        if not part:
            raise ConnectionError("the fork server has ended")
        answer += part
    return int.from_bytes(answer, "big")


def serve(control: socket.socket) -> None:
    """Fork on request until `control` is closed. Returns only in a child, never in the server.

    Each trial gets a line of its own, over which it may ask for defendants and nothing else.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    lines = {control}
    while True:
        for line in select.select(list(lines), [], [])[0]:
            try:
                data, fds, _, _ = socket.recv_fds(line, 65536, 8)
            except OSError:
                data = b""
            if not data and line is control:
                os._exit(0)
            if not data:
                lines.discard(line)
                line.close()
                continue
            size = int.from_bytes(data[:4], "big")
            while len(data) < size + 4:
                data += line.recv(65536)
            request = json.loads(data[4:])
            is_trial = line is control and request["role"] == "trial"
            kept, given = socket.socketpair() if is_trial else (None, None)
            child = os.fork()
            if child == 0:
                for other in lines | ({kept} if kept else set()):
                    other.close()
                _be(request, given, fds)
            for fd in fds:
                os.close(fd)
            if kept and given:
                given.close()
                lines.add(kept)
            line.sendall(child.to_bytes(4, "big"))


def _be(request: dict, server: socket.socket | None, fds: list[int]) -> None:
    """The child: take its role, then end without running the parent's exit handlers."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if server is not None:
            from autograder import trial

            trial.main(socket.socket(fileno=fds[0]), server)
        else:
            _defend(request, fds)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def _defend(request: dict, fds: list[int]) -> None:
    from autograder import defendant, listener, sandbox
    from autograder.wire import Channel

    channel, output, line = socket.socket(fileno=fds[0]), fds[1], socket.socket(fileno=fds[2])
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    shut_in = sandbox.enter if request["sandboxed"] else sandbox.confine
    shut_in(Path(request["submission"]), sandbox.Bounds(**request["bounds"]), channel.fileno())
    listener.lend(line)
    for name in set(os.environ) - {"PATH", "LANG", "HF_HUB_OFFLINE", "MPLBACKEND", *SINGLE_THREADED}:
        del os.environ[name]
    os.environ["HOME"] = os.environ["TMPDIR"] = "/tmp"
    defendant.main(Channel(channel), Path(request["submission"]))


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    from autograder import defendant, listener, sandbox, trial  # noqa: F401  (loaded once, for every child)

    if "openai" in sys.modules:  # what its hidden tests are likely to serve; a client's parts are loaded at first use
        importlib.import_module("coursekit.scripted")
        importlib.import_module("openai.resources.chat")

    for name in PYTEST_OWN:
        with contextlib.suppress(ImportError):
            importlib.import_module(f"_pytest.{name}")
    serve(control)


if __name__ == "__main__":
    main()
