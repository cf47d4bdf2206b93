"""The judge's side of the channel: asks the submission's process, answers what it asks back, rebuilds what it says.

Hidden tests read like any others: `from late_delivery.split import time_split`, call it, assert on what comes back. What
comes back is plain data, or a handle whose methods can be called. A value that pretends cannot get through: only the
classes of `autograder.decoding` and `autograder.remote` are ever made here.
"""

import time
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

from autograder.decoding import Decoder
from autograder.encoding import Encoder
from autograder.raised import ErrorClasses
from autograder.remote import Record, Remote, RemoteClass
from autograder.wire import Channel, Closed, Silence, WireError

# From these Python's whole inside can be reached; nothing of them is handed over.
INSIDES = (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)
# These can be called, but their attributes are not for the submission (`generator.gi_frame.f_globals` is the test file).
CLOSED = (
    type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.GeneratorType, types.CoroutineType,
    types.AsyncGeneratorType, *INSIDES,
)  # fmt: skip


class Lost(BaseException):
    """The submission's process gave no usable answer: it was too slow, ended, or broke the channel.

    No Exception, so that `pytest.raises(Exception)` does not take an endless loop for the error that it waits for.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Link:
    """The submission's process: requests to it, and its calls back to what a test passed in.

    `connect` starts a process and returns the channel to it; it is called again by `renew` after one was lost.
    """

    def __init__(self, connect: Callable[[], Channel]) -> None:
        self._connect = connect
        self._channel = connect()
        self._given: list[Any] = []
        self._errors = ErrorClasses()
        self._handles: Counter[int] = (
            Counter()
        )  # of objects over there, by their number: two files may import one function
        self._forgotten: list[int] = []
        self._objection: AssertionError | None = None
        self.generation = 0
        self.calls = 0  # made by tests so far: what an object holds may have changed since the last one
        self.deadline: float | None = None
        self.broken: str | None = None

    def renew(self) -> None:
        """After a loss, a fresh process for the tests that follow; what the old one held is gone."""
        if self.broken:
            self._channel, self.broken = self._connect(), None
            self.generation += 1
            self._forgotten.clear()
            self._handles.clear()

    def allow(self, seconds: float) -> None:
        """Give the submission `seconds` from now for everything that it is asked until the next call of this."""
        self.deadline = time.monotonic() + seconds

    def lose(self, kind: str) -> Lost:
        """The process is not to be asked again; returns what to raise. The first reason stays."""
        self.broken = self.broken or kind
        self._channel.close()
        return Lost(self.broken)

    def request(self, op: str, **fields: Any) -> Any:
        """Ask and wait, answering calls back in between. Raises what the learner's code raised, or Lost."""
        if self.broken:
            raise Lost(self.broken)
        if self._forgotten and op != "forget":
            numbers, self._forgotten = [n for n in dict.fromkeys(self._forgotten) if not self._handles[n]], []
            self.request("forget", numbers=numbers)
        self.calls += op in ("call", "set") or fields.get("name") in ("setitem", "enter", "exit", "next")
        originals = {**dict(enumerate(fields.get("args", ()))), **fields.get("kwargs", {})}
        encoder = Encoder(self._refer)
        encoded = {k: v if k in ("name", "module", "numbers") else encoder.encode(v) for k, v in fields.items()}
        try:
            self._channel.send({"op": op, **encoded}, encoder.blobs, self.deadline)
            error, value = self._outcome(originals, may_stop=fields.get("name") == "next")
        except Silence:
            raise self.lose("Timeout") from None
        except Closed:
            raise self.lose("Crashed") from None
        except (WireError, KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError, MemoryError):
            raise self.lose("Malformed") from None
        if self._objection:
            objection, self._objection = self._objection, None
            raise objection
        if error is not None:
            raise error
        return value

    def _outcome(self, originals: dict, may_stop: bool) -> tuple[Exception | None, Any]:
        """The learner's exception or value: what is raised here is the channel's."""
        while True:
            message, blobs = self._channel.receive(self.deadline)
            decoder = Decoder(blobs, self._resolve)
            match message.get("kind"):
                case "value":
                    for key, tree in message.get("changed", []):
                        _change_in_place(originals.get(key), decoder.decode(tree))
                    return None, decoder.decode(message["value"])
                case "stop" if may_stop:
                    return StopIteration(), None
                case "error":
                    return self._errors.make(message["error"]), None
                case "call" | "attribute":
                    self._answer(message, decoder)
                case _:
                    raise WireError("a malformed message")

    def hold(self, remote: Remote) -> None:
        self._handles[remote._number] += 1

    def forget(self, remote: Remote) -> None:
        if remote._generation == self.generation:
            self._handles[remote._number] -= 1
            self._forgotten.append(remote._number)

    # --- calls back: the learner's code uses what the test passed in

    def _answer(self, message: dict, decoder: Decoder) -> None:
        try:
            target, name = self._given[message["number"]], message["name"]
            if message["kind"] == "call":
                value = target(*decoder.decode(message["args"]), **decoder.decode(message["kwargs"]))
            elif name.startswith("_") or isinstance(target, CLOSED):
                raise AttributeError(name)
            else:
                value = getattr(target, name)
            encoder = Encoder(self._refer)
            reply = {"op": "answer", "value": encoder.encode(value)}
        except WireError:
            raise
        except Exception as error:
            if isinstance(error, AssertionError) and not hasattr(error, "course_error"):
                self._objection = (
                    self._objection or error
                )  # a fake's own assert: the learner's `except` does not undo it
            encoder = Encoder(self._refer)
            reply = {"op": "refusal", "type": type(error).__name__, "text": str(error)}
        self._channel.send(reply, encoder.blobs, self.deadline)

    # --- what is not data

    def _refer(self, value: Any, encoder: Encoder) -> list:
        if isinstance(value, Remote):
            return ["kept", self._number_of(value)]
        if "_course_number" in getattr(value, "__dict__", {}):
            return ["kept", value._course_number]
        if isinstance(value, INSIDES):
            raise TypeError(f"a {type(value).__name__} is not handed to a submission")
        for index, given in enumerate(self._given):
            if given is value:
                return ["callback", index]
        self._given.append(value)
        return ["callback", len(self._given) - 1]

    def _number_of(self, remote: Remote) -> int:
        """Its number over there; what a module holds is looked up again in a renewed process, the rest is lost."""
        if remote._generation != self.generation:
            if remote._path is None:
                raise Lost("HandleLost")
            module, name = remote._path
            fresh = self.request("import", module=module)
            fresh = fresh.__getattr__(name) if name else fresh
            remote.__dict__.update(_number=fresh._number, _generation=self.generation)
            self.hold(remote)
            fresh.__dict__["_link"] = None  # its number lives on in `remote`
        return remote._number

    def _resolve(self, tree: list, decoder: Decoder) -> Any:
        match tree:
            case ["yours", int(number)] if number >= 0:
                return self._given[number]
            case ["object", int(number), str(name), list(mro), bool()]:
                return Remote(self, number, name, mro)
            case ["record", int(number), str(name), list(mro), list(fields)]:
                return Record(self, number, name, mro, {str(k): decoder.decode(v) for k, v in fields})
            case ["class", int(number), str(name), list(mro), bool(is_exception)]:
                if is_exception:
                    return self._errors.find(name, [str(m) for m in mro], number)
                return RemoteClass(self, number, name, mro)
        raise WireError("a malformed value")


def _change_in_place(original: Any, new: Any) -> None:
    """What the learner's function did to its copy of an argument, done to the test's own object; of the same kind only."""
    if type(original) is not type(new):
        raise WireError("a malformed value")
    if isinstance(original, list | bytearray):
        original[:] = new
    elif isinstance(original, dict | set):
        original.clear()
        original.update(new)
    elif type(original).__module__.partition(".")[0] == "numpy":
        if original.dtype != new.dtype:
            raise WireError("a malformed value")
        if original.shape != new.shape:
            original.resize(new.shape, refcheck=False)
        original[...] = new
    elif hasattr(original, "_update_inplace"):
        original._update_inplace(new)
        original.index = new.index
