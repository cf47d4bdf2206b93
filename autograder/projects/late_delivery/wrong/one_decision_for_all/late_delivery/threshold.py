"""Which shipments to check before their promise breaks: the decision that costs least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Costs:
    """What Quayside pays, in €. A check is paid for each shipment checked; it prevents the miss.

    Raises ValueError unless 0 < check_eur < miss_eur: otherwise no model is needed to decide.
    """

    miss_eur: float = 40.0
    check_eur: float = 6.0

    def __post_init__(self) -> None:
        if not 0 < self.check_eur < self.miss_eur:
            raise ValueError(f"a check must cost more than 0 and less than a miss, got {self}")


def break_even(costs: Costs) -> float:
    """The probability from which a check pays, if probabilities are calibrated; between 0 and 1.

    Checking costs check_eur for sure, not checking costs p * miss_eur on average; they are equal at check_eur / miss_eur.
    """
    return costs.check_eur / costs.miss_eur


def cost_eur(late: ArrayLike, checked: ArrayLike, costs: Costs) -> np.ndarray:
    """The cost of each shipment in €, shape (n,): `check_eur` if checked, late or not; `miss_eur` if late and not checked; else 0.

    `late` is (n,) of 0 and 1, `checked` is (n,) of booleans or 0 and 1. Raises ValueError when their lengths differ.
    """
    late, checked = np.asarray(late).astype(bool), np.asarray(checked).astype(bool)
    return np.where(checked, costs.check_eur, np.where(late, costs.miss_eur, 0.0))


def best_threshold(late: ArrayLike, probability: ArrayLike, costs: Costs) -> float:
    """The threshold t for which checking every shipment with `probability >= t` would have cost least in total.

    Among thresholds that cost the same, the one that checks the fewest shipments. `inf` when checking none is cheapest.
    `late` is (n,) of 0 and 1, `probability` is (n,) within [0, 1]; shipments of equal probability are checked together.
    Takes well under a second for 200,000 shipments. Raises ValueError for empty input, lengths that differ, and
    probabilities that are missing or outside [0, 1].
    """
    late, probability = np.asarray(late).astype(bool), np.asarray(probability, dtype=float)
    if late.shape != probability.shape or late.ndim != 1 or late.size == 0:
        raise ValueError(
            f"late and probability must be equally long and not empty, got {late.shape}, {probability.shape}"
        )
    if not ((probability >= 0) & (probability <= 1)).all():  # also false for NaN
        raise ValueError("probability must be within [0, 1], without missing values")
    values, group = np.unique(-probability, return_inverse=True)  # most probable first, one entry a distinct value
    checks = np.cumsum(np.bincount(group))  # checked down to and with each value
    caught = np.cumsum(np.bincount(group, weights=late))
    total = checks * costs.check_eur + (late.sum() - caught) * costs.miss_eur
    total = np.concatenate([[late.sum() * costs.miss_eur], total])  # first of all: check none
    # Costs that differ by rounding alone are a tie, and argmax takes the first, which checks the fewest.
    cheapest = int(np.argmax(total <= total.min() + 1e-9 * max(1.0, total.max())))
    return float("inf") if cheapest == 0 else float(-values[cheapest - 1])
