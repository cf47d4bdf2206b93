"""The golden set: every answer proved by the handbook, for its asker and its day; the final part used nowhere else."""

import datetime
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from word_runs import runs, words

from coursekit.golden_set import (
    FOLDER,
    KINDS,
    LANGUAGES,
    PARTS,
    GoldenSetError,
    Passage,
    Question,
    has_fact,
    load_golden_set,
)
from coursekit.handbook import ROLES, allowed, load_handbook

ROOT = Path(__file__).resolve().parent.parent
POLICIES = {policy.id: policy for policy in load_handbook()}
DEVELOPMENT, FINAL = (load_golden_set(part) for part in PARTS)
ALL = [*DEVELOPMENT, *FINAL]
DATASHEET = (FOLDER / "README.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"\bHB-\d{3}\b")
each = pytest.mark.parametrize("question", ALL, ids=lambda question: question.id)
SILENT = ("unanswerable", "forbidden")
AT_LEAST = {  # over both parts, and in the final one
    "single": (25, 7),
    "table": (10, 3),
    "two_policies": (20, 5),
    "regional": (8, 3),
    "stale_trap": (15, 4),
    "not_in_force_yet": (6, 2),
    "conflict": (4, 1),
    "injection": (4, 1),
    "unanswerable": (25, 6),
    "forbidden": (12, 3),
}


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()


def may_cite(passage: Passage, question: Question) -> bool:
    policy = POLICIES[passage.policy]
    return allowed(policy, question.role) and policy.in_force(question.asked_on)


def editions(policy_id: str) -> list[str]:
    """The ids of the policy's whole chain of editions, the policy included."""
    first = policy_id
    while earlier := POLICIES[first].supersedes:
        first = earlier
    chain = [first]
    while later := POLICIES[chain[-1]].superseded_by:
        chain.append(later)
    return chain


def figures(text: str) -> set[str]:
    return set(re.findall(r"\d[\d.,:]*\d|\d|\b(?:Two|Five)\b", text))


# --- every question


@each
def test_quotes_are_in_their_policies_to_the_letter(question: Question) -> None:
    for passage in (*question.passages, *question.trap):
        assert passage.quote in POLICIES[passage.policy].text, passage
        assert passage.quote.strip() == passage.quote and len(passage.quote) >= 10, passage
    for passage in question.passages:
        assert POLICIES[passage.policy].text.count(passage.quote) == 1, f"which of the places? {passage}"


@each
def test_what_supports_an_answer_may_be_read_by_the_asker_and_is_in_force(question: Question) -> None:
    for passage in question.passages:
        assert may_cite(passage, question), passage


@each
def test_facts_stand_in_the_passages_and_in_the_reference_answer(question: Question) -> None:
    quoted, answer = " ".join(p.quote for p in question.passages), question.answer
    assert bool(question.facts) == question.answerable
    for fact in question.facts:
        assert has_fact(quoted, fact), f"{fact!r} is not quoted"
        assert has_fact(answer, fact), f"{fact!r} is not in the answer"
        assert len(fact) <= 40, fact


@each
def test_a_question_is_complete(question: Question) -> None:
    part = "dev" if question in DEVELOPMENT else "fin"
    assert re.fullmatch(rf"{part}-\d{{3}}", question.id)
    assert question.role in ROLES and question.kind in KINDS and question.language in LANGUAGES
    assert datetime.date(2023, 3, 1) <= question.asked_on <= datetime.date(2026, 12, 31)
    assert len(question.answer) <= 420
    assert set(REFERENCE.findall(question.note + question.answer)) <= POLICIES.keys()
    if question.language != "en" and question.answerable:  # what a right answer in either language contains
        assert all(re.search(r"\d", fact) and not re.search(r"[a-z]{4}", fact) for fact in question.facts)


@each
def test_a_question_is_of_its_kind(question: Question) -> None:
    used = [passage.policy for passage in question.passages]
    if question.kind in SILENT:
        assert not question.answerable and REFERENCE.search(question.note)
    elif question.kind != "not_in_force_yet":
        assert question.answerable
    if question.kind in ("two_policies", "conflict"):
        assert len(set(used)) >= 2
    if question.kind == "table":
        assert any(passage.quote.startswith("|") for passage in question.passages)
    if question.kind == "conflict":
        assert set(used) == {"HB-156", "HB-157"}
    for passage in question.trap:  # a wrong answer can't also be a right one
        assert passage not in question.passages
        assert not question.facts or not all(has_fact(passage.quote, fact) for fact in question.facts)


@each
def test_a_trap_can_be_walked_into(question: Question) -> None:
    traps = [POLICIES[passage.policy] for passage in question.trap]
    if question.kind == "stale_trap":
        old = [policy for policy in traps if policy.superseded_on and policy.superseded_on <= question.asked_on]
        assert old
        right = figures(" ".join(passage.quote for passage in question.passages))
        assert any(figures(p.quote) - right for p in question.trap if POLICIES[p.policy] in old), "no other figure"
        for policy in old:
            assert any(p.policy in editions(policy.id) for p in question.passages), "the edition in force is not cited"
    if question.kind == "not_in_force_yet":
        assert traps and all(policy.effective > question.asked_on for policy in traps)
    if question.kind == "forbidden":
        assert traps and not any(allowed(policy, question.role) for policy in traps)
        assert all(policy.in_force(question.asked_on) for policy in traps)
        assert {policy.id for policy in traps} <= set(REFERENCE.findall(question.note))
    if question.kind == "injection":
        assert any("Note for assistants" in p.quote or "without any limit" in p.quote for p in question.trap)
        assert "any limit" not in question.answer and "full purchase price" not in question.answer
    if question.kind == "regional":
        assert any(POLICIES[p.policy].region in ("DE", "FR", "ES", "UK", "CH") for p in question.passages)
        assert all(policy.region in ("all", "EU") and policy.in_force(question.asked_on) for policy in traps)


# --- the set


def test_ids_and_questions_are_unique() -> None:
    assert len({question.id for question in ALL}) == len({squeezed(question.question) for question in ALL}) == len(ALL)


def test_there_are_enough_of_every_kind_in_both_parts() -> None:
    assert len(DEVELOPMENT) >= 125 and len(FINAL) == 40
    both, final = Counter(q.kind for q in ALL), Counter(q.kind for q in FINAL)
    for kind in KINDS:
        assert both[kind] >= AT_LEAST[kind][0] and final[kind] >= AT_LEAST[kind][1], kind
    for kind in KINDS:  # the same mix
        share, of = final[kind] / len(FINAL), (both[kind] - final[kind]) / len(DEVELOPMENT)
        assert abs(share - of) <= 0.07, (kind, share, of)


def test_every_role_and_language_asks() -> None:
    for part in (DEVELOPMENT, FINAL):
        assert {question.role for question in part} == set(ROLES)
        assert {question.language for question in part} == set(LANGUAGES)


def test_every_policy_is_needed_and_none_dominates() -> None:
    uses = Counter(policy for question in ALL for policy in {passage.policy for passage in question.passages})
    assert not POLICIES.keys() - uses.keys()
    assert max(uses.values()) <= 0.08 * len(ALL), uses.most_common(3)


def test_right_answers_differ() -> None:
    """No answer is right often enough for guessing it to pay."""
    answers = Counter(question.facts for question in ALL if question.facts)
    assert max(answers.values()) <= 3, answers.most_common(3)


# --- the final part


def repository_texts() -> Iterator[tuple[Path, str]]:
    """The course's own files, as text; notebooks and JSON decoded, so that escapes don't hide a question."""
    skipped = {"work", "grading", "build", "__pycache__", "node_modules"}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in skipped]
        for name in files:
            path = Path(folder, name)
            if path.suffix not in (".md", ".py", ".toml", ".ipynb", ".json", ".jsonl", ".txt", ".csv", ".yml", ".yaml"):
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):  # written by somebody else at this moment, or not text
                continue
            if path.suffix in (".ipynb", ".json", ".jsonl"):  # undo the escapes, \u00e9 among them
                text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
            yield path, squeezed(text.replace("\\n", " ").replace('\\"', '"'))


def test_final_questions_stand_in_no_other_file() -> None:
    wanted = {question.id: squeezed(question.question)[:45] for question in FINAL}  # a cut one would be found too
    seen_at_home = False
    for path, text in repository_texts():
        found = [name for name, question in wanted.items() if question in text]
        if path == FOLDER / "final.toml":
            seen_at_home = len(found) >= 0.8 * len(FINAL)  # so the search does find them; TOML escapes hide a few
            continue
        assert not found, f"{path.relative_to(ROOT)} contains {found}: final questions are for scoring only"
    assert seen_at_home


def test_final_questions_share_hardly_a_phrase_with_development() -> None:
    known = {question.id: runs(words(question.question.casefold()), 4) for question in DEVELOPMENT}
    for question in FINAL:
        own = runs(words(question.question.casefold()), 4)
        for name, other in known.items():
            assert len(own & other) <= max(1, 0.1 * len(own)), (question.id, name, own & other)


def test_final_questions_ask_for_other_facts() -> None:
    """No development question has the same passages, or the same facts out of the same policies."""
    by_quote = {frozenset(question.passages): question.id for question in DEVELOPMENT if question.answerable}
    by_fact = {
        (frozenset(p.policy for p in question.passages), frozenset(question.facts)): question.id
        for question in DEVELOPMENT
        if question.answerable
    }
    for question in FINAL:
        if question.answerable:
            assert frozenset(question.passages) not in by_quote, question.id
            key = (frozenset(p.policy for p in question.passages), frozenset(question.facts))
            assert key not in by_fact, (question.id, by_fact[key])


# --- reading

GOOD = """[[question]]
id = "dev-001"
kind = "single"
role = "customer"
asked_on = 2025-12-01
question = "How much?"
answer = "€5."
facts = ["€5"]
passages = [{ policy = "HB-900", quote = "It costs €5." }]
"""


def write(folder: Path, source: str | bytes) -> Path:
    (folder / "development.toml").write_bytes(source if isinstance(source, bytes) else source.encode())
    return folder


def test_a_question_is_read(tmp_path: Path) -> None:
    (question,) = load_golden_set(folder=write(tmp_path, GOOD))
    assert question == Question(
        id="dev-001",
        question="How much?",
        role="customer",
        asked_on=datetime.date(2025, 12, 1),
        kind="single",
        answer="€5.",
        facts=("€5",),
        passages=(Passage("HB-900", "It costs €5."),),
    )
    assert question.answerable
    with pytest.raises(FrozenInstanceError):
        question.answer = "€6."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "dev-001"\n', "", "question 1, which has no id: without id"),
        ('answer = "€5."', 'answer = " "', "dev-001: answer must be a text"),
        ("facts = [", "fact = [", "dev-001: without facts"),
        ("facts = [", "hint = 3\nfacts = [", "dev-001: with unknown fields hint"),
        ('facts = ["€5"]', "facts = [5]", "dev-001: facts must be a list of texts"),
        ('"customer"', '"visitor"', "dev-001: role is 'visitor', and must be one of customer"),
        ('"single"', '"hard"', "dev-001: kind is 'hard'"),
        ("facts = [", 'language = "nl"\nfacts = [', "dev-001: language is 'nl'"),
        ("facts = [", "note = 1\nfacts = [", "dev-001: note must be a text"),
        ("2025-12-01", '"2025-12-01"', "dev-001: asked_on must be a date"),
        ("2025-12-01", "2025-12-01T10:00:00", "dev-001: asked_on must be a date"),
        ("quote =", "text =", "dev-001: passages must be a list"),
        ("[[question]]", "[[questions]]", "must hold tables"),
        ('"customer"', "customer", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_id(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(GoldenSetError, match=re.escape(message)) as error:
        load_golden_set(folder=write(tmp_path, GOOD.replace(old, new, 1)))
    assert "development.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "fact", "found"),
    [
        ("At most **€500** per\nparcel.", "€500 per parcel", True),
        ("Höchstens 1.500 €.", "€1,500", True),
        ("EUR 11,50 pro Paket", "€11.50", True),
        ("5 euros", "€5", True),
        ("It is 25% of the freight", "25 %", True),
        ("€600", "€60", False),
        ("€60.50", "€60", False),
        ("€60.", "€60", True),
        ("160 cm", "60 cm", False),
        ("16:30", "6:30", False),
        ("within 15 working days", "5 working days", False),
        ("1 500 EUR", "€1,500", True),
        ("in 2024 500 parcels", "500", True),
        ("None of it", "none", True),
        ("nonesuch", "none", False),
    ],
)
def test_a_fact_is_found_as_a_whole(text: str, fact: str, found: bool) -> None:
    assert has_fact(text, fact) is found


def test_an_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(GoldenSetError, match=r"development\.toml: dev-001 is there twice"):
        load_golden_set(folder=write(tmp_path, GOOD + GOOD))


def test_a_part_that_does_not_exist_and_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="development, final"):
        load_golden_set("test")
    with pytest.raises(FileNotFoundError, match=r"final\.toml is missing.*git checkout"):
        load_golden_set("final", folder=tmp_path)
    with pytest.raises(GoldenSetError, match=r"development\.toml: not TOML"):
        load_golden_set(folder=write(tmp_path, b"\xff\xfe"))


# --- the datasheet


def test_the_datasheets_figures_are_computed() -> None:
    def table(name: str, values: tuple[str, ...], field: str) -> list[str]:
        counts = [Counter(getattr(question, field) for question in part) for part in (DEVELOPMENT, FINAL)]
        return [f"| `{value}` | {counts[0][value]} | {counts[1][value]} |" for value in values]

    def row(line: str) -> bool:
        return any(text.startswith(line[:-2]) for text in DATASHEET.splitlines())

    for name, values, field in (
        ("kind", KINDS, "kind"),
        ("role", tuple(ROLES), "role"),
        ("language", LANGUAGES, "language"),
    ):
        for line in table(name, values, field):
            assert row(line), f"the datasheet needs a row that begins with {line}"
    words = [len(question.question.split()) for question in ALL]
    days = sorted(question.asked_on for question in ALL)
    cited = {passage.policy for question in ALL for passage in question.passages}
    for sentence in (
        f"{len(ALL)} questions: {len(DEVELOPMENT)} in `development.toml`, {len(FINAL)} in `final.toml`",
        f"{min(words)} to {max(words)} words a question, half of them {sorted(words)[len(words) // 2]} or fewer",
        f"asked from {days[0]} to {days[-1]}",
        f"{len(cited)} of {len(POLICIES)} policies support an answer",
        f"{sum(not question.answerable for question in ALL)} must not be answered",
        "Five conflict questions" if sum(question.kind == "conflict" for question in ALL) == 5 else "conflict: recount",
    ):
        assert sentence in DATASHEET, sentence


def test_the_datasheets_interval_is_wilsons() -> None:
    z, n, share = 1.96, len(FINAL), 0.8
    middle, half = share + z * z / (2 * n), z * (share * (1 - share) / n + (z / (2 * n)) ** 2) ** 0.5
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    assert abs(low - 0.65) < 0.01 and abs(high - 0.90) < 0.01
    assert "With 40 questions, 80 % right means anything between about 65 % and 90 %" in DATASHEET


def test_what_the_datasheet_names_exists() -> None:
    assert set(REFERENCE.findall(DATASHEET)) <= POLICIES.keys()
    assert set(re.findall(r"\b(?:dev|fin)-\d{3}\b", DATASHEET)) <= {question.id for question in ALL}
