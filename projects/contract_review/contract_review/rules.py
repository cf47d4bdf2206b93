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
    raise NotImplementedError("YOUR CODE HERE: a tuple of Rule, several for a term where that is simpler")


def find_by_rules(text: str) -> list[Finding]:
    """What the rules (`GIVEN` and those of `own_rules`) read in `text`, in the order of the document.

    A finding's `quote` is the whole sentence (`sentences`) as it stands in `text`. Its value is the first of the `readings` of
    what the pattern's group holds, as JSON has it (a date as "2024-03-01"). Two sentences that state different values are two findings; the same
    value twice is one, at its first place. A value that `normalise` refuses ("within 20 years") is no finding: `Finding`
    would raise. Findings of one sentence come in any order.
    """
    raise NotImplementedError("YOUR CODE HERE: for each sentence, each rule, each match")
