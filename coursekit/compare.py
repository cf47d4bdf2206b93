"""Is what a learner's code returned the expected value? And if not, where does it differ?"""

import dataclasses
import math
from numbers import Number
from typing import Any

import numpy as np

MOST_SHOWN = 600  # characters of a value shown to a learner


def holds_ellipsis(value: Any) -> bool:
    """Whether `...` is the value or sits anywhere inside it: a stub's answer, not an attempt."""
    if value is ...:
        return True
    if isinstance(value, dict):
        return any(holds_ellipsis(v) for v in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(holds_ellipsis(v) for v in value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return any(holds_ellipsis(v) for v in value.ravel())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(holds_ellipsis(getattr(value, f.name, None)) for f in dataclasses.fields(value))
    return False


def shown(value: Any) -> str:
    """`repr`, made short: long arrays and frames lose their middle, long text its end. Never raises."""
    try:
        if isinstance(value, np.ndarray):
            text = np.array2string(value, threshold=40, edgeitems=4, precision=6, separator=", ")
            text += f"   shape {value.shape}" if value.size > 8 or value.ndim > 1 else ""
        elif _is_pandas(value):
            text = value.to_string(max_rows=8) if hasattr(value, "to_string") else repr(value)
        elif isinstance(value, np.generic):
            text = repr(value.item())
        else:
            text = repr(value)
    except Exception as error:
        text = f"a {type(value).__name__} that cannot be printed ({type(error).__name__})"
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + f" … ({len(text)} characters)"


def difference(got: Any, want: Any, tolerance: float = 1e-6, at: str = "") -> str | None:
    """None when `got` is as good as `want`; otherwise one line that says where and how they differ.

    Numbers: within `tolerance`, absolute below 1 and relative above; NaN equals NaN; int and float are the same, bool is not.
    Sequences: a list, a tuple and an array are the same where a list or tuple is wanted; where an array is wanted, a list is not
    one. Arrays: same shape, then elementwise. Frames and series: labels and values, not dtypes. Tensors count as arrays.
    """
    got, want = _plain_data(got), _plain_data(want)
    where = f"at {at}: " if at else ""
    if want is None or got is None:
        return None if got is want else f"{where}got {shown(got)}, expected {shown(want)}"
    if _is_pandas(want):
        return _pandas_difference(got, want, tolerance, where)
    if isinstance(want, np.ndarray):
        return _array_difference(got, want, tolerance, where)
    if isinstance(want, bool | np.bool_) or isinstance(got, bool | np.bool_):
        if not (isinstance(want, bool | np.bool_) and isinstance(got, bool | np.bool_)):
            return f"{where}got {shown(got)} (a {type(got).__name__}), expected {shown(want)} (a {type(want).__name__})"
        return None if bool(got) == bool(want) else f"{where}got {shown(got)}, expected {shown(want)}"
    if isinstance(want, Number):
        if not isinstance(got, Number):
            return f"{where}got a {type(got).__name__}, expected a number"
        return None if _close(got, want, tolerance) else f"{where}got {shown(got)}, expected {shown(want)}"
    if isinstance(want, str | bytes):
        if not isinstance(got, type(want)):
            return f"{where}got a {type(got).__name__}, expected a {type(want).__name__}"
        return None if got == want else f"{where}got {shown(got)}, expected {shown(want)}"
    if isinstance(want, dict):
        return _dict_difference(got, want, tolerance, at, where)
    if isinstance(want, list | tuple):
        if not isinstance(got, list | tuple | np.ndarray):
            return f"{where}got a {type(got).__name__}, expected a {type(want).__name__}"
        if len(got) != len(want):
            return f"{where}{len(got)} items, expected {len(want)}"
        pairs = enumerate(zip(got, want, strict=True))
        return next((d for i, (g, w) in pairs if (d := difference(g, w, tolerance, f"{at}[{i}]"))), None)
    if dataclasses.is_dataclass(want) and dataclasses.is_dataclass(got) and type(got).__name__ == type(want).__name__:
        names = [f.name for f in dataclasses.fields(want)]
        pairs = ((n, getattr(got, n, None), getattr(want, n)) for n in names)
        return next((d for n, g, w in pairs if (d := difference(g, w, tolerance, f"{at}.{n}"))), None)
    try:
        equal = got is want or bool(got == want)
    except Exception:
        equal = False
    return None if equal else f"{where}got {shown(got)}, expected {shown(want)}"


def _plain_data(value: Any) -> Any:
    """A torch tensor as an array; an array or tensor without dimensions as its one number."""
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _is_pandas(value: Any) -> bool:
    kind = type(value)
    of_pandas = kind.__module__.partition(".")[0] == "pandas"
    return of_pandas and (kind.__name__ in ("DataFrame", "Series") or kind.__name__.endswith("Index"))


def _close(got: Number, want: Number, tolerance: float) -> bool:
    if got == want:
        return True
    try:
        if math.isnan(got) or math.isnan(want):
            return math.isnan(got) and math.isnan(want)
    except TypeError:  # complex
        pass
    return abs(got - want) <= tolerance * max(1.0, abs(want)) if np.isfinite(want) and np.isfinite(got) else False


def _dict_difference(got: Any, want: dict, tolerance: float, at: str, where: str) -> str | None:
    if not isinstance(got, dict):
        return f"{where}got a {type(got).__name__}, expected a dict"
    if missing := [k for k in want if k not in got]:
        return f"{where}has no key {shown(missing[0])}"
    if extra := [k for k in got if k not in want]:
        return f"{where}has a key {shown(extra[0])} that should not be there"
    return next((d for k in want if (d := difference(got[k], want[k], tolerance, f"{at}[{k!r}]"))), None)


def _array_difference(got: Any, want: np.ndarray, tolerance: float, where: str) -> str | None:
    if _is_pandas(got):
        got = got.to_numpy()
    if not isinstance(got, np.ndarray):
        return f"{where}got a {type(got).__name__}, expected an array (numpy.ndarray)"
    if got.shape != want.shape:
        return f"{where}the shape is {got.shape}, expected {want.shape}"
    if (got.dtype == bool) != (want.dtype == bool):
        return f"{where}the dtype is {got.dtype}, expected {want.dtype}"
    numeric = got.dtype.kind in "biufc" and want.dtype.kind in "biufc"
    if numeric and got.dtype != bool:
        bound = tolerance * np.maximum(1.0, np.where(np.isfinite(want), np.abs(want), 1.0))
        with np.errstate(invalid="ignore"):
            same = (got == want) | (np.abs(got - want) <= bound) | (np.isnan(got) & np.isnan(want))
    else:
        cells = zip(got.ravel().tolist(), want.ravel().tolist(), strict=True)
        same = np.array([difference(g, w, tolerance) is None for g, w in cells], dtype=bool).reshape(want.shape)
    if same.all():
        return None
    first = tuple(int(i) for i in np.argwhere(~same)[0])
    index = ", ".join(map(str, first))
    more = f" ({int((~same).sum())} of {want.size} entries differ)" if want.size > 1 else ""
    return f"{where}at [{index}]: got {shown(got[first])}, expected {shown(want[first])}{more}"


def _pandas_difference(got: Any, want: Any, tolerance: float, where: str) -> str | None:
    import pandas as pd

    kind = "Index" if isinstance(want, pd.Index) else type(want).__name__
    if not isinstance(got, pd.Index if kind == "Index" else type(want)):
        return f"{where}got a {type(got).__name__}, expected a pandas {kind}"
    try:
        if kind == "Index":
            pd.testing.assert_index_equal(got, want, exact="equiv", check_names=False, rtol=tolerance, atol=tolerance)
        elif kind == "Series":
            pd.testing.assert_series_equal(
                got, want, check_dtype=False, check_names=False, rtol=tolerance, atol=tolerance
            )
        else:
            pd.testing.assert_frame_equal(got, want, check_dtype=False, rtol=tolerance, atol=tolerance)
    except AssertionError as error:
        if kind == "DataFrame" and (cell := _first_cell(got, want, tolerance)):
            return where + cell
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return where + "; ".join(lines[:2])
    return None


def _first_cell(got: Any, want: Any, tolerance: float) -> str | None:
    """Where two frames differ, in a learner's words: the columns, or the first cell that is another value."""
    names, wanted = list(got.columns), list(want.columns)
    if names != wanted:
        return f"the columns are {shown(names)}, expected {shown(wanted)}"
    if len(got) != len(want):
        return f"the number of rows is {len(got)}, expected {len(want)}"
    for position, name in enumerate(wanted):
        pairs = zip(got.iloc[:, position].tolist(), want.iloc[:, position].tolist(), strict=True)
        for label, (one, other) in zip(want.index, pairs, strict=True):
            if found := difference(one, other, tolerance):
                return f"at row {label!r}, column {name!r}: {found}"
    return None
