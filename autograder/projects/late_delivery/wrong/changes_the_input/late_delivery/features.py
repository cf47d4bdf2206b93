"""Features of a shipment: only what is known at booking, and from its own row alone."""

from collections.abc import Iterable

import pandas as pd

CATEGORIES = ["carrier", "lane", "service"]
NUMBERS = [
    "weight_kg",
    "parcels",
    "distance_km",
    "merchant_age_days",
    "declared_value_eur",
    "forecast_wind_ms",
    "forecast_rain_mm",
]
# feature: the column whose gaps it marks
FLAGS = {"wind_missing": "forecast_wind_ms", "rain_missing": "forecast_rain_mm"}


def require_columns(frame: pd.DataFrame, needed: Iterable[str]) -> None:
    """Raise ValueError, naming every column of `needed` that `frame` lacks; otherwise do nothing."""
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise ValueError(f"shipments lack the column(s): {', '.join(lacking)}")


def calendar_features(shipments: pd.DataFrame) -> pd.DataFrame:
    """`weekday` (0 is Monday) and `hour` (0 to 23) of the booking in UTC, int64, on the index of `shipments`.

    `booked_at` has a time zone, whichever. The worked example: the two functions below have the same three steps.
    """
    # 1. refuse what cannot work
    require_columns(shipments, ["booked_at"])
    # 2. compute each feature from its own row
    booked = shipments["booked_at"].dt.tz_convert("UTC").dt
    features = {"weekday": booked.day_of_week.astype("int64"), "hour": booked.hour.astype("int64")}
    # 3. return a new frame
    return pd.DataFrame(features, index=shipments.index)


def missing_flags(shipments: pd.DataFrame) -> pd.DataFrame:
    """One int64 column a flag in `FLAGS`: 1 where its column is missing, else 0, on the index of `shipments`.

    Raises ValueError naming each column of `FLAGS` that is lacking altogether.
    """
    # 1. refuse what cannot work
    require_columns(shipments, FLAGS.values())
    # 2. compute each feature from its own row
    features = {flag: shipments[column].isna().astype("int64") for flag, column in FLAGS.items()}
    # 3. return a new frame
    return pd.DataFrame(features, index=shipments.index)


def build_features(shipments: pd.DataFrame) -> pd.DataFrame:
    """The model's input, one row a shipment: `CATEGORIES`, `NUMBERS`, the `FLAGS`, `weekday` and `hour`.

    The index is that of `shipments`. Categories and numbers are unchanged: a missing forecast stays missing, because
    a value to put there would have to come from other rows. You may add features of your own, from the same row's
    booking-time columns. `shipments` may lack `late` and `last_scan_gap_h` (at booking it does), and is not changed.
    Raises ValueError naming each column that is needed and lacking.
    """
    require_columns(shipments, [*CATEGORIES, *NUMBERS, "booked_at"])
    shipments["wind_missing"] = shipments["forecast_wind_ms"].isna().astype(int)
    shipments["rain_missing"] = shipments["forecast_rain_mm"].isna().astype(int)
    shipments["weekday"] = shipments["booked_at"].dt.tz_convert("UTC").dt.day_of_week
    shipments["hour"] = shipments["booked_at"].dt.tz_convert("UTC").dt.hour
    return shipments[[*CATEGORIES, *NUMBERS, *FLAGS, "weekday", "hour"]]
