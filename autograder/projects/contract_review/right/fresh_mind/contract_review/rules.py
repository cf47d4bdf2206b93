"""What regular expressions can read: the fallback when there is no usable answer, and a second opinion when there is."""

import datetime
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from contract_review.document import sentences
from contract_review.evidence import readings
from contract_review.quantities import COUNTRY, DATE, MONEY, PERCENT, TIME, plain
from contract_review.terms import Finding, TermValue


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
    return (*_TERM, *_NOTICE, *_LIABILITY, *_CLAIM, *_FUEL, *_LATE, *_RENEWAL)


def _gap(longest: int, *stops: str) -> str:
    """Up to `longest` characters, as few as possible, none of which begins one of `stops`."""
    step = rf"(?!{'|'.join(stops)})." if stops else "."
    return rf"(?:{step}){{0,{longest}}}?"


# Building blocks; all for a sentence on one line.
_SHARE = rf"(?:{PERCENT}|\b(?:an?|one|two|three)[ -](?:half|third|quarter|fifth|sixth|eighth|tenth|twentieth)s?\b)(?! (?:an )?(?:hours?|days?|weeks?|months?|years?)\b)"
_PERIOD = rf"(?:\b(?:half a year|a year and a half)\b|{TIME})"
_WEIGHT = r"(?:kgs?|kilos?|kilogram(?:me)?s?|(?:metric )?tonnes?|metric tons?|quintals?)\b"
_RATE = rf"{MONEY},? ?(?:for (?:one |a )?)?(?:per|by|/|an?|each|every)? ?(?:gross |missing |damaged |lost |missing or damaged |lost or damaged )?(?:(?:100|one hundred|a hundred|1[ .,]?000) ?)?{_WEIGHT}"
_HARM = r"\b(?:loss(?:es)?|lost|damag\w*|liab\w*|compensat\w*|indemni\w*|missing)\b"
_OTHER_CONTRACT = r"\b(?:insur\w*|cover(?:age)?|polic(?:y|ies)|licen[cs]e\w*|permits?|certificates?|lease\w*|guarantee\w*|bank|subscription\w*)\b"

_TERM = (
    Rule(
        "term_months",
        rf"\b(?:runs?|concluded|made|entered into|signed|valid|lasts?|agreed|continues?|remains? in force|is in force)\b,? ?{_gap(30, 'renew', 'prolong', 'extend')}"
        rf"\bfor (?:an? |the )?(?:\w+ ){{0,2}}(?:term|period|duration|time) of {_gap(12)}(?P<value>{_PERIOD})(?! and {TIME})",
        unless=rf"{_OTHER_CONTRACT}|\b(?:trial|pilot|test|probation\w*)\b",
    ),
    Rule(
        "term_months",
        rf"\b(?:agreement|contract|it)\b,? {_gap(30, 'renew', 'prolong', 'extend', 'notice')}\b(?:runs?|lasts?|is valid|is concluded|is made) for {_gap(12)}(?P<value>{_PERIOD})(?! and {TIME})",
        unless=rf"{_OTHER_CONTRACT}|\b(?:trial|pilot|test|probation\w*)\b",
    ),
    Rule(
        "term_months",
        rf"\b(?:agreement|contract|cooperation|it)\b,? (?:is|shall be) (?:made|concluded|fixed|closed|agreed|entered into) for (?P<value>{_PERIOD})(?! and {TIME})",
        unless=rf"{_OTHER_CONTRACT}|\b(?:trial|pilot|test|probation\w*)\b",
    ),
    Rule(
        "term_months",
        rf"\b(?:fixed|initial|first|minimum|basic) (?:fixed )?(?:term|period|duration)\b(?: of this (?:agreement|contract))?,? (?:is|of|runs for|lasts) {_gap(12)}(?P<value>{_PERIOD})(?! and {TIME})",
        unless=rf"{_OTHER_CONTRACT}|\b(?:trial|pilot|test|probation\w*)\b",
    ),
)

_END = r"\b(?:terminat\w*|determine[sd]?|ends?|ended|ending|cancel\w*|leave|stop|give up|resign\w*)\b"
_NOT_PLAIN_NOTICE = (
    r"\b(?:prices?|tariffs?|rates?|rate card|surcharges?|breach\w*|breaks?|broken|violat\w*|infring\w*|default\w*|insolven\w*|bankrupt\w*|good cause|for cause|"
    r"serious\w*|material\w*|remed\w*|cured?|unpaid|does not pay|fails?|part of|parts|permission|single)\b|"
    + _OTHER_CONTRACT
)
_POSSESSED = rf"(?P<value>{_PERIOD})(?:['\u2019]s?|s['\u2019])?,? (?:period of )?(?:of )?(?:(?:prior|previous|written|advance|clear|and|full) )*notice\b"
_NOTICE_OF = rf"\bnotice(?: period)?(?: in writing)? of {_gap(20)}(?P<value>{_PERIOD})"
_NOTICE = (
    Rule("notice_days", rf"{_END}{_gap(100)}{_POSSESSED}", unless=_NOT_PLAIN_NOTICE),
    Rule("notice_days", rf"{_END}{_gap(100)}{_NOTICE_OF}", unless=_NOT_PLAIN_NOTICE),
    Rule("notice_days", rf"{_POSSESSED}{_gap(60)}{_END}", unless=_NOT_PLAIN_NOTICE),
    Rule("notice_days", rf"\b(?:period of notice|notice period|term of notice)\b(?: for (?:ending|terminating|termination)[^,;]{{0,40}})? (?:is|shall be|of) {_gap(20)}(?P<value>{_PERIOD})", unless=_NOT_PLAIN_NOTICE),
)  # fmt: skip

_LIABILITY = (
    Rule("liability_eur_per_kg", rf"{_HARM}{_gap(140)}(?P<value>{_RATE})", unless=_OTHER_CONTRACT),
    Rule("liability_eur_per_kg", rf"(?P<value>{_RATE}){_gap(100)}{_HARM}", unless=_OTHER_CONTRACT),
)

_HIDDEN = (
    r"(?:\b(?:not|cannot|can't|isn't)(?: \w+){0,3}? (?:apparent|visible|seen|noticed|noticeable|recogni[sz]\w*|obvious|evident|discover\w*|detect\w*)"
    r"|\b(?:in|non-?)(?:apparent|visible)\b|\b(?:hidden|concealed|latent)\b)"
)
_OTHER_CLAIM = (r"\bloss", r"\blost\b", r"\bmissing\b", r"\bdelay", r"(?<!not )\b(?:apparent|visible)\b")
_CLAIM = (
    Rule("claim_days", rf"{_HIDDEN}{_gap(130, *_OTHER_CLAIM)}(?P<value>{_PERIOD})", unless=r"\b(?:court|lawsuit|proceedings|time-barred)\b"),
    Rule("claim_days", rf"^\W*within (?P<value>{_PERIOD}){_gap(90, ',', *_OTHER_CLAIM)}{_HIDDEN}", unless=r"\b(?:court|lawsuit|proceedings|time-barred)\b"),
)  # fmt: skip

_FUEL_WORD = r"(?:fuel|diesel|gas ?oil)"
_EXTRA = r"(?:surcharges?|supplements?|levy|additions?|adjustments?|corrections?|percentage)"
_OTHER_EXTRA = (
    r"\b(?:prices?|index|rises?|falls?|change[sd]?|moves?|varies|exceeds?|more than|up to|at most|maximum|cap)\b",
    r"\b(?:tolls?|islands?|peak|season\w*|remote|interest|weekend|customs|security|congestion)\b",
)
_FUEL = (
    Rule("fuel_surcharge_percent", rf"\b{_FUEL_WORD}(?:[- ](?:and energy )?{_EXTRA})\b{_gap(70, *_OTHER_EXTRA, 'surcharge')}(?P<value>{_SHARE})"),
    Rule("fuel_surcharge_percent", rf"\b{_EXTRA} (?:for|on|of) (?:the |its )?(?:cost of )?{_FUEL_WORD}\b{_gap(70, *_OTHER_EXTRA, 'surcharge')}(?P<value>{_SHARE})"),
    Rule("fuel_surcharge_percent", rf"\b{_EXTRA} of (?P<value>{_SHARE}){_gap(40, *_OTHER_EXTRA, ',', 'surcharge')}\b(?:for|on account of|because of) (?:the )?{_FUEL_WORD}\b"),
    Rule("fuel_surcharge_percent", rf"(?P<value>{_SHARE})(?: \w+){{0,2}}? (?:as (?:a )?)?(?:for )?{_FUEL_WORD}[- ]{_EXTRA}\b"),
    Rule("fuel_surcharge_percent", rf"(?P<value>{_SHARE}) (?:of the freight |is added |on top ){{0,2}}for (?:the )?{_FUEL_WORD}\b"),
)  # fmt: skip

_LATE_WORD = r"\b(?:late|later|delay\w*|behind time|overdue)\b(?! pay)"
_CREDIT = r"\b(?:credit\w*|refund\w*|reimburs\w*|pa(?:id|ys) back|deduct\w*|reduc\w*|allow\w*|rebate\w*|discount\w*|(?:gets?|gives?|given|receives?)\b.{0,40}\bback|minus|off the)\b"
_NOT_LATE = r"\binterest\b|\blate pay|\bpa(?:id|y|ys|yments?|ying) late|\b(?:invoices?|bills?|payments?) (?:that )?(?:is|are|paid) (?:late|overdue)"
_CEILING = (r"\b(?:at most|no more than|not more than|up to|maximum|exceed\w*|ceiling|total|capped|cap)\b",)
_LATE = (
    Rule("late_credit_percent", rf"{_LATE_WORD}(?=.{{0,250}}{_CREDIT}){_gap(110, *_CEILING)}(?P<value>{_SHARE})", unless=_NOT_LATE),
    Rule("late_credit_percent", rf"{_CREDIT}{_gap(60, *_CEILING)}(?P<value>{_SHARE}){_gap(110, *_CEILING)}{_LATE_WORD}", unless=_NOT_LATE),
    Rule("late_credit_percent", rf"(?P<value>{_SHARE}){_gap(60, ',', *_CEILING)}{_CREDIT}{_gap(60, ',')}{_LATE_WORD}", unless=_NOT_LATE),
)  # fmt: skip

_OTHER_RENEWAL = rf"{_OTHER_CONTRACT}|\bwish\w*|\bintends?\b|\b(?:if|unless|whether|when|where) (?:it|this|the (?:agreement|contract)) is not\b"
_AGAIN = r"(?:renew|prolong|extend)"
_BY_ITSELF = r"(?:automatically|tacitly|by itself|of itself|silently)"
_RENEWAL = (
    Rule(
        "automatic_renewal",
        rf"\b(?:is|are|be|being) (?:then |thereafter |afterwards )?(?:{_BY_ITSELF} {_AGAIN}ed|{_AGAIN}ed (?:\w+ ){{0,6}}?{_BY_ITSELF})\b"
        rf"|(?<!not )(?<!never )\b{_AGAIN}s (?:itself|{_BY_ITSELF})\b|\b(?:will|shall) (?:then )?(?:{_AGAIN} (?:itself|{_BY_ITSELF})|{_BY_ITSELF} {_AGAIN})\b"
        rf"|(?<!not )\b{_BY_ITSELF} {_AGAIN}s\b"
        rf"|\b(?:agreement|contract|it)\b,? (?:\w+ ){{0,4}}?(?:{_AGAIN}(?:ed|s)|continues?|carries on|rolls? over|runs on) {_gap(20)}\b(?:for|by) {_gap(20)}(?:{TIME} (?:each time|at a time)|successive periods)\b",
        unless=rf"{_OTHER_RENEWAL}|\b(?:no|not|never|nor|without)\b(?: \w+){{0,3}}? {_AGAIN}",
        value=True,
    ),
    Rule(
        "automatic_renewal",
        rf"(?:\bnot|\bnever|n't|\bcannot)(?: be| been| being)? (?:{_BY_ITSELF} )?{_AGAIN}(?:ed|s)?\b|\bwithout (?:any |an |being |{_BY_ITSELF} |automatic |tacit )*(?:renew|prolong|extension|extend)\w*"
        r"|\b(?:no|not any) (?:automatic |tacit )?(?:renewal|prolongation|continuation)\b",
        unless=_OTHER_RENEWAL,
        value=False,
    ),
)


def find_by_rules(text: str) -> list[Finding]:
    """What the rules (`GIVEN` and those of `own_rules`) read in `text`, in the order of the document.

    A finding's `quote` is the whole sentence (`sentences`) as it stands in `text`. Its value is the first of the `readings` of
    what the pattern's group holds, as JSON has it (a date as "2024-03-01"). Two sentences that state different values are two findings; the same
    value twice is one, at its first place. A value that `normalise` refuses ("within 20 years") is no finding: `Finding`
    would raise. Findings of one sentence come in any order.
    """
    found: dict[tuple[str, TermValue], Finding] = {}
    for start, end in sentences(text):
        for _, finding in sorted(_in_sentence(text[start:end]), key=lambda placed: placed[0]):
            found.setdefault((finding.term, finding.normal), finding)
    return list(found.values())


@functools.cache
def _compiled() -> tuple[tuple[Rule, re.Pattern, re.Pattern], ...]:
    return tuple(
        (rule, re.compile(rule.pattern, re.IGNORECASE), re.compile(rule.unless, re.IGNORECASE))
        for rule in (*GIVEN, *own_rules())
    )


def _in_sentence(sentence: str) -> Iterator[tuple[int, Finding]]:
    """What each rule reads in one sentence, with the place of the match on its plain line."""
    line = plain(sentence)
    for rule, pattern, unless in _compiled():
        if unless.search(line):
            continue
        for match in pattern.finditer(line):
            value = rule.value if rule.value is not None else _value(rule.term, match)
            if value is None:
                continue
            try:
                yield match.start(), Finding(quote=sentence, term=rule.term, value=value)
            except ValidationError:
                continue  # words of the right form with a value that cannot be, such as "120 %"


def _value(term: str, match: re.Match) -> bool | int | float | str | None:
    """The first reading of the words in a group `value` (or `value2`, …), as JSON has it; None without one."""
    words = next((said for name, said in match.groupdict().items() if name.startswith("value") and said), None)
    value = next(iter(readings(term, words)), None) if words else None
    return value.isoformat() if isinstance(value, datetime.date) else value
