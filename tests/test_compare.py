"""What counts as equal when an answer is checked, and how a difference is told."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from coursekit.compare import difference, holds_ellipsis, shown


@dataclasses.dataclass
class Fee:
    eur: float


FRAME = pd.DataFrame({"carrier": ["a", "b"], "late": [0.5, np.nan]})
SAME = [
    (1, 1.0),
    (np.float32(0.1), 0.1),
    (np.int64(3), 3),
    (float("nan"), np.nan),
    (math.inf, np.inf),
    (1_000_000.5, 1_000_001),
    (np.array(2.0), 2),
    (None, None),
    (np.True_, True),
    ("a", "a"),
    ([1, 2], (1, 2)),
    (np.array([1, 2]), [1, 2]),
    ({"a": [1, np.nan]}, {"a": [1.0, np.nan]}),
    ({1, 2}, {2, 1}),
    (np.array([1.0, np.nan]), np.array([1, np.nan])),
    (np.array(["a"]), np.array(["a"], dtype=object)),
    (pd.Series([1, 2]), np.array([1, 2])),
    (FRAME, FRAME.copy()),
    (pd.Series([1, 2]), pd.Series([1.0, 2.0], name="x")),
    (pd.Index(["a"]), pd.Index(["a"])),
    (pd.NaT, pd.NaT),
    (Fee(1.0), Fee(1.0 + 1e-9)),
]
DIFFERENT = [
    (1, 2, "got 1, expected 2"),
    (True, 1, "a bool"),
    (1, True, "a int"),
    ("1", 1, "got a str, expected a number"),
    (np.nan, 1, "got nan"),
    (math.inf, 1, "got inf"),
    (-math.inf, math.inf, "got -inf"),
    (None, 0, "got None"),
    ([1, 2], [1, 2, 3], "2 items, expected 3"),
    ([1, [2, 4]], [1, [2, 3]], "at [1][1]: got 4, expected 3"),
    ({"a": 1}, {"a": 1, "b": 2}, "has no key 'b'"),
    ({"a": 1, "b": 2}, {"a": 1}, "should not be there"),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, "at ['a']['b']"),
    ([1, 2], np.array([1, 2]), "got a list, expected an array"),
    (np.zeros(3), np.zeros((3, 1)), "the shape is (3,), expected (3, 1)"),
    (np.array([1, 5, 3]), np.array([1, 2, 4]), "at [1]: got 5, expected 2 (2 of 3 entries differ)"),
    (np.array([0, 1]), np.array([False, True]), "the dtype is int64, expected bool"),
    (np.array([np.nan]), np.array([0.0]), "at [0]"),
    (5, [5], "got a int, expected a list"),
    (FRAME.rename(columns={"late": "lat"}), FRAME, "columns"),
    (FRAME.assign(late=[0.5, 2]), FRAME, "at row 1, column 'late': got 2.0, expected nan"),
    (FRAME.head(1), FRAME, "the number of rows is 1, expected 2"),
    (FRAME.set_axis([1, 0]), FRAME, "index"),
    ([1], FRAME, "expected a pandas DataFrame"),
    (pd.Series([1, 2]), pd.Series([1, 3]), "Series"),
    (Fee(1.0), Fee(2.0), "at .eur"),
    ("a" * 9, "b", "expected 'b'"),
]


@pytest.mark.parametrize(("got", "want"), SAME, ids=repr)
def test_the_same(got, want):
    assert difference(got, want) is None


@pytest.mark.parametrize(("got", "want", "said"), DIFFERENT, ids=repr)
def test_a_difference_says_where(got, want, said):
    assert said in (difference(got, want) or "")


def test_a_tensor_counts_as_an_array():
    torch = pytest.importorskip("torch")
    assert difference(torch.tensor([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert difference(torch.tensor(2.0, requires_grad=True), 2) is None


def test_tolerance_is_absolute_below_one_and_relative_above():
    assert difference(0.0505, 0.05, tolerance=1e-3) is None
    assert difference(0.0525, 0.05, tolerance=1e-3)
    assert difference(1001, 1000, tolerance=1e-2) is None


def test_the_ellipsis_is_found_anywhere():
    assert all(map(holds_ellipsis, [..., (1, [...]), {"a": {2: ...}}, np.array([..., 1], dtype=object), Fee(...)]))
    assert not any(map(holds_ellipsis, [None, [1], np.zeros(3), FRAME, "..."]))


def test_a_shown_value_is_short_and_never_raises():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert "Broken that cannot be printed" in shown(Broken())
    assert len(shown(list(range(10_000)))) < 700 and len(shown(np.arange(1e6))) < 300
