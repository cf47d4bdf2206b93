"""The submission's side of the channel: imports and calls the learner's code on request. Runs inside the sandbox.

Nothing here is trusted by the judge: it holds no test, no seed and no verdict, and what it answers is data.
"""

import importlib
import operator
import random
import sys
import traceback
from pathlib import Path
from typing import Any

from autograder.decoding import Decoder
from autograder.encoding import Encoder, fields_of, is_record
from autograder.wire import Channel, Closed, WireError

# What a test may do to an object that stays here: Python's own operations, by name.
OPERATIONS: dict[str, Any] = {
    "len": len, "iter": lambda o: list(o), "str": str, "repr": repr, "bool": bool, "float": float, "int": int,
    "contains": operator.contains, "getitem": operator.getitem, "setitem": operator.setitem, "eq": operator.eq,
    "lt": operator.lt, "dir": dir, "enter": lambda o: o.__enter__(), "exit": lambda o, *a: o.__exit__(None, None, None),
    "next": next, "isinstance": isinstance, "hash": hash,
}  # fmt: skip


def content(container: Any) -> list | dict:
    """What a container holds; TypeError for an iterator, which holds nothing, and for what has neither items nor a length."""
    if hasattr(container, "keys"):
        return {key: container[key] for key in container.keys()}  # noqa: SIM118
    if not hasattr(container, "__iter__"):
        return [container[i] for i in range(len(container))]
    if iter(container) is container:
        raise TypeError("an iterator")
    return list(container)


OPERATIONS["content"] = content


class Callback:
    """Something of the judge's (a fake, a clock, a function): calls and attributes go back over the channel."""

    def __init__(self, defendant: "Defendant", number: int) -> None:
        self.__dict__["_defendant"], self.__dict__["_number"] = defendant, number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._defendant.ask(self._number, "", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._defendant.ask_attribute(self._number, name)


class Defendant:
    """Serves one channel until it is closed. `package_root` is the folder that holds the learner's package."""

    def __init__(self, channel: Channel, package_root: Path) -> None:
        self._channel, self._root = channel, package_root
        self._kept: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._next = 0

    def serve(self) -> None:
        while True:
            try:
                message, blobs = self._channel.receive()
            except Closed:
                return
            self._answer(message, blobs)

    def _answer(self, message: dict, blobs: list[bytes]) -> None:
        encoder = Encoder(self._refer)
        try:
            value, changed = self._perform(message, Decoder(blobs, self._resolve, Path))
            reply = {
                "kind": "value",
                "value": encoder.encode(value),
                "changed": [[k, encoder.encode(v)] for k, v in changed],
            }
        except BaseException as error:
            if isinstance(error, StopIteration) and message.get("name") == "next":
                self._channel.send({"kind": "stop"}, [])
                return
            encoder = Encoder(self._refer)
            reply = {"kind": "error", "error": self._describe(error)}
        try:
            self._channel.send(reply, encoder.blobs)
        except Closed:
            raise
        except (WireError, ValueError) as error:  # too large, or nested too deeply for JSON
            self._channel.send({"kind": "error", "error": self._describe(ValueError(str(error)))}, [])

    def _perform(self, message: dict, decoder: Decoder) -> tuple[Any, list]:
        match message["op"]:
            case "import":
                return importlib.import_module(message["module"]), []
            case "attribute":
                return getattr(decoder.decode(message["target"]), message["name"]), []
            case "set":
                setattr(decoder.decode(message["target"]), message["name"], decoder.decode(message["value"]))
                return None, []
            case "forget":
                for number in message["numbers"]:
                    self._numbers.pop(id(self._kept.pop(number, None)), None)
                return None, []
        target = decoder.decode(message["target"])
        args, kwargs = decoder.decode(message["args"]), decoder.decode(message["kwargs"])
        given = {**dict(enumerate(args)), **kwargs}
        before = {key: self._fingerprint(value) for key, value in given.items()}
        function = OPERATIONS[message["name"]] if message["op"] == "operation" else target
        value = function(target, *args) if message["op"] == "operation" else function(*args, **kwargs)
        # A caller in the same process would see its argument change; so the judge is told.
        changed = [(key, value_) for key, value_ in given.items() if before[key] != self._fingerprint(value_)]
        return value, changed

    @staticmethod
    def _fingerprint(value: Any) -> Any:
        if type(value) not in (list, dict, set, bytearray) and type(value).__module__.partition(".")[0] not in (
            "numpy",
            "pandas",
        ):
            return None
        encoder = Encoder(lambda other, _: ["other", id(other)])
        return encoder.encode(value), tuple(encoder.blobs)

    # --- what is not data

    def _keep(self, value: Any) -> int:
        number = self._numbers.get(id(value))
        if number is None or self._kept.get(number) is not value:
            number = self._next = self._next + 1
            self._kept[number] = value
            self._numbers[id(value)] = number
        return number

    def _refer(self, value: Any, encoder: Encoder) -> list:
        if isinstance(value, Callback):
            return ["yours", value._number]
        number = self._keep(value)
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if isinstance(value, type):
            bases = [f"{c.__module__}.{c.__qualname__}" for c in value.__mro__]
            return [
                "class",
                number,
                f"{value.__module__}.{value.__qualname__}",
                bases,
                issubclass(value, BaseException),
            ]
        mro = [f"{c.__module__}.{c.__qualname__}" for c in type(value).__mro__]
        if is_record(value):
            return ["record", number, name, mro, [[k, encoder.encode(v)] for k, v in fields_of(value).items()]]
        return ["object", number, name, mro, callable(value)]

    def _resolve(self, tree: list, decoder: Decoder) -> Any:
        match tree:
            case ["kept", int(number)]:
                return self._kept[number]
            case ["callback", int(number)]:
                return Callback(self, number)
        raise ValueError(f"unknown tag {tree[0]!r}")

    # --- calls back to the judge

    def ask(self, number: int, name: str, args: tuple, kwargs: dict) -> Any:
        encoder = Encoder(self._refer)
        self._channel.send(
            {
                "kind": "call",
                "number": number,
                "name": name,
                "args": encoder.encode(list(args)),
                "kwargs": encoder.encode(kwargs),
            },
            encoder.blobs,
        )
        return self._wait()

    def ask_attribute(self, number: int, name: str) -> Any:
        self._channel.send({"kind": "attribute", "number": number, "name": name}, [])
        return self._wait()

    def _wait(self) -> Any:
        """Until the judge has answered, it may ask in between (the fake may use one of our objects)."""
        while True:
            message, blobs = self._channel.receive()
            if message["op"] == "answer":
                return Decoder(blobs, self._resolve, Path).decode(message["value"])
            if message["op"] == "refusal":
                import builtins

                kind = getattr(builtins, message["type"], None)
                raise (kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError)(
                    message["text"]
                )
            self._answer(message, blobs)

    # --- errors

    def _describe(self, error: BaseException) -> dict:
        """Type, message and the last place in the learner's own code; that of a SyntaxError is where it points."""
        frames = [f for f in traceback.extract_tb(error.__traceback__) if self._is_theirs(f.filename)]
        where = None
        if isinstance(error, SyntaxError) and error.filename and self._is_theirs(error.filename):
            where = [self._relative(error.filename), error.lineno or 0]
        elif frames:
            where = [self._relative(frames[-1].filename), frames[-1].lineno or 0]
        try:
            text = str.__str__(str(error))
        except BaseException:
            text = ""
        return {
            "type": type(error).__name__,
            "class": f"{type(error).__module__}.{type(error).__qualname__}",
            "mro": [f"{c.__module__}.{c.__qualname__}" for c in type(error).__mro__],
            "text": text[:20_000],
            "where": where,
            "number": self._keep(error),
        }

    def _is_theirs(self, filename: str) -> bool:
        return Path(filename).is_relative_to(self._root)

    def _relative(self, filename: str) -> str:
        return str(Path(filename).relative_to(self._root))


def reseed() -> None:
    """Forked processes would share their parent's random state."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def main(channel: Channel, package_root: Path) -> None:
    """Serve `channel` for the package below `package_root` until the judge closes it."""
    sys.path.insert(0, str(package_root))
    sys.dont_write_bytecode = True
    reseed()
    Defendant(channel, package_root).serve()
