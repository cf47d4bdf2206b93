"""The file system and the loopback that a submission sees, made from inside its new namespaces."""

import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

from autograder.system import call

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH = 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
# Enough for `localhost` to have an address and for the user to have a name.
SMALL_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\nhosts: files\n",
    "etc/passwd": "learner:x:{uid}:{uid}::/tmp:/bin/sh\n",
}
INODES = 50_000


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def visible_folders() -> list[Path]:
    """What Python needs to run, and what a submission may import and read; nothing of the grader."""
    python = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, *(p for p in sys.path if "site-packages" in p))}
    course = {Path(__file__).resolve().parent.parent / name for name in ("coursekit", "data")}
    system = {Path(p) for p in SYSTEM_FOLDERS}
    found = sorted(p for p in python | course | system if p.exists())
    return [p for p in found if not any(q in p.parents for q in found)]


def private_files(submission: Path, scratch_bytes: int) -> None:
    """A root file system in memory, into which the visible folders and the submission are bound, read-only."""
    new = "/tmp"
    call("mount", "none", "/", None, MS_REC | MS_PRIVATE, None)
    # Opened before the new root hides them (the submission may be below /tmp itself).
    handles = [(path, os.open(path, os.O_PATH)) for path in [*visible_folders(), submission.resolve()]]
    devices = [(Path(name), os.open(name, os.O_PATH)) for name in DEVICES]
    options = f"size={scratch_bytes},nr_inodes={INODES},mode=755"
    call("mount", "tmpfs", new, "tmpfs", MS_NOSUID | MS_NODEV, options)
    for path, handle in [*handles, *devices]:
        _bind(path, handle, Path(new + str(path)), locked=path not in map(Path, DEVICES))
    for _, handle in [*handles, *devices]:
        os.close(handle)
    for name in ("proc", "tmp", "old", "dev/shm"):
        Path(new, name).mkdir(parents=True, exist_ok=True)
    for name, text in SMALL_FILES.items():
        Path(new, name).parent.mkdir(exist_ok=True)
        Path(new, name).write_text(text.format(uid=os.getuid() or 65534))
    call("mount", "proc", f"{new}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    call("pivot_root", new, f"{new}/old")
    os.chdir("/")
    call("umount2", "/old", MNT_DETACH)
    os.rmdir("/old")
    for folder in ("/tmp", "/dev/shm"):
        os.chmod(folder, 0o1777)
    os.chdir("/tmp")


def _bind(path: Path, handle: int, target: Path, *, locked: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if str(path) in SYSTEM_FOLDERS and path.is_symlink():
        target.symlink_to(os.readlink(path))
        return
    link = f"/proc/self/fd/{handle}"
    if os.path.isdir(link):
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    call("mount", link, str(target), None, MS_BIND | MS_REC, None)
    if locked:
        flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | _kept_flags(target)
        call("mount", "none", str(target), None, flags, None)


def _kept_flags(target: Path) -> int:
    """Flags that the mount has already and that may not be taken off in a user namespace."""
    flags = os.statvfs(target).f_flag
    return sum(bit for bit in (MS_NOEXEC, 1024, 2048) if flags & bit)  # noatime, nodiratime
