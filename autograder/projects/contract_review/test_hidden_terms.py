"""Values in one form, and answers that cannot be."""

import datetime
import json
import random

import pytest
from contract_review.terms import Extraction, normalise

WHOLE = ("term_months", "notice_days", "payment_days", "claim_days")
DECIMAL = ("liability_eur_per_kg", "fuel_surcharge_percent", "late_credit_percent")


@pytest.mark.check(
    task="terms",
    points=1.5,
    why='Models write 30, 30.0 and "30" for the same thing. Compared as they come, three equal values are a contradiction.',
    lesson="04_llm_apps/04_structured_output",
)
def test_numbers_come_out_in_one_form(seed):
    """Whole numbers and decimal numbers, given as int, float or text, come out as int or float; percentages end at 100."""
    draw = random.Random(seed)
    for term in WHOLE:
        value = draw.randint(1, 400)
        for raw in (value, float(value), str(value), f" {value} "):
            got = normalise(term, raw)
            assert got == value and type(got) is int
    for term in DECIMAL:
        value = draw.randint(101, 9_900) / 100
        for raw in (value, f"{value}", f" {value:.2f} "):
            got = normalise(term, raw)
            assert got == pytest.approx(value) and type(got) is float
        whole = normalise(term, int(value))
        assert whole == int(value) and type(whole) is float
    assert normalise("liability_eur_per_kg", 250) == 250.0
    with pytest.raises(ValueError):
        normalise(draw.choice(DECIMAL[1:]), 100.5)


@pytest.mark.check(
    task="terms",
    points=1,
    why='A date that is still text sorts and compares as text, and "no" is true for Python: it is not empty.',
    lesson="04_llm_apps/04_structured_output",
)
def test_dates_countries_and_flags_come_out_in_one_form(seed):
    """Dates become dates, country codes capitals, true and false booleans; other forms are refused."""
    draw = random.Random(seed)
    day = datetime.date(2019, 1, 1) + datetime.timedelta(days=draw.randint(0, 3000))
    assert normalise("effective_date", day.isoformat()) == day
    assert normalise("effective_date", day) == day
    code = draw.choice(["SE", "PL", "PT", "IE", "LV"])
    for raw in (code, code.lower(), f" {code.lower()} "):
        assert normalise("governing_law", raw) == code
    assert normalise("governing_law", "uk") == normalise("governing_law", "UK") == "GB"
    for raw, want in ((True, True), (False, False), ("true", True), ("FALSE", False)):
        assert normalise("automatic_renewal", raw) is want
    bad = {
        "effective_date": [day.strftime("%d.%m.%Y"), day.strftime("%Y%m%d"), f"{day.isoformat()}T00:00:00", "2024-02-30", day.year],
        "governing_law": ["Sweden", "S", "S1", 46, None],
        "automatic_renewal": ["yes", "", 1, 0, None],
    }  # fmt: skip
    for term, raws in bad.items():
        for raw in raws:
            with pytest.raises(ValueError):
                normalise(term, raw)


@pytest.mark.check(
    task="terms",
    points=0.5,
    why="NaN passes every comparison with a bound unnoticed, and True is the integer 1.",
    lesson="04_llm_apps/04_structured_output",
)
def test_values_that_cannot_be_are_refused(seed):
    """Booleans, NaN, infinity, zero, negative and huge numbers, text with a unit and unknown terms are ValueErrors."""
    draw = random.Random(seed)
    number = draw.randint(2, 90)
    wrong = [
        True,
        False,
        None,
        float("nan"),
        float("inf"),
        0,
        -number,
        f"{number} days",
        f"{number}%",
        "",
        [number],
        10**9,
        10**400,
        -(10**400),
    ]
    for term in draw.sample(WHOLE, 2) + draw.sample(DECIMAL, 2):
        for raw in wrong:
            with pytest.raises(ValueError):
                normalise(term, raw)
    for raw in (number + 0.5, f"{number}.5"):
        with pytest.raises(ValueError):
            normalise(draw.choice(WHOLE), raw)
    with pytest.raises(ValueError):
        normalise(draw.choice(DECIMAL), f"{number},5")
    with pytest.raises(ValueError):
        normalise("price", number)


@pytest.mark.check(
    task="terms",
    points=1,
    why="What the validator lets through, everything after it has to survive. Its message is also what the repair is told.",
    lesson="04_llm_apps/04_structured_output",
)
def test_an_answer_outside_the_contract_is_invalid(seed):
    """A wrong term, value or key and an empty quote make the answer invalid; a right one validates, with normal values."""
    draw = random.Random(seed)
    days = draw.randint(2, 90)
    good = {"quote": f"within {days} days", "term": "claim_days", "value": days}
    other = {"quote": "from 1 May 2024", "term": "effective_date", "value": "2024-05-01"}
    read = Extraction.model_validate_json(json.dumps({"findings": [good, other]}))
    assert [(f.term, f.quote) for f in read.findings] == [(f["term"], f["quote"]) for f in (good, other)]
    assert [f.normal for f in read.findings] == [days, datetime.date(2024, 5, 1)]
    assert list(Extraction.model_validate_json('{"findings": []}').findings) == []
    changes = (
        {"term": "price"}, {"term": "governing_law"}, {"value": -days}, {"value": f"{days} days"}, {"value": None},
        {"value": True}, {"value": 10**400}, {"quote": ""}, {"quote": None}, {"page": 1},
    )  # fmt: skip
    for change in changes:
        with pytest.raises(ValueError):
            Extraction.model_validate_json(json.dumps({"findings": [other, good | change]}))
