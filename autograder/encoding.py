"""Turns a value into a tree of tagged lists that JSON can carry, and bytes beside it (arrays, by `numpy.save` without pickle).

What is not data stays where it is and travels as a number (a handle); the other side can call it or read its attributes,
by asking.
"""

import dataclasses
import datetime
import decimal
import io
import pathlib
from collections.abc import Callable
from typing import Any

# Data frame columns whose dtype pandas rebuilds from a list of plain values.
LISTED_DTYPES = {"object", "str", "string", "bool", "boolean", "Int8", "Int16", "Int32", "Int64", "Float32", "Float64",
                 "UInt8", "UInt16", "UInt32", "UInt64"}  # fmt: skip
ARRAY_KINDS = "biufcmMSU"  # of numpy's dtypes; structured arrays and object arrays have other ways
PLAIN_TYPES = {t.__name__: t for t in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)}


class Encoder:
    """Turns one value into a tree and blobs. `refer(value, encoder)` is asked for what is not data; it returns the tree to send."""

    def __init__(self, refer: Callable[[Any, "Encoder"], list]) -> None:
        self._refer = refer
        self.blobs: list[bytes] = []

    def encode(self, value: Any) -> list:
        """The tree. TypeError for a table that would not arrive as it is (a MultiIndex)."""
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return ["v", value]
        if kind is int:
            return ["v", value] if abs(value) < 2**63 else ["int", hex(value)]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, [self.encode(v) for v in value]]
        if kind is dict:
            return ["dict", [[self.encode(k), self.encode(v)] for k, v in value.items()]]
        if kind in (bytes, bytearray):
            return [kind.__name__, self._blob(bytes(value))]
        if kind is complex:
            return ["complex", value.real, value.imag]
        if kind in (datetime.datetime, datetime.date, datetime.time):
            return [kind.__name__, value.isoformat()]
        if kind is datetime.timedelta:
            return ["timedelta", value.days, value.seconds, value.microseconds]
        if kind is decimal.Decimal:
            return ["Decimal", str(value)]
        if kind is type and value in PLAIN_TYPES.values():
            return ["type", value.__name__]
        if isinstance(value, pathlib.PurePath):
            return ["Path", str(value)]
        return self._numeric(value) or self._based(value) or self._refer(value, self)

    def _based(self, value: Any) -> list | None:
        """An instance of a subclass of a plain type (an enum's string, a Counter) as what it is underneath."""
        if is_record(value):
            return None
        for base, read in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
            if isinstance(value, base):
                return self.encode(read(value))
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

        if isinstance(value, np.generic) and value.dtype.kind in ARRAY_KINDS:
            return ["scalar", self._array(np.asarray(value))]
        if type(value) is not np.ndarray:
            return None
        if value.dtype == object:
            return ["objects", list(value.shape), [self.encode(v) for v in value.ravel()]]
        return ["array", self._array(value)] if value.dtype.kind in ARRAY_KINDS else None

    def _array(self, array: Any) -> int:
        import numpy as np

        with io.BytesIO() as file:
            np.save(file, array, allow_pickle=False)
            return self._blob(file.getvalue())

    def _pandas(self, value: Any) -> list | None:
        import pandas as pd

        if type(value) is pd.DataFrame:
            columns = [self._column(value.iloc[:, i]) for i in range(value.shape[1])]
            return ["frame", self._index(value.columns), self._index(value.index), columns]
        if type(value) is pd.Series:
            return ["series", self.encode(value.name), self._index(value.index), self._column(value)]
        if isinstance(value, pd.Index):
            return self._index(value)
        if type(value) is pd.Timestamp:
            return ["Timestamp", value.isoformat()]
        if type(value) is pd.Timedelta:
            return ["Timedelta", value.isoformat()]
        return ["NaT"] if value is pd.NaT else ["NA"] if value is pd.NA else None

    def _index(self, index: Any) -> list:
        import pandas as pd

        if isinstance(index, pd.MultiIndex):
            raise TypeError("a table with a MultiIndex cannot be handed over: use reset_index() first")
        return ["index", self.encode(index.name), self._column(index.to_series()), getattr(index, "freqstr", None)]

    def _column(self, series: Any) -> list:
        import pandas as pd

        dtype = series.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            codes = series.cat.codes.to_numpy()
            return ["category", self._array(codes), self._column(pd.Series(dtype.categories)), bool(dtype.ordered)]
        if isinstance(dtype, pd.DatetimeTZDtype):
            return ["moments", self._array(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()), str(dtype.tz)]
        if type(dtype).__module__.partition(".")[0] == "numpy" and dtype.kind != "O":
            return ["plain", self._array(series.to_numpy())]
        name = str(dtype) if str(dtype) in LISTED_DTYPES else "object"
        values = series.tolist() if name == "object" else series.astype(object).mask(series.isna(), None).tolist()
        if set(map(type, values)) <= {str, type(None)}:
            return ["texts", name, *self._texts(values)]
        return ["listed", name, [self.encode(v) for v in values]]

    def _texts(self, values: list) -> tuple[list, int]:
        """Each different text once, and for each row the place of its own: most columns of text have few."""
        import numpy as np

        places = {text: place for place, text in enumerate(dict.fromkeys(values))}
        return list(places), self._array(
            np.fromiter(map(places.__getitem__, values), dtype=np.int32, count=len(values))
        )


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
