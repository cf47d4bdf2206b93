"""Part of the brief: what `course check late_delivery` runs for the task `features`."""

import numpy as np
import pandas as pd
import pytest
from late_delivery.features import CATEGORIES, NUMBERS, build_features, missing_flags

from coursekit.shipments import simulate


@pytest.fixture
def shipments() -> pd.DataFrame:
    return simulate(200, seed=1)


@pytest.mark.task("features")
def test_flags_mark_what_is_missing(shipments):
    shipments.loc[[3, 5], "forecast_wind_ms"] = np.nan
    flags = missing_flags(shipments)
    assert flags.loc[[3, 5], "wind_missing"].tolist() == [1, 1]
    assert flags["wind_missing"].sum() == shipments["forecast_wind_ms"].isna().sum()


@pytest.mark.task("features")
def test_features_have_the_promised_columns(shipments):
    features = build_features(shipments)
    assert {*CATEGORIES, *NUMBERS, "wind_missing", "rain_missing", "weekday", "hour"} <= set(features.columns)
    assert features.index.equals(shipments.index)


@pytest.mark.task("features")
def test_features_can_be_built_at_booking(shipments):
    features = build_features(shipments.drop(columns=["late", "last_scan_gap_h"]))
    assert len(features) == 200


@pytest.mark.task("features")
def test_a_lacking_column_is_named(shipments):
    with pytest.raises(ValueError, match="carrier"):
        build_features(shipments.drop(columns="carrier"))
