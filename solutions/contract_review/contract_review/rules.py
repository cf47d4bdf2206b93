"""What regular expressions can read: the fallback when there is no usable answer, and a second opinion when there is."""

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
    """Your rules for the seven terms that `GIVEN` has none for. The README lists the plain forms that they must read."""
    ### BEGIN SOLUTION a tuple of Rule, several for a term where that is simpler
    return (
        Rule("term_months", rf"(?:term|period|duration|runs|lasts|concluded|made|closed|valid|endure)\b.{{0,20}}?\b(?:of|for|is)\b.{{0,15}}?(?P<value>{TIME})", unless="notice|payment|invoice|after the end|secre|confiden|day"),
        Rule("notice_days", rf"(?:terminat|cancel|\bend|\bleav|give (?:it )?up|withdraw|stop)\w*\b.{{0,80}}?(?P<value>{TIME})", unless="breach|price|tariff|default|insolven|fail|single|one route|service level|after the end"),
        Rule("notice_days", rf"(?P<value>{TIME})'? ?(?:written |prior )*(?:notice|warning)", unless="breach|price|tariff|default|insolven|fail|route|service|line"),
        Rule("liability_eur_per_kg", rf"(?P<value>{MONEY}.{{0,25}}?(?:kg|kilo|tonne|quintal))", unless="sdr|special drawing|surcharge|price|tariff"),
        Rule("claim_days", rf"(?:not (?:be )?(?:visible|apparent|noticeable|seen)|hidden|concealed|latent|later|unpacking|inside)\b.{{0,90}}?(?P<value>{TIME})", unless="\\bloss\\b|court|invoice"),
        Rule("fuel_surcharge_percent", rf"(?:fuel|diesel|gas ?oil)\b.{{0,70}}?(?P<value>{PERCENT})", unless="tax|vat|interest"),
        Rule("fuel_surcharge_percent", rf"(?P<value>{PERCENT}).{{0,30}}?(?:for|because of) (?:the )?(?:fuel|diesel)"),
        Rule("late_credit_percent", rf"(?:late|delay\w*|overdue|overrun)\b.{{0,90}}?(?P<value>{PERCENT})", unless="invoice|payment|interest|cap\\b|at most|total"),
        Rule("automatic_renewal", r"(?:renew|prolong|extend)\w*\b.{0,25}?(?:automatic|itself|tacit|silent)|(?:automatic|tacit|silent)\w*\b.{0,20}?(?:renew|prolong|extend)", unless=r"\bnot\b|\bno\b|\bnever\b|without|insurance", value=True),
        Rule("automatic_renewal", r"(?:not|no|never|without)\b.{0,30}?(?:renew|prolong|extension|continuation)|ends (?:by itself|automatically|without notice)", unless="insurance|price", value=False),
    )  # fmt: skip
    ### END SOLUTION


def find_by_rules(text: str) -> list[Finding]:
    """What the rules (`GIVEN` and those of `own_rules`) read in `text`, in the order of the document.

    A finding's `quote` is the whole sentence (`sentences`) as it stands in `text`. Its value is the first of the `readings` of
    what the pattern's group holds, as JSON has it (a date as "2024-03-01"). Two sentences that state different values are two findings; the same
    value twice is one, at its first place. A value that `normalise` refuses ("within 20 years") is no finding: `Finding`
    would raise. Findings of one sentence come in any order.
    """
    ### BEGIN SOLUTION for each sentence, each rule, each match
    rules, found = (*GIVEN, *own_rules()), {}
    for start, end in sentences(text):
        words = text[start:end]
        line = plain(words)
        for rule in rules:
            if re.search(rule.unless, line, re.IGNORECASE):
                continue
            match = re.search(rule.pattern, line, re.IGNORECASE)
            if not match:
                continue
            held = next((part for name, part in match.groupdict().items() if part), "")
            value = rule.value if rule.value is not None else next(iter(readings(rule.term, held)), None)
            if value is not None:
                raw = value if isinstance(value, bool | int | float | str) else value.isoformat()
                try:
                    found.setdefault((rule.term, raw), Finding(quote=words, term=rule.term, value=raw))
                except ValidationError:
                    continue
    return list(found.values())
    ### END SOLUTION
