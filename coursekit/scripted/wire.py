"""The OpenAI protocol's forms of what a scripted provider answers: bodies, stream chunks, usage, log-probabilities."""

import base64
import hashlib
import json
import math
import re
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

from coursekit.scripted.answers import Embeddings, Reply

# Pieces about as long as a language model's tokens: up to six letters with the space before them, or one other character.
PIECE = re.compile(r"\s?[^\W_]{1,6}|\s?[^\s]|\s+")
TOKENS_A_MESSAGE, TOKENS_A_REPLY_START, TOKENS_AN_IMAGE = 4, 3, 85  # as OpenAI counts them for its chat models
MOST_ALTERNATIVES = 20
FINGERPRINT = "scripted"


def pieces(text: str) -> list[str]:
    """`text` in token-like pieces, which add up to it."""
    return PIECE.findall(text)


def parts_text(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list, joined with line breaks."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "text"
    )


def usage_of(body: dict[str, Any], reply: Reply | None) -> dict[str, Any] | None:
    """Plausible counts for a request and its reply, overridden by `reply.usage`; None where that is empty."""
    own = reply.usage if reply else None
    if own is not None and not own:
        return None
    counted = {"prompt_tokens": prompt_tokens(body), "completion_tokens": completion_tokens(reply) if reply else 0}
    counted |= own or {}
    return {
        "total_tokens": counted["prompt_tokens"] + counted["completion_tokens"],
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    } | counted


def prompt_tokens(body: dict[str, Any]) -> int:
    """About how many tokens the request's messages, tools and schema are."""
    count = TOKENS_A_REPLY_START
    for message in body.get("messages", []):
        content = message.get("content")
        count += TOKENS_A_MESSAGE + len(pieces(parts_text(content)))
        if isinstance(content, list):
            count += TOKENS_AN_IMAGE * sum(isinstance(p, dict) and p.get("type") == "image_url" for p in content)
        if message.get("tool_calls"):
            count += len(pieces(json.dumps(message["tool_calls"])))
    for name in ("tools", "response_format"):
        if body.get(name):
            count += len(pieces(json.dumps(body[name])))
    return count


def completion_tokens(reply: Reply) -> int:
    """About how many tokens the reply is; exactly as many as it streams pieces of text."""
    calls = sum(len(pieces(call.name)) + len(pieces(call.arguments_text)) for call in reply.tool_calls)
    return len(_tokens(reply)) + len(pieces(reply.refusal or "")) + calls


def completion(body: dict[str, Any], reply: Reply | None, number: int) -> dict[str, Any]:
    """The body of a chat completion; `None` has no choices."""
    choices = [_choice(body, reply, index, number) for index in range(_wanted(body))] if reply else []
    whole = _frame(body, number, "chat.completion") | {"choices": choices}
    usage = usage_of(body, reply)
    return whole if usage is None else whole | {"usage": usage}


def chunks(body: dict[str, Any], reply: Reply | None, number: int) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed chat completion; the last one holds the usage where the request asks for it."""
    frame = _frame(body, number, "chat.completion.chunk")
    usage = usage_of(body, reply) if _wants_usage(body) else None
    if usage is not None:
        frame["usage"] = None
    for index in range(_wanted(body) if reply else 0):
        for delta, logprobs in _deltas(body, reply, number):
            yield frame | {"choices": [_part(index, delta, logprobs, None)]}
        yield frame | {"choices": [_part(index, {}, None, _finish_reason(reply))]}
    if reply is None:
        yield frame | {"choices": []}
    if usage is not None:
        yield frame | {"choices": [], "usage": usage}


def embeddings(body: dict[str, Any], answer: Embeddings) -> dict[str, Any]:
    """The body of an embeddings answer, in floats or, where asked for, in base64 of little-endian float32."""
    texts = embedding_texts(body)
    vectors = answer.vectors(texts) if callable(answer.vectors) else answer.vectors
    as_base64 = body.get("encoding_format") == "base64"
    data = []
    for index, vector in enumerate(vectors):
        numbers = [float(x) for x in vector]
        packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if as_base64 else numbers
        data.append({"object": "embedding", "index": index, "embedding": packed})
    count = sum(len(pieces(text)) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "model": body["model"], "data": data, "usage": usage}


def embedding_texts(body: dict[str, Any]) -> list[str]:
    """The texts of an embeddings request; a list of token numbers is shown as text."""
    given = body.get("input", [])
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given and all(isinstance(x, int) for x in given):
        return [str(given)]
    return [x if isinstance(x, str) else str(x) for x in given] if isinstance(given, list) else [str(given)]


def models(names: Sequence[str]) -> dict[str, Any]:
    """The body of the list of models."""
    return {"object": "list", "data": [model(name) for name in names]}


def model(name: str) -> dict[str, Any]:
    """One entry of that list."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "course"}


def error(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _frame(body: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-scripted-{number}",
        "object": kind,
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": FINGERPRINT,
    }


def _wanted(body: dict[str, Any]) -> int:
    wanted = body.get("n")
    return min(max(wanted, 1), 128) if isinstance(wanted, int) else 1


def _wants_usage(body: dict[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.tool_calls and reply.finish_reason == "stop" else reply.finish_reason


def _choice(body: dict[str, Any], reply: Reply, index: int, number: int) -> dict[str, Any]:
    silent = not reply.text and (reply.tool_calls or reply.refusal is not None)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if silent else reply.text,
        "refusal": reply.refusal,
    }
    if reply.tool_calls:
        message["tool_calls"] = [_call(call, i, number) for i, call in enumerate(reply.tool_calls)]
    logprobs = None
    if body.get("logprobs"):
        logprobs = {"content": [_logprob(body, entry) for entry in _tokens(reply)], "refusal": None}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": _finish_reason(reply)}


def _call(call: Any, index: int, number: int) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments_text}
    return {"id": call.id or f"call_scripted_{number}_{index}", "type": "function", "function": function}


def _part(index: int, delta: dict, logprobs: dict | None, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _deltas(body: dict[str, Any], reply: Reply, number: int) -> Iterator[tuple[dict, dict | None]]:
    """What a stream says piece by piece, each with its log-probabilities where they are asked for."""
    silent = not reply.text and (reply.tool_calls or reply.refusal is not None)
    yield {"role": "assistant", "content": None if silent else "", "refusal": None}, None
    for entry in _tokens(reply):
        logprobs = {"content": [_logprob(body, entry)], "refusal": None} if body.get("logprobs") else None
        yield {"content": entry[0]}, logprobs
    for piece in pieces(reply.refusal or ""):
        yield {"refusal": piece}, None
    for index, call in enumerate(reply.tool_calls):
        start = _call(call, index, number)
        start["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": index} | start]}, None
        for piece in pieces(call.arguments_text):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None


def _tokens(reply: Reply) -> Sequence[tuple]:
    """The reply's text as `(token, logprob, alternatives)`: as scripted, or made up, the same each time."""
    if reply.logprobs is not None:
        return [(entry[0], entry[1], entry[2] if len(entry) > 2 else None) for entry in reply.logprobs]
    return [(piece, _made_up(position, piece), None) for position, piece in enumerate(pieces(reply.text))]


def _made_up(position: int, piece: str) -> float:
    """A log-probability from -0.69 to -0.01 (0.5 to 0.99), the same for the same piece at the same place."""
    digest = hashlib.blake2b(f"{position} {piece}".encode(), digest_size=2).digest()
    return math.log(0.5 + 0.49 * int.from_bytes(digest, "big") / 65535)


def _logprob(body: dict[str, Any], entry: tuple) -> dict[str, Any]:
    token, logprob, alternatives = entry
    wanted = body.get("top_logprobs")
    wanted = min(max(wanted, 0), MOST_ALTERNATIVES) if isinstance(wanted, int) else 0
    if alternatives is None:  # the rest of the probability, halved from one to the next
        rest = 1 - math.exp(logprob)
        alternatives = {f" option{i}": math.log(max(rest / 2**i, 1e-9)) for i in range(1, wanted)}
    top = sorted(({token: logprob} | alternatives).items(), key=lambda item: -item[1])[:wanted]
    return _token(token, logprob) | {"top_logprobs": [_token(t, lp) for t, lp in top]}


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": float(logprob), "bytes": list(token.encode("utf-8", "surrogatepass"))}
