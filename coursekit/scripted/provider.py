"""The scripted provider: an OpenAI-compatible server on loopback whose answers a test or a lesson writes down beforehand."""

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from coursekit.scripted import wire
from coursekit.scripted.answers import (
    Answer,
    BadRequest,
    CutStream,
    Disconnect,
    Embeddings,
    EmptyChoices,
    MalformedBody,
    RateLimit,
    Reply,
    ServerError,
    Slow,
)
from coursekit.scripted.request import Request, matches
from coursekit.scripted.serving import Exchange, HungUp, Server

if TYPE_CHECKING:
    import re

    import openai

    Scripted = Answer | Callable[[Request], Answer]
    Wanted = str | re.Pattern | Callable[[Request], bool]

CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
SERVED = f"POST {CHAT}, POST {EMBEDDINGS}, GET {MODELS}"
MOST_REQUESTS = 10_000
MODEL = "scripted"
NO_KEY = "scripted-key"


class ScriptedProvider:
    """Answers as it was told, over real HTTP, and records every request. A context manager: it serves inside `with`.

        with ScriptedProvider() as provider:
            provider.then(RateLimit(retry_after_s=1), Reply("hello"))
            provider.client().chat.completions.create(model="scripted", messages=[…])

    Answers can be given before or after it starts, from any thread. Where an answer is expected, a function of the
    `Request` that returns one will do. `listener`: a listening TCP socket to serve on, which stays open at the end;
    without one, any free port of 127.0.0.1. `models`: the names that `/v1/models` lists.
    """

    def __init__(self, *, listener: socket.socket | None = None, models: Sequence[str] = (MODEL,)) -> None:
        self._given, self._models = listener, tuple(models)
        self._sequence: deque[Scripted] = deque()
        self._rules: list[tuple[Wanted, deque[Scripted]]] = []
        self._otherwise: Scripted | None = None
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running, self._started_s = 0, 0.0
        self._server: Server | None = None
        self._address = ""
        self._clients: list[openai.OpenAI] = []
        self.requests: list[Request] = []
        self.errors: list[Exception] = []
        self.unscripted = 0

    # --- what to answer

    def then(self, *answers: "Scripted") -> "ScriptedProvider":
        """Answer the next requests with these, one a request, in this order."""
        with self._lock:
            self._sequence.extend(map(_checked, answers))
        return self

    def when(self, wanted: "Wanted", *answers: "Scripted") -> "ScriptedProvider":
        """Answer requests whose last user message contains `wanted` with these in order; the last one repeats.

        `wanted`: a text, a compiled pattern, or a function of the `Request`. The first rule that fits is taken, before the
        sequence of `then`. Raises `ValueError` without an answer.
        """
        if not answers:
            raise ValueError("when() needs one answer or more.")
        with self._lock:
            self._rules.append((wanted, deque(map(_checked, answers))))
        return self

    def otherwise(self, answer: "Scripted") -> "ScriptedProvider":
        """Answer with this when nothing else is left. Without it: HTTP 500, which says so and is counted in `unscripted`."""
        self._otherwise = _checked(answer)
        return self

    # --- serving

    def __enter__(self) -> "ScriptedProvider":
        if self._server is not None:
            raise RuntimeError("This ScriptedProvider is already serving.")
        listener = self._given or socket.create_server(("127.0.0.1", 0), backlog=128)
        host, port = listener.getsockname()[:2]
        self._address = f"http://{host}:{port}"
        self._started_s = time.monotonic()
        self._server = Server(listener, self._exchange, keep_listener=self._given is not None)
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End it: every connection, thread and client of `client()` is gone when this returns."""
        server, self._server = self._server, None
        clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        if server is not None:
            server.close()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`. Raises `RuntimeError` before it serves."""
        if not self._address:
            raise RuntimeError(
                "The ScriptedProvider is not serving yet: use it with `with ScriptedProvider() as provider:`."
            )
        return f"{self._address}/v1"

    def client(self, **options: Any) -> "openai.OpenAI":
        """An `openai.OpenAI` on this provider, closed together with it. No retries unless `options` say so."""
        import openai

        if "http_client" not in options:  # a proxy of the environment must not come in between
            options["http_client"] = openai.DefaultHttpxClient(trust_env=False)
        client = openai.OpenAI(**{"base_url": self.base_url, "api_key": NO_KEY, "max_retries": 0} | options)
        self._clients.append(client)
        return client

    def async_client(self, **options: Any) -> "openai.AsyncOpenAI":
        """An `openai.AsyncOpenAI` on this provider; close it in its event loop (`async with provider.async_client() as c`)."""
        import openai

        if "http_client" not in options:
            options["http_client"] = openai.DefaultAsyncHttpxClient(trust_env=False)
        return openai.AsyncOpenAI(**{"base_url": self.base_url, "api_key": NO_KEY, "max_retries": 0} | options)

    def settle(self, timeout_s: float = 5.0) -> bool:
        """Wait until no request is being answered, so that `cancelled` is known; whether that came within `timeout_s`."""
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, timeout_s)

    # --- answering

    def _exchange(self, exchange: Exchange) -> None:
        """One request, from its body to the end of its answer. Runs on the connection's thread."""
        at_s = time.monotonic() - self._started_s
        path = unquote(urlsplit(exchange.path).path)
        request = Request(path, {name.lower(): value for name, value in exchange.headers.items()}, {}, at_s)
        with self._lock:
            self._running += 1
        try:
            wrong = self._read(exchange, request)
            with self._lock:
                if len(self.requests) < MOST_REQUESTS:
                    self.requests.append(request)
                else:
                    wrong = (500, f"scripted provider: more than {MOST_REQUESTS:,} requests")
                number = len(self.requests)
            if wrong:
                exchange.send_json(wrong[0], wire.error(wrong[1], "invalid_request_error"))
            elif path.startswith(MODELS):
                self._list_models(exchange, path)
            else:
                self._send(exchange, request, self._choose(request), number)
        except (HungUp, OSError):
            request.cancelled = self._server is not None
            exchange.close_connection = True
        except Exception as error:  # a function of the script, or an answer that cannot be sent
            self.errors.append(error)
            exchange.close_connection = True
            with contextlib.suppress(OSError):
                self._fail(exchange, f"scripted provider: the script itself raised {type(error).__name__}.")
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _read(self, exchange: Exchange, request: Request) -> tuple[int, str] | None:
        """Fill `request.body`; what is wrong with the request as HTTP status and message, or None."""
        try:
            raw = exchange.read_body()
        except ValueError as error:
            return 413, str(error)
        method, path = exchange.command, request.path
        is_models = path == MODELS or path.startswith(MODELS + "/")
        if not is_models and path not in (CHAT, EMBEDDINGS):
            twice = " The base_url ends in /v1 already." if path.startswith("/v1/v1/") else ""
            return 404, f"scripted provider: nothing is served at {method} {path}; it serves {SERVED}.{twice}"
        if method != ("GET" if is_models else "POST"):
            return 405, f"scripted provider: {path} does not take {method}; it serves {SERVED}."
        if is_models:
            return None
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            return 400, "The body is no valid JSON."
        if not isinstance(body, dict):
            return 400, "The body must be a JSON object."
        request.body = body
        return _wrong_with(body, path)

    def _list_models(self, exchange: Exchange, path: str) -> None:
        name = path[len(MODELS) + 1 :]
        if not name:
            exchange.send_json(200, wire.models(self._models))
        elif name in self._models:
            exchange.send_json(200, wire.model(name))
        else:
            exchange.send_json(
                404, wire.error(f"The model {name!r} does not exist.", "invalid_request_error", "model_not_found")
            )

    def _choose(self, request: Request) -> Answer | None:
        """The scripted answer for `request`, taken off the script; None where there is none."""
        with self._lock:
            scripted = None
            for wanted, answers in self._rules:
                if matches(wanted, request):
                    scripted = answers.popleft() if len(answers) > 1 else answers[0]
                    break
            else:
                scripted = self._sequence.popleft() if self._sequence else self._otherwise
            if scripted is None:
                self.unscripted += 1
                return None
        return scripted if isinstance(scripted, Answer) else _checked(scripted(request))

    def _send(
        self, exchange: Exchange, request: Request, answer: Answer | None, number: int, slow: Slow | None = None
    ) -> None:
        body, is_chat = request.body, request.path == CHAT
        match answer:
            case None:
                about = f"nothing is scripted for request {number}, whose last user message is {request.text[:200]!r}"
                self._fail(exchange, f"scripted provider: {about}. Give it then(…), when(…) or otherwise(…).")
            case Slow():
                exchange.pause(answer.first_byte_s)
                self._send(exchange, request, answer.answer, number, answer)
            case Reply() if is_chat and request.stream:
                exchange.send_stream(_events(body, answer, number), slow)
            case Reply() if is_chat:
                exchange.send_json(200, wire.completion(body, answer, number), slow=slow)
            case EmptyChoices() if is_chat and request.stream:
                exchange.send_stream(_events(body, None, number), slow)
            case EmptyChoices() if is_chat:
                exchange.send_json(200, wire.completion(body, None, number), slow=slow)
            case CutStream() if is_chat and request.stream:
                # the first chunk says who speaks; then those of the text
                events = _events(body, Reply(answer.text), number)
                kept = [event for event, _ in zip(events, range(1 + answer.after_chunks), strict=False)]
                exchange.send_stream(iter(kept), slow, cut=True)
            case CutStream() if is_chat:
                whole = wire.completion(body, Reply(answer.text), number)
                exchange.send_whole(200, json.dumps(whole).encode(), slow=slow, cut=True)
            case Embeddings() if not is_chat:
                exchange.send_json(200, wire.embeddings(body, answer), slow=slow)
            case MalformedBody() if request.stream:
                exchange.send_stream(iter([answer.body]), slow)
            case MalformedBody():
                exchange.send_whole(200, answer.body.encode(), slow=slow)
            case RateLimit():
                failed = wire.error(answer.message, "requests", "rate_limit_exceeded")
                exchange.send_json(429, failed, _retry_after(answer.retry_after_s, answer.as_date), slow)
            case ServerError():
                failed = wire.error(answer.message, "server_error")
                exchange.send_json(answer.status, failed, _retry_after(answer.retry_after_s), slow)
            case BadRequest():
                failed = wire.error(answer.message, "invalid_request_error", answer.code, answer.param)
                exchange.send_json(answer.status, failed, slow=slow)
            case Disconnect():
                exchange.close_connection = True
            case _:
                kind = type(answer).__name__
                self._fail(exchange, f"scripted provider: the scripted answer, {kind}, is none for {request.path}.")

    def _fail(self, exchange: Exchange, message: str) -> None:
        """An error of the script, not of the client: it is not to be retried."""
        exchange.send_json(500, wire.error(message, "unscripted"), {"x-should-retry": "false"})


def _events(body: dict[str, Any], reply: Reply | None, number: int) -> Iterator[str]:
    for chunk in wire.chunks(body, reply, number):
        yield json.dumps(chunk)
    yield "[DONE]"


def _checked(answer: Any) -> Any:
    if isinstance(answer, Answer) or (callable(answer) and not isinstance(answer, type)):
        return answer
    raise TypeError(f"A scripted answer is a Reply, a fault, … or a function that returns one; got {answer!r}.")


def _wrong_with(body: dict[str, Any], path: str) -> tuple[int, str] | None:
    if not isinstance(body.get("model"), str):
        return 400, "you must provide a model parameter"
    if path == EMBEDDINGS:
        return None if body.get("input") else (400, "'input' must be a text or a list of texts, not empty.")
    messages = body.get("messages")
    if (
        not isinstance(messages, list)
        or not messages
        or not all(isinstance(m, dict) and m.get("role") for m in messages)
    ):
        return 400, "'messages' must be a list of objects with a role, not empty."
    return None


def _retry_after(seconds: float | None, as_date: bool = False) -> dict[str, str]:
    if seconds is None:
        return {}
    with contextlib.suppress(OverflowError):
        if as_date:
            return {"Retry-After": formatdate(time.time() + seconds, usegmt=True)}
    return {"Retry-After": f"{seconds:g}"}
