"""Population stability with counters: every value gets a label, labels are counted."""

import math
from bisect import bisect_right
from collections import Counter

import numpy as np
import pandas as pd
from scipy.stats import chi2


class Labeller:
    def __init__(self, reference, bins):
        if len(reference) == 0:
            raise ValueError("no reference values")
        known = reference[reference.notna()]
        self.numeric = pd.api.types.is_numeric_dtype(reference) and known.nunique() > bins
        if self.numeric:
            self.edges = sorted(set(np.quantile(known.astype(float), [i / bins for i in range(1, bins)]).tolist()))
            self.labels = [*range(len(self.edges) + 1), "missing"]
        else:
            self.labels = [*(("value", v) for v in known.unique()), "other", "missing"]

    def count(self, values):
        counted = Counter()
        known = set(self.labels)
        for value, absent in zip(values.tolist(), values.isna(), strict=True):
            if absent:
                label = "missing"
            elif self.numeric:
                label = bisect_right(self.edges, value)
            else:
                label = ("value", value) if ("value", value) in known else "other"
            counted[label] += 1
        return [counted[label] for label in self.labels]


def compare(reference, current, bins, only_used=False):
    """The index (of all bins, or of those that hold anything) and the number of bins that hold anything."""
    if len(current) == 0:
        raise ValueError("no current values")
    labeller = Labeller(reference, bins)
    r, c = labeller.count(reference), labeller.count(current)
    used = sum(a + b > 0 for a, b in zip(r, c, strict=True))
    k, total = used if only_used else len(r), 0.0
    for a, b in zip(r, c, strict=True):
        if only_used and a + b == 0:
            continue
        share_r = (a + 0.5) / (len(reference) + 0.5 * k)
        share_c = (b + 0.5) / (len(current) + 0.5 * k)
        total += (share_c - share_r) * math.log(share_c / share_r)
    return total, used


def psi(reference, current, bins=10):
    return compare(reference, current, bins)[0]


def population_stability(reference, current, bins=10):
    absent = [column for column in reference.columns if column not in current.columns]
    if absent:
        raise ValueError("current has no column " + ", no column ".join(absent))
    return pd.Series(
        [psi(reference[c], current[c], bins) for c in reference.columns], index=list(reference.columns), dtype=float
    )


def drift_alarms(reference, current, false_alarm_rate=0.01, bins=10):
    if false_alarm_rate <= 0 or false_alarm_rate >= 1:
        raise ValueError("false_alarm_rate is a probability, more than 0 and less than 1")
    spread = 1 / len(reference) + 1 / len(current)
    per_column = false_alarm_rate / reference.shape[1]
    alarms = []
    for column in reference.columns:
        if column not in current.columns:
            raise ValueError(f"current has no column {column}")
        found, used = compare(reference[column], current[column], bins, only_used=True)
        if used >= 2 and found / spread > chi2.isf(per_column, used - 1):
            alarms.append(column)
    return alarms
