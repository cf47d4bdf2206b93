"""The course's language models, over one wire protocol. Model names live in this file and nowhere else.

By default everything runs on this machine. Three environment variables point the same code at any other provider
that speaks the OpenAI protocol (a hosted API, vLLM, Ollama, a bigger GGUF file):

    OPENAI_BASE_URL      for example http://localhost:11434/v1
    OPENAI_API_KEY       if the provider wants one
    COURSE_CHAT_MODEL    the provider's name for the model
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import openai

from coursekit import chat_server
from coursekit.weights import chat_weights

CHAT_MODEL = chat_server.MODEL
EMBEDDING_MODEL = "all-MiniLM-L6-v2"
NO_KEY = "not-needed"  # the openai client insists on a key; a local provider ignores it
HOSTED = {"timeout": openai.Timeout(60, connect=10), "max_retries": 2}
LOCAL = {"timeout": openai.Timeout(300, connect=5), "max_retries": 0}  # slow, not flaky: a retry would only add load


class ModelSettingsError(RuntimeError):
    """The environment variables that choose a model contradict each other. The message says what to set."""


def client() -> openai.OpenAI:
    """A client of the local chat model, or of the provider in OPENAI_BASE_URL. One per process and provider.

    The local model is started by the first call (about a second). Time-outs: 300 s and no retries for the local
    model, 60 s and two retries for another provider; `client().with_options(timeout=…, max_retries=…)` changes them.
    Raises `WeightsError` or `ChatServerError` where the local model cannot be started.
    """
    base_url, key = _provider()
    return _client(base_url, key, _is_local(), os.getpid())


def async_client() -> openai.AsyncOpenAI:
    """The same for `async` code. A new one each time: it belongs to the event loop that first uses it.

    Close it with `async with async_client() as c:` or `await c.close()`.
    """
    base_url, key = _provider()
    if _is_local():
        http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
        return openai.AsyncOpenAI(base_url=base_url, api_key=key, http_client=http_client, **LOCAL)
    return openai.AsyncOpenAI(base_url=base_url, api_key=key, **HOSTED)


def chat_model() -> str:
    """The model name to pass: `base`, or COURSE_CHAT_MODEL.

    Raises `ModelSettingsError` if OPENAI_BASE_URL is set and COURSE_CHAT_MODEL is not.
    """
    name = os.environ.get("COURSE_CHAT_MODEL")
    if name:
        return name
    if not _is_local():
        raise ModelSettingsError(
            f"OPENAI_BASE_URL is set to {os.environ['OPENAI_BASE_URL']}, so COURSE_CHAT_MODEL must say which of its "
            "models to use.\nSet it, for example:  export COURSE_CHAT_MODEL=gpt-4o-mini\n"
            "or go back to the model on this machine:  unset OPENAI_BASE_URL"
        )
    return CHAT_MODEL


def ask(
    prompt: str,
    *,
    system: str | None = None,
    temperature: float = 0,
    seed: int = 0,
    max_tokens: int = 256,
    **options: Any,
) -> str:
    """Send one user message; return the reply's text (`""` if the model answered with no text).

    `temperature` 0 takes the likeliest token each time; 0 to 2. `max_tokens` bounds the reply, not the prompt.
    `options` go to `client().chat.completions.create` as they are, except `stream`, which has no text to return.
    Raises the `openai` client's errors, and those of `client` and `chat_model`.
    """
    if not isinstance(prompt, str):
        raise TypeError(f"ask() sends one text; got {type(prompt).__name__}. For a conversation use client().")
    if options.get("stream"):
        raise TypeError("ask() returns a whole reply; to stream, use client().chat.completions.create(stream=True).")
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages.append({"role": "user", "content": prompt})
    request = {"model": chat_model(), "temperature": temperature, "seed": seed, "max_tokens": max_tokens} | options
    completion = client().chat.completions.create(messages=messages, **request)
    return completion.choices[0].message.content or ""


def gguf_file() -> Path:
    """The local chat model's file; `coursekit.opened_model.open_model()` opens it for looking inside. Raises `WeightsError`."""
    return chat_weights()


def serving() -> dict[str, Any]:
    """What answers `client()`: model, address, where it runs; for the local model also file, context and threads.

    Starts the local model if it is not running.
    """
    base_url, _ = _provider()
    served: dict[str, Any] = {"model": chat_model(), "address": base_url, "local": _is_local()}
    if _is_local():
        served |= {
            "weights": gguf_file().name,
            "context_tokens": chat_server.CONTEXT_TOKENS,
            "longest_answer_tokens": chat_server.LONGEST_ANSWER_TOKENS,
            "parallel_requests": chat_server.PARALLEL_REQUESTS,
            "threads": chat_server.threads(),
        }
    return served


def _is_local() -> bool:
    return not os.environ.get("OPENAI_BASE_URL")


def _provider() -> tuple[str, str]:
    if _is_local():
        return f"{chat_server.address()}/v1", NO_KEY
    return os.environ["OPENAI_BASE_URL"], os.environ.get("OPENAI_API_KEY") or NO_KEY


@lru_cache(maxsize=8)
def _client(base_url: str, key: str, local: bool, pid: int) -> openai.OpenAI:
    """`pid` keeps a forked child from sharing its parent's open connections."""
    if local:
        # trust_env=False: a company's proxy must not receive what is meant for this machine
        return openai.OpenAI(
            base_url=base_url, api_key=key, http_client=openai.DefaultHttpxClient(trust_env=False), **LOCAL
        )
    return openai.OpenAI(base_url=base_url, api_key=key, **HOSTED)
