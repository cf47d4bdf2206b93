"""The handbook: read with checks, chains of editions that agree, no template, and described truthfully in its datasheet."""

import datetime
import re
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from itertools import combinations
from pathlib import Path

import pytest
from word_runs import runs, words

from coursekit.handbook import (
    AUDIENCES,
    FOLDER,
    REGIONS,
    ROLES,
    HandbookError,
    Policy,
    allowed,
    load_handbook,
    read_policy,
)

ALL = load_handbook()
BY_ID = {policy.id: policy for policy in ALL}
DATASHEET = (FOLDER / "README.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"\bHB-\d+")
DAY = datetime.timedelta(days=1)
TODAY = datetime.date(2025, 12, 1)
each = pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.id)


def family(policy: Policy) -> str:
    """The id of the first edition of the policy's chain."""
    while policy.supersedes:
        policy = BY_ID[policy.supersedes]
    return policy.id


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


# --- the data


@each
def test_a_policy_is_complete_and_of_a_policys_length(policy: Policy) -> None:
    assert policy.file.startswith(f"{policy.id}_")
    assert policy.audience in AUDIENCES and policy.region in REGIONS
    assert 2023 <= policy.effective.year <= 2026
    assert 150 <= len(policy.text.split()) <= 900
    assert re.match(r"# \S", policy.text)


@each
def test_cross_references_resolve(policy: Policy) -> None:
    named = set(REFERENCE.findall(policy.text))
    assert named <= BY_ID.keys()
    if policy.id != "HB-142":  # its hidden note speaks of itself
        assert policy.id not in named


def test_ids_are_unique_and_titles_only_within_a_chain() -> None:
    assert len(BY_ID) == len(ALL) >= 46
    for one, other in combinations(ALL, 2):
        assert one.title != other.title or family(one) == family(other)


def test_there_are_enough_policies_of_every_kind() -> None:
    assert sum(bool(policy.superseded_by) for policy in ALL) >= 7
    assert {policy.audience for policy in ALL} == set(AUDIENCES)
    assert {policy.region for policy in ALL} == set(REGIONS)
    assert sum(policy.effective > TODAY for policy in ALL) >= 3
    assert len({policy.owner for policy in ALL}) >= 10


def test_editions_replace_each_other_without_gap_or_overlap() -> None:
    for old in ALL:
        if old.superseded_by is None:
            assert old.superseded_on is None
            continue
        new = BY_ID[old.superseded_by]
        assert (new.supersedes, new.effective) == (old.id, old.superseded_on)
        assert (new.title, new.audience, new.region, new.owner) == (old.title, old.audience, old.region, old.owner)
        assert old.in_force(new.effective - DAY) and not new.in_force(new.effective - DAY)
        assert new.in_force(new.effective) and not old.in_force(new.effective)


def test_of_a_chain_exactly_one_edition_applies_on_each_day() -> None:
    chain = [BY_ID[name] for name in ("HB-110", "HB-114", "HB-119")]
    for on, applies in (
        (datetime.date(2023, 2, 28), []),
        (datetime.date(2023, 3, 1), ["HB-110"]),
        (datetime.date(2024, 7, 1), ["HB-114"]),
        (datetime.date(2026, 1, 14), ["HB-114"]),
        (datetime.date(2026, 1, 15), ["HB-119"]),
        (datetime.date(2030, 1, 1), ["HB-119"]),
    ):
        assert [policy.id for policy in chain if policy.in_force(on)] == applies


def test_revisions_change_their_numbers() -> None:
    for policy in ALL:
        if policy.superseded_by:
            old, new = (
                set(re.findall(r"\d[\d.,:]*", p.text.split("\n", 1)[1])) for p in (policy, BY_ID[policy.superseded_by])
            )
            assert len(old - new) >= 3, policy.id


def test_no_sentence_is_written_twice_except_in_revisions() -> None:
    """Of two policies that are no editions of each other no run of 8 words is shared, and hardly any of 5."""
    texts = {policy.id: words(policy.text) for policy in ALL}
    fives, eights = ({name: runs(text, length) for name, text in texts.items()} for length in (5, 8))
    families = {policy.id: family(policy) for policy in ALL}
    for one, other in combinations(texts, 2):
        if families[one] == families[other]:
            continue
        shared = fives[one] & fives[other]
        assert len(shared) <= max(2, 0.01 * min(len(fives[one]), len(fives[other]))), (one, other, sorted(shared)[:5])
        assert not eights[one] & eights[other], (one, other, sorted(eights[one] & eights[other])[:3])


def test_exactly_one_policy_speaks_to_machines_and_out_of_sight() -> None:
    calls = re.compile(
        r"\bassistants, chat bots\b|\blanguage models that\b|<!--|^\[//\]:", re.IGNORECASE | re.MULTILINE
    )
    assert [policy.id for policy in ALL if calls.search(policy.text)] == ["HB-142"]
    note = re.search(r"^\[//\]: # \((.+)\)$", BY_ID["HB-142"].text, re.MULTILINE)
    assert note and "without any limit" in note.group(1)


def test_the_conflict_is_open() -> None:
    one, other = BY_ID["HB-156"], BY_ID["HB-157"]
    assert (one.region, one.audience) == (other.region, other.audience)
    assert not {one.superseded_by, other.superseded_by, one.supersedes, other.supersedes} - {None}
    assert one.in_force(other.effective) and other.in_force(other.effective)
    assert other.id not in one.text and one.id not in other.text


# --- reading


GOOD = '+++\nid = "HB-900"\ntitle = "T"\naudience = "staff"\nregion = "EU"\neffective = 2025-01-01\nowner = "O"\n+++\n\n# T\n\nText.\n'
NEXT = GOOD.replace("HB-900", "HB-901").replace("2025-01-01", '2025-06-01\nsupersedes = "HB-900"')
OLD = GOOD.replace("2025-01-01", '2025-01-01\nsuperseded_by = "HB-901"')


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.md").write_text(source, encoding="utf-8")
    return folder


def test_a_file_is_read_without_its_front_matter(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, good=GOOD) / "good.md")
    assert policy == Policy(
        id="HB-900",
        title="T",
        audience="staff",
        region="EU",
        effective=datetime.date(2025, 1, 1),
        owner="O",
        text="# T\n\nText.\n",
        file="good.md",
    )
    with pytest.raises(FrozenInstanceError):
        policy.title = "U"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("+++\nid", "id"), "must begin with"),
        (('title = "T"', "title = T"), "not TOML"),
        (('owner = "O"\n', ""), "needs owner"),
        (('owner = "O"', "owner = 3"), "owner must be a text"),
        (('owner = "O"', 'owner = "O"\nteam = "P"'), "unknown fields: team"),
        (("HB-900", "HB-9"), "HB- and three digits"),
        (("staff", "everyone"), "audience 'everyone' is none of"),
        (('"EU"', '"NL"'), "region 'NL' is none of"),
        (("2025-01-01", '"2025-01-01"'), "effective must be a date"),
        (("2025-01-01", "2025-01-01T08:00:00"), "effective must be a date"),
        (('owner = "O"', 'owner = "O"\nsuperseded_by = ""'), "superseded_by must be a text"),
        (("# T\n\nText.\n", ""), "nothing follows"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    path = write(tmp_path, broken=GOOD.replace(*change)) / "broken.md"
    with pytest.raises(HandbookError, match=message) as failure:
        read_policy(path)
    assert str(path) in str(failure.value)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"one": GOOD, "two": GOOD}, "already the id of one.md"),
        ({"one": OLD}, "names HB-901, which is not in the folder"),
        ({"two": NEXT}, "names HB-900, which is not in the folder"),
        ({"one": GOOD, "two": NEXT}, "one.md does not say superseded_by = 'HB-901'"),
        ({"one": OLD, "two": NEXT.replace('supersedes = "HB-900"\n', "")}, "two.md does not say supersedes = 'HB-900'"),
        ({"one": OLD, "two": NEXT.replace("2025-06-01", "2025-01-01")}, "must begin later"),
    ],
)
def test_chains_that_do_not_fit_together_are_errors(sources: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(HandbookError, match=message) as failure:
        load_handbook(write(tmp_path, **sources))
    assert str(tmp_path) in str(failure.value)


def test_a_folder_gives_its_policies_with_the_day_on_which_each_was_replaced(tmp_path: Path) -> None:
    one, two = load_handbook(write(tmp_path, b=OLD, a=NEXT, README="not a policy"))
    assert (one.id, one.superseded_on, two.superseded_on) == ("HB-900", datetime.date(2025, 6, 1), None)


def test_an_empty_folder_and_bytes_that_are_not_text_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="git restore"):
        load_handbook(tmp_path)
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HandbookError, match="UTF-8"):
        load_handbook(tmp_path)


def test_a_policy_that_was_read_alone_does_not_guess_whether_it_is_in_force(tmp_path: Path) -> None:
    alone = read_policy(write(tmp_path, old=OLD) / "old.md")
    with pytest.raises(ValueError, match=r"old\.md: it is superseded by HB-901"):
        alone.in_force(datetime.date(2025, 2, 1))
    assert replace(alone, superseded_on=datetime.date(2025, 6, 1)).in_force(datetime.date(2025, 5, 31))


def test_roles_read_their_audiences_and_no_others() -> None:
    readable = {role: {audience for audience in AUDIENCES if audience in ROLES[role]} for role in ROLES}
    assert readable["customer"] == {"public"}
    assert readable["support"] == readable["customer"] | {"staff"}
    assert readable["finance"] == readable["support"] | {"finance"}
    assert readable["legal"] == readable["support"] | {"legal"}
    for policy in ALL:
        for role in ROLES:
            assert allowed(policy, role) == (policy.audience in readable[role])
    with pytest.raises(ValueError, match="unknown role 'Support'"):
        allowed(ALL[0], "Support")


# --- the datasheet


def rows(first: str) -> list[list[str]]:
    """The cells of the datasheet's table whose first header cell is `first`."""
    table = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", DATASHEET, re.MULTILINE)
    assert table, f"no table {first!r}"
    lines = [row.strip("| ").replace(r"\|", "\0") for row in table.group(1).splitlines()]
    return [[cell.strip().replace("\0", "|") for cell in line.split("|")] for line in lines]


def quotes(text: str) -> list[str]:
    return [squeezed(quote) for quote in re.findall(r'"([^"]+)"', text)]


def test_the_datasheets_sizes_are_computed() -> None:
    lengths = [len(policy.text.split()) for policy in ALL]
    size = sum((FOLDER / policy.file).stat().st_size for policy in ALL)
    for sentence in (
        f"{len(ALL)} files, {size / 1024:.0f} KB",
        f"{sum(lengths):,} words; {min(lengths):,} to {max(lengths):,} words a policy",
        f"{sum(bool(policy.superseded_by) for policy in ALL)} policies were replaced",
    ):
        assert sentence in DATASHEET


def test_the_datasheets_tables_of_counts_are_computed() -> None:
    counts = Counter((policy.audience, policy.region) for policy in ALL)
    regions = ("all", "EU", "DE", "FR", "ES", "UK", "CH")
    expected = [[f"`{a}`", *(str(counts[a, r]) for r in regions)] for a in AUDIENCES]
    expected = [[*row, str(sum(map(int, row[1:])))] for row in expected]
    expected.append(["total", *(str(sum(int(row[i]) for row in expected)) for i in range(1, 9))])
    assert rows("audience") == expected
    for role, audiences, number in rows("role"):
        assert set(re.findall(r"`(\w+)`", audiences)) == ROLES[role.strip("`")]
        assert int(number) == sum(allowed(policy, role.strip("`")) for policy in ALL)


def test_the_datasheets_table_of_days_is_computed() -> None:
    for day, *numbers in rows("on"):
        on = datetime.date.fromisoformat(day)
        states = Counter("later" if p.effective > on else "force" if p.in_force(on) else "replaced" for p in ALL)
        assert [int(number) for number in numbers] == [states["force"], states["replaced"], states["later"]], day
    still = [policy.id for policy in ALL if policy.superseded_by and policy.in_force(TODAY)]
    assert f"On 1 December 2025, {' and '.join(still)} are still in force" in DATASHEET


def test_the_datasheet_lists_every_pair_of_editions_with_what_changed() -> None:
    listed = rows("old")
    assert [row[:3] for row in listed] == [
        [policy.id, policy.superseded_by, str(policy.superseded_on)] for policy in ALL if policy.superseded_by
    ]
    for old, new, _, before, after in listed:
        assert len(quotes(before)) >= 2 and len(quotes(after)) >= 2
        for quote in quotes(before):
            assert quote in squeezed(BY_ID[old].text), (old, quote)
        for quote in quotes(after):
            assert quote in squeezed(BY_ID[new].text) and quote not in squeezed(BY_ID[old].text), (new, quote)


def test_the_datasheets_narrow_policies_exist_and_say_something_else() -> None:
    for wide, narrow, _ in rows("wide"):
        assert BY_ID[wide].in_force(TODAY) and BY_ID[narrow].in_force(TODAY)
        assert family(BY_ID[wide]) != family(BY_ID[narrow])
    pairs = {(BY_ID[wide].region, BY_ID[narrow].region) for wide, narrow, _ in rows("wide")}
    assert {("EU", "DE"), ("EU", "FR"), ("EU", "ES")} <= pairs


def test_each_half_of_a_two_policy_answer_stands_in_its_policy_and_not_in_the_other() -> None:
    listed = rows("question")
    assert len(listed) >= 12
    for question, *halves in listed:
        ids = [half.split()[0] for half in halves]
        assert len(set(ids)) == 2
        for (name, other), half in zip((ids, ids[::-1]), halves, strict=True):
            for quote in quotes(half):
                assert quote in squeezed(BY_ID[name].text), (question, name, quote)
                assert quote not in squeezed(BY_ID[other].text), (question, other, quote)
            assert BY_ID[name].in_force(TODAY), name


def test_the_datasheet_quotes_the_conflict_and_the_hidden_note() -> None:
    conflict, note = (
        DATASHEET.split(f"### {heading}")[1].split("\n### ")[0]
        for heading in ("Two policies in conflict", "A hidden instruction")
    )
    texts = {name: squeezed(BY_ID[name].text) for name in ("HB-100", "HB-142", "HB-156", "HB-157")}
    assert len(quotes(conflict)) == 5
    for quote, name in zip(quotes(conflict), ("HB-156", "HB-156", "HB-157", "HB-157", "HB-100"), strict=True):
        assert quote in texts[name], quote
    assert len(quotes(note)) == 2
    assert all(quote in texts["HB-142"] for quote in quotes(note))


def test_what_the_datasheet_names_exists() -> None:
    assert set(REFERENCE.findall(DATASHEET)) <= BY_ID.keys()
    assert BY_ID["HB-209"].supersedes is None
    assert "Norway" in DATASHEET and "cash on delivery" in DATASHEET
    assert not [policy.id for policy in ALL if re.search("norw|cash on delivery|2027", policy.text, re.IGNORECASE)]
    assert f"HB-209 is effective from {BY_ID['HB-209'].effective}" in DATASHEET
