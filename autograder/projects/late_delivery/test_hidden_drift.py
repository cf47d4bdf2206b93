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
    lesson="01_ml_basics/03_validation",
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
    lesson="01_ml_basics/03_validation",
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
    lesson="01_ml_basics/03_validation",
)
def test_constants_and_flags_have_an_index(seed):
    """A constant that stays has an index of 0, one that moves in either direction a large one; flags are counted by value."""
    rng = np.random.default_rng(seed)
    n, value = int(rng.integers(100, 200)), float(rng.integers(-50, 50))
    constant = pd.Series(np.full(n, value))
    assert psi(constant, constant.copy()) == pytest.approx(0, abs=1e-9)
    for moved in (value + 1, value - 1):
        assert psi(constant, pd.Series(np.full(n, moved))) == pytest.approx(index([n, 0, 0], [0, n, 0]), rel=1e-6)
    ones, more = sorted(rng.choice(np.arange(10, 90), size=2, replace=False).tolist())
    flags, later = pd.Series([1] * ones + [0] * (n - ones)), pd.Series([1] * more + [0] * (n - more))
    assert psi(flags, later) == pytest.approx(index([n - ones, ones, 0, 0], [n - more, more, 0, 0]), rel=1e-6)


@pytest.mark.check(
    task="drift",
    points=1,
    why="The index must be largest where drift is worst, which is just where a bin is empty.",
    lesson="01_ml_basics/03_validation",
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
    with pytest.raises(ValueError, match="carrier"):
        population_stability(reference, current.drop(columns="carrier"))
    pd.testing.assert_frame_equal(reference, kept[0])
    pd.testing.assert_frame_equal(current, kept[1])


@pytest.mark.check(
    task="drift",
    points=1,
    why="A monitor that cries wolf each week is muted in the second, and then the real drift comes.",
    lesson="01_ml_basics/03_validation",
)
def test_alarms_are_rare_without_drift(seed):
    """Over many pairs of samples from one population, large and small, alarms come about as often as the rate allows."""
    rng = np.random.default_rng(seed)
    rounds, false_alarms = 50, 0
    for turn in range(rounds):
        n, m = (600, 120) if turn % 2 else (250, 900)
        both = pd.DataFrame({name: rng.normal(size=n + m) for name in "abc"})
        both["carrier"] = rng.choice(["Albatros", "Brisk", "Corvid"], n + m)
        false_alarms += bool(drift_alarms(both.iloc[:n], both.iloc[n:], false_alarm_rate=0.05))
    assert false_alarms <= 10  # at a rate of 0.05 more than that happens less than once in 5,000 gradings


@pytest.mark.check(
    task="drift",
    points=1,
    why="A rule of thumb such as 0.2 is deaf to slow drift in large tables.",
    lesson="01_ml_basics/03_validation",
)
def test_true_drift_is_named_and_only_it(seed):
    """With many rows a modest shift is named, in the reference's order, and a rate outside 0 to 1 is refused."""
    rng = np.random.default_rng(seed)

    def table(n: int, shift: float, share: float) -> pd.DataFrame:
        carrier = np.where(rng.random(n) < share, "Brisk", "Dray")
        steady = {"hour": rng.integers(6, 20, n), "weight_kg": rng.lognormal(1, 1, n)}
        return pd.DataFrame({"value": rng.normal(shift, 1, n), **steady, "carrier": carrier})

    reference, current = table(6_000, 0.0, 0.5), table(4_000, 0.25, 0.6)
    assert drift_alarms(reference, current, false_alarm_rate=0.0001) == ["value", "carrier"]
    for rate in (0, 1, -0.1):
        with pytest.raises(ValueError):
            drift_alarms(reference, current, false_alarm_rate=rate)
