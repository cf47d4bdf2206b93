"""Features: nothing from after booking, nothing from other rows."""

import numpy as np
import pandas as pd
import pytest
from late_delivery.features import build_features, missing_flags

from coursekit.shipments import simulate

KEPT = [
    *("carrier", "lane", "service", "weight_kg", "parcels", "distance_km", "merchant_age_days"),
    *("declared_value_eur", "forecast_wind_ms", "forecast_rain_mm"),
]


def fresh(seed: int, n: int = 300) -> pd.DataFrame:
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
    points=0.5,
    why="The feed fails in storms, so that a forecast is missing is itself news. A filled-in value hides it.",
    lesson="01_ml_basics/02_leakage",
)
def test_columns_and_flags_follow_the_contract(seed):
    """Known columns are unchanged, and missing forecasts stay missing and are flagged."""
    shipments = fresh(seed)
    features = build_features(shipments.copy())
    assert features.index.equals(shipments.index)
    pd.testing.assert_frame_equal(features[KEPT], shipments[KEPT], check_dtype=False)
    expected = {
        "wind_missing": [int(np.isnan(value)) for value in shipments["forecast_wind_ms"]],
        "rain_missing": [int(np.isnan(value)) for value in shipments["forecast_rain_mm"]],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(features[name].to_numpy(dtype=float), values, err_msg=name)


@pytest.mark.check(
    task="features",
    points=0.5,
    why="Monday in Lisbon starts an hour after Monday in Madrid. A service needs one clock, or Monday means two things.",
    lesson="01_ml_basics/02_leakage",
)
def test_the_calendar_is_that_of_the_booking_in_utc(seed):
    """weekday (0 is Monday) and hour are those of the booking in UTC, whichever time zone the table is in."""
    shipments = fresh(seed, n=120)
    elsewhere = shipments.assign(booked_at=shipments["booked_at"].dt.tz_convert("America/Bogota"))
    for table in (shipments, elsewhere):
        features = build_features(table.copy())
        expected = [(moment.weekday(), moment.hour) for moment in shipments["booked_at"]]
        np.testing.assert_array_equal(features[["weekday", "hour"]].to_numpy(dtype=float), expected)


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
    some = rng.choice(len(shipments), size=30, replace=False)
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
    """A frame without one or several of the needed columns is refused with a ValueError that names each of them."""
    shipments = fresh(seed, n=40)
    rng = np.random.default_rng(seed + 3)
    needed = rng.permutation(["booked_at", *KEPT]).tolist()
    forecasts = ["forecast_wind_ms", "forecast_rain_mm"]
    cases = [(build_features, needed[:1]), (build_features, needed[1:3]), (missing_flags, forecasts)]
    for function, lacking in [*cases, (build_features, forecasts), (missing_flags, forecasts[1:])]:
        for name in lacking:
            with pytest.raises(ValueError, match=name):
                function(shipments.drop(columns=lacking))
