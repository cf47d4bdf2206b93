"""What a scripted provider can be told to answer: replies, embeddings, and the faults that production will bring."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Answer:
    """Anything that a request can be answered with."""


@dataclass(frozen=True)
class ToolCall:
    """A call that the model asks for. `arguments`: a dict, or a str that is sent as it is (so it may be no JSON).

    `id` is made up where it is None.
    """

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as they go over the wire: a string."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Reply(Answer):
    """A chat completion; streamed when the request asks for a stream.

    `usage`: counts that replace the plausible ones, such as `{"prompt_tokens": 900}`; `{}` sends no usage at all.
    `logprobs`: `(token, logprob)` or `(token, logprob, {alternative: logprob})` for each token of `text`, sent when the
    request asks for them; made up where it is None. With tool calls and the default `finish_reason`, `tool_calls` is sent.
    Raises `ValueError` where the tokens of `logprobs` do not add up to `text`.
    """

    text: str = ""
    tool_calls: Sequence[ToolCall] = field(default=(), kw_only=True)
    finish_reason: str = field(default="stop", kw_only=True)
    usage: Mapping[str, int] | None = field(default=None, kw_only=True)
    logprobs: Sequence[tuple] | None = field(default=None, kw_only=True)
    refusal: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.tool_calls, ToolCall):
            raise TypeError("tool_calls takes a list: Reply(tool_calls=[ToolCall(…)]).")
        if self.logprobs is not None and "".join(entry[0] for entry in self.logprobs) != self.text:
            raise ValueError(f"The tokens of logprobs must add up to the text {self.text!r}.")


class JsonReply(Reply):
    """`Reply` whose text is `value` as JSON. Other keywords as of `Reply`."""

    def __init__(self, value: Any, **options: Any) -> None:
        super().__init__(json.dumps(value, ensure_ascii=False), **options)


class Refusal(Reply):
    """The model declines: `message.refusal` holds `text`, and `message.content` is None."""

    def __init__(self, text: str = "I can't help with that.", **options: Any) -> None:
        super().__init__("", refusal=text, **options)


@dataclass(frozen=True)
class Embeddings(Answer):
    """Vectors for an embeddings request: one a text, or a function from the list of texts to its vectors.

    Sent as they are, even when they are fewer than the texts.
    """

    vectors: Sequence[Sequence[float]] | Callable[[list[str]], Any]


@dataclass(frozen=True)
class RateLimit(Answer):
    """HTTP 429. `retry_after_s` becomes the header Retry-After: seconds, or with `as_date` an HTTP date (whole seconds)."""

    retry_after_s: float | None = None
    message: str = "Rate limit reached. Please try again later."
    as_date: bool = False


@dataclass(frozen=True)
class ServerError(Answer):
    """HTTP 500, 502, 503, …: the provider's own fault. `retry_after_s` as of `RateLimit`."""

    status: int = 500
    message: str = "The server had an error while processing your request."
    retry_after_s: float | None = None


@dataclass(frozen=True)
class BadRequest(Answer):
    """HTTP 400 (or another `status`, such as 401 or 404): the same request will fail again."""

    message: str = "Invalid request."
    status: int = 400
    code: str | None = None
    param: str | None = None


@dataclass(frozen=True)
class Slow(Answer):
    """`answer`, late: nothing for `first_byte_s`, then `per_chunk_s` before each chunk of a stream.

    A whole answer comes in eight pieces, `per_chunk_s` before each: it outlasts a time-out that restarts with each byte.
    """

    answer: Answer
    first_byte_s: float = 0.0
    per_chunk_s: float = 0.0


@dataclass(frozen=True)
class CutStream(Answer):
    """The connection ends after `after_chunks` chunks of `text`, without the chunk that says why it stopped.

    Where no stream is asked for, it ends in the middle of the body.
    """

    text: str
    after_chunks: int = 2


@dataclass(frozen=True)
class MalformedBody(Answer):
    """HTTP 200 with `body`, said to be JSON. In a stream it is the first event."""

    body: str = "{not json"


@dataclass(frozen=True)
class EmptyChoices(Answer):
    """HTTP 200 with an empty list of choices."""


@dataclass(frozen=True)
class Disconnect(Answer):
    """The connection is closed without an answer."""
