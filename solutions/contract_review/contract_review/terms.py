"""What a review is made of: the ten terms, their normalised values, and the form that a model's answer must have."""

import datetime
import math
import re
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
    # 1. refuse the wrong type, and text that is no number
    ### BEGIN SOLUTION as above, for a text with or without a decimal point
    if isinstance(raw, str) and re.fullmatch(r"\s*[0-9]{1,9}(\.[0-9]{1,9})?\s*", raw):
        raw = float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"a number is needed, got {raw!r}")
    ### END SOLUTION
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
    ### BEGIN SOLUTION one branch a kind
    if term in WHOLE_NUMBERS:
        return whole_number(raw)
    if term in NUMBERS:
        return decimal_number(raw, LARGEST[term])
    if term == "effective_date":
        if isinstance(raw, datetime.date) and not isinstance(raw, datetime.datetime):
            return raw
        if isinstance(raw, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", raw):
            return datetime.date.fromisoformat(raw)
        raise ValueError(f"a date such as 2024-03-01 is needed, got {raw!r}")
    if term == "governing_law":
        if isinstance(raw, str) and re.fullmatch(r"\s*[A-Za-z]{2}\s*", raw):
            code = raw.strip().upper()
            return "GB" if code == "UK" else code
        raise ValueError(f"a country code of two letters is needed, got {raw!r}")
    if term == "automatic_renewal":
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        raise ValueError(f"true or false is needed, got {raw!r}")
    raise ValueError(f"{term!r} is no term; the terms are {', '.join(TERMS)}")
    ### END SOLUTION


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
        ### BEGIN SOLUTION ask normalise; return self
        normalise(self.term, self.value)
        return self
        ### END SOLUTION

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
