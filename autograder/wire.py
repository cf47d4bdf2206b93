"""The channel between the judge and the submission: plain data only, in both directions.

Nothing is ever unpickled. A value becomes a tree of tagged lists that JSON can carry, and bytes beside it (arrays, by
`numpy.save` without pickle). What is not data stays where it is and travels as a number (a handle); the other side can
call it or read its attributes, by asking.
"""

import dataclasses
import datetime
import decimal
import io
import json
import pathlib
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

LIMIT_BYTES = 256_000_000
PRELUDE = struct.Struct("!II")  # lengths of the JSON part and of all blobs together
# Data frame columns whose dtype pandas rebuilds from a list of plain values.
LISTED_DTYPES = {"object", "str", "string", "bool", "boolean", "Int8", "Int16", "Int32", "Int64", "Float32", "Float64",
                 "UInt8", "UInt16", "UInt32", "UInt64"}  # fmt: skip


class WireError(Exception):
    """The other side sent something that is not a message, or too much of it."""


class Silence(WireError):
    """The other side said nothing before the deadline."""


class Closed(WireError):
    """The other side is gone."""


class Channel:
    """Framed messages over a stream socket: a JSON object and its blobs."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def send(self, message: dict, blobs: list[bytes]) -> None:
        head = json.dumps({"m": message, "b": [len(b) for b in blobs]}).encode()
        size = sum(map(len, blobs))
        if len(head) + size > LIMIT_BYTES:
            raise WireError(f"a message of {(len(head) + size) / 1e6:.0f} MB is too large")
        self._stream.settimeout(None)
        try:
            self._stream.sendall(PRELUDE.pack(len(head), size) + head + b"".join(blobs))
        except OSError as error:
            raise Closed(str(error)) from None

    def receive(self, deadline: float | None = None) -> tuple[dict, list[bytes]]:
        """The next message, or WireError. `deadline` is a time of `time.monotonic()`."""
        head_size, blob_size = PRELUDE.unpack(self._read(PRELUDE.size, deadline))
        if head_size + blob_size > LIMIT_BYTES:
            raise WireError(f"a message of {(head_size + blob_size) / 1e6:.0f} MB is too large")
        try:
            head = json.loads(self._read(head_size, deadline))
            sizes, message = head["b"], head["m"]
            if (
                not isinstance(message, dict)
                or any(type(n) is not int or n < 0 for n in sizes)
                or sum(sizes) != blob_size
            ):
                raise WireError("a malformed message")
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WireError("a malformed message") from None
        return message, [self._read(n, deadline) for n in sizes]

    def _read(self, size: int, deadline: float | None) -> bytes:
        parts, missing = [], size
        while missing:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise Silence("no answer in time")
            self._stream.settimeout(left)
            try:
                part = self._stream.recv(min(missing, 1 << 20))
            except TimeoutError:
                raise Silence("no answer in time") from None
            except OSError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed("the other side closed the channel")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        self._stream.close()


class Encoder:
    """Turns one value into a tree and blobs. `refer(value, encoder)` is asked for what is not data; it returns the tree to send."""

    def __init__(self, refer: Callable[[Any, "Encoder"], list]) -> None:
        self._refer = refer
        self.blobs: list[bytes] = []

    def encode(self, value: Any) -> list:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return ["v", value]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, [self.encode(v) for v in value]]
        if kind is dict:
            return ["dict", [[self.encode(k), self.encode(v)] for k, v in value.items()]]
        if kind in (bytes, bytearray):
            return ["bytes", self._blob(bytes(value))]
        if kind is complex:
            return ["complex", value.real, value.imag]
        if kind in (datetime.datetime, datetime.date, datetime.time):
            return [kind.__name__, value.isoformat()]
        if kind is datetime.timedelta:
            return ["timedelta", value.total_seconds()]
        if kind is decimal.Decimal:
            return ["Decimal", str(value)]
        if isinstance(value, pathlib.PurePath):
            return ["Path", str(value)]
        return self._numeric(value) or self._based(value) or self._refer(value, self)

    def _based(self, value: Any) -> list | None:
        """An instance of a subclass of a plain type (an enum's string, a Counter) as what it is underneath."""
        if is_record(value):
            return None
        for base, read in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
            if isinstance(value, base):
                return ["v", read(value)]
        for base in (list, tuple, set, frozenset):
            if isinstance(value, base):
                return [base.__name__, [self.encode(v) for v in base.__iter__(value)]]
        if isinstance(value, dict):
            return ["dict", [[self.encode(k), self.encode(v)] for k, v in dict.items(value)]]
        return None

    def _blob(self, data: bytes) -> int:
        self.blobs.append(data)
        return len(self.blobs) - 1

    def _numeric(self, value: Any) -> list | None:
        module = type(value).__module__.partition(".")[0]
        if module == "numpy":
            return self._numpy(value)
        if module == "pandas":
            return self._pandas(value)
        return None

    def _numpy(self, value: Any) -> list | None:
        import numpy as np

        if isinstance(value, np.generic) and value.dtype != object:
            return ["scalar", self._array(np.asarray(value))]
        if type(value) is not np.ndarray:
            return None
        if value.dtype == object:
            return ["objects", list(value.shape), [self.encode(v) for v in value.ravel()]]
        return ["array", self._array(value)]

    def _array(self, array: Any) -> int:
        import numpy as np

        with io.BytesIO() as file:
            np.save(file, array, allow_pickle=False)
            return self._blob(file.getvalue())

    def _pandas(self, value: Any) -> list | None:
        import pandas as pd

        if type(value) is pd.DataFrame:
            columns = [self._column(value.iloc[:, i]) for i in range(value.shape[1])]
            return ["frame", self.encode(list(value.columns)), self._column(value.index.to_series()), columns]
        if type(value) is pd.Series:
            return ["series", self.encode(value.name), self._column(value.index.to_series()), self._column(value)]
        if isinstance(value, pd.Index):
            return ["index", self.encode(value.name), self._column(value.to_series())]
        if type(value) is pd.Timestamp:
            return ["Timestamp", value.isoformat()]
        if type(value) is pd.Timedelta:
            return ["Timedelta", value.isoformat()]
        return ["NaT"] if value is pd.NaT else ["NA"] if value is pd.NA else None

    def _column(self, series: Any) -> list:
        import pandas as pd

        dtype = series.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes = series.cat.codes.to_numpy()
            return ["category", self._array(codes), self._column(pd.Series(dtype.categories)), bool(dtype.ordered)]
        if isinstance(dtype, pd.DatetimeTZDtype):
            return ["moments", self._array(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()), str(dtype.tz)]
        if type(dtype).__module__.partition(".")[0] == "numpy" and dtype != object:
            return ["plain", self._array(series.to_numpy())]
        name = str(dtype) if str(dtype) in LISTED_DTYPES else "object"
        values = [None if v is pd.NA else v for v in series.tolist()]
        return ["listed", name, [self.encode(v) for v in values]]


class Decoder:
    """Rebuilds a value from its tree. Only the classes named here are ever made; `resolve` gets what is tagged otherwise."""

    def __init__(self, blobs: list[bytes], resolve: Callable[[list, "Decoder"], Any]) -> None:
        self._blobs, self._resolve = blobs, resolve

    def decode(self, tree: Any) -> Any:
        """The value, or WireError for a tree that no Encoder makes."""
        try:
            return self._decode(tree)
        except WireError:
            raise
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            OverflowError,
            RecursionError,
            EOFError,
        ) as error:
            raise WireError(f"a malformed value ({type(error).__name__})") from None

    def _decode(self, tree: Any) -> Any:
        if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
            raise WireError("a malformed value")
        rule = getattr(self, f"_make_{tree[0]}", None)
        return rule(*tree[1:]) if rule else self._resolve(tree, self)

    def _blob(self, index: int) -> bytes:
        if type(index) is not int or index < 0:
            raise WireError("a malformed value")
        return self._blobs[index]

    def _array(self, index: int) -> Any:
        import numpy as np

        return np.load(io.BytesIO(self._blob(index)), allow_pickle=False)

    def _make_v(self, value: Any) -> Any:
        if value is not None and type(value) not in (bool, int, float, str):
            raise WireError("a malformed value")
        return value

    def _make_list(self, items: list) -> list:
        return [self._decode(v) for v in items]

    def _make_tuple(self, items: list) -> tuple:
        return tuple(self._make_list(items))

    def _make_set(self, items: list) -> set:
        return set(self._make_list(items))

    def _make_frozenset(self, items: list) -> frozenset:
        return frozenset(self._make_list(items))

    def _make_dict(self, items: list) -> dict:
        return {self._decode(k): self._decode(v) for k, v in items}

    def _make_bytes(self, index: int) -> bytes:
        return self._blob(index)

    def _make_complex(self, real: float, imaginary: float) -> complex:
        return complex(real, imaginary)

    def _make_datetime(self, text: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(text)

    def _make_date(self, text: str) -> datetime.date:
        return datetime.date.fromisoformat(text)

    def _make_time(self, text: str) -> datetime.time:
        return datetime.time.fromisoformat(text)

    def _make_timedelta(self, seconds: float) -> datetime.timedelta:
        return datetime.timedelta(seconds=seconds)

    def _make_Decimal(self, text: str) -> decimal.Decimal:
        return decimal.Decimal(text)

    def _make_Path(self, text: str) -> pathlib.Path:
        return pathlib.Path(text)

    def _make_scalar(self, index: int) -> Any:
        return self._array(index)[()]

    def _make_array(self, index: int) -> Any:
        return self._array(index)

    def _make_objects(self, shape: list, items: list) -> Any:
        import numpy as np

        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = self._decode(item)
        return array.reshape([int(n) for n in shape])

    def _make_Timestamp(self, text: str) -> Any:
        import pandas as pd

        return pd.Timestamp(str(text))

    def _make_Timedelta(self, text: str) -> Any:
        import pandas as pd

        return pd.Timedelta(str(text))

    def _make_NaT(self) -> Any:
        import pandas as pd

        return pd.NaT

    def _make_NA(self) -> Any:
        import pandas as pd

        return pd.NA

    def _make_frame(self, columns: list, index: list, data: list) -> Any:
        import pandas as pd

        names, rows = self._decode(columns), self._column(index)
        frame = (
            pd.concat([pd.Series(self._column(c)) for c in data], axis=1)
            if data
            else pd.DataFrame(index=range(len(rows)))
        )
        frame.columns, frame.index = pd.Index(names), pd.Index(rows)
        return frame

    def _make_series(self, name: list, index: list, data: list) -> Any:
        import pandas as pd

        return pd.Series(self._column(data), index=pd.Index(self._column(index)), name=self._decode(name))

    def _make_index(self, name: list, data: list) -> Any:
        import pandas as pd

        return pd.Index(self._column(data), name=self._decode(name))

    def _column(self, tree: list) -> Any:
        import pandas as pd

        match tree:
            case ["plain", index]:
                return self._array(index)
            case ["moments", index, zone]:
                return pd.DatetimeIndex(self._array(index)).tz_localize("UTC").tz_convert(str(zone))
            case ["category", codes, categories, ordered]:
                return pd.Categorical.from_codes(
                    self._array(codes), pd.Index(self._column(categories)), ordered=bool(ordered)
                )
            case ["listed", dtype, values] if dtype in LISTED_DTYPES:
                return (
                    pd.array(self._make_list(values), dtype=dtype)
                    if dtype != "object"
                    else self._make_objects([len(values)], values)
                )
        raise WireError("a malformed column")


def is_record(value: Any) -> bool:
    """Whether `value` is an instance whose fields are its data: a dataclass, a named tuple or a pydantic model."""
    if isinstance(value, type):
        return False
    return dataclasses.is_dataclass(value) or hasattr(type(value), "_fields") or hasattr(type(value), "model_fields")


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a record, by name, not copied."""
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
    else:
        names = list(getattr(type(value), "_fields", None) or type(value).model_fields)
    return {name: getattr(value, name) for name in names}
