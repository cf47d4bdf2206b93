"""A forked process shuts itself in before it touches a submission: Linux user namespaces, then resource limits.

Inside: the Python installation, the course's `coursekit` and `data` and one submission, all read-only; a private `/tmp` in
memory; no network but its own loopback; its own process table; no capabilities. Where namespaces are not allowed, the
resource limits alone remain, and `why_not()` says so.
"""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
NOBODY = 65534
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")


@dataclass(frozen=True)
class Bounds:
    """What one submission's process and its children may use."""

    memory_bytes: int = 4_000_000_000
    file_bytes: int = 100_000_000
    scratch_bytes: int = 200_000_000
    processes: int = 64
    cpu_s: int = 300


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    encoded = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(_libc(), name)(*encoded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def why_not() -> str:
    """Empty when namespaces work here; otherwise why they do not, in one line."""
    if sys.platform != "linux":
        return f"{sys.platform} has no user namespaces"
    child = os.fork()
    if child == 0:
        try:
            _namespaces()
            os._exit(0)
        except OSError as error:
            os._exit(min(error.errno or 255, 255))
        except BaseException:
            os._exit(255)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return (
        "" if code == 0 else f"user namespaces are not allowed here ({os.strerror(code) if 0 < code < 255 else code})"
    )


def _namespaces() -> bool:
    """New mount, process, network, IPC and host-name namespaces. Returns whether this process is the system's root.

    Root sets the files up as root and becomes nobody afterwards; anybody else is root in a user namespace meanwhile.
    """
    if os.getuid() == 0 and os.stat(sys.prefix).st_mode & 0o005 == 0o005:
        _call("unshare", NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
        return True
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", NEWUSER | NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")
    return False


def enter(submission: Path, bounds: Bounds) -> None:
    """Shut this process in with `submission`, which appears at the same path. Returns in a grandchild that is process 1.

    The process that called waits for it and exits as it does; only the grandchild returns. Raises OSError where the system
    does not allow it; then nothing has changed but the namespaces of a process that is to be ended.
    """
    root = _namespaces()
    inner = os.fork()
    if inner:
        _, status = os.waitpid(inner, 0)
        os._exit(0 if os.waitstatus_to_exitcode(status) == 0 else 1)
    _loopback_up()
    _private_files(submission, bounds)
    limit(bounds)
    _drop_privileges(root)
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit(bounds: Bounds) -> None:
    """The resource limits, which also hold where there is no namespace."""
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") if file else 0
    for kind, value in (
        (resource.RLIMIT_AS, mapped + bounds.memory_bytes),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_CPU, bounds.cpu_s),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    resource.setrlimit(resource.RLIMIT_NPROC, (bounds.processes, bounds.processes))


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _visible_folders() -> list[Path]:
    """What Python needs to run, and what a submission may import and read; nothing of the grader."""
    python = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, *(p for p in sys.path if "site-packages" in p))}
    course = {Path(__file__).resolve().parent.parent / name for name in ("coursekit", "data")}
    system = {Path(p) for p in SYSTEM_FOLDERS}
    found = sorted(p for p in python | course | system if p.exists())
    return [p for p in found if not any(q in p.parents for q in found)]


def _private_files(submission: Path, bounds: Bounds) -> None:
    """A root file system in memory, into which the visible folders and the submission are bound, read-only."""
    new = "/tmp"
    _call("mount", "none", "/", None, MS_REC | MS_PRIVATE, None)
    # Opened before the new root hides them (the submission may be below /tmp itself).
    handles = [(path, os.open(path, os.O_PATH)) for path in [*_visible_folders(), submission.resolve()]]
    devices = [(f"/dev/{name}", os.open(f"/dev/{name}", os.O_PATH)) for name in ("null", "zero", "random", "urandom")]
    _call("mount", "tmpfs", new, "tmpfs", MS_NOSUID | MS_NODEV, f"size={bounds.scratch_bytes},mode=755")
    for path, handle in [*handles, *((Path(p), h) for p, h in devices)]:
        target = Path(new + str(path))
        link = f"/proc/self/fd/{handle}"
        if str(path) in SYSTEM_FOLDERS and path.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.readlink(path))
            continue
        if os.path.isdir(link):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        _call("mount", link, str(target), None, MS_BIND | MS_REC, None)
        if not str(path).startswith("/dev/"):
            _call(
                "mount",
                "none",
                str(target),
                None,
                MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | _locked(target),
                None,
            )
    for _, handle in [*handles, *devices]:
        os.close(handle)
    for name in ("proc", "tmp", "old", "dev/shm"):
        Path(new, name).mkdir(parents=True, exist_ok=True)
    _call("mount", "proc", f"{new}/proc", "proc", MS_NOSUID | MS_NODEV, None)
    if _libc().syscall(155, new.encode(), f"{new}/old".encode()) != 0:  # pivot_root
        raise OSError(ctypes.get_errno(), "pivot_root")
    os.chdir("/")
    _call("umount2", "/old", MNT_DETACH)
    os.rmdir("/old")
    for folder in ("/tmp", "/dev/shm"):
        os.chmod(folder, 0o1777)
    os.chdir("/tmp")


def _locked(target: Path) -> int:
    """Flags that the mount has already and that may not be taken off in a user namespace."""
    flags = os.statvfs(target).f_flag
    return sum(bit for bit in (8, 1024, 2048) if flags & bit)  # noexec, noatime, nodiratime


def _drop_privileges(root: bool) -> None:
    libc = _libc()
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if root:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)
    header, data = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if libc.syscall(126, header, data) != 0:  # capset: none effective, permitted or inheritable
        raise OSError(ctypes.get_errno(), "capset")
