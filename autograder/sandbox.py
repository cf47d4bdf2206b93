"""A forked process shuts itself in before it touches a submission: Linux user namespaces, then resource limits.

Inside: the Python installation, the course's `coursekit` and `data` and one submission, all read-only; a private `/tmp` in
memory; no network but its own loopback; its own process table; no capabilities. Three processes: a guard outside ends
everything when the judge hangs up; the first process inside, which the others cannot touch, ends them when they use too
much memory or the guard is gone; in the third one the submission runs. Where namespaces are not allowed, resource limits
and the guard remain (`confine`), and `why_not()` says so.
"""

import contextlib
import ctypes
import functools
import os
import resource
import select
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from autograder import mounts
from autograder.system import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, call, libc

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
PR_CAPBSET_DROP = 24
# What distributions switch namespaces off with, and the value that allows them.
SWITCHES = {"kernel.apparmor_restrict_unprivileged_userns": "0", "kernel.unprivileged_userns_clone": "1"}
NOBODY = 65534
FIRST_OWN_UID = 1_000_000_000
LOOK_EVERY_MS = 100


@dataclass(frozen=True)
class Bounds:
    """What one submission's process and its children may use: `memory_bytes` each, and all of them together."""

    memory_bytes: int = 4_000_000_000
    file_bytes: int = 100_000_000
    scratch_bytes: int = 200_000_000
    processes: int = 64
    files: int = 256
    cpu_s: int = 300


@functools.cache
def why_not() -> str:
    """Empty when a process can be shut in here; otherwise why not, in one line. Tried once, to the end."""
    if sys.platform != "linux":
        return f"{sys.platform} has no user namespaces"
    read_end, write_end = os.pipe()
    ours, theirs = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            os.close(ours)
            os.close(read_end)
            try:
                enter(Path(folder), Bounds(), theirs)
                os.write(write_end, b"yes")
            except BaseException as error:
                os.write(write_end, str(error).encode()[:300])
            os._exit(0)
        os.close(write_end)
        os.close(theirs)
        with os.fdopen(read_end, "rb") as told:
            said = told.read().decode()
        os.waitpid(child, 0)
        os.close(ours)
    return "" if said == "yes" else f"namespaces are not allowed here ({said or 'no reason given'})"


def how_to() -> str:
    """The command or step that gives this machine namespaces."""
    for switch, wanted in SWITCHES.items():
        path = Path("/proc/sys", *switch.split("."))
        if path.exists() and path.read_text().strip() != wanted:
            return f"sudo sysctl {switch}={wanted}"
    return "judge other people's work on Linux; in Docker: docker run --privileged …"


def _namespaces() -> bool:
    """New mount, process, network, IPC and host-name namespaces. Returns whether this process is the system's root.

    Root sets the files up as root and becomes nobody afterwards; anybody else is root in a user namespace meanwhile.
    """
    if os.getuid() == 0 and os.stat(sys.prefix).st_mode & 0o005 == 0o005:
        with contextlib.suppress(OSError):
            call("unshare", NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
            return True
    uid, gid = os.getuid(), os.getgid()
    call("unshare", NEWUSER | NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")
    return False


def enter(submission: Path, bounds: Bounds, line: int) -> None:
    """Shut this process in with `submission`, which appears at the same path. Returns in the innermost process only.

    All of them end when the other end of `line` (a socket or pipe) is closed. Raises OSError where the system does not
    allow it, in this process or in the one inside; then that process is to be ended.
    """
    own_uid = FIRST_OWN_UID + os.getpid()
    root = _namespaces()
    first = os.fork()
    if first:
        _guard(first, line)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the only signal that Python's first process would let in
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    mounts.loopback_up()
    mounts.private_files(submission, bounds.scratch_bytes)
    _first_to_be_killed()
    _drop_privileges(own_uid if root else None)
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # changing the user has undone it
    inner = os.fork()
    if inner:
        _keep_watch(inner, bounds.memory_bytes)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limit(bounds)


def confine(submission: Path, bounds: Bounds, line: int) -> None:
    """Without namespaces: the limits, and a guard that ends this process and its descendants. Root becomes nobody."""
    if sys.platform == "linux":
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a descendant starts and leaves comes to the guard
    inner = os.fork()
    if inner:
        _guard(inner, line)
    os.chdir(submission)
    _first_to_be_killed()
    if os.getuid() == 0 and _nobody_can_read(submission):
        _become(NOBODY)
    limit(bounds, others=_tasks_of_this_user())


def _guard(child: int, line: int) -> NoReturn:
    """Wait until `child` ends or the judge hangs up, then end `child` and what it left behind."""
    with contextlib.suppress(BaseException):
        watched = select.poll()
        watched.register(line, getattr(select, "POLLRDHUP", 0))  # POLLHUP comes unasked
        with contextlib.suppress(AttributeError, OSError):
            watched.register(os.pidfd_open(child), select.POLLIN)
        while not watched.poll(LOOK_EVERY_MS * 20):
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
    left = [child]
    while left:
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        for process in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
        left = _children()
    os._exit(0)


def _children() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(n) for n in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    return []


def _keep_watch(child: int, memory_bytes: int) -> NoReturn:
    """Be the first process inside: bury the dead, and end all when `child` ends or they use too much together."""
    try:
        os.closerange(0, 1024)
        ended = select.poll()
        with contextlib.suppress(AttributeError, OSError):
            ended.register(os.pidfd_open(child), select.POLLIN)
        own = _memory_of("self")
        while True:
            with contextlib.suppress(ChildProcessError):
                while (pid := os.waitpid(-1, os.WNOHANG)[0]) and pid != child:
                    pass
                if pid == child:
                    break
            used = sum(max(0, _memory_of(n) - own) for n in os.listdir("/proc") if n.isdigit() and n != "1")
            if used > memory_bytes:
                break
            ended.poll(LOOK_EVERY_MS)
    finally:
        os._exit(0)  # takes everything inside with it


def _memory_of(process: str) -> int:
    """Bytes that are its own, or shared memory, and not read from a file."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{process}/status") as file:
        return 1024 * sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon", "RssShmem")))
    return 0


def limit(bounds: Bounds, others: int = 0) -> None:
    """The resource limits, which also hold where there is no namespace. `others`: processes this user has already."""
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        mapped = 0
    wanted = [("AS", mapped + bounds.memory_bytes), ("FSIZE", bounds.file_bytes), ("CPU", bounds.cpu_s), ("CORE", 0),
              ("NOFILE", bounds.files)]  # fmt: skip
    if sys.platform == "linux":
        wanted.append(("NPROC", bounds.processes + others))
    for name, value in wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of the address space
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def _tasks_of_this_user() -> int:
    found = 0
    for process in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid():
                found += len(list(process.iterdir()))
    return found


def _first_to_be_killed() -> None:
    """When the machine runs out of memory, the system ends this process before anybody else's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _nobody_can_read(*folders: Path) -> bool:
    os.seteuid(NOBODY)
    try:
        return all(os.access(p, os.R_OK | os.X_OK, effective_ids=True) for p in (*folders, sys.prefix, os.__file__))
    finally:
        os.seteuid(0)


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _drop_privileges(own_uid: int | None) -> None:
    """Root becomes a user of its own, so that limits per user are limits per submission; all lose their capabilities."""
    for capability in range(64):
        libc().prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if own_uid is not None:
        try:
            _become(own_uid)
        except OSError:  # a container that knows few users
            _become(NOBODY)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())  # none effective, permitted or inheritable
