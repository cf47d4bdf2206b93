"""Part of the brief: what `course check late_delivery` runs for the task `drift`."""

import numpy as np
import pandas as pd
import pytest
from late_delivery.drift import drift_alarms, population_stability, psi


@pytest.mark.task("drift")
def test_two_carriers_that_swap_shares():
    reference = pd.Series(["Brisk"] * 30 + ["Dray"] * 70)
    current = pd.Series(["Brisk"] * 70 + ["Dray"] * 30)
    # four bins: Brisk, Dray, other, missing; half a count added to each
    r, c = np.array([30.5, 70.5, 0.5, 0.5]) / 102, np.array([70.5, 30.5, 0.5, 0.5]) / 102
    assert psi(reference, current) == pytest.approx(((c - r) * np.log(c / r)).sum())


@pytest.mark.task("drift")
def test_the_same_values_have_an_index_of_zero():
    values = pd.DataFrame({"weight_kg": np.linspace(0, 50, 300), "constant": 1.0})
    assert population_stability(values, values).tolist() == pytest.approx([0, 0])


@pytest.mark.task("drift")
def test_only_the_column_that_moved_is_named():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"steady": rng.normal(size=2_000), "moved": rng.normal(size=2_000)})
    current = pd.DataFrame({"steady": rng.normal(size=1_000), "moved": rng.normal(0.5, size=1_000)})
    assert drift_alarms(reference, current) == ["moved"]
