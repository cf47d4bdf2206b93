"""A request as the scripted provider received it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from coursekit.scripted.wire import embedding_texts, parts_text

if TYPE_CHECKING:
    from coursekit.scripted.serving import Exchange

CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
SERVED = f"POST {CHAT}, POST {EMBEDDINGS}, GET {MODELS}"


@dataclass
class Request:
    """`path` from the root (`/v1/chat/completions`), `headers` with lower-case names, `at_s` since the provider's start.

    `body` is the JSON object that was sent, `{}` for none. `cancelled`: the client hung up before it had the whole answer;
    set when the provider notices, which is at once while it waits (`Slow`) and see `ScriptedProvider.settle`.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    at_s: float = 0.0
    cancelled: bool = False

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation that was sent; `[]` for other requests."""
        found = self.body.get("messages")
        return found if isinstance(found, list) else []

    @property
    def text(self) -> str:
        """The last user message's text; of an embeddings request, its texts in lines."""
        if self.path == EMBEDDINGS:
            return "\n".join(embedding_texts(self.body))
        for message in reversed(self.messages):
            if isinstance(message, dict) and message.get("role") == "user":
                return parts_text(message.get("content"))
        return ""

    @property
    def stream(self) -> bool:
        """Whether a stream was asked for."""
        return bool(self.body.get("stream"))


def matches(wanted: str | re.Pattern | Callable[[Request], bool], request: Request) -> bool:
    """Whether `request` is one that `wanted` asks for: a text in `request.text`, a pattern found there, or a predicate."""
    if isinstance(wanted, str):
        return wanted in request.text
    if isinstance(wanted, re.Pattern):
        return wanted.search(request.text) is not None
    return bool(wanted(request))


def read(exchange: "Exchange", request: Request) -> tuple[int, str] | None:
    """Fill `request.body`; what is wrong with the request, as HTTP status and message, or None."""
    try:
        raw = exchange.read_body()
    except ValueError as error:
        return 413, str(error)
    method, path = exchange.command, request.path
    is_models = path == MODELS or path.startswith(f"{MODELS}/")
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


def _wrong_with(body: dict[str, Any], path: str) -> tuple[int, str] | None:
    if not isinstance(body.get("model"), str):
        return 400, "'model' must be the name of a model."
    if path == EMBEDDINGS:
        return None if body.get("input") else (400, "'input' must be a text or a list of texts, not empty.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return 400, "'messages' must be a list, not empty."
    if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
        return 400, "Each of 'messages' must be an object with a role."
    return None
