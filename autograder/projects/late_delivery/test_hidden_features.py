"""Features: nothing from after booking, nothing from other rows."""

import numpy as np
import pandas as pd
import pytest
from late_delivery.features import build_features

from coursekit.shipments import simulate

KEPT = [
    *("carrier", "lane", "service", "weight_kg", "parcels", "distance_km", "merchant_age_days"),
    *("declared_value_eur", "forecast_wind_ms", "forecast_rain_mm"),
]


def fresh(seed: int, n: int = 600) -> pd.DataFrame:
    """Shipments with an index of their own and a fair share of missing forecasts."""
    rng = np.random.default_rng(seed)
    shipments = simulate(n, seed)
    shipments.loc[rng.random(n) < 0.2, "forecast_wind_ms"] = np.nan
    shipments.loc[rng.random(n) < 0.2, "forecast_rain_mm"] = np.nan
    shipments.index = rng.permutation(n) + 5_000
    return shipments


@pytest.mark.check(
    task="features",
    points=2,
    why="At booking nobody knows the outcome. A model that saw it looks perfect in the notebook and fails on its first day.",
    lesson="01_ml_basics/02_leakage",
)
def test_features_hold_nothing_from_after_delivery(seed):
    """The features are the same whether the delivery went well, badly, or has not happened yet."""
    shipments = fresh(seed)
    rng = np.random.default_rng(seed + 1)
    other_end = shipments.assign(
        late=1 - shipments["late"], last_scan_gap_h=rng.uniform(1, 90, len(shipments)).round(1)
    )
    at_booking = shipments.drop(columns=["late", "last_scan_gap_h"])
    expected = build_features(shipments.copy())
    pd.testing.assert_frame_equal(build_features(other_end), expected)
    pd.testing.assert_frame_equal(build_features(at_booking), expected)
    assert not {"late", "last_scan_gap_h", "shipment_id", "booked_at"} & set(expected.columns)


@pytest.mark.check(
    task="features",
    points=1,
    why="The feed fails in storms, so that a forecast is missing is itself news. A filled-in value hides it.",
    lesson="01_ml_basics/02_leakage",
)
def test_columns_flags_and_calendar_follow_the_contract(seed):
    """Known columns are unchanged, missing forecasts stay missing and are flagged, weekday and hour are those of the booking."""
    shipments = fresh(seed)
    features = build_features(shipments.copy())
    assert features.index.equals(shipments.index)
    pd.testing.assert_frame_equal(features[KEPT], shipments[KEPT], check_dtype=False)
    expected = {
        "wind_missing": [int(np.isnan(value)) for value in shipments["forecast_wind_ms"]],
        "rain_missing": [int(np.isnan(value)) for value in shipments["forecast_rain_mm"]],
        "weekday": [moment.weekday() for moment in shipments["booked_at"]],
        "hour": [moment.hour for moment in shipments["booked_at"]],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(features[name].to_numpy(dtype=float), values, err_msg=name)


@pytest.mark.check(
    task="features",
    points=1,
    why="In production rows come one at a time. A mean over the table would also carry test rows into training rows.",
    lesson="01_ml_basics/02_leakage",
)
def test_each_row_stands_alone(seed):
    """A shipment's features are the same alone, in a small batch, and in the whole table."""
    shipments = fresh(seed)
    together = build_features(shipments.copy())
    rng = np.random.default_rng(seed + 2)
    some = rng.choice(len(shipments), size=40, replace=False)
    pd.testing.assert_frame_equal(
        build_features(shipments.iloc[some]), together.iloc[some], check_dtype=False, check_categorical=False
    )
    one = shipments.index[shipments["forecast_wind_ms"].isna()][0]
    pd.testing.assert_frame_equal(
        build_features(shipments.loc[[one]]), together.loc[[one]], check_dtype=False, check_categorical=False
    )


@pytest.mark.check(
    task="features",
    points=1,
    why="A function that changes its input makes the next cell's result depend on how often this one was run.",
    lesson="01_ml_basics/02_leakage",
)
def test_the_shipments_are_left_as_they_were(seed):
    """The frame that is passed in has the same columns and values afterwards."""
    shipments = fresh(seed)
    before = shipments.copy(deep=True)
    features = build_features(shipments)
    pd.testing.assert_frame_equal(shipments, before)
    assert features is not shipments


@pytest.mark.check(
    task="features",
    points=1,
    why="An upstream rename should stop with a clear message, not end in predictions from a column of blanks.",
    lesson="01_ml_basics/02_leakage",
)
def test_a_lacking_column_is_named(seed):
    """A frame without a needed column is refused with a ValueError that names the column."""
    shipments = fresh(seed, n=50)
    rng = np.random.default_rng(seed + 3)
    for column in ["booked_at", *rng.choice(KEPT[:8], size=2, replace=False), "forecast_wind_ms", "forecast_rain_mm"]:
        with pytest.raises(ValueError, match=column):
            build_features(shipments.drop(columns=column))
