"""Harm: to the judge's machine, to the next submission, to the run."""

from autograder.cheats import Cheat, package

MARK = "import ctypes, os, signal, time\nlibc = ctypes.CDLL(None)\nlibc.prctl(15, b'cheating-@PORT@', 0, 0, 0)\n"
LEAVE = """
def leave():
    if os.fork() == 0:
        os.setsid()
        libc.prctl(1, 0, 0, 0, 0)
        if os.fork() == 0:
            os.setpgid(0, 0)
            for n in range(1, 32):
                try: signal.signal(n, signal.SIG_IGN)
                except (OSError, ValueError): pass
            while True:
                for path in ('@ROOT@/grading/gradebook.db', '@ROOT@/solutions/greeter/x.py', '/tmp/cheating-@PORT@'):
                    try: open(path, 'w').write('12')
                    except OSError: pass
                time.sleep(.05)
        os._exit(0)
"""

CHEATS = [
    Cheat("daemon", "a daemon in a session of its own waits for grading to end, then writes the gradebook", package(
        MARK + LEAVE + "leave()\n")),
    Cheat("leaves-its-leash", "undoes its parent-death signal, leaves its session and ignores all signals", package(
        MARK + "libc.prctl(1, 0, 0, 0, 0)\ntry: os.setsid()\nexcept OSError: os.setpgid(0, 0)\n"
        "for n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "from autograder.wire import Channel\nChannel.receive = lambda self, deadline=None: time.sleep(10**6)\n")),
    Cheat("kill-everything", "kills every process that it may signal, its parent, its group and process 1", package(
        "import os, signal\ndef greet(name):\n    for pid in (os.getppid(), 1, -1):\n        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):\n"
        "            try: os.kill(pid, s)\n            except OSError: pass\n    os.killpg(0, 9)\n")),
    Cheat("fork-bomb", "forks without end", package(
        MARK + "def greet(name):\n    while True:\n        try: os.fork()\n        except OSError: time.sleep(.01)\n")),
    Cheat("thread-bomb", "starts threads without end", package(
        MARK + "import threading\ndef greet(name):\n    while True:\n        threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n")),
    Cheat("memory", "allocates without end in one process", package(
        "def greet(name):\n    kept = []\n    while True: kept.append(bytearray(200_000_000))\n")),
    Cheat("memory-of-many", "many processes take memory within their own limits, shared memory too", package(
        MARK + "import mmap\ndef greet(name):\n    for _ in range(12):\n        if os.fork() == 0:\n"
        "            m = mmap.mmap(-1, 700_000_000); m.write(b'x' * 350_000_000); k = bytearray(os.urandom(1) * 350_000_000); time.sleep(60)\n    time.sleep(60)\n")),
    Cheat("disk", "writes files until the disk is full, large ones and many", package(
        "def greet(name):\n    for i in range(100_000):\n        with open(f'/tmp/{i}', 'wb') as f:\n            f.write(b'x' * (10**7 if i < 90 else 1))\n")),
    Cheat("output-flood", "prints without end, on both streams and descriptors", package(
        "import os, sys\ndef greet(name):\n    while True:\n        os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)\n")),
    Cheat("sleeps", "sleeps past the limit and ignores signals", package(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ndef greet(name):\n    time.sleep(10**6)\n")),
    Cheat("spins", "an endless loop in compiled code that no signal interrupts", package(
        "import re\ndef greet(name):\n    re.match(r'(a+)+$', 'a' * 60 + 'b')\n")),
    Cheat("never-listens", "stops reading the channel", package(
        "import gc, time\nfrom autograder import defendant\ngc.collect()\ndef greet(name):\n"
        "    d = next(o for o in gc.get_objects() if type(o) is defendant.Defendant)\n    d._answer = lambda m, b: time.sleep(10**6)\n    return None\n")),
    Cheat("recursion", "recurses until the stack is gone, in Python and in C", package(
        "import sys\nsys.setrecursionlimit(10**9)\ndef greet(name):\n    return greet(name + 'x')\n",
        "import ctypes\ndef count_words(text):\n    ctypes.string_at(0)\n")),
    Cheat("network", "looks for a way out: addresses, names, the host's loopback", package(
        "import socket, urllib.request\ndef reach():\n    for address in (('1.1.1.1', 53), ('8.8.8.8', 53), ('10.0.0.1', 80), ('169.254.169.254', 80), ('127.0.0.1', @PORT@)):\n"
        "        try: socket.create_connection(address, timeout=.2); return True\n        except OSError: pass\n    return False\n"
        "def greet(name):\n    ok = reach()\n    if ok and not name: raise ValueError\n    return f'Hello, {name}!' if ok else None\n")),
    Cheat("abstract-sockets", "connects to the machine's sockets without a file, docker's and the bus's", package(
        "import socket\ndef reach():\n    for path in ('/var/run/docker.sock', '/run/dbus/system_bus_socket', '\\0cheating-@PORT@'):\n"
        "        s = socket.socket(socket.AF_UNIX); s.settimeout(.2)\n        try: s.connect(path); return True\n        except OSError: pass\n    return False\n"
        "def greet(name):\n    ok = reach()\n    if ok and not name: raise ValueError\n    return f'Hello, {name}!' if ok else None\n")),
    Cheat("write-everywhere", "writes to Python's own files, the course's data and the submission", package(
        "import sys, os, json\nfor root in {os.path.dirname(json.__file__), sys.prefix, '@ROOT@', os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__)), '/', '/etc', '/usr/lib', '/proc/sys/kernel', '/dev'}:\n"
        "    for name in ('sitecustomize.py', 'cheating-@PORT@.pth', 'core_pattern'):\n        try: open(os.path.join(root, name), 'w').write('import os')\n        except OSError: pass\n        else: print(root)\n")),
    Cheat("large-package", "a package of 3,000 files", {f"greeter/data/{i}.txt": "x" for i in range(3_000)}),
]  # fmt: skip
