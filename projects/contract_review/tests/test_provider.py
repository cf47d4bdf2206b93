"""Part of the brief: what `course check contract_review` runs for the task `provider`."""

import json

import pytest
from contract_review.provider import CallFailed, Settings, call_model

from coursekit.scripted import BadRequest, CutStream, RateLimit, Refusal, Reply, ScriptedProvider, ServerError

MESSAGES = [{"role": "user", "content": "What are the terms of payment?"}]


@pytest.fixture
def provider():
    with ScriptedProvider() as one:
        yield one


def settings(provider, **changes):
    return Settings(provider.base_url, "key-of-the-tests", "scripted", **({"backoff_s": 0.01} | changes))


@pytest.mark.task("provider")
def test_a_whole_answer_comes_back(provider):
    provider.then(Reply("30 days", usage={"prompt_tokens": 11, "completion_tokens": 3}))
    reply = call_model(settings(provider), MESSAGES)
    assert (reply.status, reply.text, reply.requests) == ("answer", "30 days", 1)
    assert (reply.prompt_tokens, reply.completion_tokens) == (11, 3)


@pytest.mark.task("provider")
def test_a_refusal_has_its_own_status(provider):
    provider.then(Refusal("No."))
    assert call_model(settings(provider), MESSAGES).status == "refused"


@pytest.mark.task("provider")
def test_temporary_faults_are_retried(provider):
    provider.then(ServerError(503), CutStream("thirty days after the invoice"), Reply("30 days"))
    assert call_model(settings(provider), MESSAGES).text == "30 days"
    assert len(provider.requests) == 3


@pytest.mark.task("provider")
def test_a_wrong_request_is_not_retried(provider):
    provider.then(BadRequest()).otherwise(Reply("30 days"))
    with pytest.raises(CallFailed):
        call_model(settings(provider), MESSAGES)
    assert len(provider.requests) == 1


@pytest.mark.task("provider")
def test_the_wait_that_the_provider_asks_for_is_kept(provider):
    provider.then(RateLimit(retry_after_s=7), Reply("30 days"))
    waits = []
    call_model(settings(provider), MESSAGES, sleep=waits.append)
    assert len(waits) == 1 and waits[0] >= 7


@pytest.mark.task("provider")
def test_every_attempt_is_logged_without_the_key(provider):
    provider.then(ServerError(), Reply("30 days"))
    records = []
    call_model(settings(provider), MESSAGES, log=records.append)
    assert [r["outcome"] for r in records] == ["InternalServerError", "answer"]
    assert "key-of-the-tests" not in json.dumps(records) and "payment" not in json.dumps(records)
