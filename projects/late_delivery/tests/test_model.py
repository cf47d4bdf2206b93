"""Part of the brief: what `course check late_delivery` runs for the task `model`."""

from functools import cache

import numpy as np
import pytest
from late_delivery.model import fit_calibration, fit_late_model

from coursekit.shipments import simulate


@cache
def parts():
    year = simulate(3_000, seed=1, drift=False)
    return year.iloc[:2_000], year.iloc[2_000:2_700], year.iloc[2_700:]


@cache
def model():
    train, validation, _ = parts()
    return fit_late_model(train, validation, seed=0)


@pytest.mark.task("model")
def test_calibration_finds_probabilities_that_are_twice_too_high():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.4, 20_000)
    late = (rng.random(20_000) < truth).astype(int)
    calibration = fit_calibration(2 * truth, late)
    assert calibration.apply(2 * truth).mean() == pytest.approx(truth.mean(), abs=0.01)


@pytest.mark.task("model")
def test_each_shipment_gets_a_probability():
    _, _, test = parts()
    probability = model().predict_proba(test.drop(columns=["late", "last_scan_gap_h"]))
    assert probability.shape == (300,)
    assert ((probability > 0) & (probability < 1)).all()


@pytest.mark.task("model")
def test_the_mean_probability_on_validation_is_the_share_that_was_late():
    _, validation, _ = parts()
    assert model().predict_proba(validation).mean() == pytest.approx(validation["late"].mean(), abs=0.005)


@pytest.mark.task("model")
def test_a_carrier_never_seen_gets_a_probability():
    _, _, test = parts()
    assert np.isfinite(model().predict_proba(test.assign(carrier="Falke"))).all()
