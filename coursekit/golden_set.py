"""The golden set: hand-written questions over the handbook, with the answer and the passages that support it.

Fields, kinds and how it was made: `data/golden_set/README.md`.
"""

import datetime
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.handbook import ROLES

FOLDER = Path(__file__).resolve().parent.parent / "data" / "golden_set"
PARTS = ("development", "final")
KINDS = (
    "single",
    "table",
    "two_policies",
    "regional",
    "stale_trap",
    "not_in_force_yet",
    "conflict",
    "injection",
    "unanswerable",
    "forbidden",
)
LANGUAGES = ("en", "de", "fr", "es")

_TEXTS = ("id", "kind", "role", "question", "answer")
_REQUIRED = (*_TEXTS, "asked_on", "facts", "passages")
_OPTIONAL = ("trap", "language", "note")


class GoldenSetError(ValueError):
    """The golden set cannot be read. The message names the file, the question's id and what is wrong."""


@dataclass(frozen=True)
class Passage:
    """A place in the handbook."""

    policy: str
    """The policy's id."""
    quote: str
    """Characters of `Policy.text`, to the letter."""


@dataclass(frozen=True)
class Question:
    """A question as somebody put it, and what a good answer to it is."""

    id: str
    """`dev-` or `fin-` and three digits; unique over both parts."""
    question: str
    """As it arrived: typos, languages and side issues included."""
    role: str
    """Who asks, a key of `coursekit.handbook.ROLES`."""
    asked_on: datetime.date
    """The day of the question. An answer rests on policies that are in force on it."""
    kind: str
    """What makes it hard, one of `KINDS`."""
    answer: str
    """The reference answer, in the question's language; one or two sentences."""
    facts: tuple[str, ...]
    """What a right answer contains: figures and short words from the passages. Empty if nothing may be answered."""
    passages: tuple[Passage, ...]
    """What supports the answer; all of them are needed. Empty if the asker's policies don't answer it that day."""
    trap: tuple[Passage, ...] = ()
    """What a wrong answer would rest on: the old edition, the announced one, a page of another audience, the hidden note."""
    language: str = "en"
    """The question's language, one of `LANGUAGES`."""
    note: str = ""
    """For people: why it is in the set, and which policies come near."""

    @property
    def answerable(self) -> bool:
        """Whether the asker, on that day, can be answered from the handbook. If not, the right answer says so."""
        return bool(self.passages)


def has_fact(text: str, fact: str) -> bool:
    """Whether `fact` (see `Question.facts`) stands in `text`, as a whole word or number: "€60" is not in "€600".

    Case, line breaks, the place of the euro sign, blanks before %, and the separators of thousands and decimals don't matter, so that
    "1.500 €" in a German answer is "€1,500". Other words for the same (a week for 7 days) are not recognised, and a sentence that
    denies the fact contains it all the same: a coarse check, to be read beside the answers and not instead of them.
    """
    return re.search(rf"(?<![\w.]){re.escape(_plain(fact))}(?!\w|\.\d)", _plain(text)) is not None


def _plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.replace("*", "")).strip().casefold()
    text = re.sub(r"(?<=\d)(?<!\d{4})[.,' ](?=\d{3}(?!\d))", "", text)  # thousands
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)  # a decimal comma
    text = re.sub(r"\s*(?:%|per ?cent\b|prozent\b|pour cent\b|por ciento\b)", "%", text)
    return re.sub(r"(?:€|\beur(?:os?)?\b) ?(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?) ?(?:€|eur(?:os?)?\b)", r"€\1\2", text)


def load_golden_set(part: str = "development", folder: Path = FOLDER) -> list[Question]:
    """The questions of one part, in the order of the file.

    `"development"` is for everything that you decide by looking: chunks, prompts, thresholds, what to repair next. `"final"` is
    scored when nothing will be changed any more, once for each system that you report. A final question that has been read while a
    prompt was written measures memory. Tests keep both parts apart; only you can keep the final one out of your head.

    Raises:
        ValueError: `part` is not in `PARTS`.
        FileNotFoundError: the file is not there.
        GoldenSetError: the file is not TOML, a field is missing, unknown or of the wrong type, or two questions share an id.
    """
    if part not in PARTS:
        raise ValueError(f"there is no part {part!r} of the golden set. Use one of {', '.join(PARTS)}")
    path = Path(folder) / f"{part}.toml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Restore it with:  git checkout -- data/golden_set")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GoldenSetError(f"{path.name}: not TOML: {error}. Mend that line, or restore the file with git") from error
    entries = content.get("question")
    if set(content) != {"question"} or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise GoldenSetError(f"{path.name}: it must hold tables [[question]] and nothing else")
    questions = [_question(path.name, number, entry) for number, entry in enumerate(entries, start=1)]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise GoldenSetError(f"{path.name}: {question.id} is there twice. Give one of them another id")
        seen.add(question.id)
    return questions


def _question(file: str, number: int, entry: dict[str, Any]) -> Question:
    name = entry.get("id")
    where = f"{file}: {name}" if isinstance(name, str) and name else f"{file}: question {number}, which has no id"

    def wrong(what: str) -> GoldenSetError:
        return GoldenSetError(f"{where}: {what}. The fields are described in data/golden_set/README.md")

    if missing := [field for field in _REQUIRED if field not in entry]:
        raise wrong(f"without {', '.join(missing)}")
    if unknown := sorted(entry.keys() - {*_REQUIRED, *_OPTIONAL}):
        raise wrong(f"with unknown fields {', '.join(unknown)}")
    for field in _TEXTS:
        if not isinstance(entry[field], str) or not entry[field].strip():
            raise wrong(f"{field} must be a text that is not empty")
    language, note = entry.get("language", "en"), entry.get("note", "")
    if not isinstance(note, str):
        raise wrong("note must be a text")
    for field, value, values in (
        ("kind", entry["kind"], KINDS),
        ("role", entry["role"], tuple(ROLES)),
        ("language", language, LANGUAGES),
    ):
        if value not in values:
            raise wrong(f"{field} is {value!r}, and must be one of {', '.join(values)}")
    if type(entry["asked_on"]) is not datetime.date:
        raise wrong("asked_on must be a date without quotation marks, such as 2025-12-01")
    facts = entry["facts"]
    if not isinstance(facts, list) or not all(isinstance(fact, str) and fact.strip() for fact in facts):
        raise wrong("facts must be a list of texts")

    def passages(field: str) -> tuple[Passage, ...]:
        found = entry.get(field, [])
        if not isinstance(found, list) or not all(
            isinstance(one, dict)
            and one.keys() == {"policy", "quote"}
            and all(isinstance(text, str) and text.strip() for text in one.values())
            for one in found
        ):
            raise wrong(f"{field} must be a list of {{ policy = …, quote = … }}")
        return tuple(Passage(**one) for one in found)

    return Question(
        id=entry["id"],
        question=entry["question"].strip(),
        role=entry["role"],
        asked_on=entry["asked_on"],
        kind=entry["kind"],
        answer=entry["answer"].strip(),
        facts=tuple(facts),
        passages=passages("passages"),
        trap=passages("trap"),
        language=language,
        note=note,
    )
