"""A scripted provider: an OpenAI-compatible server whose answers are written down beforehand, for lessons and tests."""

from coursekit.scripted.answers import (
    Answer,
    BadRequest,
    CutStream,
    Disconnect,
    Embeddings,
    EmptyChoices,
    JsonReply,
    MalformedBody,
    RateLimit,
    Refusal,
    Reply,
    ServerError,
    Slow,
    ToolCall,
)
from coursekit.scripted.provider import ScriptedProvider
from coursekit.scripted.request import Request

__all__ = [
    "Answer",
    "BadRequest",
    "CutStream",
    "Disconnect",
    "Embeddings",
    "EmptyChoices",
    "JsonReply",
    "MalformedBody",
    "RateLimit",
    "Refusal",
    "Reply",
    "Request",
    "ScriptedProvider",
    "ServerError",
    "Slow",
    "ToolCall",
]
