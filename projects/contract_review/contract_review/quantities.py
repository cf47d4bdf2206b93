"""Given: the numbers, dates and countries that a piece of English text names, in digits or in words."""

import datetime
import re
from dataclasses import dataclass

_ONES = dict(zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"], range(1, 20), strict=True))  # fmt: skip
_TENS = dict(
    zip(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(20, 100, 10), strict=True)
)
_ORDINALS = dict(zip(["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"], range(1, 21), strict=True)) | {"thirtieth": 30}  # fmt: skip
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_PARTS = {"half": 0.5, "third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "sixth": 1 / 6, "eighth": 0.125, "tenth": 0.1, "twentieth": 0.05}  # fmt: skip
_GLYPHS = {"¼": 0.25, "½": 0.5, "¾": 0.75}
_UNITS = {
    "working day": r"(?:working|business|banking|open|week)[ -]?days?",
    "day": r"(?:calendar |clear |natural |running )?-?days?",
    "fortnight": r"fortnights?",
    "week": r"-?weeks?",
    "month": r"(?:calendar )?-?months?",
    "quarter": r"quarters? of (?:a|the) year",
    "year": r"-?years?",
    "hour": r"-?(?:hours?|hrs?)\b",
    "percent": r"(?:%|per ?cent(?:um)?\b|p\.c\.)",
    "eur": r"(?:€|euros?\b|eur\b)",
}

_ONE = "|".join(sorted(_ONES, key=len, reverse=True))
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[- ]?(?:{'|'.join(list(_ONES)[:9])}))?|{_ONE})"
_WORDS = rf"(?:(?:(?:a|{_ONE}) hundred(?: (?:and )?{_BELOW_100})?)|{_BELOW_100})"
_DIGITS = r"\d{1,3}(?:[  ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*"
_FRACTION = r"(?: and (?P<tail>(?:a|one|three) (?:half|quarters?)))?"
_UNIT = "|".join(f"(?P<{name.replace(' ', '_')}>{pattern})" for name, pattern in _UNITS.items())
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?P<before>€|EUR)? ?(?:(?P<digits>{_DIGITS})(?P<glyph>[¼½¾])?|(?P<words>{_WORDS}|an?)(?!\w)"
    rf"{_FRACTION}(?: ?\(\d+\))?)[\"'\u201d\u2019]? ?(?:(?:{_UNIT})(?!\w)(?: and (?P<cents>{_BELOW_100}) cents?)?)?",
    re.IGNORECASE,
)
_HALF_YEARS = re.compile(rf"\b(?:half a year|(?P<years>an?|\d{{1,2}}|{_WORDS}) years? and a half)\b", re.IGNORECASE)
_LARGEST = 1e12  # a larger number is none that a contract means, and its days may have no float
_PART_OF = re.compile(rf"\b(?:(?P<many>a|an|one|two|three)[ -])?(?P<part>{'|'.join(_PARTS)})s?\b", re.IGNORECASE)
_PART_WORD = re.compile(rf"[ -]?(?:{'|'.join(_PARTS)})s?\b", re.IGNORECASE)  # "one eighth" is no 1
_DAY_WORD = rf"(?:(?:twenty|thirty)[- ])?(?:{'|'.join(_ORDINALS)})"
_DAY = rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th|\.)?|{_DAY_WORD})(?: day)?"
_YEAR = rf"(?:this year,? )?(?P<year>\d{{4}}|two thousand and {_BELOW_100})"
_DATES = (
    re.compile(r"(?<![\d.])(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?!\d)"),
    re.compile(r"(?<![\d.])(?P<day>\d{1,2})[./-] ?(?P<number>\d{1,2})[./-] ?(?P<year>\d{4})(?!\d)"),
    re.compile(rf"\b{_DAY}(?: of)? (?P<month>{'|'.join(_MONTHS)}),? {_YEAR}", re.IGNORECASE),
    re.compile(rf"\b(?P<month>{'|'.join(_MONTHS)}) {_DAY},? {_YEAR}", re.IGNORECASE),
)
# A country's code, and how a contract calls its law: a name or an adjective.
_COUNTRIES = {
    "AT": "Austrian?", "BE": "Belgi(?:um|an)", "BG": "Bulgarian?", "CH": "Switzerland|Swiss", "CY": "Cyprus|Cypriot",
    "CZ": "Czechia|Czech", "DE": "Germany?", "DK": "Denmark|Danish", "EE": "Estonian?", "ES": "Spain|Spanish",
    "FI": "Finland|Finnish", "FR": "France|French", "GB": "England|English|Wales|Scotland|Scots|Scottish|United Kingdom|UK",
    "GR": "Greece|Greek|Hellenic", "HR": "Croatian?", "HU": "Hungary|Hungarian", "IE": "Ireland|Irish",
    "IS": "Iceland|Icelandic", "IT": "Italy|Italian", "LT": "Lithuanian?", "LU": "Luxembourg", "LV": "Latvian?",
    "MT": "Malta|Maltese", "NL": "Netherlands|Dutch", "NO": "Norway|Norwegian", "PL": "Poland|Polish",
    "PT": "Portugal|Portuguese", "RO": "Romanian?", "RS": "Serbian?", "SE": "Sweden|Swedish", "SI": "Sloven(?:ian?|e)",
    "SK": "Slovakia|Slovak",
}  # fmt: skip
_COUNTRY = re.compile("|".join(rf"(?P<{code}>\b(?:{names})\b)" for code, names in _COUNTRIES.items()))

# For patterns of your own, on a text that `plain` has made: a time, a percentage, money, a date, a country.
_NUMBER = rf"(?:(?:{_DIGITS})[¼½¾]?|{_WORDS}(?: and (?:a|one|three) (?:half|quarters?))?)(?: ?\(\d+\))?"
_TIME = rf"(?:{_NUMBER}|an?) ?(?:{'|'.join(p for n, p in _UNITS.items() if n not in ('percent', 'eur'))})"
TIME = rf"\b(?:half a year|{_TIME}(?:(?<=year|ears) and (?:a half\b|{_NUMBER} months?))?)"
PERCENT = rf"(?<![\w.,])(?:{_NUMBER} ?{_UNITS['percent']}|(?:an?|one|two|three)[ -](?:{'|'.join(_PARTS)})s?\b)"
MONEY = rf"(?:(?:€|\bEUR) ?(?:{_DIGITS})|\b{_NUMBER} ?{_UNITS['eur']}(?: and {_BELOW_100} cents?)?)"
DATE = rf"(?:\b\d{{4}}-\d{{2}}-\d{{2}}|\b\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{4}}|\b(?:the )?(?:\d{{1,2}}(?:st|nd|rd|th)?|{_DAY_WORD})(?: day)?(?: of)? (?:{'|'.join(_MONTHS)}),? (?:this year, )?(?:\d{{4}}|two thousand and {_BELOW_100}))"
COUNTRY = "(?:" + "|".join(_COUNTRIES.values()) + ")"


@dataclass(frozen=True)
class Amount:
    """A number in a text. `unit`: `working day`, `day`, `fortnight`, `week`, `month`, `quarter`, `year`, `hour`,
    `percent`, `eur`, `part` (of a whole: "a tenth" is 0.1), or `""` where no unit stands beside the number.
    """

    value: float
    unit: str


def plain(text: str) -> str:
    """`text` on one line: words broken at a line end are whole again, white space is single spaces."""
    return " ".join(re.sub(r"(?<=\w)-[ \t]*\r?\n[ \t]*(?=\w)", "", text).split())


def amounts(text: str) -> list[Amount]:
    """Every number in `text` up to a million millions, in its order; parts of a whole ("a tenth", "one eighth") come last.

    "thirty (30) days" is one amount, and so is "a year and six months": 18 months. "a week" is 1 week; "a" without a unit is no number.
    """
    text, found, ended = _HALF_YEARS.sub(_in_months, plain(text)), [], 0
    for match in _AMOUNT.finditer(text):
        unit = next((name for name in _UNITS if match[name.replace(" ", "_")]), "eur" if match["before"] else "")
        no_number = match["words"] and match["words"].lower() in ("a", "an") and not unit
        if no_number or (match["words"] and not unit and _PART_WORD.match(text, match.end())):
            continue
        value = _of_digits(match["digits"]) if match["digits"] else _of_words(match["words"])
        value += _GLYPHS.get(match["glyph"] or "", 0.0) + _of_tail(match["tail"])
        value += _of_words(match["cents"]) / 100 if match["cents"] else 0.0
        if unit == "month" and found and found[-1].unit == "year" and text[ended : match.start()].strip() == "and":
            value += 12 * found.pop().value
        if value <= _LARGEST:
            found.append(Amount(round(value, 6), unit))
        ended = match.end()
    for match in _PART_OF.finditer(text):
        if not text[match.end() :].startswith((" of a year", " of the year", " per cent")) and match["many"]:
            many = {"two": 2, "three": 3}.get(match["many"].lower(), 1)
            found.append(Amount(round(many * _PARTS[match["part"].lower()], 6), "part"))
    return found


def dates(text: str) -> list[datetime.date]:
    """Every full calendar date in `text`, day before month as in Europe, in digits or in words."""
    text, found = plain(text), []
    for pattern in _DATES:
        for match in pattern.finditer(text):
            named = match.groupdict()
            month = _MONTHS.index(named["month"].lower()) + 1 if named.get("month") else int(named["number"])
            year = named["year"]
            year = int(year) if year.isdecimal() else 2000 + int(_of_words(year[len("two thousand and ") :]))
            try:
                found.append((match.start(), datetime.date(year, month, _day(named["day"]))))
            except ValueError:
                continue  # such as 31.02.
    return [day for _, day in sorted(found)]


def countries(text: str) -> list[str]:
    """The ISO 3166-1 codes of the European countries that `text` names, by name or adjective, in its order."""
    return [match.lastgroup for match in _COUNTRY.finditer(plain(text))]


def kilograms(text: str) -> float:
    """For how many kilograms a rate in `text` is meant: 1, 100 ("per 100 kg", "per quintal") or 1000 ("per tonne")."""
    text = plain(text).lower()
    if re.search(r"\b(?:100|(?:one|a) hundred) ?(?:kg|kilo)|\bquintal", text):
        return 100.0
    return 1000.0 if re.search(r"\btonnes?\b|\bmetric ton|\b1[ .,]?000 ?(?:kg|kilo)", text) else 1.0


def _in_months(half_years: re.Match) -> str:
    years = half_years["years"]
    return f"{12 * (_of_digits if years.isdecimal() else _of_words)(years) + 6:g} months" if years else "6 months"


def _of_digits(digits: str) -> float:
    digits = digits.replace(" ", "").replace(" ", "")
    if re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})+", digits):  # 1.250 and 2,000 are whole numbers
        return float(re.sub(r"[.,]", "", digits))
    whole, _, rest = re.sub(r"[.,](?=.*[.,])", "", digits).replace(",", ".").partition(".")
    return float(f"{whole}.{rest or 0}")


def _of_words(words: str) -> float:
    total = 0
    for word in re.findall("|".join([*_ONES, *_TENS, "hundred"][::-1]), words.lower()):
        total = max(total, 1) * 100 if word == "hundred" else total + (_ONES | _TENS)[word]
    return float(total or 1)  # "a", "an"


def _of_tail(tail: str | None) -> float:
    if not tail:
        return 0.0
    many, part = tail.lower().split()
    return (3 if many == "three" else 1) * _PARTS[part.rstrip("s")]


def _day(day: str) -> int:
    if day[0].isdecimal():
        return int(re.match(r"\d+", day)[0])
    tens, _, last = day.lower().replace(" ", "-").rpartition("-")
    return _TENS.get(tens, 0) + _ORDINALS[last]
