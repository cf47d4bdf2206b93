"""Training, validation and test shipments, apart in time: no day, and no storm, on two sides."""

from dataclasses import dataclass

import pandas as pd

from late_delivery.features import require_columns


@dataclass(frozen=True)
class TimeSplit:
    """Three parts of one table, each with its rows as they were: same columns, same index, same order."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def utc_midnight(date: str | pd.Timestamp) -> pd.Timestamp:
    """`date` as the start of that day in UTC; a date without a time zone means UTC.

    Raises ValueError for a time within a day: such an edge would cut the day, and its storm, in two.
    """
    moment = pd.Timestamp(date)
    moment = moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
    if moment != moment.normalize():
        raise ValueError(f"{date} is within a day: split at midnight UTC")
    return moment


def time_split(
    shipments: pd.DataFrame,
    validation_from: str | pd.Timestamp = "2025-09-01",
    test_from: str | pd.Timestamp = "2025-10-01",
    gap_days: int = 3,
) -> TimeSplit:
    """Split by `booked_at`; the `gap_days` days before each edge belong to no part.

    train       booked before `validation_from` minus the gap
    validation  booked from `validation_from` (included) until `test_from` minus the gap (not included)
    test        booked from `test_from` (included) on

    Rows may come in any order. Raises ValueError when `gap_days` is negative, an edge is not a midnight in UTC,
    `validation_from` is not before `test_from`, or a part would be empty. The message then names the empty part; of
    several, the first in the order above.
    """
    raise NotImplementedError("YOUR CODE HERE: two edges, two gaps, three parts")
