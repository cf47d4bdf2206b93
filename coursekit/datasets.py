"""The course's data sets, read from `data/` with the right types."""

from pathlib import Path

import pandas as pd

from coursekit import shipments

MEND_SHIPMENTS = ".venv/bin/python -m coursekit.shipments"
_SHIPMENTS_TYPES = {
    "shipment_id": str,
    "carrier": str,
    "lane": str,
    "service": str,
    "weight_kg": "float64",
    "parcels": "int64",
    "distance_km": "int64",
    "merchant_age_days": "int64",
    "declared_value_eur": "float64",
    "forecast_wind_ms": "float64",
    "forecast_rain_mm": "float64",
    "last_scan_gap_h": "float64",
    "late": "int64",
}
_SHIPMENTS_ROWS = 20_000


def load_shipments(path: Path = shipments.CSV) -> pd.DataFrame:
    """The shipments table, 20,000 rows sorted by `booked_at` (UTC); columns and units: `data/shipments/README.md`.

    Raises:
        FileNotFoundError: the file is not there.
        ValueError: the file is there but damaged: unreadable, a column or rows missing, or a value of the wrong type.
        Both messages name the file and the command that mends it.
    """
    path = Path(path)
    mend = f"Write it again, from the repository's root, with:  {MEND_SHIPMENTS}"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. {mend}")
    try:
        table = pd.read_csv(path, dtype=_SHIPMENTS_TYPES)
        table["booked_at"] = pd.to_datetime(table["booked_at"], format=shipments.DATE_FORMAT, utc=True)
        table["booked_at"] = table["booked_at"].dt.as_unit("ns")
    except (ValueError, KeyError, TypeError) as error:  # pandas' parser errors and UnicodeDecodeError are ValueErrors
        raise ValueError(f"{path} is damaged: {error}. {mend}") from error
    if list(table.columns) != shipments.COLUMNS:
        raise ValueError(f"{path} is damaged: its columns are {list(table.columns)}. {mend}")
    if len(table) != _SHIPMENTS_ROWS or table["late"].isna().any():
        raise ValueError(f"{path} is damaged: {len(table)} rows where {_SHIPMENTS_ROWS} are expected. {mend}")
    return table
