"""The support tickets: read with checks, labelled consistently, no template, and described truthfully in their datasheet."""

import itertools
import re
from collections import Counter, defaultdict
from datetime import timedelta

import pandas as pd
import pytest
from ticket_texts import COMMON_WORDS, LOOKS_LIKE, MUST_BE_MARKED, WEEKDAY_NUMBER, five_grams, masked, overlap
from word_runs import words

from coursekit import tickets
from coursekit.tickets import ENTITIES, LANGUAGES, QUEUES, SENTIMENTS, SPLITS, URGENCIES, Ticket

ALL = tickets.read_tickets()
BY_ID = {ticket.id: ticket for ticket in ALL}
TABLE = tickets.load_tickets()
NEAR = {frozenset((ticket.id, ticket.near)) for ticket in ALL if ticket.near}
LETTERS = {"english_a": "A", "english_b": "B", "german": "D", "french": "F", "spanish": "S", "mixed": "M"}
GRAMS = {ticket.id: five_grams(ticket) for ticket in ALL}

# --- the data


def test_there_are_enough_tickets_of_every_language():
    counts = TABLE["language"].value_counts()
    assert len(TABLE) >= 600
    assert counts["en"] >= 400
    assert all(counts[language] >= 50 for language in ("de", "fr", "es"))
    mixed = [ticket for ticket in ALL if ticket.id.startswith("M")]
    assert len(mixed) >= 20


def test_ids_carry_their_files_letter_and_run_on():
    for path in tickets.FOLDER.glob("*.toml"):
        ids = re.findall(r'^id = "(.+)"$', path.read_text(encoding="utf-8"), re.M)
        assert sorted(ids) == [f"{LETTERS[path.stem]}{n:03}" for n in range(1, len(ids) + 1)]


@pytest.mark.parametrize("label", ENTITIES)
def test_spans_look_like_their_type(label):
    odd = [
        (ticket.id, span.of(ticket.text))
        for ticket in ALL
        for span in ticket.entities
        if span.label == label and not re.fullmatch(LOOKS_LIKE[label], span.of(ticket.text), re.I | re.S)
    ]
    assert odd == []


def test_spans_lie_inside_the_text_apart_from_each_other_and_on_whole_words():
    for ticket in ALL:
        assert all(span.of(ticket.text) == span.of(ticket.text).strip() for span in ticket.entities), ticket.id
        for one, other in itertools.pairwise(ticket.entities):
            assert one.end <= other.start, (ticket.id, one, other)
        for span in ticket.entities:
            before, after = ticket.text[: span.start][-1:], ticket.text[span.end :][:1]
            inside = span.of(ticket.text)
            assert not (before.isalnum() and inside[0].isalnum()), (ticket.id, inside)
            assert not (inside[-1].isalnum() and after.isalnum()) or after in "Ts", (
                ticket.id,
                inside,
            )  # 2025-03-01T…, fridays


def test_a_weekday_written_with_its_day_agrees_with_the_calendar():
    """The day of the month nearest to when the ticket came, a month back or ahead, is that weekday."""
    checked = 0
    for ticket in ALL:
        for span in ticket.entities:
            if span.label != "date":
                continue
            named = re.search(
                rf"\b({'|'.join(WEEKDAY_NUMBER)})[\w.]*,? (?:the )?(\d\d?)(?!\d)", span.of(ticket.text).lower()
            )
            if named:
                near = [ticket.received + timedelta(days=offset) for offset in range(-31, 32)]
                days = {day.weekday() for day in near if day.day == int(named[2])}
                assert WEEKDAY_NUMBER[named[1]] in days, (ticket.id, span.of(ticket.text))
                checked += 1
    assert checked >= 20


def test_what_is_plainly_an_entity_is_marked():
    missed = []
    for ticket in ALL:
        rest = list(ticket.text)
        for span in ticket.entities:
            rest[span.start : span.end] = "\0" * (span.end - span.start)
        for label, pattern in MUST_BE_MARKED.items():
            for match in re.finditer(pattern, "".join(rest), re.I):
                around = ticket.text[max(0, match.start() - 20) : match.end() + 20]
                missed.append((ticket.id, label, around))
    assert missed == []


def test_the_language_is_the_one_that_most_common_words_belong_to():
    for ticket in ALL:
        text = words(ticket.text)
        if ticket.id.startswith("M") or len(text) < 30:
            continue
        counts = {language: sum(word in known.split() for word in text) for language, known in COMMON_WORDS.items()}
        assert max(counts, key=counts.get) == ticket.language, (ticket.id, counts)


def test_labels_are_in_proportion():
    queues, urgencies, sentiments = (TABLE[n].value_counts(normalize=True) for n in ("queue", "urgency", "sentiment"))
    assert set(queues.index) == set(QUEUES)
    assert queues.min() >= 0.06
    assert queues.max() <= 0.25
    assert 0.10 <= urgencies["high"] <= 0.20
    assert 0.18 <= urgencies["low"] <= 0.30
    assert all(sentiments[name] >= 0.08 for name in SENTIMENTS)
    angry = TABLE[TABLE["sentiment"] == "negative"]["urgency"].value_counts(normalize=True)
    assert angry["high"] < 0.3, "an angry tone is not urgency"


def test_every_split_knows_every_label_and_keeps_to_its_time():
    for split in SPLITS:
        part = TABLE[TABLE["split"] == split]
        assert set(part["queue"]) == set(QUEUES)
        assert set(part["urgency"]) == set(URGENCIES)
    ends = TABLE.groupby("split")["received"].agg(["min", "max"])
    assert ends.loc["train", "max"] < pd.Timestamp(2025, 9, 1) <= ends.loc["validation", "min"]
    assert ends.loc["validation", "max"] < pd.Timestamp(2025, 11, 1) <= ends.loc["test", "min"]
    assert TABLE["received"].dt.year.eq(2025).all()


def test_lengths_vary_as_in_an_inbox():
    lengths = TABLE["text"].map(lambda text: len(words(text)))
    assert lengths.min() <= 5
    assert lengths.max() >= 300
    assert lengths.quantile(0.9) >= 3 * lengths.quantile(0.1)
    assert lengths.map(lambda n: n // 10).value_counts(normalize=True).max() < 0.2


def close(pair: frozenset[str]) -> bool:
    return overlap(*(BY_ID[name] for name in pair)) > 0.15


def test_no_two_tickets_share_a_template():
    homes = defaultdict(set)
    for name, grams in GRAMS.items():
        for gram in grams:
            homes[gram].add(name)
    shared = Counter(frozenset(pair) for names in homes.values() for pair in itertools.combinations(sorted(names), 2))
    too_close = {tuple(sorted(p)): n for p, n in shared.items() if p not in NEAR and (n > 3 or close(p))}
    assert too_close == {}
    openings = Counter(" ".join(words(re.sub(r"(?i)^\W*\w+ ?: .*\n", "", masked(t)))[:4]) for t in ALL)
    del openings["sehr geehrte damen und"]  # nearly the law in German business letters
    assert [opening for opening, n in openings.items() if n > 3] == []


def test_the_same_parcel_appears_twice_only_in_listed_near_duplicates():
    owners = defaultdict(set)
    for ticket in ALL:
        for span in ticket.entities:
            if span.label == "parcel_id":
                owners[re.sub(r"\D", "", span.of(ticket.text))].add(ticket.id)
    assert {frozenset(ids) for ids in owners.values() if len(ids) > 1} <= NEAR


def test_near_duplicates_are_alike_and_agree_once_corrected():
    """A pair shares text, or is the same case told again: it shares a parcel, an amount or a date with its number."""
    for ticket in ALL:
        if ticket.near is None:
            continue
        other = BY_ID[ticket.near]
        values = [{s.of(t.text) for s in t.entities if re.search(r"\d", s.of(t.text))} for t in (ticket, other)]
        assert overlap(ticket, other) > 0.2 or values[0] & values[1], (ticket.id, other.id)
        assert (ticket.language, corrected(ticket)["queue"]) == (other.language, corrected(other)["queue"]), ticket.id
    assert 0.015 <= len(NEAR) / len(ALL) <= 0.05


def corrected(ticket: Ticket) -> dict[str, str]:
    return {"queue": ticket.queue, "urgency": ticket.urgency, "sentiment": ticket.sentiment} | ticket.mislabelled


def test_planted_errors_are_wrong_in_one_table_and_right_in_the_other():
    right = tickets.load_tickets(corrected=True).set_index("id")
    given = TABLE.set_index("id")
    planted = {(t.id, name) for t in ALL for name in t.mislabelled}
    differs = {
        (name, column)
        for column in given.columns
        for name in given.index
        if given.at[name, column] != right.at[name, column]
    }
    assert differs == planted
    assert all(right.at[t.id, name] == value for t in ALL for name, value in t.mislabelled.items())
    assert 0.015 <= len({name for name, _ in planted}) / len(ALL) <= 0.05


def test_the_table_is_sorted_and_typed():
    assert list(TABLE.columns) == tickets.COLUMNS
    assert TABLE["received"].is_monotonic_increasing
    assert TABLE["received"].dtype == "datetime64[ns]"
    assert TABLE["id"].is_unique
    assert not TABLE.isna().any(axis=None)
    assert set(TABLE["language"]) == set(LANGUAGES)
