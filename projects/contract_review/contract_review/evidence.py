"""Is the quotation in the document, where, and does it say what it is meant to prove?"""

import math
import re
from itertools import pairwise

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
    raise NotImplementedError("YOUR CODE HERE: a pattern made of the quote's own characters")


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
    raise NotImplementedError("YOUR CODE HERE: as in_days, with the other table; what is no whole number of months is None")


def readings(term: str, words: str) -> list[TermValue]:
    """Every value of `term` that `words` can mean, in their order, none twice. All numbers are above 0.

    term_months                           `in_months` of each amount
    notice_days, payment_days, claim_days `in_days` of each amount
    liability_eur_per_kg                  amounts in € or without a unit, divided by `kilograms(words)`, rounded to cents
    the two percentages                   amounts in percent or without a unit, and parts of a whole times 100, as float
    effective_date, governing_law         what `dates` and `countries` find
    automatic_renewal                     both True and False: no single word proves either
    """
    raise NotImplementedError("YOUR CODE HERE: one branch a kind")


def supports(term: str, value: TermValue, quote: str) -> bool:
    """Whether `quote` holds `value` (a normalised one): it is among the `readings`, numbers within 0.005."""
    raise NotImplementedError("YOUR CODE HERE: is it among the readings?")
