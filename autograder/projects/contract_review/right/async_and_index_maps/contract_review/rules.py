"""What regular expressions can read: the fallback when there is no usable answer, and a second opinion when there is."""

import contextlib
import re
from dataclasses import dataclass

from pydantic import ValidationError

from contract_review.document import sentences
from contract_review.evidence import readings
from contract_review.quantities import COUNTRY, DATE, MONEY, PERCENT, TIME, plain
from contract_review.terms import Finding


@dataclass(frozen=True)
class Rule:
    """`pattern` is searched, without regard to case, in one sentence on one line; its group `value` holds the value's words
    (or `value2`, where two alternatives have one each: a name can stand only once in a pattern).

    No sentence in which `unless` is found counts. `value`: what a match means where the words themselves hold no value.
    """

    term: str
    pattern: str
    unless: str = r"(?!)"  # matches nothing
    value: bool | None = None


# The worked examples: three terms. A rule says what the sentence is about, and what makes it another sentence.
GIVEN = (
    Rule("effective_date", rf"(?:in(?:to)? force|takes? effect|effective|applies|begins?|starts?|commences?)\b.{{0,25}}?(?P<value>{DATE})", unless="price|tariff|amend"),
    Rule("payment_days", rf"(?:pay|paid|payable|due|settle)\w*\b.{{0,60}}?(?P<value>{TIME})", unless="complain|object|dispute|remark|cash on delivery|c\\.o\\.d|subcontract|merchant"),
    Rule("payment_days", rf"payment (?:term|period)\b.{{0,25}}?(?P<value>{TIME})"),
    Rule("governing_law", rf"(?P<value>\b{COUNTRY}\b) law\b|\blaws? of (?:the )?(?:republic of |kingdom of )?(?P<value2>{COUNTRY})\b", unless="customs|labour|tax"),
)  # fmt: skip


def own_rules() -> tuple[Rule, ...]:
    """Rules from word lists: some word of `first`, later a quantity, no word of `never`; one Rule a term."""
    time, percent = f"(?P<value>{TIME})", f"(?P<value>{PERCENT})"
    table = {
        "term_months": (
            "fixed term of|period of|runs for|endure for|made for",
            time,
            "notice|pay|invoice|secre|day|delay",
        ),
        "notice_days": (
            "terminat|end this|notice of|notice period|may end|cancel",
            time,
            "breach|price|tariff|default|insolven|fail|invoice",
        ),
        "liability_eur_per_kg": (
            "pays|limited|at most|up to|exceed|liab|compensat",
            f"(?P<value>{MONEY}.{{0,25}}?(?:kg|kilo|tonne|quintal))",
            "sdr|surcharge|tariff",
        ),
        "claim_days": ("not apparent|not visible|hidden|concealed|latent|not noticeable", time, "court|invoice"),
        "fuel_surcharge_percent": ("fuel|diesel", percent, "tax|interest"),
        "late_credit_percent": ("late\\b|delay", percent, "invoice|payment|interest"),
    }
    rules = [
        Rule(term, rf"\b(?:{first})\w*.{{0,90}}?{held}", unless=never) for term, (first, held, never) in table.items()
    ]
    again = r"renew|prolong|extended|reconducted"
    no = r"\b(?:no|not|never|without)\b"
    rules.append(
        Rule(
            "automatic_renewal",
            rf"\b(?:is|it)\b.{{0,20}}(?:{again}).{{0,20}}(?:automatic|itself|tacit)|(?:automatic|tacit)\w*.{{0,15}}(?:{again})",
            unless=f"{no}|insurance|licen",
            value=True,
        )
    )
    rules.append(Rule("automatic_renewal", rf"{no}.{{0,25}}(?:{again})", unless="insurance|licen|tariff", value=False))
    return tuple(rules)


def find_by_rules(text: str) -> list[Finding]:
    """What the rules read in `text`, in the order of the document: see the brief."""
    found: list[Finding] = []
    known: set[tuple[str, object]] = set()
    rules = [*GIVEN, *own_rules()]
    spans = [(text[start:end], plain(text[start:end])) for start, end in sentences(text)]
    for words, line in spans:
        for rule in rules:
            value = _value(rule, line)
            if value is not None and (rule.term, value) not in known:
                known.add((rule.term, value))
                with contextlib.suppress(ValidationError):
                    found.append(Finding(quote=words, term=rule.term, value=value))
    return found


def _value(rule: Rule, line: str) -> bool | int | float | str | None:
    """What `rule` reads in one sentence, as JSON has it; None if it does not speak of the term."""
    match = re.search(rule.pattern, line, re.I)
    if match is None or re.search(rule.unless, line, re.I):
        return None
    if rule.value is not None:
        return rule.value
    held = [words for words in match.groups() if words]
    values = readings(rule.term, held[0]) if held else []
    return (str(values[0]) if rule.term == "effective_date" else values[0]) if values else None
