"""One question to a language model that may be slow, busy, broken or unwilling: bounded in time and attempts, logged, never leaking."""

import datetime
import functools
import hashlib
import json
import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore2
import httpx2
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
    limit = min(settings.longest_backoff_s, settings.backoff_s * 2.0 ** min(attempt, 100))
    response = getattr(error, "response", None)
    asked = _asked_wait(response.headers.get("retry-after")) if response is not None else None
    return max(random.uniform(0, limit), asked or 0.0)


def _asked_wait(retry_after: str | None) -> float | None:
    """What a header Retry-After asks for, in seconds from now; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\s*", retry_after):
        seconds = float(retry_after)
        return seconds if math.isfinite(seconds) else None
    try:
        when = parsedate_to_datetime(retry_after)
        if when.tzinfo is None:  # "-0000": no zone given, UTC meant
            when = when.replace(tzinfo=datetime.UTC)
        return when.timestamp() - time.time()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


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


class _Deadline(threading.local):
    """Until when, by `time.monotonic`, the request that this thread is making may take."""

    at: float = math.inf

    def left(self) -> float:
        return self.at - time.monotonic()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        before, self.at = self.at, min(self.at, time.monotonic() + seconds)
        try:
            yield
        finally:
            self.at = before


_deadline = _Deadline()


class _TimedStream(httpcore2.NetworkStream):
    """A connection on which no single operation lasts beyond the deadline of the request: headers, bodies of errors and streams alike."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    @staticmethod
    def _bound(timeout: float | None, late: type[Exception]) -> float | None:
        left = _deadline.left()
        if left <= 0:
            raise late("the attempt's time is over")
        return timeout if left == math.inf else left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._bound(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._bound(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> httpcore2.NetworkStream:  # fmt: skip
        bound = self._bound(timeout, httpcore2.ConnectTimeout)
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, bound))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _TimedBackend(httpcore2.SyncBackend):
    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *more: Any, **options: Any) -> httpcore2.NetworkStream:  # fmt: skip
        bound = _TimedStream._bound(timeout, httpcore2.ConnectTimeout)
        return _TimedStream(super().connect_tcp(host, port, bound, *more, **options))


@functools.cache
def _timed_http() -> openai.DefaultHttpxClient:
    """Connections that obey `_deadline`, shared by all addresses: making its TLS context takes long. It uses no proxy."""
    transport = httpx2.HTTPTransport(trust_env=False)
    transport._pool.close()
    transport._pool = httpcore2.ConnectionPool(
        ssl_context=httpx2.create_ssl_context(trust_env=False), max_connections=1000, max_keepalive_connections=100,
        keepalive_expiry=5.0, network_backend=_TimedBackend(),
    )  # fmt: skip
    return openai.DefaultHttpxClient(transport=transport, trust_env=False)


@functools.lru_cache(maxsize=64)
def _timed_client(base_url: str, api_key: str) -> openai.OpenAI:
    """As `client`, on connections that obey `_deadline`."""
    return openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0, http_client=_timed_http())


@dataclass
class _Collected:
    """What the chunks of a stream have said so far, of the first choice."""

    text: str = ""
    refusal: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    said_choices: bool = False  # some chunk had a list of choices, perhaps an empty one
    has_choice: bool = False

    def add(self, chunk: Any) -> None:
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self.prompt_tokens = _count(usage, "prompt_tokens", self.prompt_tokens)
            self.completion_tokens = _count(usage, "completion_tokens", self.completion_tokens)
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list):
            return
        self.said_choices = True
        for choice in choices:
            if (getattr(choice, "index", 0) or 0) != 0:
                continue
            self.has_choice = True
            delta = getattr(choice, "delta", None)
            self.text += _text(delta, "content")
            self.refusal += _text(delta, "refusal")
            self.finish_reason = getattr(choice, "finish_reason", None) or self.finish_reason

    @property
    def is_whole(self) -> bool:
        return self.finish_reason is not None or (self.said_choices and not self.has_choice)

    @property
    def status(self) -> str:
        if not self.has_choice:
            return "empty"
        if self.refusal or self.finish_reason == "content_filter":
            return "refused"
        if self.finish_reason == "length":
            return "truncated"
        return "answer" if self.text.strip() else "empty"


def _text(delta: Any, name: str) -> str:
    said = getattr(delta, name, None)
    return said if isinstance(said, str) else ""


def _count(usage: Any, name: str, before: int | None) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else before


def _before(chunks: Iterable[Any], ends: float) -> Iterator[Any]:
    """`chunks`, with a look at the clock after each."""
    for chunk in chunks:
        if time.monotonic() > ends:
            raise TimeoutError("the attempt's time is over")
        yield chunk


def one_attempt(settings: Settings, messages: list[dict], response_format: dict | None, timeout_s: float) -> ModelReply:
    """Send the request once and read its whole answer within `timeout_s`; `requests` is 1.

    temperature 0, seed 0, `settings.max_tokens`; `response_format` only if it is not None. An answer that is cut off or takes longer than `timeout_s` raises an error for which
    `is_temporary` is true, within about `timeout_s`, also where bytes keep trickling in: each byte restarts the clock of a read time-out.
    Ask for `client` before your clock starts: to build the first one takes a moment. A stream without any choice is `empty`; one whose choice never has a
    finish_reason is cut off. Raises what the client raises: `openai.APIError` and its kinds, which wrap the errors of its HTTP library, so that there is
    nothing of httpx to catch, and a JSONDecodeError. Their bodies may quote the request, so nothing of them is shown or logged.
    """
    api = _timed_client(settings.base_url, settings.api_key)  # before the clock runs: the first one takes a while
    ends = time.monotonic() + timeout_s
    options = {} if response_format is None else {"response_format": response_format}
    reply = _Collected()
    request = httpx2.Request("POST", settings.base_url)  # only for errors of our own: nothing of the real one is in it
    with _deadline.within(timeout_s):
        try:
            stream = api.chat.completions.create(
                model=settings.model, messages=messages, temperature=0, seed=0, max_tokens=settings.max_tokens,
                stream=True, stream_options={"include_usage": True}, timeout=timeout_s, **options,
            )  # fmt: skip
            with stream:
                for chunk in _before(stream, ends):
                    reply.add(chunk)
        except httpx2.TimeoutException:
            raise openai.APITimeoutError(request=request) from None
        except (httpx2.HTTPError, httpx2.StreamError, UnicodeDecodeError, RecursionError):
            raise openai.APIConnectionError(message="The answer could not be read.", request=request) from None
    if not reply.is_whole:
        raise openai.APIConnectionError(message="The answer was cut off.", request=request)
    return ModelReply(reply.status, reply.text, reply.prompt_tokens, reply.completion_tokens, 1)


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
    call = _Call(settings, messages, log or (lambda record: None), clock, clock())
    while True:
        step = call.attempt(response_format)
        if isinstance(step, ModelReply):
            return step
        if isinstance(step, CallFailed):
            raise step from None  # outside of any `except`: nothing hangs on it, not even as its context
        sleep(step)
        if call.left() <= 0:
            raise call.failed("unavailable") from None


@dataclass
class _Call:
    """One question on its way: how many attempts were made, and how the last one ended."""

    settings: Settings
    messages: list[dict]
    log: Callable[[dict], None]
    clock: Callable[[], float]
    began: float
    made: int = 0
    http_status: int | None = None

    def left(self) -> float:
        return self.settings.deadline_s - (self.clock() - self.began)

    def failed(self, reason: str) -> CallFailed:
        return CallFailed(reason, self.http_status, self.made)

    def attempt(self, response_format: dict | None) -> ModelReply | CallFailed | float:
        """One more attempt, logged: the reply, the failure that ends the call, or the seconds until the next attempt."""
        settings, started = self.settings, self.clock()
        timeout_s = min(settings.timeout_s, settings.deadline_s - (started - self.began))
        result: ModelReply | CallFailed | float
        try:
            reply = one_attempt(settings, self.messages, response_format, timeout_s)
        except PROVIDERS_ERRORS as error:
            self.made, self.http_status = self.made + 1, getattr(error, "status_code", None)
            outcome, tokens = type(error).__name__, {}
            result = self._next(error)
        else:
            self.made, self.http_status = self.made + 1, 200
            outcome = reply.status
            tokens = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
            result = replace(reply, requests=self.made)
        wait_s = result if isinstance(result, float) else None
        self.log(
            log_record(
                self.messages,
                attempt=self.made - 1,
                outcome=outcome,
                seconds=self.clock() - started,
                http_status=self.http_status,
                wait_s=wait_s,
                **tokens,
            )
        )
        return result

    def _next(self, error: Exception) -> CallFailed | float:
        if not is_temporary(error):
            return self.failed("refused_request")
        if self.made >= self.settings.attempts:
            return self.failed("unavailable")
        wait_s = wait_before_next(error, self.made - 1, self.settings)
        return self.failed("unavailable") if wait_s >= self.left() else float(wait_s)
