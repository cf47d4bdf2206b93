"""A request as the scripted provider received it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coursekit.scripted.wire import embedding_texts, parts_text


@dataclass
class Request:
    """`path` from the root (`/v1/chat/completions`), `headers` with lower-case names, `at_s` since the provider's start.

    `body` is the JSON object that was sent, `{}` for none. `stream`: whether a stream was asked for. `cancelled`: the
    client hung up before it had the whole answer; set when the provider notices (see `ScriptedProvider.settle`).
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
        if self.path.endswith("/embeddings"):
            return "\n".join(embedding_texts(self.body))
        for message in reversed(self.messages):
            if isinstance(message, dict) and message.get("role") == "user":
                return parts_text(message.get("content"))
        return ""

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))


def matches(wanted: str | re.Pattern | Callable[[Request], bool], request: Request) -> bool:
    """Whether `request` is one that `wanted` asks for: a text in `request.text`, a pattern found there, or a predicate."""
    if isinstance(wanted, str):
        return wanted in request.text
    if isinstance(wanted, re.Pattern):
        return wanted.search(request.text) is not None
    return bool(wanted(request))
