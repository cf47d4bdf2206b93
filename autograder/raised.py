"""The learner's exceptions on the judge's side: builtin ones as they are, the others as local classes of the same name.

`pytest.raises` sees the class, its bases and the message. An exception of pytest or of the judge itself is never made from
what a submission says: it could end the run of the tests.
"""

import builtins
import sys
import types
from typing import Any

# Raised by a test, these would mean something to the judge.
OWN = {"pytest", "_pytest", "pluggy", "unittest", "bdb", "autograder"}
TEXT_LIMIT = 20_000
BASES_LIMIT = 50
CLASSES_LIMIT = 500


class Ended(Exception):
    """The learner's code raised what would end a process or a loop (SystemExit, KeyboardInterrupt, StopIteration)."""


class ErrorClasses:
    """The classes made so far, by the learner's name for them: the same one each time."""

    def __init__(self) -> None:
        self._classes: dict[str, type] = {}

    def find(self, name: str, mro: list[str], number: int | None = None) -> type:
        """The class for `name` ("package.module.Class"), whose bases are `mro`; `number` is its handle, if it has one."""
        module, _, short = name.rpartition(".")
        if module == "builtins":
            found = getattr(builtins, short, None)
            ordinary = isinstance(found, type) and issubclass(found, Exception)
            return found if ordinary and not issubclass(found, StopIteration | StopAsyncIteration) else Ended
        if name not in self._classes:
            if len(self._classes) >= CLASSES_LIMIT:
                return Exception
            known, bases = _library_class(name), mro[1:BASES_LIMIT]
            base = self.find(bases[0], bases) if bases and not known else Exception
            self._classes[name] = known or type(short, (base,), {"course_class": name})
        kind = self._classes[name]
        if number is not None and "course_class" in vars(kind) and "_course_number" not in vars(kind):
            kind._course_number = number
        return kind

    def make(self, told: dict) -> Exception:
        """The exception that `told` describes, with that description as `course_error`."""
        text, mro = str(told["text"])[:TEXT_LIMIT], [str(m) for m in told["mro"]][:BASES_LIMIT]
        error = self._of_class(str(told["class"]), mro, text)
        where = told["where"]
        error.course_error = {
            "type": str(told["type"])[:200],
            "message": text,
            "where": {"file": str(where[0]), "line": int(where[1])} if where else None,
        }
        return error

    def _of_class(self, name: str, mro: list[str], text: str) -> Exception:
        """An instance of the class, or of its nearest base that can be made from a message alone."""
        for i, candidate in enumerate([name, *mro[1:]]):
            kind = self.find(candidate, mro[i:])
            try:
                return kind(text)
            except Exception:
                continue
        return Exception(text)


def _library_class(name: str) -> type | None:
    """The exception class of an installed library that is loaded here already (sklearn's NotFittedError, say)."""
    module, _, short = name.rpartition(".")
    if module.partition(".")[0] in OWN:
        return None
    loaded: Any = sys.modules.get(module)
    if type(loaded) is not types.ModuleType:  # the learner's own modules are of another class
        return None
    found = vars(loaded).get(short)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
