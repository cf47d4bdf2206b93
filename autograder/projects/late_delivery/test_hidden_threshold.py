"""The threshold: the decision that costs least."""

import time

import numpy as np
import pytest
from late_delivery.threshold import Costs, best_threshold, cost_eur


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, Costs]:
    """Outcomes, calibrated probabilities with many ties, and costs."""
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 4, n).round(2)
    late = (rng.random(n) < probability).astype(int)
    miss = float(rng.uniform(25, 60))
    return late, probability, Costs(miss_eur=miss, check_eur=float(rng.uniform(0.08, 0.3) * miss))


def bill(late: np.ndarray, checked: np.ndarray, costs: Costs) -> float:
    """What the decisions cost in total, added up one shipment at a time."""
    total = 0.0
    for was_late, was_checked in zip(late, checked, strict=True):
        total += costs.check_eur if was_checked else costs.miss_eur * was_late
    return total


def choices(probability: np.ndarray) -> list[float]:
    """One threshold for each set of shipments that a threshold can pick."""
    return [*sorted(set(probability.tolist())), float("inf")]


@pytest.mark.check(
    task="threshold",
    points=1,
    why="A check is paid for whether or not the shipment would have been late. A bill that forgets it makes checking look free.",
    lesson="01_ml_basics/05_metrics",
)
def test_each_shipment_has_its_cost(seed):
    """A checked shipment costs a check, an unchecked late one a miss, any other nothing."""
    late, probability, costs = drawn(seed)
    checked = probability > np.random.default_rng(seed + 1).random(len(late)) / 2
    got = np.asarray(cost_eur(late, checked, costs), dtype=float)
    want = [costs.check_eur if c else (costs.miss_eur if y else 0.0) for y, c in zip(late, checked, strict=True)]
    np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(np.asarray(cost_eur(late.tolist(), checked.astype(int).tolist(), costs), float), want)


@pytest.mark.check(
    task="threshold",
    points=1,
    why="0.5 counts errors; a business pays for them, and a miss costs more than a check.",
    lesson="01_ml_basics/05_metrics",
)
def test_no_other_threshold_would_have_cost_less(seed):
    """The bill at the threshold equals the least of all thresholds' bills, found by trying each."""
    for offset in range(3):
        late, probability, costs = drawn(seed + offset)
        least = min(bill(late, probability >= t, costs) for t in choices(probability))
        assert bill(late, probability >= best_threshold(late, probability, costs), costs) == pytest.approx(least)


@pytest.mark.check(
    task="threshold",
    points=1,
    why="When a contract with a carrier changes, the threshold has to move, and in the right direction.",
    lesson="01_ml_basics/05_metrics",
)
def test_dearer_misses_mean_more_checks(seed):
    """The threshold sits near check cost over miss cost on many calibrated shipments, and a dearer miss lowers it."""
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0, 1, 60_000)
    late = (rng.random(60_000) < probability).astype(int)
    check = float(rng.uniform(4, 8))
    ratios = (0.15, 0.4, 0.7)
    found = [best_threshold(late, probability, Costs(miss_eur=check / ratio, check_eur=check)) for ratio in ratios]
    np.testing.assert_allclose(found, ratios, atol=0.06)


@pytest.mark.check(
    task="threshold",
    points=1,
    why="Of two plans that cost the same, the one with fewer calls leaves the team time for something else.",
    lesson="01_ml_basics/05_metrics",
)
def test_ties_go_to_the_fewest_checks(seed):
    """Of thresholds with equal bills the one with the fewest checks is taken, down to checking none or, where it pays, all."""
    rng = np.random.default_rng(seed)
    scale = float(rng.integers(2, 9))
    costs = Costs(miss_eur=4 * scale, check_eur=2 * scale)
    a, b, c, d = np.sort(rng.choice(np.arange(5, 95), size=4, replace=False))[::-1] / 100
    # checking the pair of b costs two checks and saves one miss: nothing gained
    probability, late = np.array([a, b, b, c, d, d]), np.array([1, 1, 0, 0, 0, 0])
    order = rng.permutation(6)
    threshold = best_threshold(late[order], probability[order], costs)
    assert (probability >= threshold).sum() == 1
    assert (probability >= best_threshold(np.array([0, 1, 0, 1, 0, 0]), probability, costs)).sum() == 0
    assert (probability >= best_threshold(np.zeros(6, dtype=int), probability, costs)).sum() == 0
    assert (probability >= best_threshold(np.array([0, 1, 1, 1, 1, 1]), probability, costs)).sum() == 6


@pytest.mark.check(
    task="threshold",
    points=1,
    why="A threshold tuned by trying each one on each shipment is quadratic: a second becomes an hour on a year of shipments.",
    lesson="01_ml_basics/05_metrics",
)
def test_many_shipments_take_no_time(seed):
    """Ten times the shipments take about ten times as long, not a hundred times, and the bill is still the least."""
    rng = np.random.default_rng(seed)
    n = 200_000
    probability = rng.permutation(n) / n
    late = (rng.random(n) < probability**2).astype(int)
    costs = Costs(miss_eur=30.0, check_eur=6.0)

    def seconds(rows):
        began = time.perf_counter()
        return best_threshold(late[:rows].copy(), probability[:rows].copy(), costs), time.perf_counter() - began

    few = max(seconds(n // 10)[1] for _ in range(3))
    (threshold, many), *more = (seconds(n) for _ in range(3))
    # the best of three: a machine that is busy with something else must not look like a slow function
    assert min(many, *(again for _, again in more)) < 40 * few
    ours = np.where(probability >= threshold, 6.0, 30.0 * late).sum()
    assert all(ours <= np.where(probability >= t, 6.0, 30.0 * late).sum() for t in np.linspace(0, 1, 41))


@pytest.mark.check(
    task="threshold",
    points=0.5,
    why="A NaN compares false with everything: without a check it quietly becomes 'do not call'.",
    lesson="01_ml_basics/05_metrics",
)
def test_input_that_is_no_probability_is_refused(seed):
    """A probability that is missing, below 0 or above 1 is a ValueError, wherever it stands."""
    late, probability, costs = drawn(seed)
    place = np.random.default_rng(seed).integers(len(late))
    for value in (np.nan, -0.01, 1.2):
        broken = probability.copy()
        broken[place] = value
        with pytest.raises(ValueError):
            best_threshold(late, broken, costs)


@pytest.mark.check(
    task="threshold",
    points=0.5,
    why="Arrays of length 1 stretch silently to any length: one decision is then billed a thousand times.",
    lesson="01_ml_basics/05_metrics",
)
def test_lengths_that_differ_and_empty_input_are_refused(seed):
    """Lengths that differ, a single value beside many among them, and an empty input to best_threshold are ValueErrors."""
    late, probability, costs = drawn(seed, n=50)
    for size in (1, len(late) - 1):
        for function in (cost_eur, best_threshold):
            with pytest.raises(ValueError):
                function(late, probability[:size].round(), costs)
            with pytest.raises(ValueError):
                function(late[:size], probability.round(), costs)
    with pytest.raises(ValueError):
        best_threshold(np.array([], dtype=int), np.array([]), costs)
