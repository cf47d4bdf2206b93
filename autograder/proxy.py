"""The judge's side of the channel: the learner's package, as if it were imported here, while it stays over there.

Hidden tests read like any others: `from late_delivery.split import time_split`, call it, assert on what comes back. What
comes back is plain data, or a handle whose methods can be called. A value that pretends cannot get through: only the
classes of `autograder.wire` and of this module are ever made here.
"""

import builtins
import importlib.abc
import importlib.util
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from autograder.wire import Channel, Decoder, Encoder, Silence, WireError


class Lost(BaseException):
    """The submission's process gave no usable answer: it was too slow, ended, or broke the channel.

    No Exception, so that `pytest.raises(Exception)` does not take an endless loop for the error that it waits for.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Ended(Exception):
    """The learner's code raised what would end a process (SystemExit, KeyboardInterrupt, pytest's own outcomes)."""


class Link:
    """The submission's process: requests to it, and its calls back to what a test passed in.

    `connect` starts a process and returns the channel to it; it is called again by `renew` after one was lost.
    """

    def __init__(self, connect: Callable[[], Channel]) -> None:
        self._connect = connect
        self._channel = connect()
        self._given: list[Any] = []
        self._classes: dict[str, type] = {}
        self._forgotten: list[int] = []
        self.generation = 0
        self.deadline: float | None = None
        self.broken: str | None = None

    def renew(self) -> None:
        """After a loss, a fresh process for the tests that follow; what the old one held is gone."""
        if self.broken:
            self._channel, self.broken = self._connect(), None
            self.generation += 1
            self._forgotten.clear()

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
            numbers, self._forgotten = self._forgotten, []
            self.request("forget", numbers=numbers)
        originals = {**dict(enumerate(fields.get("args", ()))), **fields.get("kwargs", {})}
        encoder = Encoder(self._refer)
        encoded = {k: v if k in ("name", "module", "numbers") else encoder.encode(v) for k, v in fields.items()}
        try:
            self._channel.send({"op": op, **encoded}, encoder.blobs)
            while True:
                message, blobs = self._channel.receive(self.deadline)
                decoder = Decoder(blobs, self._resolve)
                match message.get("kind"):
                    case "value":
                        for key, tree in message.get("changed", []):
                            _change_in_place(originals.get(key), decoder.decode(tree))
                        return decoder.decode(message["value"])
                    case "stop":
                        raise StopIteration
                    case "error":
                        raise self._error(message["error"])
                    case "call" | "attribute":
                        self._answer(message, decoder)
                    case _:
                        raise WireError("a malformed message")
        except Silence:
            raise self.lose("Timeout") from None
        except WireError as error:
            raise self.lose("Crashed" if type(error).__name__ == "Closed" else "Malformed") from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if getattr(error, "course_error", None):
                raise
            raise self.lose("Malformed") from None

    def forget(self, remote: "Remote") -> None:
        if remote._generation == self.generation:
            self._forgotten.append(remote._number)

    # --- calls back: the learner's code uses what the test passed in

    def _answer(self, message: dict, decoder: Decoder) -> None:
        try:
            target = self._given[message["number"]]
            name = message["name"]
            if name.startswith("_"):
                raise AttributeError(name)
            if message["kind"] == "attribute":
                value = getattr(target, name)
            else:
                value = target(*decoder.decode(message["args"]), **decoder.decode(message["kwargs"]))
            encoder = Encoder(self._refer)
            reply = {"op": "answer", "value": encoder.encode(value)}
        except (Lost, WireError):
            raise
        except Exception as error:
            encoder = Encoder(self._refer)
            reply = {"op": "refusal", "type": type(error).__name__, "text": str(error)}
        self._channel.send(reply, encoder.blobs)

    # --- what is not data

    def _refer(self, value: Any, encoder: Encoder) -> list:
        if isinstance(value, Remote):
            return ["kept", self._number_of(value)]
        if "_course_number" in getattr(value, "__dict__", {}):
            return ["kept", value._course_number]
        for index, given in enumerate(self._given):
            if given is value:
                return ["callback", index]
        self._given.append(value)
        return ["callback", len(self._given) - 1]

    def _number_of(self, remote: "Remote") -> int:
        """Its number over there; what a module holds is looked up again in a renewed process, the rest is lost."""
        if remote._generation != self.generation:
            if remote._path is None:
                raise Lost("HandleLost")
            module, name = remote._path
            fresh = self.request("import", module=module)
            fresh = fresh.__getattr__(name) if name else fresh
            remote.__dict__.update(_number=fresh._number, _generation=self.generation)
            fresh.__dict__["_link"] = None  # its number lives on in `remote`
        return remote._number

    def _resolve(self, tree: list, decoder: Decoder) -> Any:
        match tree:
            case ["yours", int(number)]:
                return self._given[number]
            case ["object", int(number), str(name), list(mro), bool()]:
                return Remote(self, number, name, mro)
            case ["record", int(number), str(name), list(mro), list(fields)]:
                return Record(self, number, name, mro, {str(k): decoder.decode(v) for k, v in fields})
            case ["class", int(number), str(name), list(mro), bool(is_exception)]:
                return self.exception_class(name, mro, number) if is_exception else RemoteClass(self, number, name, mro)
        raise WireError("a malformed value")

    def exception_class(self, name: str, mro: list[str], number: int | None = None) -> type:
        """The builtin exception of that name, or a local class that stands for the learner's, with the same bases."""
        module, _, short = name.rpartition(".")
        if module == "builtins":
            found = getattr(builtins, short, None)
            return found if isinstance(found, type) and issubclass(found, Exception) else Ended
        if name not in self._classes:
            known = _library_class(name)
            bases = [self.exception_class(mro[1], mro[1:])] if len(mro) > 1 and not known else []
            self._classes[name] = known or type(short, tuple(bases or [Exception]), {"course_class": name})
        if (
            number is not None
            and not hasattr(self._classes[name], "_course_number")
            and "course_class" in vars(self._classes[name])
        ):
            self._classes[name]._course_number = number
        return self._classes[name]

    def _error(self, told: dict) -> BaseException:
        kind = self.exception_class(str(told["class"]), [str(m) for m in told["mro"]])
        text = str(told["text"])
        try:
            error = kind(text)
        except Exception:
            error = Exception(text)
        where = told["where"]
        error.course_error = {
            "type": str(told["type"]),
            "message": text,
            "where": {"file": str(where[0]), "line": int(where[1])} if where else None,
        }
        return error


def _library_class(name: str) -> type | None:
    """The exception class of an installed library that is loaded here already (pydantic's ValidationError, say)."""
    module, _, short = name.rpartition(".")
    found = (
        getattr(sys.modules.get(module), short, None) if not isinstance(sys.modules.get(module), RemoteModule) else None
    )
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _change_in_place(original: Any, new: Any) -> None:
    """What the learner's function did to its copy of an argument, done to the test's own object."""
    if isinstance(original, list):
        original[:] = new
    elif isinstance(original, dict | set):
        original.clear()
        original.update(new)
    elif type(original).__module__.partition(".")[0] == "numpy":
        original.resize(new.shape, refcheck=False)
        original[...] = new
    elif hasattr(original, "_update_inplace"):
        original._update_inplace(new)
        original.index = new.index


class Remote:
    """An object that stays in the submission's process. Its methods and attributes are asked for; it is never data."""

    def __init__(self, link: Link, number: int, name: str, mro: list) -> None:
        self.__dict__.update(_link=link, _number=number, _class=name, _mro=mro, _generation=link.generation, _path=None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        return self._link.request("attribute", target=self, name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.request("set", target=self, name=name, value=value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.request("call", target=self, args=list(args), kwargs=kwargs)

    def _operate(self, name: str, *args: Any) -> Any:
        return self._link.request("operation", target=self, name=name, args=list(args), kwargs={})

    def __len__(self) -> int:
        return _exactly(int, self._operate("len"))

    def __bool__(self) -> bool:
        return _exactly(bool, self._operate("bool"))

    def __float__(self) -> float:
        return _exactly(float, self._operate("float"))

    def __int__(self) -> int:
        return _exactly(int, self._operate("int"))

    def __str__(self) -> str:
        return _exactly(str, self._operate("str"))

    def __repr__(self) -> str:
        return f"<{self._class} in the submission>"

    def __iter__(self):
        if "__next__" in dir(self):
            while True:
                try:
                    yield self._operate("next")
                except StopIteration:
                    return
        yield from _exactly(list, self._operate("iter"))

    def __next__(self) -> Any:
        return self._operate("next")

    def __contains__(self, item: Any) -> bool:
        return _exactly(bool, self._operate("contains", item))

    def __getitem__(self, key: Any) -> Any:
        return self._operate("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._operate("setitem", key, value)

    def __enter__(self) -> Any:
        return self._operate("enter")

    def __exit__(self, *exception: Any) -> None:
        self._operate("exit")

    def __dir__(self) -> list[str]:
        return _exactly(list, self._operate("dir"))

    # An object of the submission's equals itself and nothing else: one that claims to equal everything gains nothing.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other._number == self._number and other._link is self._link

    def __hash__(self) -> int:
        return hash(self._number)

    def __del__(self) -> None:
        link = self.__dict__.get("_link")
        if link is not None:
            link.forget(self)


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


class RemoteClass(Remote):
    """A class of the submission's: calling it makes an object over there; isinstance works by its name."""

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Remote) and self._class in instance._mro

    def __subclasscheck__(self, other: object) -> bool:
        return isinstance(other, RemoteClass) and self._class in other._mro


class Record(Remote):
    """A dataclass, named tuple or pydantic model of the submission's: its fields are data here; methods are asked for."""

    def __init__(self, link: Link, number: int, name: str, mro: list, fields: dict[str, Any]) -> None:
        super().__init__(link, number, name, mro)
        self.__dict__["_fields_here"] = fields
        self.__dict__.update({k: v for k, v in fields.items() if not k.startswith("_")})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and (other._class, other._fields_here) == (self._class, self._fields_here)

    __hash__ = None

    def __iter__(self):
        return iter(self._fields_here.values())

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self._fields_here.items())
        return f"{self._class.rpartition('.')[2]}({inside})"


class RemoteModule(types.ModuleType):
    """A module of the learner's package: its names are asked for when they are used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__["_remote"].__getattr__(name)
        if isinstance(value, Remote):
            value.__dict__["_path"] = (self.__name__, name)
        return value


class RemoteFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports of `package` and what is in it are imports over there."""

    def __init__(self, package: str, link: Link) -> None:
        self._package, self._link = package, link

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self._package and not name.startswith(f"{self._package}."):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        return RemoteModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__path__ = []
        remote = self._link.request("import", module=module.__name__)
        remote.__dict__["_path"] = (module.__name__, "")
        module.__dict__["_remote"] = remote
