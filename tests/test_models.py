"""The local chat model over the real `openai` client, and what surrounds it: providers, forks, ends of processes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import openai
import psutil
import pytest

from coursekit import chat_server, models


@pytest.fixture(autouse=True)
def no_provider(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "COURSE_CHAT_MODEL"):
        monkeypatch.delenv(name, raising=False)


def user(text):
    return [{"role": "user", "content": text}]


def port_is_open(address):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2].split("/")[0]))) == 0


def run(code, **environment):
    """Run `code` in a fresh process, as a learner's script would run."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ | environment
    )


def test_one_client_does_chat_streaming_logprobs_schema_and_errors():
    client, request = models.client(), {"model": models.chat_model(), "temperature": 0, "seed": 0, "max_tokens": 12}
    create = client.chat.completions.create

    plain = create(messages=user("Say hello."), **request)
    assert plain.model == "base"
    assert plain.choices[0].message.content
    assert 0 < plain.usage.completion_tokens <= 12

    chunks = list(create(messages=user("Say hello."), stream=True, stream_options={"include_usage": True}, **request))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens

    tokens = create(messages=user("Say hello."), logprobs=True, top_logprobs=3, **request).choices[0].logprobs.content
    assert "".join(t.token for t in tokens).startswith(text[:5])
    assert all(t.logprob <= 0 and len(t.top_logprobs) == 3 for t in tokens)
    assert tokens[0].token == tokens[0].top_logprobs[0].token  # temperature 0 takes the likeliest

    schema = {
        "type": "object",
        "properties": {"queue": {"enum": ["refund", "lost"]}, "days": {"type": "integer"}},
        "required": ["queue", "days"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "ticket", "strict": True, "schema": schema}}
    reply = create(messages=user("My parcel is 3 days late."), response_format=form, **request | {"max_tokens": 60})
    ticket = json.loads(reply.choices[0].message.content)
    assert ticket.keys() == {"queue", "days"}
    assert ticket["queue"] in ("refund", "lost")

    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")
    with pytest.raises(openai.BadRequestError, match="temperature"):
        create(messages=user("Hi"), **request | {"temperature": "hot"})
    with pytest.raises(openai.BadRequestError, match="context size"):
        create(messages=user("word " * 5000), **request)


def test_tool_call_arrives_parsed_when_examples_show_how():
    tool = {
        "type": "function",
        "function": {
            "name": "find_parcel",
            "description": "Look up a parcel",
            "parameters": {
                "type": "object",
                "properties": {"parcel_id": {"type": "string"}},
                "required": ["parcel_id"],
            },
        },
    }
    conversation = []
    for call_id, parcel, place in (("a", "QS-7", "Lyon"), ("b", "QS-31", "Gent"), ("c", "QS-58", "Porto")):
        call = {"name": "find_parcel", "arguments": f'{{"parcel_id":"{parcel}"}}'}
        conversation += [
            *user(f"Where is parcel {parcel}?"),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": call_id, "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": call_id, "content": f'{{"status":"in {place}"}}'},
            {"role": "assistant", "content": f"It is in {place}."},
        ]
    conversation += user("Where is parcel QS-12?")
    reply = models.client().chat.completions.create(
        model=models.chat_model(), messages=conversation, tools=[tool], temperature=0, max_tokens=60
    )
    assert reply.choices[0].finish_reason == "tool_calls"
    (call,) = reply.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("find_parcel", {"parcel_id": "QS-12"})


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_without_tools_the_template_is_the_model_s_own(system):
    import httpx
    import jinja2
    from gguf import GGUFReader

    field = GGUFReader(models.gguf_file()).fields["tokenizer.chat_template"]
    own = jinja2.Template(bytes(field.parts[field.data[0]]).decode())
    messages = [{"role": "system", "content": system}] if system else []
    messages += [*user("Hi"), {"role": "assistant", "content": "Hello."}, *user("Where is my parcel?\n")]
    address = chat_server.address()
    ours = httpx.post(f"{address}/apply-template", json={"messages": messages}, trust_env=False).json()["prompt"]
    assert ours == own.render(messages=messages, add_generation_prompt=True)


def test_ask_returns_the_same_text_twice_and_takes_a_system_message():
    first = models.ask("Name a colour.", max_tokens=8)
    assert first == models.ask("Name a colour.", max_tokens=8)
    assert isinstance(models.ask("Name a colour.", system="You speak French.", max_tokens=4), str)
    assert len(models.ask("Count.", max_tokens=32, stop=["\n"]).splitlines()) <= 1


def test_ask_says_what_it_cannot_do():
    with pytest.raises(TypeError, match="one text"):
        models.ask(user("Hi"))
    with pytest.raises(TypeError, match="client"):
        models.ask("Hi", stream=True)


def test_async_client_answers_several_at_once():
    async def both():
        async with models.async_client() as client:
            asked = [
                client.chat.completions.create(model=models.chat_model(), messages=user(text), max_tokens=4)
                for text in ("Hi", "Hello", "Good day")
            ]
            return [reply.choices[0].message.content for reply in await asyncio.gather(*asked)]

    assert len(asyncio.run(both())) == 3


def test_serving_describes_the_local_model():
    served = models.serving()
    assert served["model"] == "base" and served["local"]
    assert served["address"].startswith("http://127.0.0.1:")
    assert served["context_tokens"] == 4096
    assert served["weights"].endswith(".gguf") and models.gguf_file().name == served["weights"]


def test_no_web_page_may_call_the_server():
    import httpx

    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    url = f"{chat_server.address()}/v1/chat/completions"
    reply = httpx.options(url, headers=headers, trust_env=False)
    assert reply.headers.get("access-control-allow-origin", "") == ""


def test_threads_that_start_at_once_share_one_server():
    chat_server.stop()
    found = []
    starters = [threading.Thread(target=lambda: found.append(chat_server.address())) for _ in range(8)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_stop_closes_the_port_and_the_next_use_starts_again():
    before = chat_server.address()
    old_client = models.client()
    chat_server.stop()
    assert not chat_server.is_running()
    assert not port_is_open(before)
    assert models.ask("Hi", max_tokens=2) is not None
    assert models.client() is not old_client


def test_a_proxy_never_sees_what_is_meant_for_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    models._client.cache_clear()
    assert models.ask("Hi", max_tokens=2) is not None


def test_another_provider_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    with pytest.raises(models.ModelSettingsError, match="COURSE_CHAT_MODEL"):
        models.chat_model()
    monkeypatch.setenv("COURSE_CHAT_MODEL", "big")
    assert models.chat_model() == "big"
    assert str(models.client().base_url) == "http://localhost:11434/v1/"
    assert models.client().api_key == models.NO_KEY
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert models.client().api_key == "secret"
    assert models.async_client().api_key == "secret"
    assert models.serving() == {"model": "big", "address": "http://localhost:11434/v1", "local": False}


def test_an_api_key_alone_does_not_leave_this_machine(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert models.client().base_url.host == "127.0.0.1"
    assert models.client().api_key == models.NO_KEY


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    most = chat_server.threads()
    assert 1 <= most <= os.cpu_count()
    for value, want in (("1", 1), ("1,2", 1), ("999", most), ("many", most), ("0", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert chat_server.threads() == want


def test_a_server_that_does_not_start_says_what_to_run(monkeypatch):
    chat_server.stop()

    def fail(weights):
        raise RuntimeError("no memory")

    monkeypatch.setattr(chat_server, "_start", fail)
    with pytest.raises(chat_server.ChatServerError, match=r"no memory.*\n.*course doctor"):
        chat_server.address()


def test_a_script_ends_cleanly_and_prints_nothing_of_llama_cpp():
    done = run("from coursekit import models; print(models.serving()['address']); models.ask('Hi', max_tokens=3)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert not port_is_open(done.stdout.strip())


def test_a_script_that_ends_as_soon_as_the_server_stands_ends_cleanly():
    for _ in range(3):
        assert run("from coursekit import chat_server; chat_server.address()").returncode == 0


def test_a_script_that_ends_while_an_answer_streams_ends_cleanly():
    code = """
import threading
from coursekit import models
first_token = threading.Event()
def stream():
    messages = [{"role": "user", "content": "Tell a long story."}]
    for _ in models.client().chat.completions.create(model="base", messages=messages, stream=True):
        first_token.set()
threading.Thread(target=stream, daemon=True).start()
assert first_token.wait(60)
"""
    assert run(code).returncode == 0


def test_a_killed_process_leaves_neither_port_nor_process():
    code = "import time; from coursekit import models; print(models.serving()['address'], flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    assert port_is_open(address)
    assert psutil.Process(process.pid).children(recursive=True) == []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not port_is_open(address)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_uses_its_parent_s_server_and_ends_cleanly():
    code = """
import os, sys
from coursekit import chat_server, models
address = chat_server.address()
child = os.fork()
if child == 0:
    assert not chat_server.is_running() and chat_server.address() == address
    models.ask("Hi", max_tokens=2)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
models.ask("Hi", max_tokens=2)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_that_outlives_its_parent_holds_no_port_and_says_so():
    code = """
import os, sys, time
from coursekit import chat_server
parent, address = os.getpid(), chat_server.address()
if os.fork() == 0:
    while os.getppid() == parent:
        time.sleep(0.01)
    try:
        chat_server.address()
    except chat_server.ChatServerError as error:
        print(address, "spawn" in str(error), flush=True)
    sys.stdin.readline()  # stays alive until the test has looked at the port
    sys.exit(0)
os.kill(parent, 9)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)
    address, says_so = process.stdout.readline().split()
    assert says_so == "True"
    assert not port_is_open(address)
    process.communicate("go on\n")
