"""Quayside's support tickets: read, checked and ready to use. What they are: `data/tickets/README.md`."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from coursekit.annotated import AnnotationError, Span, parse

FOLDER = Path(__file__).parents[1] / "data" / "tickets"

QUEUES = ("tracking", "claims", "billing", "pickup", "customs", "address", "integration", "sales")
URGENCIES = ("low", "normal", "high")
SENTIMENTS = ("negative", "neutral", "positive")
ENTITIES = ("parcel_id", "order_id", "date", "amount")
LANGUAGES = ("en", "de", "fr", "es")
CHANNELS = ("email", "form", "chat")
SPLITS = ("train", "validation", "test")
VALIDATION_FROM = datetime(2025, 9, 1)  # what was received before is for training
TEST_FROM = datetime(2025, 11, 1)

COLUMNS = ["id", "received", "channel", "language", "queue", "urgency", "sentiment", "text", "entities", "split"]
_ALLOWED = {
    "channel": CHANNELS,
    "language": LANGUAGES,
    "queue": QUEUES,
    "urgency": URGENCIES,
    "sentiment": SENTIMENTS,
}
_REQUIRED = {"id", "received", "text", *_ALLOWED}
_OPTIONAL = {"near", "mislabelled"}
_MEND = "Undo the change with:  git checkout -- data/tickets"


class TicketFileError(ValueError):
    """A ticket file is damaged. The message names the file, the ticket, what is wrong and what to do."""


@dataclass(frozen=True)
class Ticket:
    """One ticket as it is written in its file; the table of `load_tickets` is made of these."""

    id: str
    received: datetime  # in the company's time zone, without one
    channel: str
    language: str  # the one that an answer should be in
    queue: str
    urgency: str
    sentiment: str
    text: str
    entities: tuple[Span, ...]
    near: str | None = None  # the id of the ticket that this one nearly repeats
    mislabelled: dict[str, str] = field(default_factory=dict)  # label -> what it should be

    @property
    def split(self) -> str:
        """`train` (received before September), `validation` (September, October) or `test` (from November)."""
        if self.received < VALIDATION_FROM:
            return "train"
        return "validation" if self.received < TEST_FROM else "test"


def load_tickets(*, corrected: bool = False, folder: Path = FOLDER) -> pd.DataFrame:
    """All tickets, oldest first, with the columns of `COLUMNS` and a fresh index.

    `received` is a time without zone (the company's), `entities` a tuple of `Span` into `text`, `split` one of `SPLITS`;
    the rest is text. The labels are as the desk gave them, with the errors that were planted on purpose;
    `corrected=True` puts those right, for measuring what they cost.

    Raises:
        FileNotFoundError: the folder holds no ticket file.
        TicketFileError: a file is damaged.
    """
    rows = [
        {name: getattr(ticket, name) for name in COLUMNS} | (ticket.mislabelled if corrected else {})
        for ticket in sorted(read_tickets(folder), key=lambda ticket: (ticket.received, ticket.id))
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["received"] = pd.to_datetime(table["received"]).dt.as_unit("ns")
    return table


def read_tickets(folder: Path = FOLDER) -> list[Ticket]:
    """Every ticket of every `*.toml` in `folder`, in the files' order, with what the table leaves out: `near`, `mislabelled`.

    Raises:
        FileNotFoundError: the folder holds no ticket file.
        TicketFileError: a file is damaged: not TOML, a field missing, unknown or out of range, broken markup, an id twice.
    """
    paths = sorted(Path(folder).glob("*.toml"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no ticket file (*.toml). {_MEND}")
    tickets: list[Ticket] = []
    home: dict[str, Path] = {}  # id -> file
    for path in paths:
        for ticket in _read(path):
            if ticket.id in home:
                raise TicketFileError(f"{path}, ticket {ticket.id}: the id is also used in {home[ticket.id]}. {_MEND}")
            home[ticket.id] = path
            tickets.append(ticket)
    for ticket in tickets:
        if ticket.near is not None and (ticket.near not in home or ticket.near == ticket.id):
            raise TicketFileError(
                f"{home[ticket.id]}, ticket {ticket.id}: near = {ticket.near!r} is no other ticket. {_MEND}"
            )
    return tickets


def _read(path: Path) -> Iterator[Ticket]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TicketFileError(f"{path} is damaged: {error}. {_MEND}") from error
    entries = content.get("ticket")
    if set(content) != {"ticket"} or not isinstance(entries, list):
        raise TicketFileError(f"{path} is damaged: it must hold [[ticket]] entries and nothing else. {_MEND}")
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, ticket {entry.get('id', f'number {number}')}"
        if problem := _problem(entry):
            raise TicketFileError(f"{where}: {problem}. {_MEND}")
        try:
            annotated = parse(entry["text"].rstrip(), where=where)
        except AnnotationError as error:
            raise TicketFileError(f"{error}. {_MEND}") from error
        if unknown := {span.label for span in annotated.spans} - set(ENTITIES):
            raise TicketFileError(
                f"{where}: unknown entities {sorted(unknown)}; known are {', '.join(ENTITIES)}. {_MEND}"
            )
        yield Ticket(**{**entry, "text": annotated.text, "entities": annotated.spans})


def _problem(entry: dict[str, Any]) -> str | None:
    """What is wrong with a ticket's fields, or None."""
    if missing := _REQUIRED - set(entry):
        return f"no {', '.join(sorted(missing))}"
    if unknown := set(entry) - _REQUIRED - _OPTIONAL:
        return f"unknown fields {', '.join(sorted(unknown))}"
    if not isinstance(entry["text"], str) or not entry["text"].strip():
        return "the text is empty"
    if not isinstance(entry["received"], datetime) or entry["received"].tzinfo is not None:
        return f"received = {entry['received']} is not a date and time without zone"
    for name, allowed in _ALLOWED.items():
        if entry[name] not in allowed:
            return f"{name} = {entry[name]!r} is none of {', '.join(allowed)}"
    for name, value in entry.get("mislabelled", {}).items():
        if name not in ("queue", "urgency", "sentiment") or value not in _ALLOWED[name] or value == entry[name]:
            return f"mislabelled = {{ {name} = {value!r} }} does not correct a label"
    return None
