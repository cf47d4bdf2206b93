"""How each scripted answer goes over the connection."""

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from itertools import islice
from typing import Any

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
from coursekit.scripted.request import CHAT, Request
from coursekit.scripted.serving import Exchange


def send(exchange: Exchange, request: Request, answer: Answer, number: int, slow: Slow | None = None) -> None:
    """Answer `request`, the `number`th one, with `answer`; `slow` says how late its parts come.

    Raises `HungUp` or `OSError` where the client is gone, `TypeError` for an answer that does not fit the path.
    """
    body, is_chat, streamed = request.body, request.path == CHAT, request.path == CHAT and request.stream
    match answer:
        case Slow():
            exchange.pause(answer.first_byte_s)
            send(exchange, request, answer.answer, number, answer)
        case Reply() if streamed:
            exchange.send_stream(_events(body, answer, number), slow)
        case Reply() if is_chat:
            exchange.send_json(200, wire.completion(body, answer, number), slow=slow)
        case EmptyChoices() if streamed:
            exchange.send_stream(_events(body, None, number), slow)
        case EmptyChoices() if is_chat:
            exchange.send_json(200, wire.completion(body, None, number), slow=slow)
        case CutStream() if streamed:
            wanted = min(answer.after_chunks, len(wire.pieces(answer.text)))  # never the chunk that says why it stopped
            events = _events(body, Reply(answer.text), number)
            exchange.send_stream(islice(events, 1 + wanted), slow, cut=True)  # the first one says only who speaks
        case CutStream() if is_chat:
            whole = wire.completion(body, Reply(answer.text), number)
            exchange.send_whole(200, json.dumps(whole).encode(), slow=slow, cut=True)
        case Embeddings() if not is_chat:
            exchange.send_json(200, wire.embeddings(body, answer), slow=slow)
        case MalformedBody() if streamed:
            exchange.send_stream(iter([answer.body]), slow)
        case MalformedBody():
            exchange.send_whole(200, answer.body.encode(), slow=slow)
        case RateLimit():
            failed = wire.error(answer.message, "requests", "rate_limit_exceeded")
            exchange.send_json(429, failed, _retry_after(answer.retry_after_s, as_date=answer.as_date), slow)
        case ServerError():
            failed = wire.error(answer.message, "server_error")
            exchange.send_json(answer.status, failed, _retry_after(answer.retry_after_s), slow)
        case BadRequest():
            failed = wire.error(answer.message, "invalid_request_error", answer.code, answer.param)
            exchange.send_json(answer.status, failed, slow=slow)
        case Disconnect():
            exchange.close_connection = True
        case _:
            raise TypeError(f"{type(answer).__name__} is no answer to {request.path}.")


def send_failure(exchange: Exchange, message: str) -> None:
    """HTTP 500 for an error of the script, not of the client: it is not to be retried."""
    failed = wire.error(f"scripted provider: {message}", "unscripted")
    exchange.send_json(500, failed, {"x-should-retry": "false"})


def _events(body: dict[str, Any], reply: Reply | None, number: int) -> Iterator[str]:
    for chunk in wire.chunks(body, reply, number):
        yield json.dumps(chunk)
    yield "[DONE]"


def _retry_after(seconds: float | None, *, as_date: bool = False) -> dict[str, str]:
    if seconds is None:
        return {}
    return {"Retry-After": formatdate(time.time() + seconds, usegmt=True) if as_date else f"{seconds:g}"}
