"""The process that makes the `shipments` data set, in the open, so that the best possible score is known.

`simulate` draws shipments; `late_probability` is the chance of lateness given what is known at booking.
`data/shipments/shipments.csv` is `simulate()`, written by

    .venv/bin/python -m coursekit.shipments

The table's columns, units and quirks are in `data/shipments/README.md`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

CSV = Path(__file__).resolve().parent.parent / "data" / "shipments" / "shipments.csv"
DATE_FORMAT = "%Y-%m-%dT%H:%MZ"
COLUMNS = [
    "shipment_id",
    "booked_at",
    "carrier",
    "lane",
    "service",
    "weight_kg",
    "parcels",
    "distance_km",
    "merchant_age_days",
    "declared_value_eur",
    "forecast_wind_ms",
    "forecast_rain_mm",
    "last_scan_gap_h",
    "late",
]

DRIFT_START = pd.Timestamp("2025-10-01", tz="UTC")
_NEW_YEAR = pd.Timestamp("2025-01-01", tz="UTC")
_DAYS = 365
_PEAK = (pd.Timestamp("2025-11-24", tz="UTC"), pd.Timestamp("2025-12-22", tz="UTC"))

# name: (share of bookings, effect on the logit)
CARRIERS = {
    "Albatros": (0.28, -0.35),
    "Brisk": (0.24, -0.10),
    "Corvid": (0.20, 0.15),
    "Dray": (0.16, 0.40),
    "Eider": (0.12, -0.20),
}
# name: (share until September, share from October, distance in km, effect on the logit)
LANES = {
    "NL-DE": (0.17, 0.13, 470, -0.30),
    "NL-BE": (0.12, 0.12, 190, -0.45),
    "NL-FR": (0.10, 0.10, 520, 0.00),
    "NL-GB": (0.08, 0.13, 540, 0.45),
    "DE-NL": (0.11, 0.08, 470, -0.25),
    "DE-PL": (0.08, 0.07, 620, 0.05),
    "DE-AT": (0.07, 0.06, 690, -0.10),
    "PL-DE": (0.07, 0.11, 620, 0.15),
    "FR-ES": (0.06, 0.05, 1050, 0.10),
    "ES-FR": (0.05, 0.05, 1050, 0.15),
    "IT-DE": (0.05, 0.04, 940, 0.30),
    "BE-FR": (0.04, 0.06, 300, -0.20),
}
ORIGINS = sorted({lane[:2] for lane in LANES})
SERVICES = {"economy": (0.35, 0.20), "standard": (0.45, 0.0), "express": (0.20, -0.55)}

# Some carriers are good or bad on single lanes: what a model without interactions cannot say.
CARRIER_ON_LANE = {
    ("Albatros", "IT-DE"): 1.5,
    ("Albatros", "NL-FR"): 1.2,
    ("Brisk", "NL-DE"): 1.1,
    ("Brisk", "FR-ES"): 1.3,
    ("Corvid", "ES-FR"): 1.4,
    ("Corvid", "NL-DE"): -0.7,
    ("Corvid", "DE-PL"): 1.2,
    ("Dray", "NL-GB"): -1.3,
    ("Dray", "NL-DE"): -0.8,
    ("Dray", "DE-NL"): 1.1,
    ("Eider", "PL-DE"): 1.6,
    ("Eider", "NL-BE"): 1.3,
}
# From October, Brisk's parcels on these lanes pass through its new hub.
HUB_CARRIER, HUB_LANES, HUB_EFFECT = "Brisk", ("NL-BE", "NL-FR", "BE-FR", "NL-GB"), 1.6

STORM_WIND_MS = 12.0
# Without a forecast nobody plans around the weather: the process counts a missing value as this one.
MISSING_WIND_MS, MISSING_RAIN_MM = 13.0, 4.0
_INTERCEPT = -3.65


def simulate(n: int = 20_000, seed: int = 2025, *, drift: bool = True) -> pd.DataFrame:
    """Draw `n` shipments booked in 2025, sorted by `booked_at`; the columns are `COLUMNS`.

    The same `n`, `seed` and `drift` give the same table. A seed also draws the year's weather, so another seed is
    another year. With `drift=False` October to December follow the rules of the months before.
    Raises ValueError unless `n` is at least 1.
    """
    if n < 1:
        raise ValueError(f"n is the number of shipments and must be at least 1, got {n}.")
    rng = np.random.default_rng(seed)
    wind, rain, disruption = _weather(rng)  # each (365, number of origins)

    booked_at = _booking_times(rng, n)
    day = (booked_at - _NEW_YEAR).days.to_numpy()
    changed = (booked_at >= DRIFT_START) & drift  # (n,)
    lane = np.where(changed, _pick(rng, LANES, n, share=1), _pick(rng, LANES, n, share=0))
    origin = np.array([ORIGINS.index(name[:2]) for name in lane])
    carrier = _pick(rng, CARRIERS, n)
    service = _pick(rng, SERVICES, n)

    weight = np.exp(rng.normal(1.6, 1.15, n)) * np.where(service == "express", 0.6, 1.0)
    parcels = 1 + rng.poisson(np.minimum(weight / 14, 8))
    distance = np.array([LANES[name][2] for name in lane]) * rng.uniform(0.8, 1.25, n)
    age = np.exp(rng.normal(6.2, 1.1, n)) * np.where(changed, 0.45, 1.0)  # October: a sign-up campaign
    value = np.exp(rng.normal(4.4, 0.9, n)) * np.sqrt(parcels)

    # The forecast feed is overloaded when everybody asks: storms lose more of their own forecasts.
    row_wind, row_rain = wind[day, origin], rain[day, origin]
    feed_down = rng.random(n) < 0.01 + 0.25 / (1 + np.exp(-(row_wind - STORM_WIND_MS) / 1.2))
    no_rain = feed_down | (rng.random(n) < 0.02)

    frame = pd.DataFrame(
        {
            "shipment_id": [f"QS-{number:06d}" for number in range(1, n + 1)],
            "booked_at": booked_at,
            "carrier": carrier,
            "lane": lane,
            "service": service,
            "weight_kg": np.clip(weight, 0.1, 400).round(1),
            "parcels": parcels.astype("int64"),
            "distance_km": distance.round().astype("int64"),
            "merchant_age_days": np.clip(age, 1, 4000).astype("int64"),
            "declared_value_eur": value.round(2),
            "forecast_wind_ms": np.where(feed_down, np.nan, row_wind),
            "forecast_rain_mm": np.where(no_rain, np.nan, row_rain),
        }
    )
    # The day's disruption at the origin is shared by all its shipments and is in no column.
    logit = _logit(frame, drift) + _disruption_scale(frame) * disruption[day, origin]
    late = rng.random(n) < _sigmoid(logit)
    gap = np.where(late, rng.lognormal(3.3, 0.45, n), rng.lognormal(2.0, 0.5, n))
    return frame.assign(last_scan_gap_h=gap.round(1), late=late.astype("int64"))


def late_probability(frame: pd.DataFrame, *, drift: bool = True) -> np.ndarray:
    """P(late) of each shipment given what is known at booking, shape (n,), between 0 and 1.

    No model that sees one shipment at a time can be expected to beat it. The day's hidden disruption, normal with
    mean 0, is integrated out by Gauss-Hermite quadrature. Reads neither `late` nor `last_scan_gap_h`. Pass the `drift` that
    the frame was simulated with.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(25)  # for the weight function exp(-x^2 / 2)
    logit, scale = _logit(frame, drift), _disruption_scale(frame)
    return _sigmoid(logit[:, None] + scale[:, None] * nodes) @ (weights / weights.sum())


def _logit(frame: pd.DataFrame, drift: bool) -> np.ndarray:
    """Log-odds of lateness on a day without disruption, shape (n,)."""
    booked, carrier, lane = frame["booked_at"], frame["carrier"], frame["lane"]
    express = (frame["service"] == "express").to_numpy()
    wind = frame["forecast_wind_ms"].fillna(MISSING_WIND_MS).to_numpy()
    rain = frame["forecast_rain_mm"].fillna(MISSING_RAIN_MM).to_numpy()
    weight = frame["weight_kg"].to_numpy()
    weekday, hour = booked.dt.day_of_week.to_numpy(), booked.dt.hour.to_numpy()
    peak = ((booked >= _PEAK[0]) & (booked < _PEAK[1])).to_numpy()

    logit = np.full(len(frame), _INTERCEPT)
    logit += carrier.map({name: effect for name, (_, effect) in CARRIERS.items()}).to_numpy(float)
    logit += lane.map({name: row[3] for name, row in LANES.items()}).to_numpy(float)
    logit += frame["service"].map({name: effect for name, (_, effect) in SERVICES.items()}).to_numpy(float)
    logit += [CARRIER_ON_LANE.get(pair, 0.0) for pair in zip(carrier, lane, strict=True)]
    logit += 0.16 * np.maximum(wind - 8, 0)
    logit += 1.5 * (express & (wind >= STORM_WIND_MS))  # a tight promise breaks first
    logit += 0.035 * np.minimum(rain, 25)
    logit += 0.45 * (weekday == 0)  # the weekend's orders arrive at once
    logit += 1.1 * ((weekday == 4) & (hour >= 15))  # misses the last truck of the week
    logit += 0.7 * peak
    logit += 0.25 * (weight > 10) + 0.8 * (weight > 30)  # two-person handling, then a pallet
    logit += 0.7 * ((weight > 30) & (frame["service"] == "economy").to_numpy())
    logit += 0.06 * np.minimum(frame["parcels"].to_numpy() - 1, 8)
    logit += 0.0004 * frame["distance_km"].to_numpy()
    logit += 0.8 * (frame["merchant_age_days"] < 60).to_numpy()  # new merchants mistype addresses
    logit += 0.9 * ((lane == "NL-GB") & (frame["declared_value_eur"] > 150)).to_numpy()  # customs
    if drift:
        moved = (carrier == HUB_CARRIER) & lane.isin(HUB_LANES) & (booked >= DRIFT_START)
        logit += HUB_EFFECT * moved.to_numpy()
    return logit


def _disruption_scale(frame: pd.DataFrame) -> np.ndarray:
    """Standard deviation of the day's disruption on the logit, shape (n,): storms go well or very badly."""
    wind = frame["forecast_wind_ms"].fillna(MISSING_WIND_MS).to_numpy()
    return np.where(wind >= 10, 1.8, 0.9)


def _weather(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wind (m/s), rain (mm) and hidden disruption (standard normal) of each day and origin, each (365, origins)."""
    winter = np.cos(2 * np.pi * (np.arange(_DAYS)[:, None] - 10) / 365)  # 1 in January, -1 in July
    front = _regional_series(rng, memory=0.6)
    wind = 5.0 * np.exp(0.52 * front + 0.18 * winter)
    rain = np.maximum(0, 1.5 + 3.5 * (0.7 * front + 0.7 * _regional_series(rng, memory=0.4)) + 1.0 * winter)
    disruption = _regional_series(rng, memory=0.6)
    return np.clip(wind, 0.3, 34).round(1), rain.round(1), disruption


def _regional_series(rng: np.random.Generator, memory: float) -> np.ndarray:
    """Standard normal per day and origin, (365, origins): half shared by all origins, each day remembering the last."""
    shocks = np.sqrt(0.5) * rng.standard_normal((_DAYS, 1)) + np.sqrt(0.5) * rng.standard_normal((_DAYS, len(ORIGINS)))
    series = shocks.copy()
    for day in range(1, _DAYS):
        series[day] = memory * series[day - 1] + np.sqrt(1 - memory**2) * shocks[day]
    return series


def _booking_times(rng: np.random.Generator, n: int) -> pd.DatetimeIndex:
    """Sorted booking times, to the minute: busy Mondays, quiet Sundays, a rush before Christmas."""
    days = pd.date_range(_NEW_YEAR, periods=_DAYS, freq="D")
    load = np.array([1.5, 1.15, 1.1, 1.1, 1.2, 0.5, 0.35])[days.day_of_week]
    load = load * np.where((days >= _PEAK[0]) & (days < _PEAK[1]), 1.6, 1.0)
    day = rng.choice(_DAYS, size=n, p=load / load.sum())
    minute = np.clip(rng.normal(13.0, 3.2, n) * 60, 0, 24 * 60 - 1).astype(int)
    total = np.sort(day * 24 * 60 + minute)
    return (_NEW_YEAR + pd.to_timedelta(total, unit="min")).as_unit("ns")


def _pick(rng: np.random.Generator, table: dict[str, tuple], n: int, share: int = 0) -> np.ndarray:
    """`n` names drawn from `table`, in proportion to the number at position `share`."""
    names = list(table)
    shares = np.array([table[name][share] for name in names], dtype=float)
    return np.array(names, dtype=object)[rng.choice(len(names), size=n, p=shares / shares.sum())]


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def write_csv(path: Path = CSV) -> None:
    """Write `simulate()` to `path`, the file that `coursekit.datasets.load_shipments` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    simulate().to_csv(path, index=False, date_format=DATE_FORMAT, lineterminator="\n")


if __name__ == "__main__":
    write_csv()
    print(f"Wrote {CSV}")
