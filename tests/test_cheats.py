"""No hostile submission pays and no honest one loses: the whole list, then holes that need other hidden tests than greeter's."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autograder.cheats import all_cheats, honest
from autograder.judge import Judge
from autograder.project import Project
from autograder.runner import Limits

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.xdist_group("cheats")
NO_SANDBOX = Judge().why_not_sandboxed if sys.platform == "linux" else "this needs Linux"
if NO_SANDBOX:
    pytestmark = [pytestmark, pytest.mark.skip(reason=f"the cheats need the sandbox: {NO_SANDBOX}")]


@pytest.fixture(scope="module")
def rows():
    """One judge hears them all, in a process of its own."""
    command = [sys.executable, "-m", "autograder.cheats", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_there_are_enough_of_them():
    names = [c.name for c in all_cheats()]
    assert len(names) == len(set(names)) >= 30
    assert len(honest.CONTROLS) >= 10


@pytest.mark.parametrize("name", [c.name for c in all_cheats()])
def test_a_cheat_does_not_pay(rows, name):
    row = next(r for r in rows["cheats"] if r["cheat"] == name)
    assert (row["points"], row["harm"]) == (0, "")


@pytest.mark.parametrize("name", [c.name for c in honest.CONTROLS])
def test_an_honest_submission_keeps_full_marks(rows, name):
    row = next(r for r in rows["controls"] if r["cheat"] == name)
    assert (row["points"], row["harm"]) == (row["maximum"], "")


# --- other hidden tests: parameters, fakes, containers, records, arguments


HIDDEN = '''
import numpy as np
import pytest

from other.work import Store, answer, chunks, count, mean, pick, stream, use


class Fake:
    def __init__(self):
        self.asked = []

    def ask(self, text):
        self.asked.append(text)
        return text.upper()


def mark(task):
    return pytest.mark.check(task=task, points=1, why="w", lesson="l")


@pytest.mark.check(task="count", points=1, why="w", lesson="l")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_each_parameter(n):
    """All."""
    assert count("x" * n) == n


@pytest.mark.check(task="chunks", points=1, why="w", lesson="l")
def test_two_views_of_one_result():
    """All."""
    found = chunks("abcdefghij", 4)
    assert len(found) == 3
    assert all(len(c) <= 4 for c in found)
    assert "".join(found) == "abcdefghij"


@pytest.mark.check(task="answer", points=1, why="w", lesson="l")
def test_contains():
    """All."""
    assert "paris" in answer("capital of France")


@pytest.mark.check(task="use", points=1, why="w", lesson="l")
def test_a_fake_is_used():
    """All."""
    fake = Fake()
    assert use(fake, lambda x: x + 1, (i for i in range(3))) == "HELLO"
    assert fake.asked == ["hello"]


@pytest.mark.check(task="use", points=1, why="w", lesson="l")
def test_a_fake_that_asserts():
    """All."""

    def strict(text):
        assert text == "right"
        return 1

    assert pick(strict) == 1


@pytest.mark.check(task="mean", points=1, why="w", lesson="l")
def test_array():
    """All."""
    got = mean(np.arange(6).reshape(2, 3))
    assert isinstance(got, np.ndarray) and got.dtype == bool
    assert (got == np.array([True, False, True])).sum() == 3


@pytest.mark.check(task="store", points=1, why="w", lesson="l")
def test_an_object_of_the_learners():
    """All."""
    store = Store(2)
    store["a"] = 1
    assert "a" in store and "b" not in store and len(store) == 1 and store["a"] == 1


@pytest.mark.check(task="stream", points=1, why="w", lesson="l")
def test_stream():
    """All."""
    assert list(stream(3)) == [0, 1, 2] and all(map(stream, [1, 2]))
'''

RIGHT = """
import numpy as np

def count(text): return len(text)
def chunks(text, n): return [text[i:i + n] for i in range(0, len(text), n)]
def answer(text): return "It is paris."
def use(fake, function, items): return fake.ask("hello") if function(1) == 2 else None
def pick(fake): return fake("right")
def mean(array): return np.array([True, False, True])
def stream(n): yield from range(n)

class Store:
    def __init__(self, size): self.kept = {}
    def __setitem__(self, key, value): self.kept[key] = value
    def __getitem__(self, key): return self.kept[key]
    def __len__(self): return len(self.kept)
    def __contains__(self, key): return key in self.kept
"""

NOTHING = """
def count(text): pass
def chunks(text, n): pass
def answer(text): pass
def use(fake, function, items): pass
def pick(fake): pass
def mean(array): pass
def stream(n): return 0
class Store:
    def __init__(self, size): pass
"""


@pytest.fixture(scope="module")
def court(tmp_path_factory):
    """A judge, a project with the hidden tests above, and `hear(code)`: the checks that a submission passes."""
    root = tmp_path_factory.mktemp("other")
    hidden, source = root / "hidden" / "other", root / "solutions" / "other"
    (source / "other").mkdir(parents=True)
    (source / "other" / "work.py").write_text(RIGHT)
    hidden.mkdir(parents=True)
    (hidden / "test_hidden_other.py").write_text(HIDDEN)
    with pytest.MonkeyPatch.context() as patch, Judge() as judge:
        patch.setattr("autograder.project.SOLUTIONS", root / "solutions")
        patch.setattr("autograder.project.HIDDEN", root / "hidden")

        def hear(code, by=judge):
            folder = root / f"submitted-{abs(hash(code))}-{threading.get_ident()}" / "other"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "work.py").write_text(code)
            verdicts = by.judge(Project("other"), folder.parent, limits=Limits(test_s=3, total_s=20))
            return {v.check.function for v in verdicts if v.passed}

        yield hear


def test_the_right_one_passes_all_but_what_no_generator_can(court):
    assert len(court(RIGHT)) == 8


def test_the_empty_one_passes_nothing(court):
    assert court(NOTHING) == set()


BEHIND = NOTHING + "import gc\nfrom autograder.defendant import Defendant, Callback\n"


@pytest.mark.parametrize(
    "code",
    [
        # one parameter set is right, then the run is ended: it must not count for the others
        "import pytest\ndef count(text):\n    if len(text) == 1: return 1\n    raise pytest.exit.Exception('enough', 0)\n",
        "import os\ndef count(text):\n    if len(text) == 1: return 1\n    os._exit(0)\n",
        # an object that is one thing for len() and another for iteration
        "class C:\n    n = 0\n    def __len__(self): return 3\n    def __iter__(self):\n        self.n += 1\n"
        "        return iter(['a'] if self.n < 3 else ['abcdefghij'])\nchunks = lambda text, n: C()\n",
        "class C:\n    n = 0\n    def __len__(self): return 3\n    def __getitem__(self, i):\n        self.n += 1\n"
        "        if i > 0: raise IndexError\n        return 'a' if self.n < 3 else 'abcdefghij'\nchunks = lambda text, n: C()\n",
        # an object that contains whatever is looked for, by a function and by a class in its place
        "class C:\n    def __contains__(self, item): return True\nanswer = lambda text: C()\n",
        "class answer:\n    def __init__(self, text): pass\n    def __contains__(self, item): return True\n",
        # a fake's own assertion, swallowed
        "def pick(fake):\n    try: fake('wrong')\n    except Exception: pass\n    return 1\n",
        # from a generator that the test passed to the test's own names, and from there anywhere
        "def use(fake, function, items):\n    try: names = items.gi_frame.f_globals\n    except AttributeError: return None\n"
        "    return names['Fake'].ask(fake, 'hello')\n",
        "def use(fake, function, items):\n    for o in (fake, function, items, fake.ask):\n        for n in ('gi_frame', 'gi_code', '__globals__', '__self__', 'mro', 'func_globals', '__func__'):\n"
        "            try: getattr(o, n)\n            except AttributeError: continue\n            return fake.ask('hello')\n",
        # bools whose bytes are neither 0 nor 1
        "import numpy as np\ndef mean(array): return np.array([2, 2, 2], np.uint8).view(bool)\n",
        # the end of a loop in the test
        "def stream(n): raise StopIteration\n",
    ],
)
def test_nothing_is_gained(court, code):
    assert court(NOTHING + code) == set()


def test_a_fork_bomb_does_not_touch_who_is_judged_beside_it(court):
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    threaded = RIGHT.replace(
        "return len(text)",
        "import threading; ts = [threading.Thread(target=int) for _ in range(20)]; [t.start() for t in ts]; return len(text)",
        1,
    )
    with Judge() as another:
        beside = threading.Thread(target=court, args=(bomb,), kwargs={"by": another})
        beside.start()
        assert "test_each_parameter" in court(threaded)
        beside.join()


# --- without the sandbox


def test_without_namespaces_it_still_judges_and_says_so(court, monkeypatch):
    monkeypatch.setattr("autograder.sandbox.why_not", lambda: "for a test")
    with pytest.warns(RuntimeWarning, match="without a sandbox: for a test.*course doctor"), Judge() as judge:
        assert len(court(RIGHT, by=judge)) == 8
        assert court(NOTHING + "import os\nos.fork() or os.setsid()\nwhile True: pass\n", by=judge) == set()
        assert len(court(RIGHT, by=judge)) == 8


def test_make_cheats_runs_it():
    assert "-m autograder.cheats" in (ROOT / "Makefile").read_text()
    assert os.path.exists(ROOT / "autograder" / "cheats" / "__main__.py")
