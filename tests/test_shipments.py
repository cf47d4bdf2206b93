"""The shipments data set is what its datasheet says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from coursekit import shipments
from coursekit.datasets import load_shipments
from coursekit.shipments import CARRIERS, COLUMNS, LANES, SERVICES, late_probability, simulate

DATASHEET = (shipments.CSV.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return load_shipments()


def test_the_file_is_the_simulation_to_the_byte(tmp_path: Path) -> None:
    shipments.write_csv(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == shipments.CSV.read_bytes()
    assert shipments.CSV.stat().st_size < 2_500_000


def test_loading_gives_back_the_simulation(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(table, simulate())


def test_columns_and_ranges(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert table["shipment_id"].is_unique
    assert table["booked_at"].is_monotonic_increasing
    assert set(table["booked_at"].dt.year) == {2025}
    assert set(table["carrier"]) == set(CARRIERS)
    assert set(table["lane"]) == set(LANES)
    assert set(table["service"]) == set(SERVICES)
    assert set(table["late"]) == {0, 1}
    assert table["weight_kg"].between(0.1, 400).all()
    assert (table["parcels"] >= 1).all()
    assert table["merchant_age_days"].between(1, 4000).all()


def test_a_seed_repeats_and_another_seed_is_another_year() -> None:
    pd.testing.assert_frame_equal(simulate(500, 7), simulate(500, 7))
    assert not simulate(500, 7)["booked_at"].equals(simulate(500, 8)["booked_at"])


def test_no_shipments_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        simulate(0)


@pytest.mark.parametrize("drift", [True, False])
def test_the_probability_is_calibrated(drift: bool) -> None:
    """Over many years, of shipments with probability p a share p is late."""
    years = [simulate(12_000, seed, drift=drift) for seed in range(12)]
    late = np.concatenate([year["late"] for year in years])
    p = np.concatenate([late_probability(year, drift=drift) for year in years])
    for low, high in [(0, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 1)]:
        band = (p >= low) & (p < high)
        assert late[band].mean() == pytest.approx(p[band].mean(), abs=0.03)


def test_the_probability_reads_nothing_from_after_delivery(table: pd.DataFrame) -> None:
    np.testing.assert_array_equal(
        late_probability(table), late_probability(table.drop(columns=["late", "last_scan_gap_h"]))
    )


@pytest.mark.parametrize(
    ("part", "start", "end"),
    [("train", 1, 8), ("validation", 9, 9), ("test", 10, 12), ("all", 1, 12)],
)
def test_the_best_possible_scores_of_the_datasheet(table: pd.DataFrame, part: str, start: int, end: int) -> None:
    rows = table[table["booked_at"].dt.month.between(start, end)]
    late, p = rows["late"], late_probability(rows)
    cells = [cell.strip() for cell in re.search(rf"^\| {part} \|(.*)\|$", DATASHEET, re.MULTILINE)[1].split("|")][1:]
    assert cells == [
        f"{len(rows):,}",
        f"{100 * late.mean():.1f} %",
        f"{roc_auc_score(late, p):.3f}",
        f"{brier_score_loss(late, p):.4f}",
        f"{log_loss(late, p):.3f}",
    ]


def test_the_quirks_of_the_datasheet(table: pd.DataFrame) -> None:
    late, wind = table["late"], table["forecast_wind_ms"]
    before = table["booked_at"] < shipments.DRIFT_START
    assert late.mean() == pytest.approx(0.117, abs=0.0005)
    assert roc_auc_score(late, table["last_scan_gap_h"]) == pytest.approx(0.97, abs=0.005)
    assert wind.isna().mean() == pytest.approx(0.030, abs=0.0005)
    assert table["forecast_rain_mm"].isna().mean() == pytest.approx(0.050, abs=0.0005)
    assert late[wind.isna()].mean() == pytest.approx(0.29, abs=0.005)
    age = table["merchant_age_days"]
    assert (age[before].median(), age[~before].median()) == (494, 227)
    hub = (table["carrier"] == shipments.HUB_CARRIER) & table["lane"].isin(shipments.HUB_LANES)
    assert late[hub & before].mean() == pytest.approx(0.09, abs=0.005)
    assert late[hub & ~before].mean() == pytest.approx(0.30, abs=0.005)


def test_shuffled_folds_flatter_because_days_are_shared(table: pd.DataFrame) -> None:
    rows = table[table["booked_at"] < shipments.DRIFT_START]
    day = rows["booked_at"].dt.day_of_year
    when = {"weekday": rows["booked_at"].dt.day_of_week, "hour": rows["booked_at"].dt.hour, "day": day}
    X = rows.drop(columns=["shipment_id", "booked_at", "last_scan_gap_h", "late"]).assign(**when)
    model = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["carrier", "lane", "service"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, categorical_features=[0, 1, 2], random_state=0),
    )

    def auc(folds, **options) -> float:
        return cross_val_score(model, X, rows["late"], cv=folds, scoring="roc_auc", **options).mean()

    shuffled = auc(KFold(5, shuffle=True, random_state=0))
    by_day = auc(GroupKFold(5), groups=day)
    assert shuffled - by_day == pytest.approx(0.025, abs=0.010)


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"shipments\.csv is missing.*python -m coursekit\.shipments"):
        load_shipments(tmp_path / "shipments.csv")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("carrier", "courier", 1),
        lambda text: text.replace("Albatros", "Albatros,", 1),
        lambda text: text.replace("2025-01-01T", "yesterday ", 1),
        lambda text: text + "\x00\n",
    ],
    ids=["empty", "cut", "renamed column", "stray comma", "not a time", "stray bytes"],
)
def test_a_damaged_file_names_the_command(tmp_path: Path, damage) -> None:
    broken = tmp_path / "shipments.csv"
    broken.write_text(damage(shipments.CSV.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"(?s)shipments\.csv is damaged.*python -m coursekit\.shipments"):
        load_shipments(broken)
