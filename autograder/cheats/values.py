"""Values that pretend, exceptions that mean something to a test runner, and fakes turned against the judge."""

from autograder.cheats import Cheat, package

EVERYTHING = """
class Everything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __len__(self): return 1
    def __bool__(self): return True
    def __contains__(self, item): return True
    def __getitem__(self, key): return self
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __float__(self): return 1.0
    def __iter__(self): return iter([self])
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
"""


def both(code: str, expression: str) -> dict[str, str]:
    """Both functions return `expression`, after `code`."""
    return package(
        f"{code}\ndef greet(name):\n    return {expression}\n",
        f"{code}\ndef count_words(text):\n    return {expression}\n",
    )


def raising(code: str, expression: str) -> dict[str, str]:
    """Both functions raise `expression`; the empty name is answered, so that no honest ValueError is among them."""
    return package(
        f"{code}\ndef greet(name):\n    if not name:\n        return None\n    raise {expression}\n",
        f"{code}\ndef count_words(text):\n    raise {expression}\n",
    )


CHEATS = [
    Cheat("equal-to-everything", "returns an object that equals whatever it is compared with", both(EVERYTHING, "Everything()")),
    Cheat("callable-class", "the function is a class, its instances equal and contain everything",
          package(EVERYTHING + "greet = type('greet', (Everything,), {'__init__': lambda s, n: None})",
                  EVERYTHING + "count_words = type('count_words', (Everything,), {'__init__': lambda s, n: None})")),
    Cheat("lying-str", "a str subclass with its own __eq__, __len__ and __contains__",
          both("class S(str):\n    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__\n    __len__ = lambda s: 99\n"
               "    __contains__ = lambda s, o: True\n    __str__ = lambda s: s\n", "S('x')")),
    Cheat("lying-numbers", "subclasses of int and float that equal everything, with their own __int__ and __float__",
          both("class I(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\n    __int__ = lambda s: s\n"
               "class F(float):\n    __eq__ = lambda s, o: True\n    __hash__ = float.__hash__\n    __float__ = lambda s: s\n",
               "[I(1), F(1)][len(name if 'name' in dir() else 'x') % 2]")),
    Cheat("equal-record", "a dataclass, a named tuple and a fake pydantic model that equal everything",
          both("import dataclasses, collections\n@dataclasses.dataclass(eq=False)\nclass D:\n    x: int = 1\n"
               "    def __eq__(self, other): return True\nclass P:\n    model_fields = {'x': 1}\n    x = 1\n"
               "    def __eq__(self, other): return True\nclass T(collections.namedtuple('T', 'a')):\n"
               "    def __eq__(self, other): return True\nimport itertools\nturn = itertools.cycle([D(), P(), T(1)])", "next(turn)")),
    Cheat("metaclass", "a class whose metaclass claims every instance, every subclass and every comparison",
          both("class M(type):\n    __instancecheck__ = lambda c, o: True\n    __subclasscheck__ = lambda c, o: True\n"
               "    __eq__ = lambda c, o: True\n    __hash__ = type.__hash__\n    __len__ = lambda c: 3\n"
               "class A(metaclass=M):\n    pass\n", "A")),
    Cheat("class-of-str", "an object whose __class__ says str and whose type hides it",
          both(EVERYTHING + "class S(Everything):\n    __class__ = str\nS.__module__, S.__qualname__ = 'builtins', 'str'", "S()")),
    Cheat("array-of-everything", "object arrays and frames filled with objects that equal everything",
          both(EVERYTHING + "import numpy as np\nboth = np.array([Everything()], dtype=object)", "both")),
    Cheat("array-subclass", "an ndarray subclass whose comparisons are all true",
          both("import numpy as np\nclass A(np.ndarray):\n    def __eq__(self, other): return True\n"
               "    def __array_ufunc__(self, *a, **k): return True\n    def __array_function__(self, *a, **k): return True\n",
               "np.zeros(1).view(A)")),
    Cheat("pickle", "objects whose pickle runs code where it is read", package(
        "import os, pickle\nclass P:\n    def __reduce__(self): return (exec, ('import greeter.greeting as g; g.greet = lambda n: 1',))\n"
        "    def __getstate__(self): raise SystemExit\ndef greet(name):\n    return P() if name else pickle.dumps(P())\n")),
    Cheat("skip", "raises pytest's Skipped", raising("import pytest", "pytest.skip.Exception('not today')")),
    Cheat("xfail", "raises pytest's XFailed, and calls pytest.xfail", raising("import pytest", "pytest.xfail.Exception('as expected')")),
    Cheat("pytest-exit", "raises pytest's Exit, which ends a run with success", raising("import pytest", "pytest.exit.Exception('done', 0)")),
    Cheat("unittest-skip", "raises unittest's SkipTest", raising("import unittest", "unittest.SkipTest('no')")),
    Cheat("base-exceptions", "raises subclasses of BaseException, KeyboardInterrupt and GeneratorExit",
          raising("import itertools\nclass B(BaseException): pass\nturn = itertools.cycle([B(), KeyboardInterrupt(), GeneratorExit()])", "next(turn)")),
    Cheat("exit-0", "exits with status 0 in the middle of a test", package(
        "import os\ndef greet(name):\n    os._exit(0)\n", "import sys\ndef count_words(text):\n    sys.exit(0)\n")),
    Cheat("exit-at-import", "exits with status 0 while it is imported", package("import os\nos._exit(0)\n", "exit(0)\n")),
    Cheat("hostile-message", "an exception whose str() exits, floods, or is not Unicode", raising(
        "class E(Exception):\n    def __str__(self): return '\\ud800\\x1b[2J' + 'A' * 10**7\n    __repr__ = __str__", "E()")),
    Cheat("message-at-import", "an error at import with lone surrogates, terminal escapes, markup and script in its message", package(
        "raise Exception('\\ud800\\x1b]0;x\\x07[/bold]<script>alert(1)</script>' + 'x' * 10**6)\n")),
    Cheat("stop-iteration", "raises StopIteration, which ends a loop of the test silently", raising("", "StopIteration()")),
    Cheat("claims-value-error", "claims that a wrong class is a ValueError by its metaclass and its name",
          raising("class M(type):\n    def mro(c): return [c, Exception, BaseException, object]\nclass ValueError(Exception, metaclass=M): pass\n"
                  "ValueError.__module__ = '_pytest.outcomes'; ValueError.__qualname__ = 'Exit'", "ValueError('x')")),
    Cheat("function-attributes", "attributes of the function claim that it is a fixture, a mock or marked xfail", package(
        EVERYTHING + "def greet(name):\n    return None\ngreet._pytestfixturefunction = greet.pytestmark = greet.__test__ = Everything()\n"
        "greet.__wrapped__ = greet\n_fields = __attrs_attrs__ = Everything()\n")),
]  # fmt: skip
