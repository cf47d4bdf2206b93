"""One question to a provider that has every fault: what is sent, how often, after which waits, and what is written down."""

import json
import random
import time

import contract_review.provider
import pytest
from contract_review.provider import CallFailed, call_model

from coursekit import scripted
from coursekit.scripted import Reply, ScriptedProvider


def settings_of(provider: ScriptedProvider, **changes: object) -> object:
    """Settings for `provider`, with room for slow machines."""
    usual = {"api_key": "key", "model": "scripted", "timeout_s": 10.0, "deadline_s": 60.0, "backoff_s": 0.01}
    return contract_review.provider.Settings(base_url=provider.base_url, **(usual | changes))


def question(draw: random.Random) -> list[dict]:
    """Messages that no other test has."""
    return [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": f"Clause {draw.getrandbits(48):x}?"}]  # fmt: skip


def temporary_faults(draw: random.Random) -> list[scripted.Answer]:
    """Every fault that a later attempt can cure."""
    text = f"{draw.getrandbits(40):x} thirty days after receipt of the invoice"
    return [
        scripted.RateLimit(), scripted.ServerError(500), scripted.ServerError(502), scripted.ServerError(503), scripted.ServerError(529),
        scripted.BadRequest("timed out", status=408), scripted.BadRequest("locked", status=409), scripted.Disconnect(),
        scripted.CutStream(text, after_chunks=draw.randint(1, 4)), scripted.MalformedBody(),
    ]  # fmt: skip


@pytest.mark.check(
    task="provider",
    points=1,
    why="A model that may choose its temperature and length answers another question each day, at another price.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_a_healthy_provider_is_asked_once_and_its_answer_comes_whole(seed, listener):
    """One request with the messages, temperature 0, seed 0, the bound on tokens and the format as given; text and token counts come back."""
    draw = random.Random(seed)
    text = " ".join(f"word{draw.randint(0, 99)}," for _ in range(draw.randint(5, 60))) + " Größe: 5 € \n{}"
    tokens = {"prompt_tokens": draw.randint(50, 900), "completion_tokens": draw.randint(5, 90)}
    wanted = {"type": "json_schema", "json_schema": {"name": "extraction", "schema": {"type": "object"}}}
    messages, key, bound = question(draw), f"key-{draw.getrandbits(32):x}", draw.randint(20, 500)
    with ScriptedProvider(listener=listener) as provider:
        provider.then(Reply(text, usage=tokens), Reply("short", usage={}))
        settings = settings_of(provider, api_key=key, max_tokens=bound)
        reply = call_model(settings, messages, response_format=wanted)
        without = call_model(settings, messages)
        first, second = provider.requests
    assert (reply.status, reply.text, reply.requests) == ("answer", text, 1)
    assert {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens} == tokens
    assert (without.text, without.prompt_tokens, without.completion_tokens) == ("short", None, None)
    assert first.messages == messages and first.body["model"] == "scripted"
    assert (first.body["temperature"], first.body["seed"]) == (0, 0)
    assert bound in (first.body.get("max_tokens"), first.body.get("max_completion_tokens"))
    assert first.body["response_format"] == wanted and "response_format" not in second.body
    assert first.headers["authorization"] == f"Bearer {key}"


@pytest.mark.check(
    task="provider",
    points=1,
    why="A refusal taken for an empty answer becomes 'this contract has no such clause', and asking it again is paid haggling.",
    lesson="04_llm_apps/04_structured_output",
)
def test_replies_without_an_answer_have_their_status(seed, listener):
    """Refused, filtered, truncated and empty replies have their status and cost one request each."""
    draw = random.Random(seed)
    said = f"No {draw.getrandbits(40):x}."
    cases = [
        (scripted.Refusal(said), "refused"), (Reply(said, finish_reason="content_filter"), "refused"),
        (Reply(said, finish_reason="length"), "truncated"), (Reply(" \n ", finish_reason="length"), "truncated"),
        (scripted.EmptyChoices(), "empty"), (Reply(""), "empty"), (Reply(" \n\t"), "empty"), (Reply(said), "answer"),
    ]  # fmt: skip
    draw.shuffle(cases)
    waits: list[float] = []
    with ScriptedProvider(listener=listener) as provider:
        provider.then(*(answer for answer, _ in cases)).otherwise(Reply("once too often"))
        for answer, status in cases:
            reply = call_model(settings_of(provider), question(draw), sleep=waits.append)
            assert (reply.status, reply.requests) == (status, 1), answer
        assert len(provider.requests) == len(cases)
    assert waits == []


@pytest.mark.check(
    task="provider",
    points=1.5,
    why="A provider's hiccup that reaches the user is your outage; retries without an end are its outage.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_temporary_faults_are_retried_up_to_the_bound(seed, listener):
    """429, 408, 409, 5xx, closed and cut connections, broken bodies and silence are asked again, and never more often than `attempts`."""
    draw = random.Random(seed)
    faults = temporary_faults(draw)
    draw.shuffle(faults)
    waits: list[float] = []
    with ScriptedProvider(listener=listener) as provider:
        settings = settings_of(provider)
        for fault in faults:
            before, text = len(provider.requests), f"answer {draw.getrandbits(32):x}"
            provider.then(fault, Reply(text))
            reply = call_model(settings, question(draw), sleep=waits.append)
            assert (reply.text, reply.requests, len(provider.requests) - before) == (text, 2, 2), fault
        assert len(waits) == len(faults)
        provider.then(scripted.Slow(Reply("late"), first_byte_s=4), Reply("in time"))
        before = len(provider.requests)
        assert call_model(settings_of(provider, timeout_s=0.6), question(draw), sleep=waits.append).text == "in time"
        attempts, fault = draw.randint(1, 5), draw.choice(faults)
        for times in (1, attempts):
            before = len(provider.requests)
            provider.otherwise(fault)
            with pytest.raises(CallFailed, match="unavailable"):
                call_model(settings_of(provider, attempts=times), question(draw), sleep=waits.append)
            assert len(provider.requests) - before == times


@pytest.mark.check(
    task="provider",
    points=1,
    why="The same bytes fail the same way. Retried, a wrong key locks the account, and a bug looks like load.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_what_the_same_request_cannot_cure_is_not_retried(seed, listener):
    """400, 401, 403, 404, 422 and an empty account cost one request and no wait."""
    draw = random.Random(seed)
    faults = [scripted.BadRequest(status=status) for status in (400, 401, 403, 404, 422)]
    faults.append(scripted.BadRequest("You exceeded your quota.", status=429, code="insufficient_quota"))
    draw.shuffle(faults)
    waits: list[float] = []
    with ScriptedProvider(listener=listener) as provider:
        provider.then(*faults).otherwise(Reply("once too often"))
        for _ in faults:
            with pytest.raises(CallFailed, match="refused_request"):
                call_model(settings_of(provider), question(draw), sleep=waits.append)
        assert len(provider.requests) == len(faults)
    assert waits == []


@pytest.mark.check(
    task="provider",
    points=0.5,
    why="Workers that wait the same time come back together, and meet the same overload again.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_waits_are_drawn_below_a_doubling_limit(seed, listener):
    """Waits lie between 0 and a limit that doubles up to its longest, spread over the whole of it."""
    draw = random.Random(seed)
    base = draw.uniform(0.5, 2)
    limits = [base, 2 * base, 2.5 * base]
    shares: list[float] = []
    with ScriptedProvider(listener=listener) as provider:
        provider.otherwise(scripted.ServerError(503))
        settings = settings_of(provider, backoff_s=base, longest_backoff_s=2.5 * base, attempts=4)
        for _ in range(12):
            waits: list[float] = []
            with pytest.raises(CallFailed):
                call_model(settings, question(draw), sleep=waits.append)
            assert len(waits) == 3
            assert all(0 <= wait <= limit + 1e-9 for wait, limit in zip(waits, limits, strict=True))
            shares += [wait / limit for wait, limit in zip(waits, limits, strict=True)]
    assert min(shares) < 0.35 and max(shares) > 0.65


@pytest.mark.check(
    task="provider",
    points=0.5,
    why="A call before the time that the provider has named is refused again, and some extend the ban for it.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_retry_after_in_seconds_is_a_lower_bound(seed, listener):
    """A wait is at least as long as Retry-After says, on 429 and on 503, and a longer backoff is not cut to it."""
    draw = random.Random(seed)
    with ScriptedProvider(listener=listener) as provider:
        for fault in (scripted.RateLimit, lambda retry_after_s: scripted.ServerError(503, retry_after_s=retry_after_s)):
            asked, waits = draw.randint(3, 20), []
            provider.then(fault(retry_after_s=asked), Reply("ok"))
            assert call_model(settings_of(provider), question(draw), sleep=waits.append).text == "ok"
            assert len(waits) == 1 and asked <= waits[0] <= asked + 1
        longest = []
        for _ in range(8):
            provider.then(scripted.RateLimit(retry_after_s=0.01), Reply("ok"))
            call_model(
                settings_of(provider, backoff_s=30.0, longest_backoff_s=30.0), question(draw), sleep=longest.append
            )
        assert max(longest) > 1


@pytest.mark.check(
    task="provider",
    points=0.5,
    why="The header may hold a date (RFC 9110). Code that calls float() on it turns a busy minute into a crash.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_retry_after_as_a_date_is_kept(seed, listener):
    """A Retry-After with an HTTP date means the time until then; one that nobody can read does not count."""
    draw = random.Random(seed)
    asked, waits = draw.randint(6, 30), []
    with ScriptedProvider(listener=listener) as provider:
        provider.then(scripted.RateLimit(retry_after_s=asked, as_date=True), Reply("ok"))
        assert call_model(settings_of(provider), question(draw), sleep=waits.append).text == "ok"
        assert len(waits) == 1 and asked - 4 <= waits[0] <= asked + 1
        provider.then(scripted.RateLimit(retry_after_s=-3600, as_date=True), Reply("ok"))
        assert call_model(settings_of(provider), question(draw), sleep=waits.append).text == "ok"
        assert 0 <= waits[1] <= 1


@pytest.mark.check(
    task="provider",
    points=0.5,
    why="To wait first and fail then holds a worker for a result that is known already.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_a_wait_beyond_the_deadline_is_not_begun(seed, listener):
    """A call gives up at once when the next wait would use up what is left of the deadline, counted by `clock` over all attempts."""
    draw = random.Random(seed)
    now = [draw.uniform(0, 1e6)]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    with ScriptedProvider(listener=listener) as provider:
        settings = settings_of(provider, attempts=9, deadline_s=25.0)
        provider.otherwise(scripted.RateLimit(retry_after_s=10))
        with pytest.raises(CallFailed, match="unavailable"):
            call_model(settings, question(draw), sleep=sleep, clock=lambda: now[0])
        assert (len(waits), len(provider.requests)) == (2, 3)
        provider.otherwise(scripted.RateLimit(retry_after_s=26 + draw.randint(0, 500)))
        with pytest.raises(CallFailed, match="unavailable"):
            call_model(settings, question(draw), sleep=sleep, clock=lambda: now[0])
        assert (len(waits), len(provider.requests)) == (2, 4)


@pytest.mark.check(
    task="provider",
    points=0.5,
    why="A read time-out restarts with each byte: a model that trickles holds a worker for minutes under a limit of one second.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_an_attempt_ends_in_time_however_slowly_bytes_come(seed, listener):
    """An answer that trickles in for longer than `timeout_s` counts as a time-out, and the connection is closed."""
    draw = random.Random(seed)
    text = " ".join(f"w{draw.randint(0, 9)}" for _ in range(60))
    with ScriptedProvider(listener=listener) as provider:
        provider.then(scripted.Slow(Reply(text), per_chunk_s=0.3), Reply("ok"))
        began = time.monotonic()
        with pytest.raises(CallFailed, match="unavailable"):
            call_model(settings_of(provider, timeout_s=0.9, attempts=1), question(draw))
        assert time.monotonic() - began < 8
        assert len(provider.requests) == 1


@pytest.mark.check(
    task="provider",
    points=1,
    why="Logs are read by more people than contracts are, and kept longer. A key in a log is a key to be changed.",
    lesson="04_llm_apps/03_unreliable_provider",
)
def test_every_attempt_is_logged_and_nothing_leaks(seed, listener):
    """One record an attempt, with outcome, wait and tokens; neither key nor document in the log or in the error, even when the provider repeats them."""
    draw = random.Random(seed)
    key, secret = f"sk-{draw.getrandbits(64):x}", f"confidential-{draw.getrandbits(64):x}"
    messages = [{"role": "system", "content": "Read."}, {"role": "user", "content": f"The parties agree on {secret}."}]
    records: list[dict] = []
    echo = f"Incorrect API key provided: {key}. The request was: {secret}"
    with ScriptedProvider(listener=listener) as provider:
        settings = settings_of(provider, api_key=key)
        provider.then(scripted.ServerError(503, echo), scripted.RateLimit(retry_after_s=3, message=echo))
        provider.then(Reply(f"{secret} it is", usage={"prompt_tokens": 77, "completion_tokens": 5}))
        call_model(settings, messages, log=records.append, sleep=lambda seconds: None)
        assert [(r["attempt"], r["http_status"], r["outcome"] == "answer") for r in records] == [(0, 503, False), (1, 429, False), (2, 200, True)]  # fmt: skip
        assert records[1]["wait_s"] >= 3 and records[2]["wait_s"] is None
        assert (records[2]["prompt_tokens"], records[2]["completion_tokens"]) == (77, 5)
        assert len({r["prompt_sha256"] for r in records}) == 1 and all(r["seconds"] >= 0 for r in records)
        provider.then(scripted.BadRequest(echo, status=401))
        with pytest.raises(CallFailed) as caught:
            call_model(settings, messages, log=records.append)
        provider.then(scripted.Refusal(echo), scripted.MalformedBody(echo)).otherwise(Reply("ok"))
        for _ in range(2):
            call_model(settings, messages, log=records.append, sleep=lambda seconds: None)
    assert len(records) == 7
    written = json.dumps(records) + str(caught.value)
    assert key not in written and secret not in written and key[3:] not in written
