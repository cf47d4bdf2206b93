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
    """The validation rows with half of those that were on time dropped, all of them dearer and in more rain."""
    validation = history(seed)[1]
    rows = validation[(validation["late"] == 1) | (np.arange(len(validation)) % 2 == 0)]
    return rows.assign(
        declared_value_eur=rows["declared_value_eur"] * 4, forecast_rain_mm=rows["forecast_rain_mm"] * 2 + 3
    )


@cache
def fitted_on_other_validation(seed: int):
    return fit_late_model(history(seed)[0].copy(), other_validation(seed).copy(), seed=3)


@cache
def refitted(seed: int):
    """A second fit, with the frames that it was given."""
    train, validation = (rows.copy() for rows in history(seed))
    return fit_late_model(train, validation, seed=3), train, validation


@cache
def next_year(seed: int) -> pd.DataFrame:
    """Shipments that no model has seen, with other weather, as they are known at booking."""
    return simulate(2_000, seed + 1, drift=False).drop(columns=["late", "last_scan_gap_h"])


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
    points=1,
    why="Costs are multiplied by probabilities. A score that only ranks well sends the team to the wrong number of shipments.",
    lesson="01_ml_basics/05_metrics",
)
def test_probabilities_are_calibrated_on_the_validation_rows(seed):
    """On the validation rows the mean probability is the share that was late."""
    rows = history(seed)[1]
    assert np.mean(fitted(seed).predict_proba(rows.copy())) == pytest.approx(rows["late"].mean(), abs=0.004)


@pytest.mark.check(
    task="model",
    points=1,
    why="The share of late shipments changes with the season. Newer validation rows are how the probabilities hear of it.",
    lesson="01_ml_basics/05_metrics",
)
def test_the_calibration_follows_the_share_that_was_late(seed):
    """With validation rows of another late share, the mean probability on those rows equals the new share."""
    rows = other_validation(seed)
    got = fitted_on_other_validation(seed).predict_proba(rows.copy())
    assert np.mean(got) == pytest.approx(rows["late"].mean(), abs=0.004)


@pytest.mark.check(
    task="model",
    points=0.5,
    why="A calibration that cannot find a known distortion will not find an unknown one.",
    lesson="01_ml_basics/05_metrics",
)
def test_a_known_distortion_is_undone(seed):
    """Calibration recovers the line on the log-odds scale that made the outcomes."""
    rng = np.random.default_rng(seed)
    slope, intercept = rng.uniform(0.5, 1.6), rng.uniform(-0.8, 0.8)
    raw = rng.uniform(0.02, 0.9, 20_000)
    truth = 1 / (1 + np.exp(-(slope * np.log(raw / (1 - raw)) + intercept)))
    calibration = fit_calibration(raw, (rng.random(len(raw)) < truth).astype(int))
    assert np.abs(calibration.apply(raw) - truth).mean() < 0.015


@pytest.mark.check(
    task="model",
    points=0.5,
    why="Fitting on rows that cannot teach anything gives numbers all the same, and they look like probabilities.",
    lesson="01_ml_basics/05_metrics",
)
def test_rows_that_cannot_be_learned_from_are_refused(seed):
    """A single outcome, in either frame or in fit_calibration, and a lacking column, which is named, are ValueErrors."""
    train, validation = (rows.iloc[::20] for rows in history(seed))
    rng = np.random.default_rng(seed)
    outcome, column = int(rng.integers(2)), str(rng.choice(["carrier", "booked_at", "weight_kg"]))
    with pytest.raises(ValueError):
        fit_calibration(rng.uniform(0.1, 0.9, 40), np.full(40, outcome))
    for frames in [(train.assign(late=outcome), validation), (train, validation.assign(late=outcome))]:
        with pytest.raises(ValueError):
            fit_late_model(*frames, seed=3)
    for name in ("late", column):
        for frames in [(train.drop(columns=name), validation), (train, validation.drop(columns=name))]:
            with pytest.raises(ValueError, match=name):
                fit_late_model(*frames, seed=3)


@pytest.mark.check(
    task="model",
    points=0.5,
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
    points=0.5,
    why="A line with a negative slope sends the team to the safest shipments first, and its mean probability is still right.",
    lesson="01_ml_basics/05_metrics",
)
def test_validation_that_contradicts_the_ranking_is_refused(seed):
    """Where the best slope of the calibration is not positive, fit_late_model raises a ValueError."""
    train, validation = history(seed)
    with pytest.raises(ValueError):
        fit_late_model(train.iloc[::4], validation.assign(late=1 - validation["late"]), seed=3)


@pytest.mark.check(
    task="model",
    points=0.5,
    why="Without a fixed seed a rerun gives another model, and no incident can be reproduced.",
    lesson="01_ml_basics/04_models",
)
def test_the_same_seed_gives_the_same_model(seed):
    """Two fits with one seed predict alike to the last digit."""
    np.testing.assert_allclose(
        refitted(seed)[0].predict_proba(next_year(seed).copy()), predicted(seed), rtol=0, atol=1e-12
    )


@pytest.mark.check(
    task="model",
    points=0.5,
    why="A fit that writes into its frames makes the next cell depend on how often this one was run.",
    lesson="01_ml_basics/04_models",
)
def test_the_frames_are_left_as_they_were(seed):
    """Fitting and predicting change none of the frames passed in."""
    _, train, validation = refitted(seed)
    pd.testing.assert_frame_equal(train, history(seed)[0])
    pd.testing.assert_frame_equal(validation, history(seed)[1])
    rows = next_year(seed).head(50).copy()
    fitted(seed).predict_proba(rows)
    pd.testing.assert_frame_equal(rows, next_year(seed).head(50))


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
