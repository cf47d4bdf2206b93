"""A document in, a review out, whatever the provider does: bounded, checked against the document, with rules to fall back on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from contract_review.document import parts
from contract_review.evidence import locate, supports
from contract_review.prompt import build_messages, estimate_tokens, new_marker, repair_messages
from contract_review.provider import CallFailed, ModelReply, Settings, call_model
from contract_review.rules import find_by_rules
from contract_review.terms import TERMS, Extraction, Finding, TermValue, reply_format


@dataclass(frozen=True)
class Budget:
    """What one document may cost at most, all its questions, repairs and retries together."""

    requests: int = 8
    tokens: int = 40_000  # prompts and answers
    usd: float = 0.25
    seconds: float = 300.0
    part_chars: int = 7_000  # longer documents are asked about in parts


@dataclass(frozen=True)
class Evidence:
    """A value and the words that prove it: `text[start:end] == quote`, in the document as it was given. `source`: model or rules."""

    value: TermValue
    quote: str
    start: int
    end: int
    source: str


@dataclass(frozen=True)
class Rejected:
    """A finding of the model's that is not believed. `reason`: `not in the document`, or `quote without the value`."""

    term: str
    value: TermValue
    quote: str
    reason: str


@dataclass(frozen=True)
class Review:
    """What is known about one contract. Each of the ten terms is in exactly one of `terms`, `contradictory` and `missing`.

    `flags` says, each once, what went wrong: a reply's status (`refused`, `truncated`, `empty`), `invalid` (no valid JSON even after
    the repair), a CallFailed's reason, or `over_budget`. `fallback_used`: some part of the document was read by rules alone.
    `disputed`: terms for which the rules read, somewhere in the document, a value that the review does not have: a person should look.
    """

    terms: dict[str, Evidence]
    contradictory: dict[str, list[Evidence]]
    missing: list[str]
    rejected: list[Rejected]
    disputed: list[str]
    flags: list[str]
    fallback_used: bool
    requests: int
    tokens: int
    cost_usd: float
    seconds: float


@dataclass
class Account:
    """Given: what has been spent on one document so far, and what is left."""

    settings: Settings
    budget: Budget
    clock: Callable[[], float]
    began: float = field(init=False)
    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __post_init__(self) -> None:
        self.began = self.clock()

    def price(self, tokens_in: int, tokens_out: int) -> float:
        """What a call costs, in US dollars."""
        return (tokens_in * self.settings.usd_per_million_in + tokens_out * self.settings.usd_per_million_out) / 1e6

    def allows(self, messages: list[dict[str, Any]]) -> bool:
        """Whether one more question fits: a request and some time are left, and so are the tokens and the dollars that it may cost.

        At worst a question is `estimate_tokens` in and `max_tokens` out.
        """
        tokens_in, tokens_out = estimate_tokens(messages), self.settings.max_tokens
        return (
            self.requests < self.budget.requests
            and self.tokens + tokens_in + tokens_out <= self.budget.tokens
            and self.usd + self.price(tokens_in, tokens_out) <= self.budget.usd
            and self.clock() - self.began < self.budget.seconds
        )

    def charge(self, messages: list[dict[str, Any]], reply: ModelReply) -> None:
        """Book a reply: its own count of tokens, or, where the provider sent none, the worst case of `allows`."""
        tokens_in = reply.prompt_tokens if reply.prompt_tokens is not None else estimate_tokens(messages)
        tokens_out = reply.completion_tokens if reply.completion_tokens is not None else self.settings.max_tokens
        self.requests += reply.requests
        self.tokens += tokens_in + tokens_out
        self.usd += self.price(tokens_in, tokens_out)


class NoAnswer(Exception):
    """The model gave nothing to work with. `flag`: why; `final`: whether no further question is to be asked about this document."""

    def __init__(self, flag: str, *, final: bool = False) -> None:
        super().__init__(flag)
        self.flag, self.final = flag, final


def ask(messages: list[dict[str, Any]], account: Account, **options: Any) -> str:
    """Put one question within what is left of the budget, and book it; the text of the answer. `options` go to `call_model`.

    `call_model` gets settings whose `attempts` and `deadline_s` are no more than what is left of the budget, and asks for `reply_format()`. Raises
    NoAnswer: `over_budget`, final, without any request, if the account does not allow the question; the reply's status if
    that is not `answer`; a CallFailed's reason, final, its requests booked (nobody has counted its tokens).
    """
    ### BEGIN SOLUTION ask the account, shrink the settings, call, book, look at the status
    if not account.allows(messages):
        raise NoAnswer("over_budget", final=True)
    left_s = account.budget.seconds - (account.clock() - account.began)
    bounded = replace(
        account.settings,
        attempts=min(account.settings.attempts, account.budget.requests - account.requests),
        deadline_s=max(min(account.settings.deadline_s, left_s), 1e-3),
    )
    try:
        reply = call_model(bounded, messages, response_format=reply_format(), clock=account.clock, **options)
    except CallFailed as error:
        account.requests += error.requests
        raise NoAnswer(error.reason, final=True) from None
    account.charge(messages, reply)
    return reply.text if reply.status == "answer" else '{"findings": []}'
    ### END SOLUTION


def read_part(part: str, marker: str, account: Account, **options: Any) -> list[Finding]:
    """The model's findings in one part of a document: ask, validate as an `Extraction`, and repair once if that fails.

    The repair is a second question: `repair_messages` with the validator's message. Raises NoAnswer: what `ask` raises, and `invalid` when the repaired answer
    fails too.
    """
    ### BEGIN SOLUTION two rounds at most
    messages = build_messages(part, marker)
    for final_round in (False, True):
        answer = ask(messages, account, **options)
        try:
            return Extraction.model_validate_json(answer).findings
        except ValidationError as error:
            if final_round:
                break
            messages = repair_messages(messages, answer, str(error))
    raise NoAnswer("invalid")
    ### END SOLUTION


def check_finding(finding: Finding, text: str, start: int, end: int, source: str) -> Evidence | Rejected:
    """Believe `finding` only if the part `text[start:end]` of the document holds its quote, and those words hold its value.

    Given: an Evidence has the place in the whole `text`, and the quote as it stands there.
    """
    place = locate(finding.quote, text[start:end])
    if place is None:
        return Rejected(finding.term, finding.normal, finding.quote, "not in the document")
    first, last = start + place[0], start + place[1]
    if not supports(finding.term, finding.normal, text[first:last]):
        return Rejected(finding.term, finding.normal, finding.quote, "quote without the value")
    return Evidence(finding.normal, text[first:last], first, last, source)


def merge(believed: list[tuple[str, Evidence]]) -> tuple[dict[str, Evidence], dict[str, list[Evidence]]]:
    """`terms` and `contradictory` of a review, from `(term, evidence)` in any order; terms come in the order of `TERMS`.

    A term whose evidence agrees is in the first, with the evidence that stands first in the document. A term with two or more different values is in
    the second, with one evidence a value, by place.
    """
    ### BEGIN SOLUTION the first place of each value, then one or several
    by_term: dict[str, dict[TermValue, Evidence]] = {term: {} for term in TERMS}
    for term, evidence in sorted(believed, key=lambda pair: pair[1].start):
        by_term[term].setdefault(evidence.value, evidence)
    terms = {term: next(iter(values.values())) for term, values in by_term.items() if len(values) == 1}
    return terms, {term: list(values.values()) for term, values in by_term.items() if len(values) > 1}
    ### END SOLUTION


def review_contract(
    text: str,
    settings: Settings | None,
    budget: Budget | None = None,
    *,
    log: Callable[[dict], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Review:
    """Review the document `text`. Whatever the provider does, a review comes back: no error of its is raised.

    The model reads `parts(text, budget.part_chars)`, each with the same fresh marker. A part for which it gives nothing to work with (NoAnswer) is read by
    the rules, `fallback_used` is true and the flag is noted; after a final NoAnswer no further question is asked, and the remaining parts are
    read by the rules. Every finding is checked. Where a finding of the model's was rejected, and nothing else of its in that part is believed for
    that term, the rules' findings for that term in that part count instead. A term for which the model has given no finding stays missing:
    if the rules read something, it is disputed. With `settings=None` no model is asked: rules alone, `fallback_used`, no flag.
    """
    ### BEGIN SOLUTION part by part: the model, or the rules; check; merge; compare
    budget = budget or Budget()
    began = clock()
    account = Account(settings, budget, clock) if settings else None
    marker, flags, rejected, believed, read_by_rules = new_marker(text), [], [], [], []
    asking, fallback_used = account is not None, account is None
    for start, end in parts(text, budget.part_chars):
        ruled = [(f.term, check_finding(f, text, start, end, "rules")) for f in find_by_rules(text[start:end])]
        ruled = [(term, found) for term, found in ruled if isinstance(found, Evidence)]
        read_by_rules += ruled
        findings = None
        if asking:
            try:
                findings = read_part(text[start:end], marker, account, log=log, sleep=sleep)
            except NoAnswer as error:
                flags.append(error.flag)
                asking = not error.final
        if findings is None:
            fallback_used = True
            believed += ruled
            continue
        checked = [(f.term, check_finding(f, text, start, end, "model")) for f in findings]
        believed += [(term, found) for term, found in checked if isinstance(found, Evidence)]
        refused = [found for _, found in checked if isinstance(found, Rejected)]
        rejected += refused
        kept = {term for term, found in checked if isinstance(found, Evidence)}
        believed += [(term, found) for term, found in ruled if term in {r.term for r in refused} - kept]
    terms, contradictory = merge(believed)
    has = {(term, e.value) for term, e in terms.items()} | {(t, e.value) for t, es in contradictory.items() for e in es}
    return Review(
        terms=terms,
        contradictory=contradictory,
        missing=[term for term in TERMS if term not in terms and term not in contradictory],
        rejected=rejected,
        disputed=[term for term in TERMS if any(t == term and (t, e.value) not in has for t, e in read_by_rules)],
        flags=list(dict.fromkeys(flags)),
        fallback_used=fallback_used,
        requests=account.requests if account else 0,
        tokens=account.tokens if account else 0,
        cost_usd=account.usd if account else 0.0,
        seconds=clock() - began,
    )
    ### END SOLUTION
