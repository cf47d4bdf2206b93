"""Features, assembled column by column from plain Python lists."""

import math

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
FLAGS = {"wind_missing": "forecast_wind_ms", "rain_missing": "forecast_rain_mm"}


def require_columns(frame, needed):
    absent = sorted(set(needed) - set(frame.columns))
    if absent:
        raise ValueError("missing from the table: " + " and ".join(absent))


def calendar_features(shipments):
    require_columns(shipments, ["booked_at"])
    stamps = shipments["booked_at"].dt.tz_convert("UTC").tolist()
    return pd.DataFrame(
        {"weekday": [s.weekday() for s in stamps], "hour": [s.hour for s in stamps]},
        index=shipments.index,
        dtype="int64",
    )


def missing_flags(shipments):
    require_columns(shipments, FLAGS.values())
    result = pd.DataFrame(index=shipments.index)
    for flag in FLAGS:
        result[flag] = [1 if math.isnan(v) else 0 for v in shipments[FLAGS[flag]]]
    return result


def build_features(shipments):
    require_columns(shipments, CATEGORIES + NUMBERS + ["booked_at"])
    result = calendar_features(shipments).join(missing_flags(shipments))
    for name in CATEGORIES + NUMBERS:
        result[name] = shipments[name]
    # two crosses that the linear model cannot find by itself
    result["carrier_on_lane"] = [
        f"{c} {where}" for c, where in zip(shipments["carrier"], shipments["lane"], strict=True)
    ]
    result["friday_afternoon"] = ((result["weekday"] == 4) & (result["hour"] >= 15)).astype(int)
    return result
