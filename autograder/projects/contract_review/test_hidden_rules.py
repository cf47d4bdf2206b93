"""The rules: plain sentences, look-alikes, several statements, whole contracts."""

import datetime
import random

import pytest
from contract_review.rules import find_by_rules

from coursekit.contracts import TERMS, load_contracts

SPELLED = {
    2: "two",
    3: "three",
    4: "four",
    6: "six",
    8: "eight",
    10: "ten",
    14: "fourteen",
    20: "twenty",
    45: "forty-five",
    60: "sixty",
}
UNITS = {"days": 1, "weeks": 7, "months": 30}


def spelled(draw: random.Random, n: int) -> str:
    """`n` in digits, in words, or both."""
    return draw.choice([str(n), SPELLED[n], f"{SPELLED[n]} ({n})"])


def a_time(draw: random.Random) -> tuple[str, int]:
    """A time and how many days it is."""
    n, unit = draw.choice(list(SPELLED)), draw.choice(list(UNITS))
    return f"{spelled(draw, n)} {unit}", n * UNITS[unit]


def plain_sentences(draw: random.Random) -> list[tuple[str, object, str]]:
    """One plain sentence a term, with its value."""
    day = datetime.date(2021, 1, 1) + datetime.timedelta(days=draw.randint(0, 1500))
    years = draw.choice([2, 3, 4])
    notice, pay, claim = a_time(draw), a_time(draw), a_time(draw)
    fuel, late, cents = draw.randint(11, 240) / 10, draw.randint(11, 240) / 10, draw.randint(300, 2_500)
    money = draw.choice(
        [
            f"EUR {cents / 100:.2f} per kg",
            f"€{cents / 100:.2f} per kilogram",
            f"EUR {cents}.00 per 100 kg",
            f"EUR {cents * 10} per tonne",
        ]
    )
    country, code = draw.choice([("Swedish", "SE"), ("Portuguese", "PT"), ("Polish", "PL"), ("Irish", "IE")])
    quiet = draw.random() < 0.5
    return [
        (f"This agreement takes effect on {day.day} {day:%B} {day.year}.", day, "effective_date"),
        (draw.choice([f"The agreement runs for a fixed term of {spelled(draw, years)} years.", f"This contract is concluded for a period of {12 * years} months."]), 12 * years, "term_months"),
        (draw.choice([f"Either party may terminate it with {notice[0]}' notice.", f"Either party may end this agreement by giving {notice[0]} notice."]), notice[1], "notice_days"),
        (f"Invoices are payable within {pay[0]} of receipt.", pay[1], "payment_days"),
        (draw.choice([f"For goods lost or damaged the carrier pays at most {money}.", f"Liability for loss or damage is limited to {money}."]), cents / 100, "liability_eur_per_kg"),
        (f"Damage that is not {draw.choice(['apparent', 'visible'])} on delivery must be reported within {claim[0]}.", claim[1], "claim_days"),
        (draw.choice([f"A {draw.choice(['fuel', 'diesel'])} surcharge of {fuel} % is added to the freight.", f"The surcharge for fuel is {fuel} per cent."]), fuel, "fuel_surcharge_percent"),
        (draw.choice([f"For a late shipment the customer is credited with {late} % of its freight.", f"If delivery is late, {late} % of the freight is credited."]), late, "late_credit_percent"),
        (f"This agreement is governed by {country} law.", code, "governing_law"),
        (draw.choice(["It is renewed automatically.", "It renews itself."] if quiet else ["It is not renewed.", "It ends without renewal."]), quiet, "automatic_renewal"),
    ]  # fmt: skip


def read(text: str) -> dict[str, list]:
    """The values that the rules find, by term."""
    found: dict[str, list] = {}
    for finding in find_by_rules(text):
        found.setdefault(finding.term, []).append(finding.normal)
    return found


@pytest.mark.check(
    task="rules",
    points=2,
    why="When the provider is down, this is the review. What it cannot read in plain English, nobody reads that day.",
    lesson="04_llm_apps/04_structured_output",
)
def test_plain_english_is_read(seed):
    """Each term in its plain forms, with any number and unit, in any order and across line ends, is found with its value, and nothing else."""
    draw = random.Random(seed)
    for _ in range(10):
        told = plain_sentences(draw)
        draw.shuffle(told)
        text = draw.choice([" ", "\n\n"]).join(sentence for sentence, _, _ in told)
        if draw.random() < 0.5:
            text = (
                "\n".join(text.split(" "))
                if draw.random() < 0.2
                else text.replace(" of ", "\nof ").replace(" is ", "\nis ")
            )
        got = read(text)
        for sentence, value, term in told:
            assert got.get(term) == [pytest.approx(value) if isinstance(value, float) else value], sentence


@pytest.mark.check(
    task="rules",
    points=1,
    why="A rule that takes the first number it sees reports the notice for new prices as the notice for ending the contract.",
    lesson="04_llm_apps/04_structured_output",
)
def test_look_alikes_are_left_alone(seed):
    """Another deadline, limit or percentage is not taken for a term, nor a value that cannot be; what is not stated is not found."""
    draw = random.Random(seed)
    n, unit = draw.randint(2, 80), draw.choice(list(UNITS))
    lookalikes = [
        ("notice_days", f"New prices and tariffs are announced with {n} {unit} notice."),
        ("notice_days", f"After a breach of contract either party may terminate it with {n} {unit} notice."),
        ("liability_eur_per_kg", f"For a lost pallet the carrier pays EUR {n}.00 per pallet."),
        ("liability_eur_per_kg", f"Parcels are insured for at most €{n}0 per parcel."),
        ("claim_days", f"Visible damage must be reported within {n} {unit}."),
        ("late_credit_percent", f"Interest of {n} % is due on late payments."),
        ("fuel_surcharge_percent", f"A surcharge of {n} % is added for islands."),
        ("automatic_renewal", "The insurance of the carrier is renewed automatically."),
        ("payment_days", f"Invoices are payable within {n + 20} years."),
        ("fuel_surcharge_percent", f"A fuel surcharge of {n + 120} % is added to the freight."),
    ]
    for term, sentence in lookalikes:
        assert term not in read(sentence), sentence
    told = plain_sentences(draw)
    for term in draw.sample(list(TERMS), 4):
        rest = [sentence for sentence, _, other in told if other != term]
        assert term not in read("\n\n".join(rest))


@pytest.mark.check(
    task="rules",
    points=0.5,
    why="Two terms of payment in one contract are what a lawyer wants to hear about. The first match hides it.",
    lesson="04_llm_apps/04_structured_output",
)
def test_every_different_statement_is_found(seed):
    """Statements with different values are all found, in the order of the document; the same value twice is found once, at its first place."""
    draw = random.Random(seed)
    first, second = draw.sample([2, 3, 4, 6, 8, 10, 14, 20], 2)
    text = (
        f"Invoices are payable within {first} weeks. A fuel surcharge of {first}.5 % is added to the freight.\n\n"
        f"Annex.\n\nInvoices are payable within {second} weeks of receipt. Invoices are payable within {7 * first} days.\n"
        f"The surcharge for fuel is {second}.5 per cent.\n"
    )
    got = read(text)
    assert got["payment_days"] == [7 * first, 7 * second]
    assert got["fuel_surcharge_percent"] == [first + 0.5, second + 0.5]
    quotes = [finding.quote for finding in find_by_rules(text) if finding.term == "payment_days"]
    assert quotes[0] == f"Invoices are payable within {first} weeks."


@pytest.mark.check(
    task="rules",
    points=0.5,
    why="A fallback that cannot show its evidence is worth less than none: nobody can check it quickly.",
    lesson="04_llm_apps/04_structured_output",
)
def test_a_finding_quotes_its_sentence_as_it_stands(seed):
    """The quotation is the whole sentence, line ends and broken words as in the document."""
    draw = random.Random(seed)
    days = draw.randint(2, 60)
    sentence = f"Damage that is not appa-\nrent on delivery\n  must be reported within {days}\tdays."
    text = f"The carrier collects every day at {draw.randint(1, 12)} p.m. and scans.  {sentence} It keeps the box."
    (found,) = find_by_rules(text)
    assert (found.term, found.normal, found.quote) == ("claim_days", days, sentence)
    contract = draw.choice(load_contracts())
    for finding in find_by_rules(contract.text):
        assert finding.quote in contract.text
