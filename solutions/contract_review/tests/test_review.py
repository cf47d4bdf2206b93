"""Part of the brief: what `course check contract_review` runs for the task `review`."""

import pytest
from contract_review.provider import Settings
from contract_review.review import Budget, review_contract

from coursekit.scripted import JsonReply, Refusal, Reply, ScriptedProvider, ServerError

TEXT = "Invoices are payable within 30 days. A fuel surcharge of 6.5 % is added.\n\nNorwegian law governs this paper.\n"


def finding(term, value, quote):
    return {"quote": quote, "term": term, "value": value}


GOOD = finding("payment_days", 30, "within 30 days")


@pytest.fixture
def provider():
    with ScriptedProvider() as one:
        yield one


def reviewed(provider, **budget):
    settings = Settings(provider.base_url, "key-of-the-tests", "scripted", backoff_s=0.01)
    return review_contract(TEXT, settings, Budget(**budget))


@pytest.mark.task("review")
def test_what_the_model_found_comes_with_its_place(provider):
    provider.then(JsonReply({"findings": [GOOD]}))
    review = reviewed(provider)
    payment = review.terms["payment_days"]
    assert (payment.value, payment.source) == (30, "model")
    assert TEXT[payment.start : payment.end] == payment.quote == "within 30 days"
    assert "governing_law" in review.missing and "governing_law" in review.disputed


@pytest.mark.task("review")
def test_an_invented_quote_is_rejected(provider):
    provider.then(JsonReply({"findings": [finding("claim_days", 7, "reported within seven days")]}))
    review = reviewed(provider)
    assert [(r.term, r.reason) for r in review.rejected] == [("claim_days", "not in the document")]
    assert "claim_days" in review.missing


@pytest.mark.task("review")
def test_invalid_json_is_repaired_once(provider):
    provider.then(Reply('{"findings": [{"term": "price"}]}'), JsonReply({"findings": [GOOD]}))
    review = reviewed(provider)
    assert review.requests == len(provider.requests) == 2
    assert review.terms["payment_days"].value == 30 and not review.fallback_used


@pytest.mark.task("review")
@pytest.mark.parametrize(("answer", "flag"), [(Refusal("No."), "refused"), (ServerError(), "unavailable")])
def test_without_an_answer_the_rules_read(provider, answer, flag):
    provider.otherwise(answer)
    review = reviewed(provider, requests=3)
    assert review.fallback_used and review.flags == [flag] and len(provider.requests) <= 3
    assert review.terms["payment_days"].source == "rules"


@pytest.mark.task("review")
def test_two_statements_contradict_each_other(provider):
    text = finding("payment_days", 45, "within 45 days")
    provider.then(JsonReply({"findings": [GOOD, text]}))
    settings = Settings(provider.base_url, "key-of-the-tests", "scripted")
    review = review_contract(TEXT + "Bills are payable within 45 days.", settings)
    assert [e.value for e in review.contradictory["payment_days"]] == [30, 45]
