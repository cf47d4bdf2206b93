"""What a submission can see and use, tried from inside; skipped with a reason where namespaces are not allowed."""

import json
import os
import socket
import sys
import textwrap
import time
from pathlib import Path

import pytest

from autograder import sandbox
from autograder.sandbox import Bounds

WHY_NOT = sandbox.why_not()
needs_sandbox = pytest.mark.skipif(bool(WHY_NOT), reason=f"no sandbox here: {WHY_NOT}")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def inside(tmp_path):
    """Run code in the sandbox and get what it leaves in `found`, or None when it was ended before its end."""
    submission = tmp_path / "submission"
    submission.mkdir()
    (submission / "own.txt").write_text("mine")
    submission.chmod(0o755)
    for parent in submission.parents:
        if parent.is_relative_to("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055) if parent != Path("/tmp") else None

    def run(code, shut_in=sandbox.enter, seconds=20, **bounds):
        ours, theirs = socket.socketpair()
        guard = os.fork()
        if guard == 0:
            try:
                ours.close()
                shut_in(submission, Bounds(**bounds), theirs.fileno())
                names = {
                    "here": submission,
                    "found": None,
                    "json": json,
                    "os": os,
                    "socket": socket,
                    "Path": Path,
                    "time": time,
                }
                exec(textwrap.dedent(code), names)
                theirs.sendall(json.dumps(names["found"]).encode() + b"\n")
            finally:
                os._exit(0)
        theirs.close()
        ours.settimeout(seconds)
        try:
            with ours.makefile("rb") as lines:
                line = lines.readline()
        except TimeoutError:
            line = b""
        ours.close()
        os.waitpid(guard, 0)
        return json.loads(line) if line else None

    return run


def exists(*paths):
    return f"found = [os.path.exists(p) for p in {list(map(str, paths))}]"


@needs_sandbox
def test_only_python_the_course_and_the_submission_are_visible(inside):
    shown = [sys.prefix, ROOT / "coursekit", "/usr", "/tmp", "/dev/null"]
    hidden = [
        ROOT / "autograder",
        ROOT / "solutions",
        ROOT / "tests",
        ROOT / ".git",
        "/root/.bashrc",
        "/home",
        "/var",
        "/etc/shadow",
        "/old",
    ]
    assert inside(exists(*shown)) == [True] * len(shown)
    assert inside(exists(*hidden)) == [False] * len(hidden)
    assert inside("found = [(here / 'own.txt').read_text(), os.listdir('/tmp'), os.getcwd()]")[::2] == ["mine", "/tmp"]


@needs_sandbox
def test_only_tmp_can_be_written(inside):
    code = """
    import sys
    found = []
    for folder in (here, sys.prefix, os.path.dirname(os.__file__), '/', '/etc', '/proc/sys/kernel', '/dev', '/tmp', '/dev/shm'):
        try:
            Path(folder, 'x').write_text('x')
            found.append(folder)
        except OSError:
            pass
    """
    assert inside(code) == ["/tmp", "/dev/shm"]


@needs_sandbox
def test_there_is_no_network_but_loopback_by_number_and_name(inside):
    code = """
    server = socket.create_server(('localhost', 0))
    socket.create_connection(('localhost', server.getsockname()[1]), 2)
    socket.create_connection(('127.0.0.1', server.getsockname()[1]), 2)
    def reach(address):
        try:
            return bool(socket.create_connection(address, .3))
        except OSError:
            return False
    found = [reach(('1.1.1.1', 53)), reach(('127.0.0.1', PORT)), [name for _, name in socket.if_nameindex()]]
    """
    with socket.create_server(("127.0.0.1", 0)) as outside:
        found = inside(code.replace("PORT", str(outside.getsockname()[1])))
    assert found[:2] == [False, False] and "lo" in found[2] and not {"eth0", "ens3"} & set(found[2])


@needs_sandbox
def test_it_sees_its_own_processes_only_and_has_no_rights(inside):
    code = """
    import ctypes
    status = dict(l.split(':', 1) for l in open('/proc/self/status').read().splitlines())
    libc = ctypes.CDLL(None)
    found = [sorted(int(n) for n in os.listdir('/proc') if n.isdigit()), os.getuid(), status['CapEff'].strip('\\t0'),
             status['NoNewPrivs'].strip(), libc.ptrace(16, 1, 0, 0), libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)]
    """
    processes, uid, capabilities, locked, traced, mounted = inside(code)
    assert processes == [1, 2] and uid != 0 and capabilities == "" and locked == "1"
    assert (traced, mounted) == (-1, -1)


@needs_sandbox
@pytest.mark.parametrize(
    ("code", "bounds", "found"),
    [
        ("b = bytearray(900_000_000)\nfound = 1", {"memory_bytes": 500_000_000}, None),
        ("open('/tmp/x', 'wb').write(b'x' * 2_000_000)\nfound = 1", {"file_bytes": 1_000_000}, None),
        ("[open(f'/tmp/{i}', 'wb').write(b'x' * 500_000) for i in range(20)]\nfound = 1", {"scratch_bytes": 5_000_000}, None),
        ("while True: pass", {"cpu_s": 1}, None),
        ("[os.open('/dev/null', 0) for _ in range(100)]\nfound = 1", {"files": 50}, None),
        ("n = 0\ntry:\n    while n < 99:\n        if os.fork() == 0: time.sleep(9)\n        n += 1\nexcept OSError: pass\nfound = n < 20",
         {"processes": 10}, True),
    ],
    ids=["memory", "file", "scratch", "cpu", "files", "processes"],
)  # fmt: skip
def test_limits_hold(inside, code, bounds, found):
    assert inside(code, **bounds) == found


@needs_sandbox
def test_memory_of_all_processes_is_counted_together(inside):
    code = """
    for _ in range(8):
        if os.fork() == 0:
            kept = bytearray(os.urandom(1) * 100_000_000)
            time.sleep(20)
    time.sleep(20)
    found = 1
    """
    began = time.monotonic()
    assert inside(code, memory_bytes=400_000_000) is None
    assert time.monotonic() - began < 10


def named(name):
    return [p for p in Path("/proc").glob("[0-9]*/comm") if p.exists() and p.read_text().strip() == name]


LEAVE = """
import ctypes, signal
libc = ctypes.CDLL(None)
libc.prctl(15, b'NAME', 0, 0, 0)
libc.prctl(1, 0, 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(100)
    os._exit(0)
os.wait()
found = 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("shut_in", [pytest.param(sandbox.enter, marks=needs_sandbox), sandbox.confine])
def test_nothing_outlives_the_judge_s_end_of_the_line(inside, shut_in):
    name = f"left{os.getpid()}"
    assert inside(LEAVE.replace("NAME", name), shut_in=shut_in) == 1
    ends = time.monotonic() + 3
    while named(name) and time.monotonic() < ends:
        time.sleep(0.02)
    assert named(name) == []


def test_without_namespaces_the_limits_remain(inside):
    code = "b = bytearray(900_000_000)\nfound = 1"
    if sys.platform == "linux":
        assert inside(code, shut_in=sandbox.confine, memory_bytes=500_000_000) is None
    assert inside("found = os.getcwd() == str(here)", shut_in=sandbox.confine) is True


def test_why_not_is_one_line_and_leaves_nothing(monkeypatch):
    assert "\n" not in sandbox.why_not()
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert sandbox.why_not.__wrapped__() == "darwin has no user namespaces"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_why_not_tries_to_the_end(monkeypatch):
    def deny(*arguments):
        raise PermissionError(13, "mount: Permission denied")

    monkeypatch.setattr(sandbox.mounts, "private_files", deny)
    said = sandbox.why_not.__wrapped__()
    assert "not allowed here" in said and ("mount" in said or WHY_NOT)
