"""The price list and what is computed from it."""

import os
import re
from datetime import date, datetime
from pathlib import Path

import pytest

from coursekit import prices
from coursekit.prices import PriceFileError, UnknownModel, cost_usd, cpu_cost_usd, load_prices

ENTRY = '[[model]]\nname = "m"\ninput_usd_per_million = 2\noutput_usd_per_million = 8.0\nas_of = 2025-06-30\n'
CPU = "[cpu]\nusd_per_core_hour = 0.04\nas_of = 2025-06-30\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_hosted_figure_is_dated_and_marked_as_an_example() -> None:
    listed = load_prices()
    assert len(listed.models) >= 4
    for price in (*listed.models.values(), listed.cpu):
        assert price.example and date(2024, 1, 1) <= price.as_of and "check" in price.note


def test_the_datasheet_says_that_prices_age() -> None:
    sheet = (prices.PRICES.parent / "README.md").read_text(encoding="utf-8")
    assert re.search(r"snapshot", sheet) and re.search(r"typed in by hand", sheet)


def test_a_call_costs_its_tokens(tmp_path: Path) -> None:
    listed = load_prices(written(tmp_path, ENTRY + CPU))
    assert cost_usd("m", 1_000_000, 0, prices=listed) == pytest.approx(2)
    assert cost_usd("m", 300, 10, prices=listed) == pytest.approx(300 * 2e-6 + 10 * 8e-6)
    assert cost_usd("m", 0, 0, prices=listed) == 0
    with pytest.raises(ValueError, match="output_tokens is -1"):
        cost_usd("m", 1, -1, prices=listed)


def test_cpu_time_costs_by_core(tmp_path: Path) -> None:
    listed = load_prices(written(tmp_path, ENTRY + CPU))
    assert cpu_cost_usd(1800, cores=2, prices=listed) == pytest.approx(0.04)
    with pytest.raises(ValueError, match="0 or more"):
        cpu_cost_usd(-1, prices=listed)


def test_an_unknown_model_says_where_to_add_it() -> None:
    with pytest.raises(UnknownModel, match=r"(?s)prices\.toml.*'nobody-7b'.*Add a \[\[model\]\]"):
        cost_usd("nobody-7b", 1, 1)


def test_an_edited_list_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, ENTRY + CPU)
    monkeypatch.setattr(prices, "PRICES", path)
    assert cost_usd("m", 1_000_000, 0) == pytest.approx(2)
    path.write_text((ENTRY + CPU).replace("= 2\n", "= 3\n"), encoding="utf-8")
    later = datetime.now().timestamp() + 5
    os.utime(path, (later, later))
    assert cost_usd("m", 1_000_000, 0) == pytest.approx(3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[model\n", "not valid TOML"),
        (ENTRY.replace('name = "m"\n', "") + CPU, "name is nothing"),
        (ENTRY.replace("= 2\n", '= "2 USD"\n') + CPU, "input_usd_per_million is '2 USD'"),
        (ENTRY.replace("= 2\n", "= -2\n") + CPU, "0 or more"),
        (ENTRY.replace("as_of = 2025-06-30", 'as_of = "June"') + CPU, "as_of is 'June'"),
        (ENTRY + ENTRY + CPU, "listed twice"),
        (ENTRY, r"\[cpu\]: usd_per_core_hour is nothing"),
    ],
)
def test_a_damaged_list_names_the_file_and_the_entry(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PriceFileError, match=says) as error:
        load_prices(written(tmp_path, text))
    assert "prices.toml" in str(error.value)


def test_a_missing_list_says_how_to_restore_it(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match="git checkout"):
        load_prices(tmp_path / "prices.toml")
