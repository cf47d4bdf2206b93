"""Quotations: in the document or not, where, and for which value."""

import datetime
import random
import re
from functools import cache
from pathlib import Path

import pytest
from contract_review.evidence import locate, readings, supports

from coursekit.contracts import Contract, load_contracts

WORDS = [
    "carrier",
    "parcel",
    "pallet",
    "depot",
    "invoice",
    "customer",
    "liability",
    "schedule",
    "agreement",
    "receipt",
    "forwarder",
    "consignment",
    "surcharge",
    "ferry",
    "scanner",
    "holiday",
    "warehouse",
    "signature",
]
SPELLED = {
    2: "two",
    3: "three",
    5: "five",
    7: "seven",
    8: "eight",
    12: "twelve",
    15: "fifteen",
    21: "twenty-one",
    36: "thirty-six",
    45: "forty-five",
}


@cache
def unseen() -> list[Contract]:
    return load_contracts(Path(__file__).parent / "unseen")


def breakable(word: str, draw: random.Random) -> str:
    """`word`, broken at a line end."""
    place = draw.randint(2, len(word) - 2)
    return word[:place] + draw.choice(["-\n", "- \n", "-\n  ", "-\n\t", "-\r\n"]) + word[place:]


def letters(words: str) -> str:
    """`words` without white space and broken lines, in small letters."""
    return "".join(re.sub(r"-[ \t]*\r?\n[ \t]*", "", words).split()).lower()


@pytest.mark.check(
    task="evidence",
    points=2,
    why="Contracts come from scans and mails. A check that wants the same spaces refuses true evidence; one that counts places in a cleaned copy shows the wrong words.",
    lesson="04_llm_apps/04_structured_output",
)
def test_a_quote_is_found_however_the_document_is_set(seed):
    """White space, line ends, words broken with a hyphen and capitals do not matter; the place is that of the document as it is, the first if several."""
    draw = random.Random(seed)
    for _ in range(12):
        words = draw.choices(WORDS, k=draw.randint(3, 9))
        set_words = [breakable(word, draw) if draw.random() < 0.3 else word for word in words]
        set_words = [word.upper() if draw.random() < 0.2 else word for word in set_words]
        inside = set_words[0] + "".join(
            draw.choice([" ", "  ", "\n", " \n\t", "\r\n"]) + word for word in set_words[1:]
        )
        before = " ".join(f"{draw.choice(WORDS)}s" for _ in range(draw.randint(1, 30))) + draw.choice([" ", "\n\n  "])
        text = f"{before}{inside}. {' '.join(words)}\n"
        for quote in (" ".join(words), "\n".join(words).title(), inside):
            place = locate(quote, text)
            assert place is not None
            assert text[place[0] : place[1]] == inside
    for contract in draw.sample(unseen(), 3):
        for span in contract.spans:
            marked = span.of(contract.text)
            if sum(map(str.isalnum, marked)) < 2:
                continue
            for quote in (marked, " ".join(marked.split())):
                start, end = locate(quote, contract.text)
                assert letters(contract.text[start:end]) == letters(marked)


@pytest.mark.check(
    task="evidence",
    points=1,
    why="'5 days' is in '15 days', letter by letter. Invented evidence is mostly made of the document's own words.",
    lesson="04_llm_apps/04_structured_output",
)
def test_what_is_not_there_word_for_word_is_not_found(seed):
    """Words left out, changed or in another order, quotations that start or end within a word or a number, and too short ones are None."""
    draw = random.Random(seed)
    words = draw.sample(WORDS, 8)
    number, digit = draw.randint(2, 9), draw.randint(1, 9)
    text = f"{' '.join(words)} in {digit}{number} days, or {digit}.{number} days; {digit},{number} weeks (or {number}{digit}.50 euro). Pay (net) [1]."
    assert locate(" ".join(words), text) == (0, len(" ".join(words)))
    shuffled = words[:]
    while shuffled == words:
        draw.shuffle(shuffled)
    cut = draw.randint(1, 6)
    absent = [
        " ".join(shuffled), " ".join(words[:cut] + words[cut + 1 :]), " ".join([*words[:cut], "not", *words[cut:]]),
        " ".join(words)[2:], " ".join(words)[:-2], f"{number} days", f"{number} weeks", f"{digit}{number} day", f"or {number}{digit}",
        "(or .*", "pay .net.", "", " \n", ".", "[",
    ]  # fmt: skip
    for quote in absent:
        assert locate(quote, text) is None, quote
    for quote in (f"{digit}{number} days", f"{digit}.{number} days", f"{digit},{number} weeks", "pay (net) [1]"):
        assert locate(quote, text) is not None


@pytest.mark.check(
    task="evidence",
    points=1,
    why="'Two months' and '60 days' are one term. Unconverted, a review compares 2 with 60, and calls it a contradiction.",
    lesson="04_llm_apps/04_structured_output",
)
def test_times_are_read_in_the_unit_of_the_term(seed):
    """Days, weeks, fortnights, months, quarters of a year, years, hours and working days become days, or months for the term; each value once."""
    draw = random.Random(seed)
    term = draw.choice(["notice_days", "payment_days", "claim_days"])
    n = draw.choice(list(SPELLED))
    for number in (str(n), SPELLED[n], f"{SPELLED[n]} ({n})"):
        cases = {
            f"within {number} days": n, f"{number} weeks": 7 * n, f"not less than {number} months": 30 * n,
            f"{number} working days": -(-7 * n // 5), f"{number} hours": -(-n // 24), f"{number} years": 365 * n,
        }  # fmt: skip
        for words, want in cases.items():
            assert list(readings(term, words)) == [want], words
        assert list(readings("term_months", f"for {number} years")) == [12 * n]
        assert list(readings("term_months", f"{number} months")) == [n]
        assert list(readings("term_months", f"{number} days")) == []
    assert list(readings(term, "a fortnight")) == [14]
    assert list(readings(term, "one quarter of a year")) == [90]
    assert list(readings(term, f"{n} days, a week, and again {n} days")) == list(dict.fromkeys([n, 7]))
    assert list(readings(term, f"{n} % or € {n}")) == []
    assert all(type(value) is int for value in readings(term, f"{n} weeks and {n + 1} days"))


@pytest.mark.check(
    task="evidence",
    points=0.5,
    why="A limit per 100 kg that is taken for one per kg is wrong by a factor of a hundred, in a claim of thousands.",
    lesson="04_llm_apps/04_structured_output",
)
def test_money_and_percentages_are_read(seed):
    """Euros per kilogram, per 100 kg and per tonne; percentages in figures, words and parts of a whole; other units do not count."""
    draw = random.Random(seed)
    cents = draw.randint(211, 2_990)
    euro = f"{cents / 100:.2f}"
    liability = "liability_eur_per_kg"
    assert list(readings(liability, f"EUR {euro} per kg")) == [cents / 100]
    assert readings(liability, f"{euro.replace('.', ',')} euro for each kilogram")[0] == cents / 100
    assert readings(liability, f"€{cents}.00 per 100 kg")[0] == cents / 100
    assert readings(liability, f"{10 * cents} EUR per tonne")[0] == cents / 100
    assert list(readings(liability, f"{cents} days, {euro} %")) == []
    term = draw.choice(["fuel_surcharge_percent", "late_credit_percent"])
    for words, want in {f"{euro} %": cents / 100, "seven per cent": 7.0, "twelve and a half per cent": 12.5, "11¼ %": 11.25,
                        "a tenth of the freight": 10.0, "one eighth": 12.5, "a quarter of the price": 25.0}.items():  # fmt: skip
        assert [round(value, 2) for value in readings(term, words)] == [round(want, 2)], words
    assert list(readings(term, f"{cents} euro in 30 days")) == []


@pytest.mark.check(
    task="evidence",
    points=0.5,
    why="Without a reading there is no check: any quotation would prove any date and any country.",
    lesson="04_llm_apps/04_structured_output",
)
def test_dates_countries_and_flags_are_read(seed):
    """Every date and country that the words name, in their order; true and false are both possible readings of any words."""
    draw = random.Random(seed)
    first = datetime.date(2020, 1, 1) + datetime.timedelta(days=draw.randint(0, 2000))
    second = first + datetime.timedelta(days=draw.randint(1, 300))
    words = f"from {first.day} {first:%B} {first.year}, signed {second:%d.%m.%Y}"
    assert list(readings("effective_date", words)) == [first, second]
    assert list(readings("effective_date", "in thirty days")) == []
    names = {"Swedish law": "SE", "the law of Portugal": "PT", "the laws of England": "GB", "Polish law": "PL"}
    (one, code), (two, other) = draw.sample(sorted(names.items()), 2)
    assert list(readings("governing_law", f"{one}, not {two}")) == [code, other]
    assert set(readings("automatic_renewal", one)) == {True, False}


@pytest.mark.check(
    task="evidence",
    points=1,
    why="A true quotation beside a false value is the error that a check of the quotation alone lets through.",
    lesson="04_llm_apps/04_structured_output",
)
def test_a_quote_supports_its_value_and_no_other(seed):
    """On contracts never seen: the marked words support their value nearly always, and a changed value never."""
    draw = random.Random(seed)
    held = tried = 0
    for contract in unseen():
        for term, value in contract.terms.items():
            quotes = contract.evidence(term)
            tried += 1
            held += any(supports(term, value, quote) for quote in quotes)
            if isinstance(value, bool):
                continue
            if isinstance(value, int | float):
                other = value + draw.randint(401, 900) if isinstance(value, int) else round(value + 0.37, 2)
            elif isinstance(value, datetime.date):
                other = value + datetime.timedelta(days=draw.randint(1, 9) * 411)
            else:
                other = draw.choice([code for code in ("SE", "PT", "IE", "IS") if code != value])
            for quote in quotes:
                assert not supports(term, other, quote)
    assert held >= 0.85 * tried
    n = draw.randint(3, 60)
    assert supports("claim_days", 7 * n, f"{n} weeks") and not supports("claim_days", n, f"{n} weeks")
    assert supports("late_credit_percent", 12.5, "one eighth") and not supports("late_credit_percent", 8.0, "12.5 %")
    assert supports("liability_eur_per_kg", 8.334, "EUR 8.33 per kg") and not supports(
        "liability_eur_per_kg", 8.4, "EUR 8.33 per kg"
    )
