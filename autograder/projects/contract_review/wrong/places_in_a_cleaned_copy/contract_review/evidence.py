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
    ### BEGIN SOLUTION a pattern made of the quote's own characters
    words = re.sub(r"(?<=\w)-[ \t]*\r?\n[ \t]*(?=\w)", "", quote).split()
    if sum(c.isalnum() for c in "".join(words)) < SHORTEST:
        return None
    broken = r"(?:-[ \t]*\r?\n[ \t]*)?"
    joined = [_breakable(word, broken) for word in words]
    before = r"(?<!\w)(?<!\d[.,])" if words[0][0].isdigit() else r"(?<!\w)" if words[0][0].isalnum() else ""
    after = r"(?!\w)(?![.,]\d)" if words[-1][-1].isdigit() else r"(?!\w)" if words[-1][-1].isalnum() else ""
    text = " ".join(re.sub(r"(?<=\w)-[ \t]*\r?\n[ \t]*(?=\w)", "", text).split()).lower()
    match = re.search(before + r"\s+".join(joined) + after, text, re.IGNORECASE)
    return match.span() if match else None


def _breakable(word: str, broken: str) -> str:
    """A pattern for `word`, which the document may have broken between any two letters."""
    pattern = re.escape(word[0])
    for left, right in pairwise(word):
        pattern += (broken if left.isalnum() and right.isalnum() else "") + re.escape(right)
    return pattern

    ### END SOLUTION


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
    ### BEGIN SOLUTION as in_days, with the other table; what is no whole number of months is None
    months = amount.value * ({"": 1} | MONTHS).get(amount.unit, 0)
    return int(months) if amount.unit in ("", *MONTHS) and months == int(months) else None
    ### END SOLUTION


def readings(term: str, words: str) -> list[TermValue]:
    """Every value of `term` that `words` can mean, in their order, none twice. All numbers are above 0.

    term_months                           `in_months` of each amount
    notice_days, payment_days, claim_days `in_days` of each amount
    liability_eur_per_kg                  amounts in € or without a unit, divided by `kilograms(words)`, rounded to cents
    the two percentages                   amounts in percent or without a unit, and parts of a whole times 100, as float
    effective_date, governing_law         what `dates` and `countries` find
    automatic_renewal                     both True and False: no single word proves either
    """
    ### BEGIN SOLUTION one branch a kind
    if term == "effective_date":
        found = dates(words)
    elif term == "governing_law":
        found = countries(words)
    elif term == "automatic_renewal":
        found = [True, False]
    elif term == "term_months":
        found = [in_months(amount) for amount in amounts(words)]
    elif term == "liability_eur_per_kg":
        found = [round(a.value / kilograms(words), 2) for a in amounts(words) if a.unit in ("eur", "")]
    elif term.endswith("percent"):
        scale = {"percent": 1, "": 1, "part": 100}
        found = [round(a.value * scale[a.unit], 4) for a in amounts(words) if a.unit in scale]
    else:
        found = [in_days(amount) for amount in amounts(words)]
    return [value for value in dict.fromkeys(found) if value is not None and (isinstance(value, bool) or value)]
    ### END SOLUTION


def supports(term: str, value: TermValue, quote: str) -> bool:
    """Whether `quote` holds `value` (a normalised one): it is among the `readings`, numbers within 0.005."""
    ### BEGIN SOLUTION is it among the readings?
    for reading in readings(term, quote):
        if reading == value or (isinstance(value, float) and abs(reading - value) <= 0.005):
            return True
    return False
    ### END SOLUTION
