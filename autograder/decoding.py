"""Rebuilds plain data from what an `autograder.encoding.Encoder` made, or from what somebody made up: then it is refused.

No value can be larger than the bytes that brought it, none runs code of its sender, and none is of a class not named here.
"""

import datetime
import decimal
import io
import math
import pathlib
import re
from collections.abc import Callable
from typing import Any

from autograder.encoding import ARRAY_KINDS, LISTED_DTYPES, PLAIN_TYPES
from autograder.wire import WireError

ZONE = re.compile(r"(?!dateutil)[A-Za-z][A-Za-z0-9_+\-/:]{0,50}")  # pandas would open dateutil/PATH as a file
EMPTY_LIMIT = 10_000_000  # of the longest side of an array without elements
EXPONENT_LIMIT = 10_000  # of a Decimal: int() of a larger one would fill the memory


class Decoder:
    """Rebuilds the values of one message. `resolve` gets what is tagged otherwise; `path` is the class of a path."""

    def __init__(
        self, blobs: list[bytes], resolve: Callable[[list, "Decoder"], Any], path: type = pathlib.PurePath
    ) -> None:
        self._blobs: list[bytes | None] = list(blobs)
        self._resolve, self._path = resolve, path

    def decode(self, tree: Any) -> Any:
        """The value, or WireError for a tree that no Encoder makes."""
        try:
            return self._decode(tree)
        except WireError:
            raise
        except Exception as error:
            raise WireError(f"a malformed value ({type(error).__name__})") from None

    def _decode(self, tree: Any) -> Any:
        if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
            raise WireError("a malformed value")
        rule = getattr(self, f"_make_{tree[0]}", None)
        return rule(*tree[1:]) if rule else self._resolve(tree, self)

    def _blob(self, index: int) -> bytes:
        """Each blob serves once: a small tree cannot ask for a thousand copies of a large one."""
        if type(index) is not int or not 0 <= index < len(self._blobs) or self._blobs[index] is None:
            raise WireError("a malformed value")
        data, self._blobs[index] = self._blobs[index], None
        return data

    def _array(self, index: int) -> Any:
        """By hand, not by np.load, which also opens zip archives and makes elements that take no bytes."""
        import numpy as np

        data = self._blob(index)
        with io.BytesIO(data) as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise WireError("a malformed array")
            shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
        count = math.prod(shape)
        if dtype.kind not in ARRAY_KINDS or (count == 0 and max(shape) > EMPTY_LIMIT):
            raise WireError("a malformed array")
        if count * dtype.itemsize != len(data) - start or (count and not dtype.itemsize):
            raise WireError("a malformed array")
        array = np.frombuffer(data, dtype, count, start).reshape(shape, order="F" if by_column else "C")
        # A bool is one bit in eight: a byte of 2 would be neither equal to True nor to False.
        return array.view(np.uint8) != 0 if dtype.kind == "b" else array.copy()

    def _make_v(self, value: Any) -> Any:
        if value is not None and type(value) not in (bool, int, float, str):
            raise WireError("a malformed value")
        return value

    def _make_int(self, text: str) -> int:
        return int(text, 16)

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

    def _make_bytearray(self, index: int) -> bytearray:
        return bytearray(self._blob(index))

    def _make_complex(self, real: float, imaginary: float) -> complex:
        return complex(real, imaginary)

    def _make_datetime(self, text: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(text)

    def _make_date(self, text: str) -> datetime.date:
        return datetime.date.fromisoformat(text)

    def _make_time(self, text: str) -> datetime.time:
        return datetime.time.fromisoformat(text)

    def _make_timedelta(self, days: int, seconds: int, microseconds: int) -> datetime.timedelta:
        return datetime.timedelta(days, seconds, microseconds)

    def _make_Decimal(self, text: str) -> decimal.Decimal:
        value = decimal.Decimal(str(text))
        if value.is_finite() and value and abs(value.adjusted()) > EXPONENT_LIMIT:
            raise WireError("a malformed value")
        return value

    def _make_type(self, name: str) -> type:
        return PLAIN_TYPES[name]

    def _make_Path(self, text: str) -> Any:
        return self._path(text)

    def _make_scalar(self, index: int) -> Any:
        array = self._array(index)
        if array.shape:
            raise WireError("a malformed value")
        return array[()]

    def _make_array(self, index: int) -> Any:
        return self._array(index)

    def _make_objects(self, shape: list, items: list) -> Any:
        import numpy as np

        if len(items) != math.prod(shape) or max(shape, default=0) > EMPTY_LIMIT:
            raise WireError("a malformed value")
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = self._decode(item)
        return array.reshape(shape)

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

        names, rows = self._labels(columns), self._labels(index)
        parts = [self._column(c) for c in data]
        if len(names) != len(parts) or any(len(part) != len(rows) for part in parts):
            raise WireError("a malformed table")
        frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(len(rows)))
        frame.columns, frame.index = names, rows
        return frame

    def _make_series(self, name: list, index: list, data: list) -> Any:
        values = self._column(data)
        values.index, values.name = self._labels(index), self._decode(name)
        return values

    def _make_index(self, name: list, data: list, freq: str | None) -> Any:
        import pandas as pd

        index = pd.Index(self._column(data), name=self._decode(name))
        if freq is not None:
            if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
                raise WireError("a malformed table")
            index.freq = str(freq)  # pandas checks it against the values
        return index

    def _labels(self, tree: list) -> Any:
        import pandas as pd

        index = self._decode(tree)
        if not isinstance(index, pd.Index):
            raise WireError("a malformed table")
        return index

    def _column(self, tree: list) -> Any:
        """A Series with the column's dtype and a fresh index."""
        import pandas as pd

        match tree:
            case ["plain", index]:
                return pd.Series(self._array(index))
            case ["moments", index, str(zone)] if ZONE.fullmatch(zone):
                array = self._array(index)
                if array.dtype.kind == "M":
                    return pd.Series(pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(zone))
            case ["category", codes, categories, ordered]:
                kinds = pd.Index(self._column(categories))
                return pd.Series(pd.Categorical.from_codes(self._array(codes), kinds, ordered=bool(ordered)))
            case ["texts", str(dtype), list(texts), index] if dtype in LISTED_DTYPES:
                return pd.Series(self._texts(texts, index), dtype=dtype)
            case ["listed", "object", list(values)]:
                return pd.Series(self._make_objects([len(values)], values), dtype=object)
            case ["listed", str(dtype), list(values)] if dtype in LISTED_DTYPES:
                return pd.Series(pd.array(self._make_list(values), dtype=dtype))
        raise WireError("a malformed column")

    def _texts(self, texts: list, index: int) -> Any:
        """An object array: for each row the text at its place."""
        import numpy as np

        places = self._array(index)
        if places.dtype != np.int32 or places.ndim != 1 or not set(map(type, texts)) <= {str, type(None)}:
            raise WireError("a malformed column")
        if len(places) and not 0 <= places.min() <= places.max() < len(texts):
            raise WireError("a malformed column")
        different = np.empty(len(texts), dtype=object)
        different[:] = texts
        return different[places]
