"""Does a clause say the value that the front matter claims? Written for `data/contracts/`, not a general extractor.

Conventions, as in the datasheet: a week is 7 days, a month 30, a quarter 90; working days times 7/5, rounded up; a year
is 12 months; a number "per 100 kg" is divided by 100.
"""

import datetime
import math
import re
from itertools import product

_ONES, _TENS, _ORDINALS, _MONTHS = (
    listed.split()
    for listed in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
        "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth",
        "jan feb mar apr may jun jul aug sep oct nov dec",
    )
)
_WORDS = {word: value for value, word in enumerate(_ONES)} | {ten: value * 10 for value, ten in enumerate(_TENS, 2)}
_WORDS |= {ten + one: _WORDS[ten] + _WORDS[one] for ten in _TENS for one in _ONES[1:10]}
_WORDS |= {word: value for value, word in enumerate(_ORDINALS)} | {"twentieth": 20, "thirtieth": 30}
_WORDS |= {ten + one: _WORDS[ten] + _ORDINALS.index(one) for ten in _TENS for one in _ORDINALS[1:10]}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "quarters": 4, "fifth": 5, "eighth": 8, "tenth": 10}
_SIGNS = {"¼": 0.25, "½": 0.5, "¾": 0.75}
_LAWS = {
    "AT": "austria", "BE": "belgi", "BG": "bulgaria", "CH": "swiss|switzerland", "CZ": "czech", "DE": "german",
    "DK": "danish|denmark", "EE": "estonia", "ES": "spanish|spain", "FI": "finland|finnish", "FR": "french|france",
    "GB": "english|england|scots", "GR": "greek|greece", "HR": "croatia", "HU": "hungar", "IE": "ireland|irish",
    "LT": "lithuania", "LU": "luxembourg", "NL": "dutch|netherlands", "NO": "norw", "PL": "polish|poland",
    "PT": "portug", "RO": "romania", "SE": "swed", "SI": "sloven",
}  # fmt: skip
_STOPS = re.compile(r"\b(no|not|ends?|expires?|stops|lapses|determine)\b")
_GOES_ON = re.compile(r"renew|extend|extends|prolong|continu|carries on|roll over|transforms|reconducted|starts again")


def supports(term: str, value: object, clause: str) -> bool:
    """Whether `clause` states `value` for `term` (a name in `coursekit.contracts.TERMS`)."""
    text = re.sub(r"-\s*\n\s*", "", clause.lower())  # words that a scan broke at the end of a line
    text = re.sub(r"\s+", " ", text)
    if term == "governing_law":
        return value in laws(text)
    if term == "automatic_renewal":
        return (bool(_GOES_ON.search(text)) and not _STOPS.search(text)) if value else bool(_STOPS.search(text))
    if term == "effective_date":
        return _is_date(value, text)
    return any(math.isclose(value, said, abs_tol=0.006) for said in _quantities(term, text))


def laws(text: str) -> set[str]:
    """ISO codes of the countries whose law `text` names."""
    return {code for code, names in _LAWS.items() if re.search(names, text.lower())}


def numbers(text: str) -> set[float]:
    """Every number in `text` (lower case), in digits or words; "1,250" is read both ways."""
    found: set[float] = set()
    for whole, sign in re.findall(r"(\d(?:[\d.,]*\d)?(?: \d{3}\b)*)(?: ?([¼½¾]))?", text):
        found |= {said + _SIGNS.get(sign, 0) for said in _digits(whole.replace(" ", ""))}
    words = re.findall(r"[a-z]+", text)
    position = 0
    while position < len(words):
        value, after = _cardinal(words, position)
        if after == position:
            position += 1
            continue
        rest = words[after : after + 3]
        if len(rest) == 3 and rest[0] == "and" and rest[2] in ("half", "quarter", "quarters"):
            value += {"a": 1, "one": 1, "three": 3}.get(rest[1], 0) / _PARTS[rest[2]]
        found.add(float(value))
        position = after
    return found


def _digits(written: str) -> set[float]:
    if "," in written and "." in written:  # the last one is the decimal sign
        thousands = "." if written.rindex(",") > written.rindex(".") else ","
        return {float(written.replace(thousands, "").replace(",", "."))}
    both = {float(written.replace(",", "").replace(".", ""))} if re.fullmatch(r"\d{1,3}[.,]\d{3}", written) else set()
    try:
        return both | {float(written.replace(",", "."))}
    except ValueError:  # 01.02.2024
        return both


def _cardinal(words: list[str], start: int) -> tuple[int, int]:
    """The number that begins at `start`, and where it ends; the same position when there is none."""
    total, position = 0, start
    while position < len(words):
        word = words[position]
        if word in ("hundred", "thousand") and position > start:
            total *= 100 if word == "hundred" else 1000
        elif word in _WORDS and (position == start or total % 10 == 0):
            total += _WORDS[word]
        elif not (
            word == "and" and total >= 100 and words[position + 1 : position + 2] and words[position + 1] in _WORDS
        ):
            break
        position += 1
    return total, position


def _fractions(text: str) -> set[float]:
    """ "a tenth", "one eighth", "half of the fee", as parts of one; "full price" and "at all" are the whole."""
    found = {1 / _PARTS[part] for part in re.findall(r"\b(?:an?|one) (half|third|quarter|fifth|eighth|tenth)\b", text)}
    if re.search(r"\bhalf\b", text):
        found.add(0.5)
    return found | ({1.0} if re.search(r"\bat all\b|\bfull price\b", text) else set())


def _quantities(term: str, text: str) -> set[float]:
    said = numbers(text)
    if term.endswith("_percent"):
        return said | {part * 100 for part in _fractions(text)}
    if term == "liability_eur_per_kg":
        return _euros_per_kg(text, said)
    said |= {1.0} if re.search(r"\b(an?|one)[ -](year|month|week|fortnight|quarter)", text) else set()
    if "and a half" in text:
        said |= {value + 0.5 for value in said}
    if re.search(r"half[ -](a )?year", text):
        said.add(0.5)
    if term == "term_months":
        years = {12 * value for value in said} if "year" in text else {0.0}
        months = said if "month" in text else {0.0}
        return years | months | {sum(pair) for pair in product(years, months)}
    if re.search("(working|business) days", text):
        return {float(math.ceil(value * 7 / 5)) for value in said}
    units = {"hour": 1 / 24, "week": 7, "fortnight": 14, "month": 30, "quarter": 90}
    scales = [scale for unit, scale in units.items() if unit in text]
    if not scales or re.search(r"\bdays?\b", text):
        scales.append(1)
    return {value * scale for value in said for scale in scales}


def _euros_per_kg(text: str, said: set[float]) -> set[float]:
    if "sdr" in text:
        return {a * b for a, b in product(said, said)}
    split = re.search(r"(\w+) euro (?:and )?([a-z]+(?:[ -][a-z]+)?)\b", text)  # fifteen euro and seventy-five cent
    if split:
        whole, cents = (numbers(part) for part in split.groups())
        said = said | {a + b / 100 for a, b in product(whole, cents)}
    if re.search(r"(100|hundred) ?k", text):
        return {value / 100 for value in said}
    return {value / 1000 for value in said} if re.search(r"\btonne\b", text) else said


def _is_date(value: datetime.date, text: str) -> bool:
    """A date without its year supports that day of every year: the year stands elsewhere in the document."""
    for first, second, third in re.findall(r"\b(\d{1,4})[-./ ]{1,2}(\d{1,2})[-./ ]{1,2}(\d{1,4})\b", text):
        day, year = (third, first) if len(first) == 4 else (first, third)
        if (int(year), int(second), int(day)) == (value.year, value.month, value.day):
            return True
    if not re.search(rf"\b{_MONTHS[value.month - 1]}", text):
        return False
    said = numbers(text)
    return value.day in said and (value.year in said or not any(number > 1900 for number in said))
