"""Is the quotation in the document, where, and does it say what it is meant to prove?"""

import math
import re
from collections.abc import Iterable
from itertools import pairwise

from contract_review.quantities import Amount, amounts, countries, dates, kilograms
from contract_review.terms import NUMBERS, WHOLE_NUMBERS, TermValue

DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
TOLERANCE = 0.005 + 1e-9  # the second part is for what floats cannot hold
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
    quote = quote.strip()
    if sum(map(str.isalnum, quote)) < SHORTEST:
        return None
    pattern, start = _pattern_of(quote), 0
    while match := pattern.search(text, start):
        if not _inside_a_broken_word(text, match.start(), match.end()):
            return match.span()
        start = match.start() + 1
    return None


_LETTER = r"[^\W\d_]"
_LINE_END = r"[ \t]*\r?\n[ \t]*"
_BROKEN = re.compile(rf"(?<={_LETTER})-{_LINE_END}(?={_LETTER})")
_GAP = r"[ \u00a0\u2009\u202f]"  # within "1 500"
_OPEN_WORD = re.compile(rf"{_LETTER}-{_LINE_END}\Z")
_CONTINUES = re.compile(rf"-?{_LINE_END}{_LETTER}")
_FAR = 200  # how much white space around a line end is looked at


def _pattern_of(quote: str) -> re.Pattern:
    """What finds `quote` in a document: its own characters, with all freedom that `locate` grants, and none within a word or number."""
    pieces, end = [], 0
    for broken in _BROKEN.finditer(quote):
        pieces += [_pattern_of_run(quote[end : broken.start()]), rf"(?:-(?:{_LINE_END})?)?"]
        end = broken.end()
    pieces.append(_pattern_of_run(quote[end:]))
    before, after = "", ""
    if re.match(r"\w", quote):
        before += r"(?<!\w)"
    if re.match(r"\d", quote):
        before += r"(?<!\d[.,])"
    if re.match(r"\d{3}(?!\d)", quote):  # "500 EUR" is not in "1 500 EUR"
        before += rf"(?<!\b\d{_GAP})(?<!\b\d\d{_GAP})(?<!\b\d\d\d{_GAP})"
    if re.match(r"[.,]\d", quote):
        before += r"(?<!\d)"
    if re.search(r"\w\Z", quote):
        after += r"(?!\w)"
    if re.search(r"\d\Z", quote):
        after += r"(?![.,]\d)"
    if re.search(r"(?<!\d)\d{1,3}\Z", quote):  # nor "EUR 1"
        after += rf"(?!{_GAP}\d{{3}}(?!\d))"
    if re.search(r"\d[.,]\Z", quote):
        after += r"(?!\d)"
    return re.compile(before + "".join(pieces) + after, re.IGNORECASE)


def _pattern_of_run(run: str) -> str:
    """The pattern for a part of a quote that has no broken word."""
    pattern = []
    for here, following in pairwise([*_tokens(run), ""]):
        if here.isspace():
            pattern.append(r"\s+")
            continue
        pattern.append(re.escape(here))
        if here.isalpha() and following.isalpha():
            pattern.append(rf"(?:-{_LINE_END})?")
        elif here == "-" and following.isalnum():
            pattern.append(rf"(?:{_LINE_END})?")  # "fixed-term" may be broken at its own hyphen
    return "".join(pattern)


def _tokens(run: str) -> list[str]:
    """Single characters, and each stretch of white space as one."""
    return re.findall(r"\s+|\S", run)


def _inside_a_broken_word(text: str, start: int, end: int) -> bool:
    """Whether `start` or `end` is in a word of `text` that goes on across a line end."""
    if text[start].isalpha() and _OPEN_WORD.search(text[max(0, start - _FAR) : start]):
        return True
    if text[end - 1].isalpha():
        return text[end : end + 1] == "-" and bool(_CONTINUES.match(text, end))
    after_hyphen = text[end - 1] == "-" and end >= 2 and text[end - 2].isalpha()
    return after_hyphen and bool(_CONTINUES.match(text, end))


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
    factor = 1 if amount.unit == "" else MONTHS.get(amount.unit)
    if factor is None:
        return None
    months = amount.value * factor
    return round(months) if math.isfinite(months) and math.isclose(months, round(months), abs_tol=1e-9) else None


def readings(term: str, words: str) -> list[TermValue]:
    """Every value of `term` that `words` can mean, in their order, none twice. All numbers are above 0.

    term_months                           `in_months` of each amount
    notice_days, payment_days, claim_days `in_days` of each amount
    liability_eur_per_kg                  amounts in € or without a unit, divided by `kilograms(words)`, rounded to cents
    the two percentages                   amounts in percent or without a unit, and parts of a whole times 100, as float
    effective_date, governing_law         what `dates` and `countries` find
    automatic_renewal                     both True and False: no single word proves either
    """
    match term:
        case "effective_date":
            found = dates(words)
        case "governing_law":
            found = countries(words)
        case "automatic_renewal":
            return [True, False]
        case "term_months":
            found = _positive(in_months(amount) for amount in _finite_amounts(words))
        case "notice_days" | "payment_days" | "claim_days":
            found = _positive(in_days(amount) for amount in _finite_amounts(words))
        case "liability_eur_per_kg":
            weight = kilograms(words)
            found = _positive(round(a.value / weight, 2) for a in _finite_amounts(words) if a.unit in ("eur", ""))
        case "fuel_surcharge_percent" | "late_credit_percent":
            found = _positive(map(_in_percent, _finite_amounts(words)))
        case _:
            raise ValueError(f"{term!r} is no term")
    return list(dict.fromkeys(found))


def _finite_amounts(words: str) -> list[Amount]:
    """`amounts` without those of hundreds of digits, which floats call infinite and no unit can convert."""
    return [amount for amount in amounts(words) if math.isfinite(amount.value)]


def _in_percent(amount: Amount) -> float | None:
    if amount.unit == "part":
        return round(amount.value * 100, 6)
    return float(amount.value) if amount.unit in ("percent", "") else None


def _positive(values: Iterable[int | float | None]) -> list[int | float]:
    return [value for value in values if value is not None and value > 0]


def supports(term: str, value: TermValue, quote: str) -> bool:
    """Whether `quote` holds `value` (a normalised one): it is among the `readings`, numbers within 0.005."""
    if term in WHOLE_NUMBERS or term in NUMBERS:
        return any(abs(value - reading) <= TOLERANCE for reading in readings(term, quote))
    return value in readings(term, quote)
