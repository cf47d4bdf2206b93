"""Thresholds: walk down the sorted shipments once and keep the cheapest stop."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    miss_eur: float = 40.0
    check_eur: float = 6.0

    def __post_init__(self):
        if not 0 < self.check_eur < self.miss_eur:
            raise ValueError("a check has to cost something, and less than a miss")


def break_even(costs):
    return costs.check_eur / costs.miss_eur


def cost_eur(late, checked, costs):
    import numpy as np

    if len(late) != len(checked):
        raise ValueError("late and checked differ in length")
    return np.array(
        [costs.check_eur if c else costs.miss_eur * bool(y) for y, c in zip(late, checked, strict=True)], float
    )


def best_threshold(late, probability, costs):
    late, probability = list(late), [float(p) for p in probability]
    if not late or len(late) != len(probability):
        raise ValueError("late and probability need the same length, at least 1")
    if not all(0 <= p <= 1 for p in probability):
        raise ValueError("not a probability")
    pairs = sorted(zip(probability, late, strict=True), key=lambda pair: -pair[0])
    saved = best_saving = 0.0  # against checking nobody
    best = float("inf")
    for place, (p, y) in enumerate(pairs):
        saved += (costs.miss_eur if y else 0.0) - costs.check_eur
        last_of_its_value = place + 1 == len(pairs) or pairs[place + 1][0] != p
        if last_of_its_value and saved > best_saving + 1e-9 * costs.miss_eur:
            best, best_saving = p, saved
    return best
