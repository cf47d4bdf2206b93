"""Every answer and fault of the scripted provider through the real openai client, sync and async."""

import json
import math
import re
import time

import openai
import pytest
from pydantic import BaseModel
from scripted_calls import HELLO, Async, Sync, text_of

from coursekit.scripted import (
    BadRequest,
    CutStream,
    Disconnect,
    Embeddings,
    EmptyChoices,
    JsonReply,
    MalformedBody,
    RateLimit,
    Refusal,
    Reply,
    ScriptedProvider,
    ServerError,
    Slow,
    ToolCall,
)

TEXT = "It was delivered on 3 May: the depot has a photo — «signé»."


@pytest.fixture
def provider():
    with ScriptedProvider() as one:
        yield one


@pytest.fixture(params=[Sync, Async])
def ask(request, provider):
    return request.param(provider)


# --- replies


def test_a_reply_comes_whole_or_in_pieces(provider, ask):
    provider.then(Reply(TEXT), Reply(TEXT))
    whole = ask.chat()
    assert (whole.object, whole.model, whole.choices[0].message.role) == ("chat.completion", "m", "assistant")
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (TEXT, "stop")
    chunks = ask.chunks()
    assert text_of(chunks) == TEXT and len(chunks) > 10
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert len({c.id for c in chunks}) == 1


def test_usage_is_plausible_and_a_stream_s_is_that_of_the_whole(provider, ask):
    provider.otherwise(Reply(TEXT))
    usage = ask.chat().usage
    assert len(TEXT) / 8 < usage.completion_tokens < len(TEXT) / 2
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    longer = ask.chat(messages=[{"role": "user", "content": HELLO[0]["content"] * 50}]).usage
    assert 3 < (50 * len(HELLO[0]["content"])) / (longer.prompt_tokens - usage.prompt_tokens) < 6  # characters a token
    plain, counted = ask.chunks(), ask.chunks(stream_options={"include_usage": True})
    assert all(c.usage is None for c in plain)
    assert counted[-1].choices == [] and counted[-1].usage == usage and all(c.usage is None for c in counted[:-1])


def test_usage_can_be_scripted_or_left_out(provider, ask):
    provider.then(Reply("x", usage={"prompt_tokens": 900, "completion_tokens": 7}), Reply("x", usage={}))
    assert ask.chat().usage.total_tokens == 907
    assert ask.chat().usage is None


def test_tool_calls_whole_and_streamed(provider, ask):
    calls = [ToolCall("find_parcel", {"id": "QS-12", "note": "é"}), ToolCall("no_such_tool", "{broken", id="own")]
    provider.then(Reply(tool_calls=calls), Reply("Wait.", tool_calls=calls))
    (choice,) = ask.chat().choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    first, second = choice.message.tool_calls
    assert (first.function.name, json.loads(first.function.arguments)) == ("find_parcel", {"id": "QS-12", "note": "é"})
    assert (second.id, second.function.arguments) == ("own", "{broken")
    assert first.id and first.id != second.id
    chunks, joined = ask.chunks(), {}
    for chunk in chunks:
        for part in chunk.choices[0].delta.tool_calls or []:
            joined[part.index] = joined.get(part.index, "") + (part.function.arguments or "")
    assert joined == {0: calls[0].arguments_text, 1: "{broken"}
    assert text_of(chunks) == "Wait." and chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_stream_helper_joins_what_was_streamed(provider):
    provider.then(Reply("Wait.", tool_calls=[ToolCall("find", {"id": 1})]))
    with provider.client().chat.completions.stream(model="m", messages=HELLO) as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_completion().choices[0].message
    assert {"content.delta", "tool_calls.function.arguments.delta"} <= kinds
    assert (message.content, message.tool_calls[0].function.arguments) == ("Wait.", '{"id": 1}')


def test_the_parse_helper_reads_a_schema_and_a_refusal(provider):
    class Parcel(BaseModel):
        id: str
        days: int

    provider.then(JsonReply({"id": "QS", "days": 3}), Refusal("No."), JsonReply({"id": "QS"}))
    parse = provider.client().chat.completions.parse
    assert parse(model="m", messages=HELLO, response_format=Parcel).choices[0].message.parsed == Parcel(id="QS", days=3)
    refused = parse(model="m", messages=HELLO, response_format=Parcel).choices[0].message
    assert (refused.parsed, refused.refusal) == (None, "No.")
    with pytest.raises(ValueError, match="days"):
        parse(model="m", messages=HELLO, response_format=Parcel)
    assert provider.requests[0].body["response_format"]["json_schema"]["name"] == "Parcel"


def test_logprobs_only_when_asked_for_and_the_same_each_time(provider, ask):
    provider.otherwise(Reply(TEXT))
    assert ask.chat().choices[0].logprobs is None
    told = ask.chat(logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert "".join(t.token for t in told) == TEXT and b"".join(bytes(t.bytes) for t in told).decode() == TEXT
    for token in told:
        assert math.log(0.5) <= token.logprob < 0 and token.top_logprobs[0].token == token.token
        assert [t.logprob for t in token.top_logprobs] == sorted((t.logprob for t in token.top_logprobs), reverse=True)
        assert len(token.top_logprobs) == 3 and sum(math.exp(t.logprob) for t in token.top_logprobs) <= 1
    streamed = [c.choices[0].logprobs for c in ask.chunks(logprobs=True, top_logprobs=3)]
    assert [entry for part in streamed if part for entry in part.content] == told


def test_scripted_logprobs(provider, ask):
    provider.then(Reply("yes.", logprobs=[("yes", -0.4, {"no": -1.2}), (".", -0.01)]))
    told = ask.chat(logprobs=True, top_logprobs=5).choices[0].logprobs.content
    assert [(t.token, t.logprob) for t in told] == [("yes", -0.4), (".", -0.01)]
    assert [(t.token, t.logprob) for t in told[0].top_logprobs] == [("yes", -0.4), ("no", -1.2)]
    with pytest.raises(ValueError, match="add up"):
        Reply("yes", logprobs=[("no", -0.1)])


def test_refusals_whole_and_streamed(provider, ask):
    provider.otherwise(Refusal("I can't help with that."))
    message = ask.chat().choices[0].message
    assert (message.content, message.refusal) == (None, "I can't help with that.")
    assert "".join(c.choices[0].delta.refusal or "" for c in ask.chunks()) == "I can't help with that."


def test_an_answer_cut_by_its_length_and_several_choices(provider, ask):
    provider.then(Reply("The depot", finish_reason="length"), Reply("x", finish_reason="content_filter"), Reply("x"))
    assert ask.chat().choices[0].finish_reason == "length"
    assert ask.chunks()[-1].choices[0].finish_reason == "content_filter"
    assert [c.index for c in ask.chat(n=3).choices] == [0, 1, 2]


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_embeddings_in_every_encoding(provider, ask, encoding):
    provider.then(Embeddings([[0.25, -1.5], [0.0, 3.0]]))
    answer = ask.embed(["a", "parcel"], **encoding)
    vectors = [e.embedding for e in answer.data]
    if encoding.get("encoding_format") == "base64":
        assert all(isinstance(v, str) for v in vectors)
    else:
        assert [list(v) for v in vectors] == [[0.25, -1.5], [0.0, 3.0]]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 2
    assert provider.requests[-1].text == "a\nparcel"


def test_embeddings_computed_from_the_texts(provider, ask):
    provider.otherwise(Embeddings(lambda texts: [[float(len(t)), 1.0] for t in texts]))
    assert [e.embedding for e in ask.embed(["a", "parcel"]).data] == [[1.0, 1.0], [6.0, 1.0]]


def test_models_are_listed_without_a_script(ask, provider):
    assert ask.models() == ["scripted"]
    assert provider.client().models.retrieve("scripted").id == "scripted"
    with pytest.raises(openai.NotFoundError, match="other"):
        provider.client().models.retrieve("other")
    assert provider.unscripted == 0


# --- faults


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        (RateLimit(), openai.RateLimitError, 429),
        (ServerError(), openai.InternalServerError, 500),
        (ServerError(503, "Overloaded."), openai.InternalServerError, 503),
        (BadRequest("No such schema.", code="invalid_schema"), openai.BadRequestError, 400),
        (BadRequest("Wrong key.", status=401), openai.AuthenticationError, 401),
        (BadRequest("No such model.", status=404), openai.NotFoundError, 404),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_client_s_own_classes(provider, ask, fault, error, status, stream):
    provider.then(fault)
    with pytest.raises(error) as caught:
        ask.chunks() if stream else ask.chat()
    assert (caught.value.status_code, caught.value.body["message"]) == (status, fault.message)
    assert caught.value.code == getattr(fault, "code", caught.value.code)
    assert caught.value.request_id == "req_scripted_1"


def test_retry_after_in_seconds_and_as_a_date(provider, ask):
    provider.then(
        RateLimit(retry_after_s=0.05), ServerError(503, retry_after_s=2), RateLimit(retry_after_s=90, as_date=True)
    )
    headers = []
    for _ in range(3):
        with pytest.raises(openai.APIStatusError) as caught:
            ask.chat()
        headers.append(caught.value.response.headers["retry-after"])
    assert headers[:2] == ["0.05", "2"] and re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", headers[2])


def test_the_client_s_own_retries_see_the_script_in_order(provider, ask):
    provider.then(RateLimit(retry_after_s=0.01), ServerError(500, retry_after_s=0.01), Reply("third time"))
    assert ask.chat(client={"max_retries": 2}).choices[0].message.content == "third time"
    assert [r.headers["x-stainless-retry-count"] for r in provider.requests] == ["0", "1", "2"]
    assert provider.requests[0].at_s < provider.requests[1].at_s < provider.requests[2].at_s


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_closed_without_an_answer(provider, ask, stream):
    provider.then(Disconnect(), Reply("back"))
    with pytest.raises(openai.APIConnectionError):
        ask.chunks() if stream else ask.chat()
    assert ask.chat().choices[0].message.content == "back"


def test_a_cut_stream_gives_its_chunks_and_then_an_error(provider):
    provider.then(CutStream("one two three four", after_chunks=2))
    got = []
    with pytest.raises(openai.APIConnectionError):
        for chunk in provider.client().chat.completions.create(model="m", messages=HELLO, stream=True):
            got.append(chunk.choices[0])
    assert "".join(c.delta.content or "" for c in got) == "one two" and all(c.finish_reason is None for c in got)
    assert not provider.requests[0].cancelled


@pytest.mark.parametrize("after", [0, 2, 99])
def test_a_cut_answer_never_says_that_it_is_complete(provider, ask, after):
    provider.otherwise(CutStream("one two three", after_chunks=after))
    with pytest.raises(openai.APIConnectionError):
        ask.chunks()
    with pytest.raises(openai.APIConnectionError):
        ask.chat()


def test_malformed_bodies_whole_and_streamed(provider, ask):
    provider.otherwise(MalformedBody('{"choices": ['))
    for call in (ask.chat, ask.chunks):
        with pytest.raises(json.JSONDecodeError):
            call()


def test_empty_choices(provider, ask):
    provider.otherwise(EmptyChoices())
    assert ask.chat().choices == []
    assert all(c.choices == [] for c in ask.chunks())


def test_a_slow_first_byte_meets_the_client_s_time_out(provider, ask):
    provider.then(Slow(Reply("late"), first_byte_s=30), Slow(Reply("in time"), first_byte_s=0.05))
    began = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        ask.chat(client={"timeout": 0.2})
    assert provider.settle() and provider.requests[0].cancelled
    assert time.monotonic() - began < 5
    assert ask.chat(client={"timeout": 5}).choices[0].message.content == "in time"
    assert not provider.requests[1].cancelled


def test_a_trickle_outlasts_a_time_out_that_restarts_with_each_byte(provider, ask):
    provider.then(Slow(Reply("a b c"), per_chunk_s=0.1), Slow(Reply("a b c"), per_chunk_s=0.1))
    for call, read in ((ask.chat, lambda reply: reply.choices[0].message.content), (ask.chunks, text_of)):
        began = time.monotonic()
        assert read(call(client={"timeout": 5})) == "a b c"
        assert time.monotonic() - began > 0.5


def test_a_slow_fault_is_a_fault(provider, ask):
    provider.then(Slow(ServerError(502), first_byte_s=0.05), Slow(CutStream("a b c"), per_chunk_s=0.01))
    with pytest.raises(openai.InternalServerError):
        ask.chat()
    with pytest.raises(openai.APIConnectionError):
        ask.chunks()
