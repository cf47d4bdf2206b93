"""The scripted provider through the real openai client: every answer and fault, sync and async; nothing is left behind."""

import asyncio
import contextlib
import json
import math
import os
import re
import socket
import subprocess
import sys
import threading
import time

import httpx
import openai
import pytest
from pydantic import BaseModel

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
    Request,
    ScriptedProvider,
    ServerError,
    Slow,
    ToolCall,
)

HELLO = [{"role": "user", "content": "Where is my parcel?"}]
TEXT = "It was delivered on 3 May: the depot has a photo — «signé»."


@pytest.fixture
def provider():
    with ScriptedProvider() as one:
        yield one


class Sync:
    """The same calls, sync: a whole reply, the chunks of a streamed one, vectors."""

    def __init__(self, provider):
        self.client = provider.client

    def chat(self, *, messages=HELLO, client=None, **request):
        return self.client(**client or {}).chat.completions.create(model="m", messages=messages, **request)

    def chunks(self, **request):
        return list(self.chat(stream=True, **request))

    def embed(self, texts, **request):
        return self.client().embeddings.create(model="e", input=texts, **request)

    def models(self):
        return [model.id for model in self.client().models.list()]


class Async(Sync):
    """The same calls through the async client, each in an event loop of its own."""

    def __init__(self, provider):
        self.client = provider.async_client

    def _run(self, call, client=None):
        async def run():
            async with self.client(**client or {}) as one:
                return await call(one)

        return asyncio.run(run())

    def chat(self, *, messages=HELLO, client=None, **request):
        return self._run(lambda c: c.chat.completions.create(model="m", messages=messages, **request), client)

    def chunks(self, *, messages=HELLO, client=None, **request):
        async def read(c):
            stream = await c.chat.completions.create(model="m", messages=messages, stream=True, **request)
            return [chunk async for chunk in stream]

        return self._run(read, client)

    def embed(self, texts, **request):
        return self._run(lambda c: c.embeddings.create(model="e", input=texts, **request))

    def models(self):
        async def read(c):
            return [model.id async for model in c.models.list()]

        return self._run(read)


@pytest.fixture(params=[Sync, Async])
def ask(request, provider):
    return request.param(provider)


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


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


# --- clients that hang up


def test_a_client_that_stops_reading_is_recorded(provider):
    provider.then(Slow(Reply("one two three four"), per_chunk_s=0.05), Reply("next"))
    client = provider.client()
    with client.chat.completions.create(model="m", messages=HELLO, stream=True) as stream:
        next(iter(stream))
    assert provider.settle() and provider.requests[0].cancelled
    assert client.chat.completions.create(model="m", messages=HELLO).choices[0].message.content == "next"
    assert not provider.requests[1].cancelled


def test_a_cancelled_task_is_recorded(provider):
    provider.otherwise(Slow(Reply("x"), first_byte_s=30))

    async def run():
        async with provider.async_client() as client:
            task = asyncio.create_task(client.chat.completions.create(model="m", messages=HELLO))
            while not provider.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert provider.settle() and provider.requests[0].cancelled


# --- the script


def test_rules_come_before_the_sequence_and_their_last_answer_repeats(provider, ask):
    provider.then(Reply("first"), Reply("second")).otherwise(Reply("rest"))
    provider.when("refund", ServerError(500), Reply("refund")).when(re.compile(r"QS\d+"), Reply("parcel"))
    provider.when(lambda request: request.body.get("temperature") == 1, Reply("warm"))

    def said(text, **request):
        try:
            return ask.chat(messages=[{"role": "user", "content": text}], **request).choices[0].message.content
        except openai.APIStatusError as error:
            return error.status_code

    assert [said(t) for t in ("hi", "a refund", "a refund", "QS12", "a refund for QS12")] == ["first", 500, "refund", "parcel", "refund"]  # fmt: skip
    assert [said("hi", temperature=1), said("hi"), said("hi"), said("hi")] == ["warm", "second", "rest", "rest"]


def test_only_the_last_user_message_is_matched(provider, ask):
    provider.when("refund", Reply("no")).otherwise(Reply("yes"))
    parts = [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,refund"}},
    ]
    messages = [{"role": "system", "content": "refund"}, {"role": "user", "content": "refund"}, {"role": "user", "content": parts},
                {"role": "assistant", "content": "refund"}]  # fmt: skip
    assert ask.chat(messages=messages).choices[0].message.content == "yes"
    assert provider.requests[0].text == "hello"


def test_an_answer_can_be_computed_from_the_request(provider, ask):
    provider.otherwise(lambda request: Reply(request.text.upper()))
    assert ask.chat().choices[0].message.content == "WHERE IS MY PARCEL?"


def test_what_was_asked_is_recorded(provider, ask):
    provider.then(Reply("x"), Reply("y"))
    ask.chat(temperature=0.5, client={"api_key": "secret"})
    ask.chunks()
    first, second = provider.requests
    assert isinstance(first, Request) and first.path == "/v1/chat/completions"
    assert first.headers["authorization"] == "Bearer secret"
    assert (first.body["temperature"], first.messages, first.text) == (0.5, HELLO, HELLO[0]["content"])
    assert (first.stream, second.stream, first.cancelled) == (False, True, False)
    assert 0 < first.at_s < second.at_s < 60


def test_nothing_scripted_is_an_error_that_says_so_and_is_not_retried(provider, ask):
    with pytest.raises(
        openai.InternalServerError, match=r"nothing is scripted for request 1.*Where is my parcel.*otherwise"
    ):
        ask.chat(client={"max_retries": 3})
    assert (provider.unscripted, len(provider.requests)) == (1, 1)


def test_errors_of_the_script_itself_are_the_test_s_to_see(provider, ask):
    provider.then(lambda request: 1 / 0, Embeddings([[1.0]]), lambda request: "text")
    for _ in range(3):
        with pytest.raises(openai.InternalServerError, match="script itself failed") as caught:
            ask.chat()
        assert "division" not in str(caught.value)
    assert [type(e) for e in provider.errors] == [ZeroDivisionError, TypeError, TypeError]
    assert "Embeddings is no answer to /v1/chat/completions" in str(provider.errors[1])


def test_a_script_that_makes_no_sense_is_refused_at_once():
    for wrong in ("text", Reply, None, {"text": 1}):
        with pytest.raises(TypeError, match="scripted answer"):
            ScriptedProvider().then(wrong)
    with pytest.raises(ValueError, match="one answer"):
        ScriptedProvider().when("x")
    with pytest.raises(TypeError, match="list"):
        Reply(tool_calls=ToolCall("f"))
    with pytest.raises(RuntimeError, match="not serving"):
        _ = ScriptedProvider().base_url


# --- HTTP


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "/chat/completions", "{}", 404, "it serves POST /v1/chat/completions"),
        ("POST", "/v1/v1/chat/completions", "{}", 404, "ends in /v1 already"),
        ("POST", "/v1/responses", "{}", 404, "nothing is served at POST /v1/responses"),
        ("GET", "/v1/chat/completions", "", 405, "does not take GET"),
        ("POST", "/v1/models", "{}", 405, "does not take POST"),
        ("POST", "/v1/chat/completions", "{", 400, "no valid JSON"),
        ("POST", "/v1/chat/completions", "[" * 100_000, 400, "no valid JSON"),
        ("POST", "/v1/chat/completions", "[]", 400, "JSON object"),
        ("POST", "/v1/chat/completions", '{"messages": []}', 400, "'model'"),
        ("POST", "/v1/chat/completions", '{"model": "m", "messages": []}', 400, "not empty"),
        ("POST", "/v1/chat/completions", '{"model": "m", "messages": [1]}', 400, "role"),
        ("POST", "/v1/embeddings", '{"model": "m", "input": []}', 400, "'input'"),
    ],
)
def test_wrong_requests_are_told_what_is_wrong(provider, method, path, body, status, says):
    provider.then(Reply("x"))
    url = provider.base_url.removesuffix("/v1") + path
    answer = httpx.request(method, url, content=body, trust_env=False)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True)
    assert (len(provider.requests), provider.unscripted) == (1, 0)
    assert provider.client().chat.completions.create(model="m", messages=HELLO).choices[0].message.content == "x"


@pytest.mark.parametrize(
    "sent",
    [b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"POST /v1/x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx", b"POST /v1/x HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort",
     b"POST /v1/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"GET /" + b"a" * 100_000, b"\0" * 1000,
     b"GET /v1/models HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n"],
)  # fmt: skip
def test_what_is_no_request_harms_nobody(provider, sent, capfd):
    port = int(provider.base_url.rsplit(":", 1)[1].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    provider.then(Reply("still here"))
    assert Sync(provider).chat().choices[0].message.content == "still here"
    assert capfd.readouterr() == ("", "")


def test_it_keeps_so_many_bytes_and_no_more(provider, monkeypatch):
    monkeypatch.setattr(sys.modules[ScriptedProvider.__module__], "MOST_BYTES", 10_000)
    provider.otherwise(Reply("x"))
    client = provider.client()
    client.chat.completions.create(model="m", messages=HELLO)
    with pytest.raises(openai.InternalServerError, match="at most"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 10_000}])
    assert len(provider.requests) == 1


def test_many_clients_at_once_each_get_one_answer(provider):
    provider.then(*(Reply(str(n)) for n in range(60)))

    async def run():
        async with provider.async_client() as client:
            asked = [client.chat.completions.create(model="m", messages=HELLO) for _ in range(60)]
            return [reply.choices[0].message.content for reply in await asyncio.gather(*asked)]

    assert sorted(map(int, asyncio.run(run()))) == list(range(60))


# --- what is left


def sockets():
    """This process's open sockets, as the system names them."""
    found = []
    for name in os.listdir("/dev/fd"):
        try:
            found.append(os.readlink(f"/dev/fd/{name}"))
        except OSError:
            continue
    return sorted(link for link in found if link.startswith("socket:"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("leave", ["idle", "waiting", "streaming", "silent", "error"])
def test_no_thread_and_no_socket_is_left(leave):
    before, threads = sockets(), threading.enumerate()
    held = []
    began = None
    try:
        with ScriptedProvider() as provider:
            provider.then(Reply("x"))
            Sync(provider).chat()
            client = provider.client()
            provider.otherwise(Slow(Reply("a b c d"), first_byte_s=60 * (leave == "waiting"), per_chunk_s=60))
            if leave == "waiting":
                with pytest.raises(openai.APITimeoutError):
                    client.with_options(timeout=0.05).chat.completions.create(model="m", messages=HELLO)
            if leave == "streaming":
                late = threading.Thread(target=lambda: held.append(_failure(client)))
                late.start()
                while len(provider.requests) < 2:
                    time.sleep(0.01)
            if leave == "silent":
                port = client.base_url.port
                held = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
                held[0].sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 10\r\n\r\nsho")
            began = time.monotonic()
            if leave == "error":
                raise LookupError
    except LookupError:
        pass
    assert time.monotonic() - began < 2
    if leave == "streaming":
        late.join(5)
        assert held == [openai.APIConnectionError]
    for connection in held if leave == "silent" else ():
        connection.close()
    assert threading.enumerate() == threads
    assert sockets() == before


def _failure(client):
    try:
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    except openai.APIConnectionError as error:
        return type(error)


def test_a_given_listener_stays_open_and_what_came_before_is_dropped():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        timeout = listener.gettimeout()
        early = socket.create_connection(listener.getsockname(), timeout=5)
        early.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")
        urls = set()
        for text in ("first", "second"):
            with ScriptedProvider(listener=listener) as provider:
                provider.then(Reply(text))
                assert Sync(provider).chat().choices[0].message.content == text
                assert len(provider.requests) == 1
                urls.add(provider.base_url)
        assert len(urls) == 1 and listener.gettimeout() == timeout
        with early, contextlib.suppress(ConnectionResetError):
            assert early.recv(1) == b""


def test_a_proxy_of_the_environment_sees_nothing(provider, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    provider.otherwise(Reply("direct"))
    for way in (Sync, Async):
        assert way(provider).chat().choices[0].message.content == "direct"


def test_importing_it_loads_no_client():
    code = "import sys, coursekit.scripted as s; p = s.ScriptedProvider().__enter__(); p.close(); print('openai' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
