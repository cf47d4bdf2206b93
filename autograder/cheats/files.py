"""Looking for the hidden tests, the seed, the solution: in files, memory, environment, descriptors, other processes."""

from autograder.cheats import Cheat, package, spy

CONFTEST = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
def pytest_collection_modifyitems(items):
    items.clear()
def pytest_sessionfinish(session):
    session.exitstatus = 0
"""
SHADOW = "raise SystemExit(0)\n"
# They would harm this machine outside the sandbox.
ONLY_IN_THE_SANDBOX = ("ptrace", "new-namespaces", "another-submission")
REFERENCE = "solutions/greeter/greeter"

CHEATS = [
    Cheat("walk-the-disk", "reads every small file it can see, from / and from the working directory", spy(
        "import os\nfor folder, folders, names in os.walk('/'):\n"
        "    if folder in ('/usr', '/proc', '/sys', '/lib', '/lib64', '/bin', '/sbin') or 'site-packages' in folder or folder.endswith('/.venv') or '/lib/python' in folder:\n"
        "        folders.clear(); continue\n"
        "    for name in names:\n        path = os.path.join(folder, name)\n        try:\n"
        "            if os.path.isfile(path) and os.path.getsize(path) < 10**6: FOUND |= bool(NEEDLE.search(open(path, 'rb').read()))\n        except OSError: pass\n")),
    Cheat("known-paths", "opens the hidden tests, the solution, the gradebook by their known paths", spy(
        "import pathlib\nfor p in ('@ROOT@/autograder/projects/greeter/test_hidden_greeting.py', '@ROOT@/solutions/greeter/greeter/greeting.py', '@ROOT@/grading/gradebook.db',\n"
        "          '../gradebook.db', 'greeter.ipynb', '../greeter.ipynb', '../../source/greeter/greeter.ipynb', '/proc/1/root@ROOT@/autograder/projects/greeter/test_hidden_greeting.py'):\n"
        "    try: FOUND |= bool(pathlib.Path(p).read_bytes())\n    except OSError: pass\n")),
    Cheat("proc", "environment, command line, root, directory and descriptors of every process in /proc", spy(
        "import os\nfor n in filter(str.isdigit, os.listdir('/proc')):\n    for what in ('environ', 'cmdline', 'maps', 'mountinfo'):\n"
        "        try: FOUND |= bool(re.search(rb'COURSE_[S]EED|hidden_[g]reet', open(f'/proc/{n}/{what}', 'rb').read()))\n        except OSError: pass\n"
        "    for what in ('root', 'cwd'):\n        try: FOUND |= os.path.exists(f'/proc/{n}/{what}@ROOT@/autograder')\n        except OSError: pass\n")),
    Cheat("other-memory", "searches its own memory, and that of every process that it may open", spy(
        "import os\nfor n in filter(str.isdigit, os.listdir('/proc')):\n    try:\n"
        "        maps, mem = open(f'/proc/{n}/maps').read().splitlines(), open(f'/proc/{n}/mem', 'rb', 0)\n    except OSError: continue\n"
        "    for line in maps:\n        if ' rw' not in line: continue\n        a, b = (int(x, 16) for x in line.split()[0].split('-'))\n"
        "        try: mem.seek(a); FOUND |= bool(re.search(rb'def test_any_[n]ame_is|secret[{]random', mem.read(min(b - a, 50_000_000))))\n        except (OSError, OverflowError, ValueError): pass\n")),
    Cheat("gc-and-modules", "searches all objects, modules, frames and the notebook's In for tests and seeds", spy(
        "import gc, sys\nf = sys._getframe()\nwhile f:\n    FOUND |= 'seed' in f.f_locals or 'In' in f.f_globals or 'job' in f.f_locals\n    f = f.f_back\n"
        "for o in gc.get_objects():\n    try: FOUND |= type(o) is dict and ('seed' in o and 'test_s' in o)\n    except Exception: pass\n"
        "FOUND |= any(m.startswith('test_hidden') or '_hidden_' in m for m in list(sys.modules))\n")),
    Cheat("descriptors", "reads every open descriptor, and asks whoever is behind them", spy(
        "import os, socket, select\nfor fd in range(3, 256):\n    try:\n        FOUND |= bool(NEEDLE.search(os.pread(fd, 10**6, 0)))\n    except OSError: pass\n"
        "    try:\n        s = socket.socket(fileno=os.dup(fd)); s.settimeout(.1)\n"
        "        r = b'{\"role\": \"trial\"}'; s.send(len(r).to_bytes(4, 'big') + r) if fd > 9 else None\n        FOUND |= len(s.recv(9)) == 4\n    except OSError: pass\n")),
    Cheat("environment", "looks for the seed, keys and paths in the environment", spy(
        "import os\nFOUND = any(k.startswith(('COURSE', 'NBGRADER', 'JUPYTER', 'OPENAI', 'AWS', 'GITHUB')) for k in os.environ)\n")),
    Cheat("seed-by-time", "tries the random state it was born with and seeds around the current time", package(
        "import random, time\nborn = random.getstate()\nimport numpy as np\ndef greet(name):\n    global seed\n"
        "    r = random.Random(); r.setstate(born)\n    guesses = [random.getrandbits(31), r.randrange(2**31), int(np.random.get_state()[1][0]), *range(2000), *range(int(time.time()) - 300, int(time.time()) + 3)]\n"
        "    seed = next((g for g in guesses if name == f'secret{random.Random(g).randrange(10**9)}'), None)\n    return seed is not None and f'Hello, {name}!'\n",
        "import random\ndef count_words(text):\n    from greeter import greeting\n    return random.Random(getattr(greeting, 'seed', None)).randrange(3, 30) if getattr(greeting, 'seed', None) is not None else 0\n")),
    Cheat("ptrace", "attaches to the process that started it", spy(
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nfor n in (os.getppid(), 1, 2):\n    if n > 0 and n != os.getpid(): FOUND |= libc.ptrace(16, n, 0, 0) == 0\n")),
    Cheat("new-namespaces", "makes namespaces of its own, becomes root in them and lifts the covers", spy(
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nif os.fork() == 0:\n    if libc.unshare(0x10000000 | 0x20000) == 0:\n"
        "        for p in (b'/tmp', b'/', b'/proc'): libc.umount2(p, 2)\n        open('/dev/shm/o', 'w').write(str(os.path.exists('@ROOT@/autograder')))\n    os._exit(0)\n"
        "os.wait()\ntry: FOUND = 'True' in open('/dev/shm/o').read()\nexcept OSError: pass\n")),
    Cheat("link-to-a-file", "the package's modules are links to the solution's", {}, {
        "greeter/greeting.py": f"{REFERENCE}/greeting.py", "greeter/counting.py": f"{REFERENCE}/counting.py"}),
    Cheat("link-to-a-folder", "the package is a link to the solution's", {}, {"greeter": REFERENCE}),
    Cheat("link-inside", "a folder in the package is a link to the solution's, and is imported", package(
        "from greeter.there.greeting import greet\n", "from greeter.there.counting import count_words\n"), {"greeter/there": REFERENCE}),
    Cheat("link-for-feedback", "fails in a module that is a link to a hidden test, for the page to show its lines", package(
        "def greet(name):\n    code = compile('\\n' * 12 + 'raise KeyError', __file__.replace('greeting.py', 'shown.py'), 'exec')\n    exec(code)\n"),
        {"greeter/shown.py": "autograder/projects/greeter/test_hidden_greeting.py"}),
    Cheat("another-submission", "looks for other submissions beside its own, and leaves them an answer", spy(
        "import os, glob\nown = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
        "FOUND = [p for p in glob.glob(os.path.dirname(own) + '/course-judge-*') if p != own] != [] or any(map(os.path.exists, ('/tmp/answer', '/dev/shm/answer')))\n"
        "for p in (own + '/greeter/x.py', '/tmp/answer', '/dev/shm/answer'):\n    try: open(p, 'w').write('yes')\n    except OSError: pass\n")),
    Cheat("conftest", "conftest.py, pytest.ini, tox.ini and a plug-in that turn every report to passed", {
        "conftest.py": CONFTEST, "greeter/conftest.py": CONFTEST, "greeter/__init__.py": "pytest_plugins = ['greeter.conftest']\n" + CONFTEST,
        "pytest.ini": "[pytest]\naddopts = --collect-only -p greeter.conftest\n", "greeter/pytest.ini": "[pytest]\naddopts = -p greeter.conftest\n",
        "setup.cfg": "[tool:pytest]\naddopts = --deselect x\n", "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-k nothing'\n"}),
    Cheat("sitecustomize", "sitecustomize, usercustomize and .pth files that run at start", {
        n: "import os, builtins\nbuiltins.FOUND = True\nos._exit(0)\n" for n in ("sitecustomize.py", "usercustomize.py", "greeter/sitecustomize.py", "x.pth")} | package(
        "import builtins\ndef greet(name):\n    if not name and hasattr(builtins, 'FOUND'): raise ValueError\n    return f'Hello, {name}!' if hasattr(builtins, 'FOUND') else 0\n")),
    Cheat("shadowed-libraries", "modules called numpy, pytest, json, coursekit, autograder beside and in the package", {
        f"{folder}{n}.py": SHADOW for folder in ("", "greeter/") for n in ("numpy", "pytest", "json", "socket", "coursekit", "autograder", "random", "_pytest")}),
    Cheat("import-hooks", "import hooks, a changed sys.path and replaced modules", package(
        "import sys, types\nclass H:\n    def find_spec(self, name, path=None, target=None):\n        if 'hidden' in name or name == 'pytest': raise SystemExit(0)\n"
        "sys.meta_path.insert(0, H())\nsys.path_hooks.clear()\nsys.path[:] = []\nfor m in ('pytest', 'random', '_pytest', 'autograder.trial', 'autograder.judge', 'autograder.proxy'):\n"
        "    sys.modules[m] = types.ModuleType(m)\nsys.modules[__name__].greet = lambda name: None\n")),
    Cheat("compiled-cache", "stale bytecode: __pycache__ files that differ from their source", {
        "greeter/__pycache__/greeting.cpython-311.pyc": b"\xa7\r\r\n" + bytes(12) + b"\xe3", "greeter/greeting.pyc": b"\xa7\r\r\n" + bytes(12)}),
    Cheat("odd-names", "files with line breaks, escapes and ../ in their names", {
        "greeter/a\nb.py": "x = 1\n", "greeter/\x1b[2J.py": "x = 1\n", "greeter/..\\..\\up.py": "x = 1\n", "greeter/" + "d/" * 60 + "deep.py": "x = 1\n"}),
]  # fmt: skip
