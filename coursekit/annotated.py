"""Text with labelled spans written inline: `[[label|covered text]]`, nesting allowed. Tickets and contracts are kept in this form."""

import re
from dataclasses import dataclass

_OPEN = re.compile(r"\[\[([^\[\]|\n]*)\|")
_LABEL = re.compile(r"[a-z][a-z0-9_]*(?::[a-z][a-z0-9_]*)?")
_MARKS = re.compile(r"\[\[|\]\]")


class AnnotationError(ValueError):
    """The markup of an annotated text is broken. The message names the text, the line (from 1) and what is wrong."""


@dataclass(frozen=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text, and what they are."""

    label: str
    start: int
    end: int

    def of(self, text: str) -> str:
        """The characters that the span covers in `text`."""
        return text[self.start : self.end]


@dataclass(frozen=True)
class Annotated:
    """A text without its markup, and its spans in order of `start`; of two that start together the longer comes first."""

    text: str
    spans: tuple[Span, ...]


def parse(source: str, *, where: str = "") -> Annotated:
    """Take the markup out of `source` and say where each span lies in what is left.

    `label` is lower case letters, digits and `_`, with at most one `:` inside (`superseded:payment_days`). Positions
    count characters (code points), not bytes.

    Raises:
        AnnotationError: a label is missing or malformed, a span is empty, never closed, or closed without being open.
            The message begins with `where` and the line.
    """
    pieces: list[str] = []
    length = 0  # of the pieces so far
    open_spans: list[tuple[str, int, int]] = []  # label, start in the text, position in the source
    spans: list[Span] = []
    position = 0
    while mark := _MARKS.search(source, position):
        pieces.append(source[position : mark.start()])
        length += len(pieces[-1])
        if mark.group() == "[[":
            opening = _OPEN.match(source, mark.start())
            if opening is None:
                raise _error(where, source, mark.start(), "`[[` is not followed by `label|`")
            label = opening.group(1)
            if not _LABEL.fullmatch(label):
                raise _error(
                    where, source, mark.start(), f"{label!r} is not a label: use lower case letters, digits, `_`"
                )
            open_spans.append((label, length, mark.start()))
            position = opening.end()
            continue
        if not open_spans:
            raise _error(where, source, mark.start(), "`]]` closes a span, and none is open")
        label, start, opened_at = open_spans.pop()
        if start == length:
            raise _error(where, source, opened_at, f"the span {label!r} covers no text")
        spans.append(Span(label, start, length))
        position = mark.end()
    if open_spans:
        label, _, opened_at = open_spans[-1]
        raise _error(where, source, opened_at, f"the span {label!r} is never closed with `]]`")
    pieces.append(source[position:])
    return Annotated("".join(pieces), tuple(sorted(spans, key=lambda span: (span.start, -span.end, span.label))))


def _error(where: str, source: str, position: int, what: str) -> AnnotationError:
    line = source.count("\n", 0, position) + 1
    shown = source.splitlines()[line - 1].strip()
    return AnnotationError(f"{where + ', ' if where else ''}line {line}: {what}, in: {shown[:120]}")
