"""A worker: one process with one judge, one submission at a time. Bytes go in, data comes out, nothing is unpickled.

Started as `python -m autograder.cohort.worker FD`; ends when the other end of FD is closed.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.cohort.store import files_digest, write_files
from autograder.judge import EXPLAINED, Judge
from autograder.project import Project
from autograder.runner import Limits
from autograder.wire import Channel, WireError

PR_SET_PDEATHSIG = 1
SCRATCH = "course-worker-"
ABANDONED_S = 3600.0  # no judge works that long on one submission
NAMING_OWNER = (SCRATCH, "course-judge-")  # temporary folders with the id of their process in the name
NAMELESS = ("course-grade-", "course-gradebook-")
GRACE_S = 60.0  # beyond the time limit of a submission, before a worker counts as hung
GAVE_UP = "Not judged: the judging process ended twice without an answer (killed, or out of memory?). Grade again."
FAILED_TWICE = "Not judged: the judge failed twice ({}). Mend that, then grade again."


@dataclass(frozen=True)
class Job:
    """One submission to judge: its package and the hidden tests as bytes by path, so that no disk need be shared."""

    project: str
    imports: tuple[str, ...]
    seed: int
    files: dict[str, bytes]
    tests: dict[str, bytes]
    test_s: float
    total_s: float

    @classmethod
    def of(cls, project: Project, seed: int, files: dict[str, bytes], tests: dict[str, bytes]) -> "Job":
        limits = Limits()
        return cls(project.name, project.imports, seed, files, tests, limits.test_s, limits.total_s)


@dataclass(frozen=True)
class Shipped(Project):
    """A project whose hidden tests came with the job."""

    tests: Path = Path()
    libraries: tuple[str, ...] = ()

    @property
    def hidden(self) -> Path:
        return self.tests

    @property
    def imports(self) -> tuple[str, ...]:
        return self.libraries


def judge_job(job: Job, judge: Judge, scratch: Path) -> dict:
    """Judge one job: `{"verdicts": […], "seconds": …}`. The hidden tests are kept in `scratch` for the next job.

    Raises OSError where the judge itself failed: that is no verdict on the submission.
    """
    started = time.perf_counter()
    tests = scratch / f"tests-{files_digest(job.tests)[:16]}"
    if not _complete(tests, job.tests):
        write_files(job.tests, tests)
    project = Shipped(job.project, tests, job.imports)
    with tempfile.TemporaryDirectory(prefix="submission-", dir=scratch) as folder:
        write_files(job.files, Path(folder))
        verdicts = judge.judge(project, Path(folder), seed=job.seed, limits=Limits(job.test_s, job.total_s))
    if any(verdict.reason == EXPLAINED["NotRun"] for verdict in verdicts) or not _complete(tests, job.tests):
        raise OSError("the judge itself failed: a test gave no verdict")  # no learner's zero
    return {"verdicts": [v.to_dict() for v in verdicts], "seconds": time.perf_counter() - started}


def _complete(folder: Path, files: dict[str, bytes]) -> bool:
    return all((folder / name).is_file() for name in files)


class Lost(Exception):
    """A worker died, hung, or could not judge; `why` in its own words, where it had any."""

    def __init__(self, text: str, why: str = "") -> None:
        super().__init__(text)
        self.why = why


def gave_up(error: Lost) -> str:
    """The problem of a submission that two workers were lost with, `error` being the second loss."""
    return FAILED_TWICE.format(error.why) if error.why else GAVE_UP


class Worker:
    """A worker from the side that asks."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        # Its temporary files are ours to remove: a worker is ended, not asked to end.
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "autograder.cohort.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
                env=os.environ | {"TMPDIR": self._scratch.name},
            )  # fmt: skip
        self._socket, self._channel = ours, Channel(ours)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, job: Job) -> None:
        """Give the worker a job; Lost when it is gone."""
        plain = {k: v for k, v in asdict(job).items() if k not in ("files", "tests")}
        message = plain | {"files": list(job.files), "tests": list(job.tests)}
        try:
            self._channel.send(message, [*job.files.values(), *job.tests.values()], time.monotonic() + GRACE_S)
        except WireError as error:
            raise Lost(str(error)) from None

    def receive(self, timeout_s: float) -> dict:
        """The answer to the job; Lost when there is none in time."""
        try:
            answer, _ = self._channel.receive(time.monotonic() + timeout_s)
        except WireError as error:
            raise Lost(str(error)) from None
        if "lost" in answer:
            raise Lost(answer["lost"], answer["lost"])
        return answer

    def close(self) -> None:
        """End the worker; what it runs ends with it."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._scratch.cleanup()


def sweep() -> None:
    """Remove the temporary files of runs and judges that were killed: those whose process is gone, or that nobody can still use."""
    place = Path(tempfile.gettempdir())
    for prefix, folder in ((owned, found) for owned in NAMING_OWNER for found in place.glob(f"{owned}*")):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        with contextlib.suppress(PermissionError):
            try:
                os.kill(int(owner), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
            except ValueError:
                continue  # not one of ours
    for folder in (found for prefix in NAMELESS for found in place.glob(f"{prefix}*")):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime > ABANDONED_S and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


_here = threading.local()


def judge_files(job: Job) -> dict:
    """Judge one job in a worker process of this thread: what a task on a cluster runs. A lost worker is replaced once."""
    problem = GAVE_UP
    for _ in range(2):
        if (worker := getattr(_here, "worker", None)) is None:
            sweep()  # of workers that were killed on this machine
            worker = _here.worker = Worker()
        try:
            worker.send(job)
            return worker.receive(job.total_s + GRACE_S)
        except Lost as error:
            problem = gave_up(error)
            worker.close()
            _here.worker = None
    return {"problem": problem}


def _serve(channel: Channel, scratch: Path) -> None:
    with Judge() as judge:
        while True:
            try:
                message, blobs = channel.receive()
            except WireError:
                return
            names, tests = message.pop("files"), message.pop("tests")
            message["imports"] = tuple(message["imports"])
            files = dict(zip(names, blobs[: len(names)], strict=True))
            job = Job(**message, files=files, tests=dict(zip(tests, blobs[len(names) :], strict=True)))
            try:
                answer = judge_job(job, judge, scratch)
            except OSError as error:  # its fork server died, the disk is full
                answer = {"lost": f"{error.strerror or error}"}
            with contextlib.suppress(WireError):
                channel.send(answer, [])


def main() -> None:
    if sys.platform == "linux":  # a worker does not outlive the run that started it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    _serve(Channel(socket.socket(fileno=int(sys.argv[1]))), Path(tempfile.gettempdir()))


if __name__ == "__main__":
    main()
