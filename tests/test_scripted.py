"""The scripted provider's script, records and HTTP; clients that hang up; nothing is left behind."""

import asyncio
import contextlib
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
from scripted_calls import HELLO, Async, Sync

from coursekit.scripted import (
    Embeddings,
    Reply,
    Request,
    ScriptedProvider,
    ServerError,
    Slow,
    ToolCall,
)


@pytest.fixture
def provider():
    with ScriptedProvider() as one:
        yield one


@pytest.fixture(params=[Sync, Async])
def ask(request, provider):
    return request.param(provider)


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
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, contextlib.suppress(ConnectionError):
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
