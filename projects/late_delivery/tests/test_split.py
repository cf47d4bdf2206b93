"""Part of the brief: what `course check late_delivery` runs for the task `split`."""

import pandas as pd
import pytest
from late_delivery.split import time_split

from coursekit.shipments import simulate


@pytest.mark.task("split")
def test_parts_follow_each_other_in_time():
    split = time_split(simulate(3_000, seed=1))
    assert split.train["booked_at"].max() < split.validation["booked_at"].min()
    assert split.validation["booked_at"].max() < split.test["booked_at"].min()


@pytest.mark.task("split")
def test_the_days_before_an_edge_are_in_no_part():
    shipments = pd.DataFrame(
        {
            "booked_at": pd.to_datetime(
                ["2025-05-06T23:59Z", "2025-05-07T00:00Z", "2025-05-10T00:00Z", "2025-06-10T00:00Z"]
            )
        }
    )
    split = time_split(shipments, "2025-05-10", "2025-06-10", gap_days=3)
    assert (list(split.train.index), list(split.validation.index), list(split.test.index)) == ([0], [2], [3])


@pytest.mark.task("split")
def test_an_empty_part_is_refused():
    with pytest.raises(ValueError, match="test"):
        time_split(simulate(100, seed=1), "2025-09-01", "2026-01-01")
