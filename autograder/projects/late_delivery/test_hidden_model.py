"""The model: skill, calibration, and what it may learn from where."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from late_delivery.model import fit_calibration, fit_late_model

from coursekit.shipments import late_probability, simulate


@cache
def history(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and validation shipments of one fresh year."""
    year = simulate(8_000, seed, drift=False)
    day = year["booked_at"].dt.day_of_year
    return year[day <= 200], year[(day > 205) & (day < 325)]


@cache
def fitted(seed: int):
    train, validation = history(seed)
    return fit_late_model(train.copy(), validation.copy(), seed=3)


@cache
def other_validation(seed: int) -> pd.DataFrame:
    """The validation rows with two of three late shipments dropped, all of them dearer, and most forecasts lost."""
    validation = history(seed)[1]
    keep = (validation["late"] == 0) | (np.arange(len(validation)) % 3 == 0)
    rows = validation[keep].assign(declared_value_eur=lambda rows: rows["declared_value_eur"] * 4)
    rows.loc[np.arange(len(rows)) % 5 != 0, "forecast_rain_mm"] = np.nan
    return rows


@cache
def fitted_on_other_validation(seed: int):
    return fit_late_model(history(seed)[0].copy(), other_validation(seed).copy(), seed=3)


@cache
def next_year(seed: int) -> pd.DataFrame:
    """Shipments that no model has seen, with other weather, as they are known at booking."""
    return simulate(3_000, seed + 1, drift=False).drop(columns=["late", "last_scan_gap_h"])


@cache
def predicted(seed: int) -> np.ndarray:
    return np.asarray(fitted(seed).predict_proba(next_year(seed).copy()))


def expected_log_loss(p: np.ndarray, q: np.ndarray) -> float:
    """Log loss of predictions q, averaged over outcomes drawn with the true probabilities p."""
    q = np.clip(q, 1e-6, 1 - 1e-6)
    return float(-np.mean(p * np.log(q) + (1 - p) * np.log(1 - q)))


@pytest.mark.check(
    task="model",
    points=2,
    why="A model has to earn its upkeep: if the average rate does as well, ship the average rate.",
    lesson="01_ml_basics/04_models",
)
def test_the_model_beats_the_base_rate_by_the_stated_margin(seed):
    """On a year it has not seen, the model closes at least a fifth of the gap in log loss between base rate and best possible."""
    p = late_probability(next_year(seed), drift=False)
    base = expected_log_loss(p, np.full(len(p), history(seed)[0]["late"].mean()))
    best = expected_log_loss(p, p)
    assert (base - expected_log_loss(p, predicted(seed))) / (base - best) >= 0.2


@pytest.mark.check(
    task="model",
    points=2,
    why="Costs are multiplied by probabilities. A score that only ranks well sends the team to the wrong number of shipments.",
    lesson="01_ml_basics/05_metrics",
)
def test_probabilities_are_calibrated_on_the_validation_rows(seed):
    """On the validation rows the mean probability is the share that was late, and follows that share when it changes."""
    validation, thinned = history(seed)[1], other_validation(seed)
    for model, rows in [(fitted(seed), validation), (fitted_on_other_validation(seed), thinned)]:
        assert np.mean(model.predict_proba(rows.copy())) == pytest.approx(rows["late"].mean(), abs=0.004)


@pytest.mark.check(
    task="model",
    points=1,
    why="A calibration that cannot find a known distortion will not find an unknown one.",
    lesson="01_ml_basics/05_metrics",
)
def test_a_known_distortion_is_undone(seed):
    """Calibration recovers the line on the log-odds scale that made the outcomes, and refuses outcomes that are all the same."""
    rng = np.random.default_rng(seed)
    slope, intercept = rng.uniform(0.5, 1.6), rng.uniform(-0.8, 0.8)
    raw = rng.uniform(0.02, 0.9, 30_000)
    truth = 1 / (1 + np.exp(-(slope * np.log(raw / (1 - raw)) + intercept)))
    calibration = fit_calibration(raw, (rng.random(len(raw)) < truth).astype(int))
    assert np.abs(calibration.apply(raw) - truth).mean() < 0.015
    with pytest.raises(ValueError):
        fit_calibration(raw, np.zeros(len(raw), dtype=int))


@pytest.mark.check(
    task="model",
    points=1,
    why="What is fitted on validation rows cannot be judged on them: the score is then of memory, not of foresight.",
    lesson="01_ml_basics/03_validation",
)
def test_the_ranking_comes_from_the_training_rows_alone(seed):
    """With other validation rows the probabilities move, and the order of shipments stays."""
    other = np.asarray(fitted_on_other_validation(seed).predict_proba(next_year(seed).copy()))
    assert np.abs(predicted(seed) - other).mean() > 0.005
    assert (np.diff(other[np.argsort(predicted(seed))]) > -1e-9).all()


@pytest.mark.check(
    task="model",
    points=1,
    why="Without a fixed seed a rerun gives another model, and no incident can be reproduced.",
    lesson="01_ml_basics/04_models",
)
def test_the_same_seed_gives_the_same_model_and_inputs_are_kept(seed):
    """Two fits with one seed predict alike to the last digit, and neither frame is changed by fitting."""
    train, validation = (rows.copy() for rows in history(seed))
    again = fit_late_model(train, validation, seed=3)
    pd.testing.assert_frame_equal(train, history(seed)[0])
    pd.testing.assert_frame_equal(validation, history(seed)[1])
    np.testing.assert_allclose(again.predict_proba(next_year(seed).copy()), predicted(seed), rtol=0, atol=1e-12)


@pytest.mark.check(
    task="model",
    points=1,
    why="A new carrier or a dead sensor is a normal Monday. The service has to answer all the same.",
    lesson="01_ml_basics/04_models",
)
def test_unseen_categories_and_missing_numbers_get_a_probability(seed):
    """New carriers, lanes and services and missing numbers, in any column, give probabilities between 0 and 1."""
    rows = next_year(seed).head(60).copy()
    rng = np.random.default_rng(seed)
    rows.loc[rows.index[:20], "carrier"] = f"Carrier {rng.integers(1_000)}"
    rows.loc[rows.index[10:30], "lane"] = "IS-NO"
    rows.loc[rows.index[5:15], "service"] = "overnight"
    numbers = ["weight_kg", "parcels", "distance_km", "merchant_age_days", "declared_value_eur"]
    rows = rows.astype(dict.fromkeys(numbers, float))
    for position, column in enumerate([*numbers, "forecast_wind_ms", "forecast_rain_mm"]):
        rows.loc[rows.index[20 + 5 * position : 28 + 5 * position], column] = np.nan
    probability = np.asarray(fitted(seed).predict_proba(rows))
    assert probability.shape == (60,)
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.check(
    task="model",
    points=1,
    why="If what else is in the batch, or what happened later, changes a prediction, offline scores say nothing about production.",
    lesson="01_ml_basics/02_leakage",
)
def test_a_prediction_depends_on_its_own_row_at_booking(seed):
    """Each shipment's probability is the same in any batch and whatever is recorded after its delivery."""
    rows = next_year(seed)
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(rows))[:200]
    known_later = rows.iloc[some].assign(late=1, last_scan_gap_h=rng.uniform(1, 90, 200))
    np.testing.assert_allclose(fitted(seed).predict_proba(known_later), predicted(seed)[some], rtol=0, atol=1e-9)
    first = rows.iloc[[some[0]]].copy()
    np.testing.assert_allclose(fitted(seed).predict_proba(first), predicted(seed)[some[:1]], rtol=0, atol=1e-9)
