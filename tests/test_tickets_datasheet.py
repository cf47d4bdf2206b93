"""The loader's complaints, and every figure of the tickets' datasheet computed again from the files."""

import re
from collections import Counter

import pytest
from ticket_texts import overlap
from word_runs import words

from coursekit import tickets
from coursekit.tickets import ENTITIES, QUEUES, SENTIMENTS, SPLITS, URGENCIES, Ticket, TicketFileError

ALL = sorted(tickets.read_tickets(), key=lambda ticket: ticket.id)
BY_ID = {ticket.id: ticket for ticket in ALL}
DATASHEET = (tickets.FOLDER / "README.md").read_text(encoding="utf-8")
GROUPS = {"English": "AB", "German": "D", "French": "F", "Spanish": "S", "code-switched": "M"}

Row = list[str | int]


def in_group(ticket: Ticket, group: str) -> bool:
    return ticket.id[0] in GROUPS[group]


def cross(attribute: str, values: tuple[str, ...]) -> list[Row]:
    """A row a value: how many tickets of each group of languages have it, and all of them with their share."""
    rows: list[Row] = []
    for value in values:
        have = [ticket for ticket in ALL if getattr(ticket, attribute) == value]
        counts = [sum(in_group(ticket, group) for ticket in have) for group in GROUPS]
        rows.append([f"`{value}`", *counts, len(have), f"{len(have) / len(ALL):.1%}".replace("%", " %")])
    return rows


def totals() -> list[Row]:
    counts = [sum(in_group(ticket, group) for ticket in ALL) for group in GROUPS]
    return [["all", *counts, len(ALL), "100.0 %"]]


def queue_by_urgency() -> list[Row]:
    pairs = Counter((ticket.queue, ticket.urgency) for ticket in ALL)
    return [[f"`{queue}`", *(pairs[queue, urgency] for urgency in URGENCIES)] for queue in QUEUES]


def entity_counts() -> list[Row]:
    rows: list[Row] = []
    for label in ENTITIES:
        counts = [sum(span.label == label for span in ticket.entities) for ticket in ALL]
        rows.append([f"`{label}`", sum(counts), sum(n > 0 for n in counts), max(counts)])
    return rows


def planted_errors() -> list[Row]:
    return [
        [ticket.id, name, f"`{getattr(ticket, name)}`", f"`{right}`", ticket.split]
        for ticket in ALL
        for name, right in ticket.mislabelled.items()
    ]


def near_duplicates() -> list[Row]:
    rows: list[Row] = []
    for ticket in ALL:
        if ticket.near:
            other = BY_ID[ticket.near]
            splits = ticket.split if ticket.split == other.split else f"{ticket.split}, {other.split}"
            rows.append([ticket.id, other.id, f"{overlap(ticket, other):.0%}".replace("%", " %"), splits])
    return rows


def lengths() -> list[Row]:
    counts = sorted(len(words(ticket.text)) for ticket in ALL)
    at = [counts[round(share * (len(counts) - 1))] for share in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)]
    return [["words", *at]]


TABLES = {
    "Size and splits": lambda: cross("split", SPLITS) + totals(),
    "Queues": lambda: cross("queue", QUEUES),
    "Urgency": lambda: cross("urgency", URGENCIES),
    "Sentiment": lambda: cross("sentiment", SENTIMENTS),
    "Channels": lambda: cross("channel", tickets.CHANNELS),
    "Queue and urgency together": queue_by_urgency,
    "Entities": entity_counts,
    "Lengths": lengths,
    "Label errors planted on purpose": planted_errors,
    "Near-duplicates": near_duplicates,
}


def render(rows: list[Row]) -> list[str]:
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def section(heading: str) -> str:
    found = re.search(rf"^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", DATASHEET, re.M | re.S)
    assert found, f"the datasheet has no section {heading}"
    return found.group(1)


@pytest.mark.parametrize("heading", TABLES)
def test_the_datasheets_tables_are_computed(heading):
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    assert lines[2:] == render(TABLES[heading]())  # after the head and its rule


def test_the_datasheets_other_figures_are_computed():
    rows = near_duplicates()
    assert f"{len(ALL)} tickets" in DATASHEET
    assert f"{len(planted_errors())} labels are wrong" in section("Label errors planted on purpose")
    assert f"{len(rows)} pairs, {sum(',' in row[3] for row in rows)} of them across two splits" in section(
        "Near-duplicates"
    )
    bare = sum(not ticket.entities for ticket in ALL)
    assert f"{bare} tickets hold no entity at all" in section("Entities")
    mondays = sum(ticket.received.weekday() == 0 for ticket in ALL) / len(ALL)
    assert f"{mondays:.0%}".replace("%", " %") + " came on a Monday" in DATASHEET
    late = sum(ticket.received.month >= 11 for ticket in ALL) / len(ALL)
    assert f"{late:.0%}".replace("%", " %") + " in November and December" in DATASHEET


def test_tickets_that_the_datasheet_names_are_what_it_says():
    assert "SYSTEM NOTE" in BY_ID["A201"].text
    assert BY_ID["A201"].urgency == "normal"
    assert re.search(r"[\u0600-\u06ff]{3}", BY_ID["A202"].text)
    assert "Sehr geehrte" in BY_ID["A115"].text
    assert BY_ID["B173"].text.count("EUR pallets") == 1
    assert not any("EUR" in span.of(BY_ID["B173"].text) for span in BY_ID["B173"].entities)


# --- the loader

GOOD = """
[[ticket]]
id = "X001"
received = 2025-03-04T08:12:00
channel = "email"
language = "en"
queue = "tracking"
urgency = "high"
sentiment = "negative"
text = '''
subject: where is it

due [[date|Tuesday]]
'''
"""


def test_a_ticket_is_read_without_markup_and_outer_line_breaks(tmp_path):
    (tmp_path / "x.toml").write_text(GOOD, encoding="utf-8")
    [ticket] = tickets.read_tickets(tmp_path)
    assert ticket.text == "subject: where is it\n\ndue Tuesday"
    assert [(span.label, span.of(ticket.text)) for span in ticket.entities] == [("date", "Tuesday")]
    assert (ticket.split, ticket.near, ticket.mislabelled) == ("train", None, {})


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('queue = "tracking"', 'queue = "lost"', "queue = 'lost' is none of tracking, claims"),
        ('urgency = "high"', "", "no urgency"),
        ('urgency = "high"', 'urgency = "high"\nurgent = true', "unknown fields urgent"),
        ("[[date|Tuesday]]", "[[date|Tuesday", "line 3: the span 'date' is never closed"),
        ("[[date|Tuesday]]", "[[day|Tuesday]]", "unknown entities ['day']"),
        ("2025-03-04T08:12:00", '"Tuesday"', "is not a date and time"),
        ("2025-03-04T08:12:00", "2025-03-04T08:12:00Z", "without zone"),
        ('urgency = "high"', 'urgency = "high"\nnear = "X009"', "near = 'X009' is no other ticket"),
        ('urgency = "high"', 'urgency = "high"\nnear = "X001"', "near = 'X001' is no other ticket"),
        ('urgency = "high"', 'urgency = "high"\nmislabelled = { urgency = "high" }', "does not correct a label"),
        ('urgency = "high"', 'urgency = "high"\nmislabelled = { language = "de" }', "does not correct a label"),
    ],
)
def test_a_damaged_ticket_is_named_with_its_file_and_fault(tmp_path, old, new, what):
    (tmp_path / "x.toml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(TicketFileError) as caught:
        tickets.load_tickets(folder=tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'x.toml'}, ticket X001")
    assert what in str(caught.value)
    assert str(caught.value).endswith("git checkout -- data/tickets")


def test_an_id_is_used_once_over_all_files(tmp_path):
    for name in ("x.toml", "y.toml"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(TicketFileError, match=r"y\.toml, ticket X001: the id is also used in .*x\.toml"):
        tickets.read_tickets(tmp_path)


@pytest.mark.parametrize("content", ["[[ticket]", "", "title = 1\n" + GOOD, 'ticket = "one"'])
def test_a_file_that_holds_no_tickets_is_named(tmp_path, content):
    (tmp_path / "x.toml").write_text(content, encoding="utf-8")
    with pytest.raises(TicketFileError, match=r"x\.toml is damaged"):
        tickets.read_tickets(tmp_path)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path))):
        tickets.load_tickets(folder=tmp_path)
