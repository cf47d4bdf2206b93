"""Calls into the C library that Python has no name for."""

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
# System calls without a C function, by machine.
NUMBERS = {"pivot_root": {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}}


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """Call a C function or system call by name; OSError unless it returns 0."""
    encoded = [a.encode() if isinstance(a, str) else a for a in arguments]
    if name in NUMBERS:
        number = NUMBERS[name].get(os.uname().machine)
        if number is None:
            raise OSError(f"{name}: not known on {os.uname().machine}")
        result = libc().syscall(number, *encoded)
    else:
        result = getattr(libc(), name)(*encoded)
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
