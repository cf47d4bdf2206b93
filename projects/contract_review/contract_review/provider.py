"""One question to a language model that may be slow, busy, broken or unwilling: bounded in time and attempts, logged, never leaking."""

import functools
import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import openai

# What a call can raise without a mistake of ours: the client's errors, a body that is no JSON, our own clock.
PROVIDERS_ERRORS = (openai.APIError, json.JSONDecodeError, TimeoutError)


@dataclass(frozen=True)
class Settings:
    """Where the model is, and what one question may cost. Plain data: `call_model` makes its own client.

    Raises ValueError where a number is below its least value: nothing may be bounded by nothing.
    """

    base_url: str  # ends in /v1
    api_key: str = field(repr=False)
    model: str
    timeout_s: float = 60.0  # one attempt, from sending to its last byte, however slowly bytes come
    deadline_s: float = 180.0  # all attempts of one question and the waits between them
    attempts: int = 4  # the most requests for one question
    backoff_s: float = 0.5  # the limit of the first wait; doubles with each further one
    longest_backoff_s: float = 8.0
    max_tokens: int = 700  # of one answer
    usd_per_million_in: float = 0.0
    usd_per_million_out: float = 0.0

    def __post_init__(self) -> None:
        least = {"attempts": 1, "max_tokens": 1, "backoff_s": 0, "longest_backoff_s": 0, "usd_per_million_in": 0, "usd_per_million_out": 0}  # fmt: skip
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise ValueError(f"{name} must be at least {bound}, got {getattr(self, name)}")
        for name in ("timeout_s", "deadline_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class ModelReply:
    """An answer that came whole, with HTTP status 200.

    `status`, of its first choice, in this order: `empty` (there are no choices) · `refused` (it has a refusal, or
    finish_reason is `content_filter`) · `truncated` (finish_reason is `length`) · `empty` (no text but white space) · `answer`.
    `prompt_tokens` and `completion_tokens` are the provider's count, None where it sent none. `requests`: how many were made.
    """

    status: str
    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    requests: int


class CallFailed(Exception):
    """No answer. `reason`: `refused_request` (the same request would fail again), or `unavailable` (attempts or time used up).

    `http_status`: of the last attempt, None where none came. `requests`: how many were made. The message holds no key and no document.
    """

    def __init__(self, reason: str, http_status: int | None, requests: int) -> None:
        super().__init__(f"{reason} after {requests} request(s), last HTTP status {http_status}")
        self.reason, self.http_status, self.requests = reason, http_status, requests


def is_temporary(error: Exception) -> bool:
    """Whether a later attempt with the same request can succeed. The worked example.

    Yes: no answer (time-out, connection refused, closed or cut), a body that is no JSON, and HTTP 408, 409, 429 and from 500 on.
    No: every other HTTP status, a 429 whose code is `insufficient_quota`, and any error that is not the provider's.
    """
    if isinstance(error, openai.APIStatusError):
        if error.code == "insufficient_quota":
            return False
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIError | json.JSONDecodeError | TimeoutError)


def wait_before_next(error: Exception, attempt: int, settings: Settings) -> float:
    """Seconds to wait after attempt number `attempt` (0 is the first) has failed with `error`; how long is left is not its business.

    Full jitter: drawn evenly from 0 to `settings.backoff_s` doubled `attempt` times, that limit being `longest_backoff_s` at most. But
    never less than the header Retry-After of the answer asks for, if there is one: seconds, or an HTTP date
    (`parsedate_to_datetime`). A Retry-After that is neither does not count.
    """
    raise NotImplementedError("YOUR CODE HERE: the larger of two: a draw below the limit, and what the server asks for")


def log_record(messages: list[dict], *, attempt: int, outcome: str, seconds: float, **more: Any) -> dict[str, Any]:
    """Given: what is written down about one attempt: an allow-list. The prompt is a fingerprint and a length, the key is nowhere.

    `attempt` counts from 0. `http_status`: 200 for a reply, else the error's, None where it has none (a time-out, a stream cut after its 200).
    """
    prompt = json.dumps(messages, ensure_ascii=False)
    known = {"attempt": attempt, "outcome": outcome, "seconds": round(seconds, 3)}
    fingerprint = {"prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest()[:16], "prompt_chars": len(prompt)}
    allowed = ("http_status", "wait_s", "prompt_tokens", "completion_tokens")
    return known | fingerprint | {name: more.get(name) for name in allowed}


@functools.lru_cache(maxsize=8)
def client(base_url: str, api_key: str) -> openai.OpenAI:
    """Given: one client an address and key, for it takes a tenth of a second to make. It never retries by itself and uses no proxy."""
    return openai.OpenAI(
        base_url=base_url, api_key=api_key, max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
    )


def one_attempt(settings: Settings, messages: list[dict], response_format: dict | None, timeout_s: float) -> ModelReply:
    """Send the request once and read its whole answer within `timeout_s`; `requests` is 1.

    temperature 0, seed 0, `settings.max_tokens`; `response_format` only if it is not None. An answer that is cut off or takes longer than `timeout_s` raises an error for which
    `is_temporary` is true, within about `timeout_s`, also where bytes keep trickling in: each byte restarts the clock of a read time-out.
    Ask for `client` before your clock starts: to build the first one takes a moment. A stream without any choice is `empty`; one whose choice never has a
    finish_reason is cut off. Raises what the client raises: `openai.APIError` and its kinds, which wrap the errors of its HTTP library, so that there is
    nothing of httpx to catch, and a JSONDecodeError. Their bodies may quote the request, so nothing of them is shown or logged.
    """
    raise NotImplementedError("YOUR CODE HERE: a stream, because between its chunks there is a place to look at the clock")


def call_model(
    settings: Settings,
    messages: list[dict],
    *,
    response_format: dict | None = None,
    log: Callable[[dict], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> ModelReply:
    """The model's reply to `messages`, after as many attempts as it takes, up to `settings.attempts` and `settings.deadline_s`.

    Each attempt may take `timeout_s`, or what is left of the deadline if that is less. After a temporary error it waits (`wait_before_next`, with
    `sleep`), unless no attempt is left or the wait would use up what is left of the deadline: then it gives up at once. A
    reply of any status (`refused`, `truncated`, `empty` too) ends it: asking again is not its decision. `clock` says how much of the
    deadline has gone. `log` gets one `log_record` an attempt: `outcome` is the reply's status, or the error's class; `wait_s` is
    the wait that follows, None for none. Raises CallFailed, and no other error of the provider, without a chained error (`from None`).
    """
    raise NotImplementedError("YOUR CODE HERE: attempt, log, decide, wait")
