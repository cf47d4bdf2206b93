"""Drift: the index has known answers, and alarms keep their promise."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from late_delivery.drift import drift_alarms, population_stability, psi


def index(reference_counts: list[int], current_counts: list[int]) -> float:
    """PSI by its formula, with half a count added to each bin."""
    k, n, m = len(reference_counts), sum(reference_counts), sum(current_counts)
    total = 0.0
    for r, c in zip(reference_counts, current_counts, strict=True):
        r_share, c_share = (r + 0.5) / (n + 0.5 * k), (c + 0.5) / (m + 0.5 * k)
        total += (c_share - r_share) * math.log(c_share / r_share)
    return total


@pytest.mark.check(
    task="drift",
    points=1,
    why="Bins that move with the data measure nothing: each month is compared with itself.",
    lesson="01_ml_basics/05_metrics",
)
def test_numbers_are_counted_in_quantile_bins_of_the_reference(seed):
    """A numeric column's index is that of the reference's quantile bins, with a bin for what is missing."""
    rng = np.random.default_rng(seed)
    reference = rng.lognormal(1, 0.8, int(rng.integers(800, 1_500)))
    current = rng.lognormal(1.3, 0.6, int(rng.integers(300, 700)))
    current[: int(rng.integers(10, 60))] = np.nan
    bins = int(rng.integers(4, 13))
    edges = [-math.inf, *np.quantile(reference, [i / bins for i in range(1, bins)]), math.inf]
    counts = [
        [int(((values >= low) & (values < high)).sum()) for low, high in pairwise(edges)]
        + [int(np.isnan(values).sum())]
        for values in (reference, current)
    ]
    assert psi(pd.Series(reference), pd.Series(current), bins) == pytest.approx(index(*counts), rel=1e-6)


@pytest.mark.check(
    task="drift",
    points=1,
    why="A carrier that did not exist at training time is the loudest drift there is; dropping unknown values silences it.",
    lesson="01_ml_basics/05_metrics",
)
def test_text_is_counted_by_value_and_new_values_count(seed):
    """A text column's index has a bin for each value of the reference, one for new values and one for missing ones."""
    rng = np.random.default_rng(seed)
    names = np.array(["Albatros", "Brisk", "Corvid", None, "Zephyr", "Xebec"], dtype=object)
    reference = [*rng.integers(40, 90, 3).tolist(), int(rng.integers(1, 9)), 0, 0]
    current = [0, *rng.integers(20, 60, 2).tolist(), 3, *rng.integers(5, 30, 2).tolist()]
    columns = [pd.Series(rng.permutation(np.repeat(names, counts))) for counts in (reference, current)]
    want = index([*reference[:3], 0, reference[3]], [*current[:3], sum(current[4:]), current[3]])
    assert psi(*columns) == pytest.approx(want, rel=1e-6)


@pytest.mark.check(
    task="drift",
    points=1,
    why="Flags and constants are most of a feature table. A formula that divides by their empty bins takes the monitor down.",
    lesson="01_ml_basics/05_metrics",
)
def test_constants_and_flags_have_an_index(seed):
    """Constants, flags, booleans, categoricals and columns without any value have an index, counted by value."""
    rng = np.random.default_rng(seed)
    n, value = int(rng.integers(100, 200)), float(rng.integers(-50, 50))
    constant = pd.Series(np.full(n, value))
    assert psi(constant, constant.copy()) == pytest.approx(0, abs=1e-9)
    for moved in (value + 1, value - 1):
        assert psi(constant, pd.Series(np.full(n, moved))) == pytest.approx(index([n, 0, 0], [0, n, 0]), rel=1e-6)
    ones, more = sorted(rng.choice(np.arange(10, 90), size=2, replace=False).tolist())
    flags, later = pd.Series([1] * ones + [0] * (n - ones)), pd.Series([1] * more + [0] * (n - more))
    want = pytest.approx(index([n - ones, ones, 0, 0], [n - more, more, 0, 0]), rel=1e-6)
    assert psi(flags, later) == want
    assert psi(flags.astype(bool), later.astype(bool)) == want
    assert psi(*(column.map({0: "no", 1: "yes"}).astype("category") for column in (flags, later))) == want
    nothing = pd.Series(np.full(n, np.nan))
    assert psi(nothing, constant) == pytest.approx(index([0, n], [n, 0]), rel=1e-6)


@pytest.mark.check(
    task="drift",
    points=1,
    why="The index must be largest where drift is worst, which is just where a bin is empty.",
    lesson="01_ml_basics/05_metrics",
)
def test_a_table_with_empty_bins_has_a_finite_index_for_each_column(seed):
    """Each column has a finite index in the reference's order, largest where nothing overlaps; nothing passed in changes."""
    rng = np.random.default_rng(seed)
    reference = pd.DataFrame(
        {
            "weight_kg": rng.normal(10, 2, 400),
            "carrier": rng.choice(["Brisk", "Dray"], 400),
            "hour": rng.integers(6, 20, 400),
            "forecast_wind_ms": rng.normal(5, 1, 400),
        }
    )
    current = pd.DataFrame(
        {
            "new": 1,
            "forecast_wind_ms": np.full(250, np.nan),
            "carrier": rng.choice(["Brisk", "Dray"], 250),
            "hour": rng.integers(6, 20, 250),
            "weight_kg": rng.normal(60, 2, 250),
        }
    )
    kept = reference.copy(deep=True), current.copy(deep=True)
    found = population_stability(reference, current)
    assert list(found.index) == list(reference.columns)
    assert np.isfinite(found.to_numpy(dtype=float)).all()
    assert min(found["weight_kg"], found["forecast_wind_ms"]) > 3
    assert max(found["carrier"], found["hour"]) < 0.5
    pd.testing.assert_frame_equal(reference, kept[0])
    pd.testing.assert_frame_equal(current, kept[1])


@pytest.mark.check(
    task="drift",
    points=0.5,
    why="A monitor that cries wolf each week is muted in the second, and then the real drift comes.",
    lesson="01_ml_basics/05_metrics",
)
def test_alarms_are_rare_without_drift(seed):
    """Over pairs of samples from one population, small and large, with 15 columns, an alarm is as rare as the rate says."""
    rng = np.random.default_rng(seed)
    sizes = [(60, 60), (80, 40), (40, 90), (600, 120)] * 3
    false_alarms = 0
    for n, m in sizes:
        columns = {f"number {i}": rng.normal(size=n + m) for i in range(5)}
        columns |= {f"flag {i}": rng.integers(0, 2, n + m) for i in range(5)}
        columns |= {f"text {i}": rng.choice(["Albatros", "Brisk", "Corvid"], n + m) for i in range(5)}
        both = pd.DataFrame(columns)
        false_alarms += bool(drift_alarms(both.iloc[:n], both.iloc[n:], false_alarm_rate=0.05))
    assert false_alarms <= 4  # of 12: at a rate of 0.05 more than that happens once in 5,000 gradings


@pytest.mark.check(
    task="drift",
    points=0.5,
    why="A rule of thumb such as 0.2 is deaf to slow drift in large tables.",
    lesson="01_ml_basics/05_metrics",
)
def test_true_drift_is_named_and_only_it(seed):
    """With many rows a modest shift is named, in the reference's order, and the columns that did not move are not."""
    rng = np.random.default_rng(seed)

    def table(n: int, shift: float, share: float) -> pd.DataFrame:
        carrier = np.where(rng.random(n) < share, "Brisk", "Dray")
        steady = {"hour": rng.integers(6, 20, n), "weight_kg": rng.lognormal(1, 1, n)}
        return pd.DataFrame({"value": rng.normal(shift, 1, n), **steady, "carrier": carrier})

    reference, current = table(6_000, 0.0, 0.5), table(4_000, 0.25, 0.6)
    assert drift_alarms(reference, current, false_alarm_rate=0.0001) == ["value", "carrier"]


@pytest.mark.check(
    task="drift",
    points=0.5,
    why="Each column gets a share of the false alarms that you allow. Tables of unequal size fill no bin by themselves.",
    lesson="01_ml_basics/05_metrics",
)
def test_the_limit_allows_for_many_columns_and_unequal_tables(seed):
    """Of 15 flags in a large and a small table, one that moved by more than its share of luck is named, lesser moves are not."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(6_000, 9_000)), int(rng.integers(50, 70))
    share = float(rng.uniform(0.4, 0.6))

    def counts(low: float, high: float) -> list[int]:
        """How many of m flags may be 1 for (found - share)² m / (share (1 - share)) to be between low and high."""
        size = (np.arange(m + 1) - share * m) ** 2 / (share * (1 - share) * m)
        return np.flatnonzero((size > low) & (size < high)).tolist()

    def flag(ones: float, rows: int) -> np.ndarray:
        return (np.arange(rows) < round(ones)).astype(int)

    names = [f"flag {i}" for i in range(15)]
    reference = pd.DataFrame({name: flag(share * n, n) for name in names})
    # one column alone is allowed 3.8 at a rate of 0.05, each of 15 about 8.6; bins that nobody uses would add 4.5 or more
    some = pd.DataFrame({name: flag(rng.choice(counts(4.4, 6.6)), m) for name in names})
    assert drift_alarms(reference, some, false_alarm_rate=0.05) == []
    assert drift_alarms(some, reference, false_alarm_rate=0.05) == []
    moved = str(rng.choice(names))
    more = some.assign(**{moved: flag(rng.choice(counts(12.5, 18)), m)})
    assert drift_alarms(reference, more, false_alarm_rate=0.05) == [moved]


@pytest.mark.check(
    task="drift",
    points=0.5,
    why="A monitor that answers without data is green on the day its feed breaks.",
    lesson="01_ml_basics/05_metrics",
)
def test_what_cannot_be_compared_is_refused(seed):
    """Tables without rows, lacking columns (each is named) and a rate that is not between 0 and 1 are ValueErrors."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.normal(size=30) for name in ("weight_kg", "distance_km", "parcels")})
    column, none = table["weight_kg"], table["weight_kg"].iloc[:0]
    for pair in ((none, column), (column, none)):
        with pytest.raises(ValueError):
            psi(*pair)
    lacking = rng.permutation(table.columns)[:2].tolist()
    for name in lacking:
        with pytest.raises(ValueError, match=name):
            population_stability(table, table.drop(columns=lacking))
    for rate in (0, 1, -0.1):
        with pytest.raises(ValueError):
            drift_alarms(table, table, false_alarm_rate=rate)
