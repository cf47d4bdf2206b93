"""What a review is made of: the ten terms, their normalised values, and the form that a model's answer must have."""

import datetime
import math
import re
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from coursekit.contracts import TERMS, TermValue

WHOLE_NUMBERS = ("term_months", "notice_days", "payment_days", "claim_days")
NUMBERS = ("liability_eur_per_kg", "fuel_surcharge_percent", "late_credit_percent")
LONGEST = 3650  # days or months: ten years, or three hundred
LARGEST = {"liability_eur_per_kg": 10_000.0, "fuel_surcharge_percent": 100.0, "late_credit_percent": 100.0}


def whole_number(raw: Any) -> int:
    """`raw` as a whole number from 1 to `LONGEST`: an int, a float without a fraction, or a text of digits such as "30".

    ValueError for anything else, `True` among it. The worked example: the functions below have the same three steps.
    """
    # 1. refuse the wrong type, and text that is no number
    if isinstance(raw, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", raw):
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) < math.inf:
        raise ValueError(f"a whole number is needed, got {raw!r}")
    # 2. convert
    value = int(raw)
    # 3. refuse a value that cannot be
    if value != raw or not 1 <= value <= LONGEST:
        raise ValueError(f"a whole number from 1 to {LONGEST} is needed, got {raw!r}")
    return value


def decimal_number(raw: Any, largest: float) -> float:
    """`raw` as a float above 0, up to `largest`: an int, a float, or a text such as "8.33" (digits, a decimal point between them or none; spaces around).

    ValueError for anything else: `True`, NaN, infinity, "12%", "8,33".
    """
    if type(raw) is str:
        head, dot, tail = raw.strip().partition(".")
        if not (head.isascii() and head.isdecimal() and (not dot or (tail.isascii() and tail.isdecimal()))):
            raise ValueError(f"no number: {raw!r}")
    elif type(raw) not in (int, float):
        raise ValueError(f"no number: {raw!r}")
    # 2. convert
    try:
        value = float(raw)
    except OverflowError:  # an int of 400 digits
        value = math.inf
    # 3. refuse a value that cannot be
    if not 0 < value <= largest:  # also true for NaN
        raise ValueError(f"a number above 0, up to {largest:g}, is needed, got {raw!r}")
    return value


def normalise(term: str, raw: Any) -> TermValue:
    """`raw`, as JSON or Python has it, as a value of `term`; ValueError says what is wrong.

    WHOLE_NUMBERS         `whole_number`
    NUMBERS               `decimal_number`, up to `LARGEST[term]`
    effective_date        a `datetime.date`, or a text "2024-03-01" and no other form (no `datetime`); gives a `datetime.date`
    governing_law         two ASCII letters in either case, spaces around them allowed; gives them in capitals; "uk" gives "GB"
    automatic_renewal     `True` or `False`, or the text "true" or "false" in either case; gives a bool, nothing else is one

    A name that is no term is a ValueError too.
    """
    if term not in READERS:
        raise ValueError(f"no such term: {term!r}")
    return READERS[term](raw)


def _day(raw: Any) -> datetime.date:
    if type(raw) is datetime.date:
        return raw
    if type(raw) is not str or len(raw) != 10:
        raise ValueError(f"no date: {raw!r}")
    return datetime.datetime.strptime(raw, "%Y-%m-%d").date()


def _country(raw: Any) -> str:
    code = raw.strip().upper() if type(raw) is str else ""
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        raise ValueError(f"no country code: {raw!r}")
    return {"UK": "GB"}.get(code, code)


def _flag(raw: Any) -> bool:
    known = {"true": True, "false": False}
    if type(raw) is bool:
        return raw
    if type(raw) is not str or raw.lower() not in known:
        raise ValueError(f"neither true nor false: {raw!r}")
    return known[raw.lower()]


READERS = {
    **dict.fromkeys(WHOLE_NUMBERS, whole_number),
    **{term: partial(decimal_number, largest=LARGEST[term]) for term in NUMBERS},
    "effective_date": _day,
    "governing_law": _country,
    "automatic_renewal": _flag,
}


class Finding(BaseModel):
    """One statement that a model, or a rule, has found: a term, its value, and the words that prove it.

    `quote` comes first: what is written early cannot lean on what is written later. Validation raises pydantic's
    ValidationError for an unknown term, further keys, an empty quote, or a `value` that `normalise` refuses.
    """

    model_config = ConfigDict(extra="forbid")

    quote: str = Field(min_length=1)
    term: Literal[tuple(TERMS)]
    value: bool | int | float | str

    @model_validator(mode="after")
    def _value_fits_the_term(self) -> "Finding":
        normalise(self.term, self.value)
        return self

    @property
    def normal(self) -> TermValue:
        """The value as `normalise` gives it."""
        return normalise(self.term, self.value)


class Extraction(BaseModel):
    """A model's whole answer. A term may come more than once: each statement that is in force is a finding."""

    model_config = ConfigDict(extra="forbid")

    findings: list[Finding]


def reply_format() -> dict[str, Any]:
    """The `response_format` of a chat request that asks for an `Extraction`: strict, by its JSON schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "extraction", "strict": True, "schema": Extraction.model_json_schema()},
    }
