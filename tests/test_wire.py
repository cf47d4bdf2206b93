"""The channel: what goes over it arrives as it was, and what is no message is refused."""

import collections
import dataclasses
import datetime
import decimal
import enum
import io
import json
import math
import pathlib
import random
import socket
import struct
import time

import numpy as np
import pandas as pd
import pytest

from autograder.decoding import Decoder
from autograder.encoding import Encoder
from autograder.wire import HEAD_LIMIT_BYTES, PRELUDE, Channel, Closed, Silence, WireError


def refuse(value, *_):
    raise AssertionError(f"{value!r} was not taken for data")


def over(value, path=pathlib.Path):
    """`value` after encoding, JSON and decoding."""
    encoder = Encoder(refuse)
    tree = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(encoder.blobs, refuse, path).decode(tree)


def same(a, b):
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b


PLAIN = [
    None, True, False, 0, -1, 2**62, 2**63, -(2**64), 10**5_000, 1.5, -0.0, math.nan, math.inf, -math.inf, 1 + 2j, "", "ä€😀", "\x00",
    b"", b"\x00\xff", bytearray(b"x"), [], (), {}, set(), frozenset({1}), [1, [2, (3, {"a": {4}})]], {1: "a", "1": "b", (1, 2): None},
    datetime.datetime(2025, 3, 30, 2, 30, tzinfo=datetime.UTC), datetime.date(1, 1, 1), datetime.time(23, 59, 59, 999999),
    datetime.timedelta(days=900_000, microseconds=1), decimal.Decimal("1.10"), float, str, dict,
    pathlib.Path("/a/b"), np.float64(1.5), np.int8(-3), np.bool_(True), np.str_("x"), np.datetime64("2025-01-01"), np.array(5.0), np.array([]),
    np.zeros((0, 3)), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(["a", "bc"]), np.array([True, False]), np.array([1], ">i4"),
    np.array([1 + 1j], np.complex64), np.array(["2025-01-01", "NaT"], "M8[s]"),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda v: type(v).__name__)
def test_plain_values_arrive_as_they_were(value):
    assert same(over(value), value)


def test_object_arrays_keep_their_shape_and_values():
    value = np.array([[1, "a"], [None, 2.5]], dtype=object)
    back = over(value)
    assert back.shape == (2, 2) and back.dtype == object and back.tolist() == value.tolist()


FRAMES = {
    "mixed": pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None], "d": [True, False]}, index=["r", "s"]),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")}),
    "no columns": pd.DataFrame(index=[3, 4, 5]),
    "same names": pd.DataFrame([[1, 2.0]], columns=["a", "a"]),
    "time zones": pd.DataFrame({"t": pd.date_range("2025-03-29", periods=4, freq="12h", tz="Europe/Rome"), "u": pd.Timestamp("2025", tz="UTC")}),
    "dates as index": pd.DataFrame({"v": range(3)}, index=pd.date_range("2025-01-01", periods=3, freq="D", name="day")),
    "zoned index": pd.DataFrame({"v": range(3)}, index=pd.date_range("2025-03-29", periods=3, freq="h", tz="Europe/Rome")),
    "categories": pd.DataFrame({"c": pd.Categorical(["b", None, "a"], categories=["b", "a", "z"], ordered=True), "n": pd.Categorical([1, 1, 2])}),
    "nullable": pd.DataFrame({"i": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean"), "f": pd.array([1.5, None], "Float64")}),
    "objects": pd.DataFrame({"o": pd.Series([1, "a", None, [1, 2], datetime.date(2025, 1, 1)], dtype=object)}),
    "texts": pd.DataFrame({"s": pd.Series(["b", None, "a", "b"], dtype="str"), "o": pd.Series(["b", None, "", "b"], dtype=object), "p": pd.array(["x", None, "x", "y"], "string")}),
    "texts and nan": pd.DataFrame({"o": pd.Series(["b", np.nan, None], dtype=object)}),
    "named columns": pd.DataFrame([[1, 2]], columns=pd.Index(["a", "b"], name="kind")),
    "durations": pd.DataFrame({"d": pd.to_timedelta([1, None], unit="s"), "s": np.array([1, 2], dtype="float32")}),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_tables_arrive_as_they_were(name):
    pd.testing.assert_frame_equal(over(FRAMES[name]), FRAMES[name], check_index_type="equiv", check_column_type="equiv")
    for column in range(FRAMES[name].shape[1]):
        series = FRAMES[name].iloc[:, column]
        pd.testing.assert_series_equal(over(series), series)


def test_scalars_of_pandas():
    assert over(pd.Timestamp("2025-03-30 02:30", tz="UTC")) == pd.Timestamp("2025-03-30 02:30", tz="UTC")
    assert over(pd.Timedelta("1 day 3 ns")) == pd.Timedelta("1 day 3 ns")
    assert over(pd.NaT) is pd.NaT and over(pd.NA) is pd.NA


@pytest.mark.parametrize("axis", ["index", "columns"])
def test_a_multi_index_is_refused_with_what_to_do(axis):
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    with pytest.raises(TypeError, match=r"reset_index\(\)"):
        over(pd.DataFrame([[1, 2], [3, 4]], **{axis: index}))


def test_subclasses_of_plain_types_arrive_as_what_they_are_underneath():
    class Text(str):
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = str.__hash__

    class Number(float):
        __float__ = lambda self: 7.0  # noqa: E731

    class Colour(enum.IntEnum):
        RED = 2

    for value, plain in (
        (Text("a"), "a"),
        (Number(1.5), 1.5),
        (Colour.RED, 2),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
    ):
        assert same(over(value), plain)
    assert type(over(collections.OrderedDict(a=1))) is dict


def test_records_and_objects_are_referred():
    @dataclasses.dataclass
    class Inner:
        x: float

    seen = []
    Encoder(lambda value, encoder: seen.append(type(value).__name__) or ["v", None]).encode(
        [Inner(1.0), object(), {"a": Inner(2.0)}]
    )
    assert seen == ["Inner", "object", "Inner"]


def test_the_judge_gets_paths_that_cannot_be_opened():
    path = over(pathlib.Path("/etc/hosts"), path=pathlib.PurePath)
    assert str(path) == "/etc/hosts" and not hasattr(path, "read_text")


def random_value(rng, depth=4):
    kinds = ["leaf"] * 3 + ["list", "tuple", "dict", "array", "frame"] * (depth > 0)
    match rng.choice(kinds):
        case "list":
            return [random_value(rng, depth - 1) for _ in range(rng.randrange(4))]
        case "tuple":
            return tuple(random_value(rng, depth - 1) for _ in range(rng.randrange(4)))
        case "dict":
            return {
                rng.choice([rng.randrange(9), rng.random(), str(rng.random()), None]): random_value(rng, depth - 1)
                for _ in range(3)
            }
        case "array":
            shape = tuple(rng.randrange(4) for _ in range(rng.randrange(4)))
            return np.frombuffer(rng.randbytes(8 * math.prod(shape)), rng.choice(["<i8", ">u8", "<M8[us]"])).reshape(
                shape
            )
        case "frame":
            return np.array([rng.random() for _ in range(rng.randrange(5))], dtype=rng.choice(["f2", "f4", "f8"]))
    return rng.choice([None, rng.random() < 0.5, rng.getrandbits(rng.randrange(1, 200)), rng.gauss(0, 1e9), rng.randbytes(rng.randrange(9)),
                       "".join(chr(rng.randrange(1, 0xD800)) for _ in range(5)), math.nan, datetime.timedelta(microseconds=rng.randrange(10**12))])  # fmt: skip


@pytest.mark.parametrize("seed", range(100))
def test_random_values_arrive_as_they_were(seed):
    value = random_value(random.Random(seed))
    assert same(over(value), value)


# --- what no encoder makes


def npy(descr, shape, data=b"", version=b"\x01\x00"):
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(head)) + head + data


def zipped():
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    return file.getvalue()


def pickled():
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    return file.getvalue()


MALFORMED = [
    None, 5, "v", [], {}, [5], [None, 1], ["v"], ["v", [1]], ["v", 1, 2], ["_array", 0], ["blob", 0], ["__class__"], ["unknown"], ["list", 5],
    ["list", [["v"]]], ["dict", [[["v", 1]]]], ["dict", [[["list", []], ["v", 1]]]], ["set", [["list", []]]], ["int", 5], ["int", "x"],
    ["bytes", -1], ["bytes", 1], ["bytes", True], ["bytes", "0"], ["bytes", None], ["Decimal", "x"], ["Decimal", "1e999999999"],
    ["datetime", "yesterday"], ["timedelta", 1e308, 0, 0], ["type", "Popen"], ["scalar", 0], ["objects", [10**18], []], ["objects", [0, 10**18], []],
    ["objects", [-1], [["v", 1]]], ["Timestamp", "x"], ["index", ["v", None], ["moments", 0, "dateutil//etc/passwd"], None],
    ["index", ["v", None], ["moments", 0, "../../etc/passwd"], None], ["index", ["v", None], ["listed", "Sparse", []], None],
    ["index", ["v", None], ["listed", "Int64", [["v", 1]]], "D"], ["frame", ["v", 1], ["v", 1], []], ["frame", ["list", []], ["list", []], [["plain", 0]]],
    ["category", 0], ["series", ["v", None], ["index", ["v", None], ["listed", "object", []], None], ["listed", "object", [["v", 1]]]],
    ["list", [["bytes", 0], ["bytes", 0]]],
]  # fmt: skip


def resolve(tree, decoder):
    raise WireError("an unknown tag")


@pytest.mark.parametrize("tree", MALFORMED, ids=lambda tree: json.dumps(tree)[:40])
def test_a_malformed_value_is_a_wire_error(tree):
    with pytest.raises(WireError):
        Decoder([npy("<f8", (2,), bytes(16))], resolve).decode(tree)


@pytest.mark.parametrize(
    "blob",
    [
        b"", b"\x93NUMPY", b"PK\x03\x04", zipped(), pickled(), npy("<f8", (10**12,)), npy("<f8", (2,), bytes(15)), npy("<f8", (2,), bytes(17)),
        npy("|V0", (10**18,)), npy("<U0", (10**18,)), npy("<f8", (10**18, 0)), npy("<f8", (-1,), bytes(8)), npy([("a", "<f8")], (1,), bytes(8)),
        npy("|O", (1,), bytes(8)), npy("<f8", (1,), bytes(8), b"\x02\x00"), npy("<f8", (True,), bytes(8)) [:-1],
        b"\x93NUMPY\x01\x00\x0a\x00" + b"(" * 10,
    ],
)  # fmt: skip
def test_a_malformed_array_is_a_wire_error(blob):
    with pytest.raises(WireError):
        Decoder([blob], resolve).decode(["array", 0])


@pytest.mark.parametrize(
    ("dtype", "texts", "places"),
    [("str", ["a"], [1]), ("str", ["a"], [-1]), ("str", [], [0]), ("str", [1], [0]), ("str", [["a"]], [0]), ("Sparse", ["a"], [0])],
)  # fmt: skip
def test_a_malformed_column_of_texts_is_a_wire_error(dtype, texts, places):
    index = ["index", ["v", None], ["listed", "object", [["v", 0]]], None]
    with pytest.raises(WireError):
        blob = npy("<i4", (len(places),), np.array(places, np.int32).tobytes())
        Decoder([blob], resolve).decode(["series", ["v", None], index, ["texts", dtype, texts, 0]])


def test_a_bool_is_true_or_false_whatever_its_byte():
    array = Decoder([npy("|b1", (3,), b"\x02\x00\xff")], resolve).decode(["array", 0])
    assert array.view(np.uint8).tolist() == [1, 0, 1]


def test_a_value_nested_too_deeply_is_a_wire_error():
    tree = ["v", 1]
    for _ in range(50_000):
        tree = ["list", [tree]]
    with pytest.raises(WireError):
        Decoder([], resolve).decode(tree)


# --- frames of the channel


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def framed(head, blobs=b""):
    return PRELUDE.pack(len(head), len(blobs)) + head + blobs


@pytest.mark.parametrize(
    "sent",
    [
        framed(b""), framed(b"nonsense"), framed(b"[]"), framed(b"{}"), framed(b'{"m": [], "b": []}'), framed(b'{"m": {}, "b": [1]}'),
        framed(b'{"m": {}, "b": [-1, 1]}'), framed(b'{"m": {}, "b": [true]}', b"x"), framed(b'{"m": {}, "b": "1"}', b"x"), framed(b'{"m": {}, "b": {}}'),
        framed(b"\xff"), framed(b'{"m": ' + b"[" * 200_000), framed(b"1" * 5_000), PRELUDE.pack(HEAD_LIMIT_BYTES + 1, 0), PRELUDE.pack(2, 2**32 - 1),
    ],
)  # fmt: skip
def test_a_malformed_message_is_a_wire_error(pair, sent):
    channel, other = pair
    other.sendall(sent)
    with pytest.raises(WireError):
        channel.receive(time.monotonic() + 5)


def test_deadlines_hold_however_slowly_the_other_side_talks_or_listens(pair):
    channel, other = pair
    other.sendall(b"\x00")
    for talk in (lambda end: channel.receive(end), lambda end: channel.send({}, [bytes(5_000_000)], end)):
        began = time.monotonic()
        with pytest.raises(Silence):
            talk(began + 0.2)
        assert time.monotonic() - began < 2


def test_a_closed_channel_is_said(pair):
    channel, other = pair
    other.close()
    with pytest.raises(Closed):
        channel.receive()
    channel.close()
    with pytest.raises(Closed):
        channel.send({}, [])


def test_what_is_too_large_is_not_sent_at_all(pair):
    channel, other = pair
    with pytest.raises(WireError, match="too large"):
        channel.send({"text": "x" * (HEAD_LIMIT_BYTES + 1)}, [])
    channel.send({"a": 1}, [b"xy"])
    assert Channel(other).receive() == ({"a": 1}, [b"xy"])
