"""The split: parts apart in time, whole days, gaps."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from late_delivery.split import time_split

from coursekit.shipments import simulate

PARTS = ("train", "validation", "test")


@cache
def drawn(seed: int) -> tuple[pd.DataFrame, pd.Timestamp, pd.Timestamp, int]:
    """Shipments in random order, two random edges and a random gap."""
    rng = np.random.default_rng(seed)
    shipments = simulate(600, seed).sample(frac=1, random_state=seed % 2**31)
    first = pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(days=int(rng.integers(100, 180)))
    second = first + pd.Timedelta(days=int(rng.integers(40, 90)))
    return shipments, first, second, int(rng.integers(1, 9))


@pytest.mark.check(
    task="split",
    points=2,
    why="A storm that is on both sides of a split is a question whose answer was in the lesson: the score is too good.",
    lesson="01_ml_basics/03_validation",
)
def test_parts_are_apart_by_at_least_the_gap(seed):
    """No two parts share a day, training is before validation is before test, and the gap days are in no part."""
    shipments, first, second, gap_days = drawn(seed)
    split = time_split(shipments.copy(), first, second, gap_days)
    days = {part: getattr(split, part)["booked_at"].dt.floor("D") for part in PARTS}
    distance = pd.Timedelta(days=gap_days + 1)  # with 1 day of gap, day 1 and day 3 may both be used
    assert days["validation"].min() - days["train"].max() >= distance
    assert days["test"].min() - days["validation"].max() >= distance
    assert days["validation"].min() >= first
    assert days["test"].min() >= second


@pytest.mark.check(
    task="split",
    points=1,
    why="Rows that a split loses are evidence thrown away, and nobody notices: the score still has three decimals.",
    lesson="01_ml_basics/03_validation",
)
def test_every_other_shipment_is_in_exactly_one_part(seed):
    """All shipments outside the gaps are used once, each in the part that its booking time says."""
    shipments, first, second, gap_days = drawn(seed)
    split = time_split(shipments.copy(), first, second, gap_days)
    expected = {part: [] for part in PARTS}
    for number, moment in zip(shipments["shipment_id"], shipments["booked_at"], strict=True):
        if moment >= second:
            expected["test"].append(number)
        elif first <= moment and (second - moment).total_seconds() > gap_days * 86_400:
            expected["validation"].append(number)
        elif (first - moment).total_seconds() > gap_days * 86_400:
            expected["train"].append(number)
    for part in PARTS:
        assert set(getattr(split, part)["shipment_id"]) == set(expected[part]), part
        assert len(getattr(split, part)) == len(expected[part]), part


@pytest.mark.check(
    task="split",
    points=1,
    why="An edge off by one minute or one day puts the morning of a storm on one side and its evening on the other.",
    lesson="01_ml_basics/03_validation",
)
def test_edges_are_exact_to_the_minute(seed):
    """Midnight belongs to the later part, the minute before a gap to the earlier one; rows keep index, order and values."""
    rng = np.random.default_rng(seed)
    first = pd.Timestamp("2025-02-01", tz="UTC") + pd.Timedelta(days=int(rng.integers(0, 200)))
    second = first + pd.Timedelta(days=int(rng.integers(30, 60)))
    gap_days = int(rng.integers(0, 8))
    minute, gap = pd.Timedelta(minutes=1), pd.Timedelta(days=gap_days)
    moments = {
        "train": [first - gap - minute, first - gap - 40 * pd.Timedelta(days=1)],
        "validation": [first, first + minute, second - gap - minute],
        "test": [second, second + 30 * pd.Timedelta(days=1)],
        "gap": [first - gap, first - minute, second - gap, second - minute] if gap_days else [],
    }
    rows = [(part, moment) for part, some in moments.items() for moment in some]
    order = rng.permutation(len(rows))
    table = pd.DataFrame([rows[i] for i in order], columns=["part", "booked_at"], index=order + 70)
    table["late"] = rng.integers(0, 2, len(table))
    before = table.copy(deep=True)
    split = time_split(table, str(first.date()), str(second.date()), gap_days)
    for part in PARTS:
        pd.testing.assert_frame_equal(getattr(split, part), before[before["part"] == part])
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.check(
    task="split",
    points=0.5,
    why="Swapped edges give a score all the same, of nothing, and an edge at noon cuts a storm in two. Stop instead.",
    lesson="01_ml_basics/03_validation",
)
def test_a_split_that_cannot_work_is_refused(seed):
    """Negative gaps, swapped or equal edges, and edges within a day in UTC are ValueErrors."""
    shipments, first, second, gap_days = drawn(seed)
    with pytest.raises(ValueError):
        time_split(shipments, first, second, -gap_days)
    with pytest.raises(ValueError):
        time_split(shipments, second, first, gap_days)
    with pytest.raises(ValueError):
        time_split(shipments, first, first, gap_days)
    with pytest.raises(ValueError):
        time_split(shipments, first + pd.Timedelta(hours=13), second, gap_days)


@pytest.mark.check(
    task="split",
    points=0.5,
    why="An empty part gives no error later, only a score of nothing.",
    lesson="01_ml_basics/03_validation",
)
def test_an_empty_part_is_named(seed):
    """A part without any shipment is a ValueError that names the part."""
    shipments, first, second, gap_days = drawn(seed)
    with pytest.raises(ValueError, match="test"):
        time_split(shipments, first, "2026-02-01", gap_days)
    with pytest.raises(ValueError, match="train"):
        time_split(shipments[shipments["booked_at"] >= first], first, second, gap_days)
    with pytest.raises(ValueError, match="validation"):
        time_split(shipments, first, first + pd.Timedelta(days=gap_days), gap_days)
