"""Has the input changed since training? The population stability index (PSI) of each feature, and when to worry."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

SMOOTHING = 0.5  # added to each bin's count, so that an empty bin has a small share instead of none


@dataclass(frozen=True)
class Bins:
    """How the values of one feature are counted; fixed on the reference, whatever arrives later.

    `edges`: inner edges of quantile bins, ascending; a value is in bin i when i edges are less than or equal to it.
    `levels`: for a feature counted by value, its values. One of the two is None.
    """

    edges: np.ndarray | None = None
    levels: tuple | None = None

    def count(self, values: pd.Series) -> np.ndarray:
        """Number of `values` in each bin, int64. The last bin counts what is missing.

        By value: one bin a level, then one for values that are no level, then missing.
        By quantile: one bin more than there are edges, then missing.
        """
        present = values.dropna()
        if self.levels is not None:
            position = pd.Index(self.levels).get_indexer(present)  # -1: none of the levels
            inside = np.bincount(np.where(position < 0, len(self.levels), position), minlength=len(self.levels) + 1)
        else:
            position = np.searchsorted(self.edges, present.to_numpy(float), side="right")
            inside = np.bincount(position, minlength=len(self.edges) + 1)
        return np.append(inside, len(values) - len(present))


def fit_bins(reference: pd.Series, bins: int = 10) -> Bins:
    """Bins for one feature, from its reference values.

    By value, for text, categoricals, and numbers with at most `bins` distinct values, not counting missing ones: a flag
    or a column of booleans has two, a constant one, a column that is missing throughout none.
    By quantile, for other numbers: the edges are the distinct ones among the 1/bins, 2/bins, … quantiles
    (`np.quantile`) of what is not missing. Raises ValueError when `reference` has no rows.
    """
    raise NotImplementedError("YOUR CODE HERE: levels for few values, quantile edges for many")


def psi(reference: pd.Series, current: pd.Series, bins: int = 10) -> float:
    """Population stability index of one feature: sum over bins of (c - r) * ln(c / r), 0 or more.

    r and c are the shares of reference and current values in each bin of `fit_bins(reference)`:
    (count + SMOOTHING) / (all values + SMOOTHING * number of bins), missing values among them. Raises ValueError when
    either has no rows.
    """
    raise NotImplementedError("YOUR CODE HERE: count both in the reference's bins, smooth, sum")


def population_stability(reference: pd.DataFrame, current: pd.DataFrame, bins: int = 10) -> pd.Series:
    """`psi` of each column of `reference`, float64, indexed by column name in the order of `reference`.

    Columns that only `current` has are ignored. Raises ValueError naming each column that `current` lacks.
    """
    raise NotImplementedError("YOUR CODE HERE: one psi a column")


def drift_alarms(
    reference: pd.DataFrame, current: pd.DataFrame, false_alarm_rate: float = 0.01, bins: int = 10
) -> list[str]:
    """The columns of `reference` that have drifted, in its order.

    When both frames are independent rows of one population, the chance that any column at all is named is about
    `false_alarm_rate` or less, for large and small tables, alike or very different in size, with one column or many.
    Without drift and with B bins in use, PSI is close to (1/n + 1/m) times a chi-squared variable with B - 1 degrees of
    freedom, n and m being the numbers of rows (B. Yurdakul, Statistical properties of population stability index, 2018);
    it is less close where bins expect fewer than about five rows. Each of k columns may use up 1/k of the rate
    (Bonferroni).

    Here, unlike in `psi`, bins that are empty in both tables are left out of the sum as well as of the degrees of freedom:
    smoothing alone would make them differ when n and m differ. Raises ValueError unless 0 < false_alarm_rate < 1.
    """
    raise NotImplementedError("YOUR CODE HERE: a limit for each column from its own bins, rows and share of the rate")


def _shares(counts: np.ndarray) -> np.ndarray:
    """Smoothed share of each bin; the shares add up to 1."""
    return (counts + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts))
