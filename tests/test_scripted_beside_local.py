"""The same calls to the scripted provider and to the local model: what one accepts and returns, the other does too."""

import json
import statistics
import subprocess
import sys
from typing import Literal

import openai
import pytest
from pydantic import BaseModel
from scripted_calls import HELLO, Async, Sync, text_of

from coursekit import models
from coursekit.scripted import Embeddings, JsonReply, Reply, ScriptedProvider

PARCEL = {
    "type": "object",
    "properties": {"id": {"type": "string", "enum": ["QS-12"]}, "days": {"type": "integer", "enum": [3]}},
    "required": ["id", "days"],
    "additionalProperties": False,
}


class Parcel(BaseModel):
    """Narrow enough for the small model: left a free text, it goes on until its limit."""

    id: Literal["QS-12"]
    days: Literal[3]


class Local:
    """The local model behind the two methods that the calls use."""

    @staticmethod
    def client(**options):
        return models.client().with_options(**options)

    @staticmethod
    def async_client(**options):
        return models.async_client().with_options(**options)


@pytest.fixture(params=["scripted", "local"])
def provider(request):
    if request.param == "local":
        yield Local()
        return
    with ScriptedProvider(models=["base"]) as one:
        schema = lambda asked: asked.body.get("response_format")  # noqa: E731
        yield one.when(schema, JsonReply({"id": "QS-12", "days": 3})).otherwise(
            Reply("It is on its way", finish_reason="length")
        )


@pytest.fixture(params=[Sync, Async])
def ask(request, provider):
    return request.param(provider)


OPTIONS = {"max_tokens": 6, "temperature": 0, "seed": 0}


def test_a_reply(ask):
    reply = ask.chat(**OPTIONS)
    (choice,) = reply.choices
    assert reply.object == "chat.completion" and reply.id.startswith("chatcmpl-") and reply.created > 1_700_000_000
    assert (choice.index, choice.finish_reason, choice.message.role, choice.logprobs) == (
        0,
        "length",
        "assistant",
        None,
    )
    assert choice.message.content and choice.message.tool_calls is None and choice.message.refusal is None


def test_a_stream_adds_up_to_the_reply(ask):
    whole = ask.chat(**OPTIONS).choices[0].message.content
    chunks = ask.chunks(**OPTIONS)
    assert text_of(chunks) == whole
    assert chunks[0].choices[0].delta.role == "assistant" and not chunks[0].choices[0].delta.content
    assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["length"]
    assert {c.object for c in chunks} == {"chat.completion.chunk"} and len({c.id for c in chunks}) == 1
    assert all(c.usage is None for c in chunks)


def test_usage_whole_and_streamed(ask):
    usage = ask.chat(**OPTIONS).usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens and usage.prompt_tokens > 5
    *rest, last = ask.chunks(**OPTIONS, stream_options={"include_usage": True})
    assert last.choices == [] and all(c.usage is None and len(c.choices) == 1 for c in rest)
    counted = last.usage
    assert (counted.prompt_tokens, counted.completion_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert counted.prompt_tokens_details.cached_tokens >= 0


def test_a_json_schema(ask):
    schema = {"type": "json_schema", "json_schema": {"name": "parcel", "schema": PARCEL, "strict": True}}
    reply = ask.chat(response_format=schema, temperature=0, max_tokens=60)
    assert json.loads(reply.choices[0].message.content) == {"id": "QS-12", "days": 3}
    chunks = ask.chunks(response_format=schema, temperature=0, max_tokens=60)
    assert json.loads(text_of(chunks)) == {"id": "QS-12", "days": 3}


def test_the_parse_helper(provider):
    reply = provider.client().chat.completions.parse(
        model="base", messages=HELLO, response_format=Parcel, temperature=0, max_tokens=80
    )
    assert reply.choices[0].message.parsed == Parcel(id="QS-12", days=3)


def test_logprobs_whole_and_streamed(ask):
    reply = ask.chat(**OPTIONS, logprobs=True, top_logprobs=2)
    told = reply.choices[0].logprobs.content
    assert "".join(entry.token for entry in told) == reply.choices[0].message.content
    assert len(told) == reply.usage.completion_tokens
    for entry in told:
        assert entry.logprob <= 0 and bytes(entry.bytes).decode() == entry.token
        assert len(entry.top_logprobs) == 2 and entry.top_logprobs[0].logprob >= entry.top_logprobs[1].logprob
    streamed = [c.choices[0].logprobs for c in ask.chunks(**OPTIONS, logprobs=True, top_logprobs=2)]
    pieces = [entry.token for part in streamed if part for entry in part.content]
    assert pieces == [entry.token for entry in told]


def test_models(ask):
    assert ask.models() == ["base"]


def test_tools_may_be_offered_and_their_results_sent_back(ask):
    tool = {"type": "function", "function": {"name": "find", "parameters": PARCEL}}
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"id": "QS-12"}'}}
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "in Lyon"},
    ]
    assert ask.chat(messages=messages, tools=[tool], **OPTIONS).choices[0].finish_reason


def test_a_stream_may_be_left_in_the_middle(provider):
    client = provider.client()
    with client.chat.completions.create(model="base", messages=HELLO, max_tokens=400, stream=True) as stream:
        next(iter(stream))
    assert client.chat.completions.create(model="base", messages=HELLO, **OPTIONS).choices[0].message.content


def test_a_wrong_request_is_an_error_of_the_client_with_a_status(ask):
    with pytest.raises(openai.APIStatusError, match="role"):
        ask.chat(messages=[{"content": "nobody said this"}])


def test_a_wrong_path_is_not_found(provider):
    client = provider.client()
    with pytest.raises(openai.NotFoundError):
        client.with_options(base_url=str(client.base_url) + "v2").chat.completions.create(model="base", messages=HELLO)


def test_embeddings(provider, ask):
    """The local server has none; where it has, they are of the same form."""
    if isinstance(provider, Local):
        try:
            answer = ask.embed(["a", "b"])
        except openai.InternalServerError as error:
            assert error.status_code == 501
            pytest.skip("the local chat server serves no embeddings: coursekit.embeddings does")
    else:
        provider.when("a", Embeddings([[0.6, 0.8], [1.0, 0.0]]))
        answer = ask.embed(["a", "b"])
    assert [e.index for e in answer.data] == [0, 1] and answer.usage.prompt_tokens > 0
    assert all(isinstance(number, float) for e in answer.data for number in e.embedding)


START = """
import os, time
from coursekit import {module}
t = time.perf_counter()
{start}
print(time.perf_counter() - t, flush=True)
os._exit(0)  # how it ends is not the question
"""


def _start_s(module, start):
    """Seconds from an imported module to a server that answers, in a fresh process; the median of three."""
    code = START.format(module=module, start=start)
    command = [sys.executable, "-c", code]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True, timeout=60) for _ in range(3)]
    return statistics.median(float(run.stdout) for run in runs)


def test_it_starts_in_a_fraction_of_the_time_that_the_local_model_takes():
    scripted = _start_s("scripted", "provider = scripted.ScriptedProvider().__enter__()")
    local = _start_s("chat_server", "chat_server.address()")
    print(
        f"start: scripted {scripted * 1e3:.1f} ms, local model {local * 1e3:.0f} ms, {local / scripted:.0f} times as long"
    )
    assert scripted < local / 10
