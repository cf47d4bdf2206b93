"""The split, decided one day at a time."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class TimeSplit:
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def as_day(edge):
    stamp = pd.to_datetime(edge, utc=True)
    if stamp.hour or stamp.minute or stamp.second or stamp.microsecond:
        raise ValueError(f"an edge has to be midnight UTC: {edge}")
    return stamp.date().toordinal()


def time_split(shipments, validation_from="2025-09-01", test_from="2025-10-01", gap_days=3):
    start, stop = as_day(validation_from), as_day(test_from)
    if stop <= start or gap_days < 0:
        raise ValueError("need validation_from < test_from and gap_days >= 0")

    def place(day):
        if day >= stop:
            return "test"
        if start <= day < stop - gap_days:
            return "validation"
        return "train" if day < start - gap_days else "gap"

    places = [place(moment.toordinal()) for moment in shipments["booked_at"].dt.tz_convert("UTC").dt.date]
    rows = {name: [i for i, p in enumerate(places) if p == name] for name in ("train", "validation", "test")}
    for name in rows:
        if not rows[name]:
            raise ValueError(f"nothing left for {name}")
    return TimeSplit(**{name: shipments.iloc[numbers] for name, numbers in rows.items()})
