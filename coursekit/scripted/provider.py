"""The scripted provider: an OpenAI-compatible server on loopback whose answers a test or a lesson writes down beforehand."""

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from coursekit.scripted import wire
from coursekit.scripted.answers import Answer
from coursekit.scripted.request import MODELS, Request, matches, read
from coursekit.scripted.sending import send, send_failure
from coursekit.scripted.serving import LARGEST_BODY_BYTES, Exchange, HungUp, Server

if TYPE_CHECKING:
    import re

    import openai

    Scripted = Answer | Callable[[Request], Answer]
    Wanted = str | re.Pattern | Callable[[Request], bool]

MOST_REQUESTS, MOST_BYTES = 10_000, 64_000_000  # of a provider's life: it keeps them all
MODEL = "scripted"
NO_KEY = "scripted-key"


class ScriptedProvider:
    """Answers as it was told, over real HTTP, and records every request. A context manager: it serves inside `with`.

        with ScriptedProvider() as provider:
            provider.then(RateLimit(retry_after_s=1), Reply("hello"))
            provider.client().chat.completions.create(model="scripted", messages=[…])

    Answers can be given before or after it starts, from any thread. Where an answer is expected, a function of the
    `Request` that returns one will do; what such a function raises is HTTP 500 and kept in `errors`. `listener`: a
    listening TCP socket to serve on, which stays open at the end; without one, any free port of 127.0.0.1. `models`: the
    names that `/v1/models` lists; it needs no script.
    """

    def __init__(self, *, listener: socket.socket | None = None, models: Sequence[str] = (MODEL,)) -> None:
        self._given, self._models = listener, tuple(models)
        self._sequence: deque[Scripted] = deque()
        self._rules: list[tuple[Wanted, deque[Scripted]]] = []
        self._otherwise: Scripted | None = None
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._running, self._received_bytes, self._started_s = 0, 0, 0.0
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
        if server is not None:
            server.close()
        for client in clients:
            client.close()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`. Raises `RuntimeError` before it serves."""
        if not self._address:
            raise RuntimeError("The provider is not serving yet: use it inside `with ScriptedProvider() as provider:`.")
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
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        request = Request(unquote(urlsplit(exchange.path).path), headers, {}, at_s)
        with self._lock:
            self._running += 1
            self._received_bytes += exchange.body_bytes if exchange.body_bytes <= LARGEST_BODY_BYTES else 0  # not read
            too_much = len(self.requests) >= MOST_REQUESTS or self._received_bytes > MOST_BYTES
        try:
            if too_much:
                exchange.close_connection = True
                send_failure(exchange, f"it keeps {MOST_REQUESTS:,} requests and {MOST_BYTES:,} bytes at most.")
            else:
                self._answer(exchange, request)
        except (HungUp, OSError):
            request.cancelled = self._server is not None
            exchange.close_connection = True
        except (
            Exception
        ) as error:  # a function of the script, or an answer that does not fit: not for the client to read
            self.errors.append(error)
            exchange.close_connection = True
            with contextlib.suppress(OSError):
                send_failure(exchange, f"the script itself failed with {type(error).__name__}: see provider.errors.")
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _answer(self, exchange: Exchange, request: Request) -> None:
        wrong = read(exchange, request)
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        exchange.request_id = f"req_scripted_{number}"
        if wrong:
            status, message = wrong
            exchange.send_json(status, wire.error(message, "invalid_request_error"))
        elif request.path.startswith(MODELS):
            self._send_models(exchange, request.path[len(MODELS) + 1 :])
        elif answer := self._choose(request):
            send(exchange, request, answer, number)
        else:
            about = f"nothing is scripted for request {number}, whose last user message is {request.text[:200]!r}"
            send_failure(exchange, f"{about}. Script it with then(…), when(…) or otherwise(…).")

    def _send_models(self, exchange: Exchange, name: str) -> None:
        if not name:
            exchange.send_json(200, wire.models(self._models))
        elif name in self._models:
            exchange.send_json(200, wire.model(name))
        else:
            message = f"The model {name!r} does not exist."
            exchange.send_json(404, wire.error(message, "invalid_request_error", "model_not_found"))

    def _choose(self, request: Request) -> Answer | None:
        """The scripted answer for `request`, taken off the script; None where there is none."""
        with self._lock:
            for wanted, answers in self._rules:
                if matches(wanted, request):
                    scripted = answers.popleft() if len(answers) > 1 else answers[0]
                    break
            else:
                scripted = self._sequence.popleft() if self._sequence else self._otherwise
            self.unscripted += scripted is None
        return scripted if scripted is None or isinstance(scripted, Answer) else _checked(scripted(request))


def _checked(answer: Any) -> Any:
    if isinstance(answer, Answer) or (callable(answer) and not isinstance(answer, type)):
        return answer
    raise TypeError(f"A scripted answer is a Reply, a fault, … or a function that returns one; got {answer!r}.")
