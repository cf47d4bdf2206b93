"""Is the quotation in the document, where, and does it say what it is meant to prove?"""

import math
import re

from contract_review.quantities import Amount, amounts, countries, dates, kilograms
from contract_review.terms import TermValue

DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SHORTEST = 2  # letters and digits: fewer prove nothing


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Where `quote` stands in `text`: `(start, end)`, so that `text[start:end]` is the evidence; None if it is not there.

    The same letters, digits and marks in the same order, the first place if there are several. What does not matter:
    upper and lower case; how much white space stands between two words; a word of `text` that is broken at a line end
    with a hyphen ("deli-" and in the next line "very" is "delivery"), which the quote may have whole, broken, or as "deli- very".
    A line may end in "\\n" or "\\r\\n". Space against none does matter: "6.5 %" is not "6.5%".
    What begins or ends within a word or a number is not there: "5 days" is not in "15 days" or "2.5 days", "30" is not in "30.5".
    None too when the quote has fewer than `SHORTEST` letters and digits.
    """
    have, places = _squeezed(text)
    for form in (quote, re.sub(r"(?<=\w)-\s+(?=\w)", "", quote)):  # as it is, and with its own broken words whole
        wanted, _ = _squeezed(form)
        if sum(c.isalnum() for c in wanted) < SHORTEST:
            return None
        at = have.find(wanted)
        while at >= 0:
            start, end = places[at], places[at + len(wanted) - 1] + 1
            if _whole(text, start, end):
                return start, end
            at = have.find(wanted, at + 1)
    return None


def _squeezed(text: str) -> tuple[str, list[int]]:
    """`text` in small letters, single spaces and unbroken words, and where each of its characters stood."""
    out: list[str] = []
    places: list[int] = []
    i = 0
    while i < len(text):
        c = text[i]
        if c == "-" and out and (out[-1].isalnum() or out[-1] == "_"):
            j = i + 1
            while j < len(text) and text[j] in " \t\r":
                j += 1
            if j < len(text) and text[j] == "\n":
                j += 1
                while j < len(text) and text[j] in " \t":
                    j += 1
                if j < len(text) and (text[j].isalnum() or text[j] == "_"):
                    i = j
                    continue
        if c.isspace():
            if out and out[-1] != " ":
                out.append(" ")
                places.append(i)
        else:
            lowered = c.lower()
            out.append(lowered if len(lowered) == 1 else c)
            places.append(i)
        i += 1
    if out and out[-1] == " ":
        out.pop()
        places.pop()
    return "".join(out), places


def _whole(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` begins and ends between words and between numbers."""

    def joined(left: str, right: str) -> bool:
        return bool(re.fullmatch(r"\w\w", left + right))

    if start and joined(text[start - 1], text[start]):
        return False
    if end < len(text) and joined(text[end - 1], text[end]):
        return False
    if text[start].isdigit() and re.search(r"\d[.,]$", text[:start]):
        return False
    return not (text[end - 1].isdigit() and re.match(r"[.,]\d", text[end:]))


def in_days(amount: Amount) -> int | None:
    """A time in days, by the table `DAYS`; None for an amount whose unit is no time. The worked example.

    Working days times 7/5, rounded up; hours by 24, rounded up. A number without a unit is taken as days: in "the word
    thirty is replaced by forty" the unit stands elsewhere.
    """
    if amount.unit == "working day":
        return math.ceil(amount.value * 7 / 5)
    if amount.unit == "hour":
        return math.ceil(amount.value / 24)
    if amount.unit == "":
        return int(amount.value) if amount.value == int(amount.value) else None
    return round(amount.value * DAYS[amount.unit]) if amount.unit in DAYS else None


def in_months(amount: Amount) -> int | None:
    """A time in months, by the table `MONTHS`; None for any other unit and for what is no whole number. A number without a unit is taken as months."""
    per = {"": 1, **MONTHS}.get(amount.unit)
    if per is None or (amount.value * per) % 1:
        return None
    return int(amount.value * per)


def readings(term: str, words: str) -> list[TermValue]:
    """Every value of `term` that `words` can mean, in their order, none twice. All numbers are above 0.

    term_months                           `in_months` of each amount
    notice_days, payment_days, claim_days `in_days` of each amount
    liability_eur_per_kg                  amounts in € or without a unit, divided by `kilograms(words)`, rounded to cents
    the two percentages                   amounts in percent or without a unit, and parts of a whole times 100, as float
    effective_date, governing_law         what `dates` and `countries` find
    automatic_renewal                     both True and False: no single word proves either
    """
    found: list[TermValue | None] = []
    if term == "automatic_renewal":
        return [True, False]
    if term in ("effective_date", "governing_law"):
        found.extend(dates(words) if term == "effective_date" else countries(words))
    else:
        for amount in amounts(words):
            found.append(_number(term, amount, kilograms(words)))
    kept: list[TermValue] = []
    for value in found:
        if value and value not in kept:
            kept.append(value)
    return kept


def _number(term: str, amount: Amount, per_kg: float) -> TermValue | None:
    """One amount as a value of a term that is a number."""
    if term.endswith("_days"):
        return in_days(amount)
    if term == "term_months":
        return in_months(amount)
    if term == "liability_eur_per_kg":
        return round(amount.value / per_kg, 2) if amount.unit in ("", "eur") else None
    if amount.unit == "part":
        return round(100 * amount.value, 6)
    return amount.value if amount.unit in ("", "percent") else None


def supports(term: str, value: TermValue, quote: str) -> bool:
    """Whether `quote` holds `value` (a normalised one): it is among the `readings`, numbers within 0.005."""
    options = readings(term, quote)
    if isinstance(value, float):
        return any(math.isclose(option, value, abs_tol=0.005, rel_tol=0) for option in options)
    return value in options
