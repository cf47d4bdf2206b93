"""Handles for what stays in the submission's process: objects, classes, modules. They ask over a `Link`.

An object that claims to equal everything, to hold everything or to have any length gains nothing: it equals itself, and
where a test treats it as a container, it is what it held when it was first asked, as plain data.
"""

import importlib.abc
import importlib.util
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.proxy import Link


class Remote:
    """An object that stays in the submission's process. Its methods and attributes are asked for; it is never data.

    One that the test made itself, by calling a class, is asked each time. Any other gives one answer to one question until
    the test makes the next call: where plain data is expected, an object cannot be now this and now that.
    """

    def __init__(self, link: "Link", number: int, name: str, mro: list) -> None:
        self.__dict__.update(_link=link, _number=number, _class=name, _mro=mro, _generation=link.generation,
                             _path=None, _made_here=False, _answers={}, _answers_at=-1)  # fmt: skip
        link.hold(self)

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

    def _once(self, name: str, *args: Any) -> Any:
        """`_operate`, with the same answer (or refusal) as last time while no test has called anything since."""
        if self._made_here or not all(isinstance(a, str | int | float | slice | None) for a in args):
            return self._operate(name, *args)
        if self._answers_at != self._link.calls:
            self.__dict__.update(_answers={}, _answers_at=self._link.calls)
        key = (name, repr(args))
        if key not in self._answers:
            try:
                self._answers[key] = self._operate(name, *args)
            except Exception as error:
                self._answers[key] = _Refused(error)
        if isinstance(self._answers[key], _Refused):
            raise self._answers[key].error
        return self._answers[key]

    def _content(self) -> list | dict | None:
        """What it holds, as plain data; None when it is no container, or one that the test made itself."""
        if self._made_here:
            return None
        try:
            content = self._once("content")
        except TypeError:
            return None
        if type(content) not in (list, dict):
            raise TypeError(f"{self!r} does not say what it holds")
        return content

    def __len__(self) -> int:
        content = self._content()
        return len(content) if content is not None else _exactly(int, self._once("len"))

    def __bool__(self) -> bool:
        return _exactly(bool, self._once("bool"))

    def __float__(self) -> float:
        return _exactly(float, self._once("float"))

    def __int__(self) -> int:
        return _exactly(int, self._once("int"))

    def __str__(self) -> str:
        return _exactly(str, self._once("str"))

    def __repr__(self) -> str:
        return f"<{self._class} in the submission>"

    def __iter__(self):
        if "__next__" in self._once("dir"):
            return self._steps()
        content = self._content()
        return iter(_exactly(list, self._operate("iter")) if content is None else content)

    def _steps(self):
        while True:
            try:
                yield self._operate("next")
            except StopIteration:
                return

    def __next__(self) -> Any:
        return self._operate("next")

    def __contains__(self, item: Any) -> bool:
        if self._made_here:
            return _exactly(bool, self._operate("contains", item))
        return any(item is other or item == other for other in self)  # whoever sees the item could say yes to each

    def __getitem__(self, key: Any) -> Any:
        content = self._content()
        if (isinstance(content, dict) and key in content) or (
            isinstance(content, list) and isinstance(key, int | slice)
        ):
            return content[key]
        return self._once("getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._operate("setitem", key, value)

    def __enter__(self) -> Any:
        return self._operate("enter")

    def __exit__(self, *exception: Any) -> None:
        self._operate("exit")

    def __dir__(self) -> list[str]:
        return _exactly(list, self._once("dir"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and other._number == self._number and other._link is self._link

    def __hash__(self) -> int:
        return hash(self._number)

    def __del__(self) -> None:
        link = self.__dict__.get("_link")
        if link is not None:
            link.forget(self)


class _Refused:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


class RemoteClass(Remote):
    """A class of the submission's: calling it makes an object over there; isinstance works by its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        # What the test imports as a function may be a class over there; so the name that it is imported by decides.
        if isinstance(made, Remote) and self._path and self._path[1][:1].isupper():
            made.__dict__["_made_here"] = True
        return made

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, Remote) and self._class in instance._mro

    def __subclasscheck__(self, other: object) -> bool:
        return isinstance(other, RemoteClass) and self._class in other._mro


class Record(Remote):
    """A dataclass, named tuple or pydantic model of the submission's: its fields are data here; methods are asked for.

    A named tuple is also the tuple of its fields.
    """

    def __init__(self, link: "Link", number: int, name: str, mro: list, fields: dict[str, Any]) -> None:
        super().__init__(link, number, name, mro)
        self.__dict__["_fields_here"] = fields
        self.__dict__.update({k: v for k, v in fields.items() if not k.startswith("_")})

    @property
    def _tuple(self) -> tuple | None:
        return tuple(self._fields_here.values()) if "builtins.tuple" in self._mro else None

    def _content(self) -> list | dict | None:
        return list(self._tuple) if self._tuple is not None else super()._content()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, tuple):
            return self._tuple == other
        return isinstance(other, Record) and (other._class, other._fields_here) == (self._class, self._fields_here)

    def __hash__(self) -> int:
        """Of the fields: TypeError when one of them is a list, say."""
        values = tuple(self._fields_here.values())
        return hash(values) if self._tuple is not None else hash((self._class, values))

    def __iter__(self):
        return iter(self._fields_here.values())

    def __bool__(self) -> bool:
        return bool(self._tuple) if self._tuple is not None else super().__bool__()

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

    def __init__(self, package: str, link: "Link") -> None:
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
        if not isinstance(remote, Remote):
            raise ImportError(f"{module.__name__} is no module")
        remote.__dict__["_path"] = (module.__name__, "")
        module.__dict__["_remote"] = remote
