"""What a model call costs, by the dated, hand-edited list in `data/prices/prices.toml`.

Hosted prices are a snapshot and age: `data/prices/README.md` says what they are not.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

PRICES = Path(__file__).resolve().parents[1] / "data" / "prices" / "prices.toml"
_MILLION = 1_000_000


class PriceFileError(ValueError):
    """The price list cannot be read. The message names the file, the entry and what to change."""


class UnknownModel(LookupError):
    """The price list has no such model. The message says which it has, and where to add one."""


@dataclass(frozen=True)
class ModelPrice:
    """List price of one hosted model. `as_of`: the day it speaks for; `example`: nobody has checked it for you."""

    name: str
    input_usd_per_million: float
    output_usd_per_million: float
    as_of: date
    example: bool = True
    note: str = ""

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """USD for one call. Raises ValueError for a negative number of tokens."""
        for name, tokens in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            if tokens < 0:
                raise ValueError(f"{name} is {tokens}; a number of tokens is 0 or more")
        paid = input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million
        return paid / _MILLION


@dataclass(frozen=True)
class CpuPrice:
    """One core for one hour on a machine that you rent or own, in USD."""

    usd_per_core_hour: float
    as_of: date
    example: bool = True
    note: str = ""


@dataclass(frozen=True)
class Prices:
    """The whole list: hosted models by name, and the CPU."""

    models: dict[str, ModelPrice]
    cpu: CpuPrice
    path: Path

    def model(self, name: str) -> ModelPrice:
        """The entry called `name`, to the letter. Raises UnknownModel."""
        if name not in self.models:
            raise UnknownModel(
                f"{self.path} has no price for the model {name!r}. It lists: {', '.join(sorted(self.models))}.\n"
                f"Add a [[model]] entry with name = \"{name}\", with the prices from the provider's page and today's date."
            )
        return self.models[name]


def load_prices(path: Path = PRICES) -> Prices:
    """Read a price list; the format is in `data/prices/README.md`.

    Raises:
        PriceFileError: the file is missing, is no TOML, or an entry lacks a field, repeats a name or has a bad value.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PriceFileError(f"{path} is missing. Restore it:  git checkout -- data/prices") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PriceFileError(f"{path} is not valid TOML: {error}. Mend that line.") from None
    models: dict[str, ModelPrice] = {}
    for number, entry in enumerate(raw.get("model", []), 1):
        where = f"{path}, [[model]] number {number}"
        price = ModelPrice(
            name=_field(entry, "name", str, where),
            input_usd_per_million=_amount(entry, "input_usd_per_million", where),
            output_usd_per_million=_amount(entry, "output_usd_per_million", where),
            as_of=_field(entry, "as_of", date, where),
            example=bool(entry.get("example", False)),
            note=str(entry.get("note", "")),
        )
        if price.name in models:
            raise PriceFileError(f"{where}: {price.name!r} is listed twice. Keep one entry a model.")
        models[price.name] = price
    where = f"{path}, [cpu]"
    cpu = raw.get("cpu", {})
    return Prices(
        models=models,
        cpu=CpuPrice(
            usd_per_core_hour=_amount(cpu, "usd_per_core_hour", where),
            as_of=_field(cpu, "as_of", date, where),
            example=bool(cpu.get("example", False)),
            note=str(cpu.get("note", "")),
        ),
        path=path,
    )


def cost_usd(model: str, input_tokens: int, output_tokens: int, *, prices: Prices | None = None) -> float:
    """USD for one call of a hosted model, at its list price in `prices` (default: the course's list).

    Raises UnknownModel, PriceFileError, or ValueError for a negative number of tokens.
    """
    return (prices or _course_prices()).model(model).cost_usd(input_tokens, output_tokens)


def cpu_cost_usd(seconds: float, *, cores: int = 1, prices: Prices | None = None) -> float:
    """USD for keeping `cores` CPU cores busy for `seconds`, at the list's price of a core-hour.

    Raises ValueError for a negative time or number of cores, and PriceFileError.
    """
    if seconds < 0 or cores < 0:
        raise ValueError(f"seconds={seconds} and cores={cores} must be 0 or more")
    return seconds / 3600 * cores * (prices or _course_prices()).cpu.usd_per_core_hour


@lru_cache(maxsize=1)
def _read_once(path: Path, changed_ns: int) -> Prices:
    return load_prices(path)


def _course_prices() -> Prices:
    """The course's list, read again when the file has changed: learners edit it while a notebook is open."""
    return _read_once(PRICES, PRICES.stat().st_mtime_ns) if PRICES.is_file() else load_prices(PRICES)


def _field(entry: dict[str, Any], name: str, kind: type, where: str) -> Any:
    if not isinstance(entry.get(name), kind):
        example = {"name": '"gpt-4.1"', "as_of": date(2025, 6, 30).isoformat()}[name]
        found = repr(entry[name]) if name in entry else "nothing"
        raise PriceFileError(f"{where}: {name} is {found}. Write for example:  {name} = {example}")
    return entry[name]


def _amount(entry: dict[str, Any], name: str, where: str) -> float:
    value = entry.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        found = repr(value) if name in entry else "nothing"
        raise PriceFileError(f"{where}: {name} is {found}. Write a number of USD, 0 or more:  {name} = 0.40")
    return float(value)
