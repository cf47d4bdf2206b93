"""The contracts are what their datasheet says, and every value stands where its span says."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from contract_evidence import laws, numbers, supports
from word_runs import runs, words

from coursekit.contracts import FOLDER, TERMS, Contract, ContractFileError, load_contracts, read_contract

ROOT = Path(__file__).resolve().parent.parent
UNSEEN_FOLDER = ROOT / "autograder" / "projects" / "contract_review" / "unseen"
DATASHEET = (FOLDER / "README.md").read_text(encoding="utf-8")
PUBLIC = load_contracts()
UNSEEN = load_contracts(UNSEEN_FOLDER)
ALL = PUBLIC + UNSEEN
each = pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)


@each
def test_every_stated_term_is_supported_by_each_of_its_spans(contract: Contract) -> None:
    for term, value in contract.terms.items():
        assert contract.evidence(term), f"{term} has no span"
        for clause in contract.evidence(term):
            assert supports(term, value, clause), f"{term} = {value} is not in {clause!r}"


@each
def test_contradictory_statements_are_all_marked(contract: Contract) -> None:
    for term, values in contract.contradictory.items():
        clauses = contract.evidence(term)
        assert len(set(values)) == len(values) >= 2
        assert len(clauses) >= len(values)
        assert {value for clause in clauses for value in values if supports(term, value, clause)} == set(values)
        for clause in clauses:
            assert sum(supports(term, value, clause) for value in values) == 1, f"{term}: {clause!r} is ambiguous"


@each
def test_missing_terms_have_no_evidence(contract: Contract) -> None:
    assert set(contract.missing) == TERMS.keys() - contract.terms.keys() - contract.contradictory.keys()
    for term in contract.missing:
        assert not contract.evidence(term), f"{term} is missing and has a span"


@each
def test_superseded_statements_and_distractors_do_not_say_the_value(contract: Contract) -> None:
    for term in TERMS:
        values = contract.contradictory.get(term) or (contract.terms[term],) if term not in contract.missing else ()
        for mark in ("superseded", "distractor"):
            for clause in contract.evidence(f"{mark}:{term}"):
                assert not any(supports(term, value, clause) for value in values), f"{mark}:{term} {clause!r}"


@each
def test_superseded_statements_stand_before_what_replaces_them_in_all_but_mail_chains(contract: Contract) -> None:
    for term in TERMS.keys() & contract.terms.keys():
        old = [span.start for span in contract.spans if span.label == f"superseded:{term}"]
        new = [span.start for span in contract.spans if span.label == term]
        if old and contract.name != "lagunare_mail":  # the newest mail is on top
            assert max(old) < max(new)


@each
def test_spans_are_tight_and_clean(contract: Contract) -> None:
    assert contract.spans == tuple(sorted(contract.spans, key=lambda span: (span.start, -span.end, span.label)))
    for span in contract.spans:
        covered = span.of(contract.text)
        assert covered.strip() == covered != ""
        assert len(covered) <= 140, f"{span.label}: {covered!r} is longer than a clause"
    assert not re.search(r"\[\[|\]\]|\+\+\+", contract.text)
    assert any(span.label.startswith("distractor:") for span in contract.spans)
    assert 350 <= len(contract.text.split()) <= 1300
    assert "quayside" in contract.text.lower()


def test_the_evidence_checker_refuses_other_values() -> None:
    tried = wrong = 0
    for term in TERMS:
        values = {contract.terms[term] for contract in ALL if term in contract.terms}
        for contract in ALL:
            for clause in contract.evidence(term) if term in contract.terms else ():
                others = values - {contract.terms[term]}
                tried += len(others)
                wrong += sum(supports(term, other, clause) for other in others)
    assert tried > 3000
    assert wrong / tried < 0.01, f"{wrong} of {tried} wrong values were accepted"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("thirty (30) days", {30}),
        ("three hundred and sixty-five", {365}),
        ("6,9 %", {6.9}),
        ("€1.250,00", {1250}),
        ("€1,250", {1250, 1.25}),
        ("11¼ %", {11.25}),
        ("twelve and a half per cent", {12.5}),
        ("six and one quarter per centum", {6.25}),
        ("two thousand and twenty-one", {2021}),
    ],
)
def test_numbers_are_read_in_digits_and_words(written: str, said: set[float]) -> None:
    assert said <= numbers(written)
    assert laws("the laws of Ireland") == {"IE"}


def test_the_set_is_as_varied_as_promised() -> None:
    assert len(PUBLIC) >= 24 and len(UNSEEN) >= 6
    assert sum(bool(contract.missing) for contract in PUBLIC) >= 14
    assert sum(bool(contract.contradictory) for contract in PUBLIC) >= 8
    assert len({contract.carrier for contract in ALL}) == len(ALL)
    for term in TERMS:
        assert sum(term in contract.missing for contract in PUBLIC) >= 2, term
        stated = Counter(contract.terms[term] for contract in PUBLIC if term in contract.terms)
        most = stated.most_common(1)[0][1] / stated.total()
        assert most <= (0.6 if term == "automatic_renewal" else 0.3), f"{term}: one value makes up {most:.0%}"


def _words(contract: Contract) -> list[str]:
    return words(re.sub(r"-\s*\n\s*", "", contract.text))


def test_no_clause_is_written_twice() -> None:
    """Of two contracts, unseen ones included, no run of 8 words is shared, and hardly any of 5."""
    texts = {contract.name: _words(contract) for contract in ALL}
    fives, eights = ({name: runs(text, length) for name, text in texts.items()} for length in (5, 8))
    for one, other in combinations(texts, 2):
        shared = fives[one] & fives[other]
        assert len(shared) <= 0.01 * min(len(fives[one]), len(fives[other])), f"{one}, {other}: {sorted(shared)[:5]}"
        assert not eights[one] & eights[other], f"{one}, {other}: {sorted(eights[one] & eights[other])[:3]}"


def test_nothing_of_the_unseen_contracts_is_public() -> None:
    published = "\n".join(path.read_text(encoding="utf-8").lower() for path in FOLDER.glob("*.md"))
    for contract in UNSEEN:
        assert contract.name not in published
        assert contract.carrier.lower() not in published
        assert contract.carrier.split()[0].lower() not in published.split()


def test_exactly_two_public_contracts_speak_to_machines() -> None:
    calls = re.compile(r"automated systems|to the ai\b|contract-analysis-agents", re.IGNORECASE)
    planted = [contract.name for contract in PUBLIC if calls.search(contract.text)]
    assert planted == ["dunavexpress_conditions", "limfjord_aftale"]
    assert all(f"`{name}`" in DATASHEET.split("## Quirks")[1] for name in planted)
    assert any(calls.search(contract.text) for contract in UNSEEN)
    for contract in PUBLIC:
        for call in calls.finditer(contract.text):
            near = [span.label for span in contract.spans if 0 < span.start - call.start() < 250]
            assert any(label.startswith("distractor:") for label in near)


def _rows(heading: str) -> list[list[str]]:
    """The cells of the datasheet's table whose first header cell is `heading`."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", DATASHEET, re.MULTILINE)
    assert table, f"no table {heading!r}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.group(1).splitlines()]


def test_the_datasheets_table_of_terms_is_computed() -> None:
    counted = [
        [
            f"`{term}`",
            str(sum(term in contract.terms for contract in PUBLIC)),
            str(sum(term in contract.missing for contract in PUBLIC)),
            str(sum(term in contract.contradictory for contract in PUBLIC)),
            str(sum(bool(contract.evidence(f"superseded:{term}")) for contract in PUBLIC)),
            str(sum(len(contract.evidence(f"distractor:{term}")) for contract in PUBLIC)),
        ]
        for term in TERMS
    ]
    tables = DATASHEET.split("## Counts")[1]
    assert [
        re.split(r" \| ", row.strip("| ")) for row in tables.splitlines() if re.match(r"\| `\w+` \| \d", row)
    ] == counted
    assert [row[0] for row in _rows("term")] == [f"`{term}`" for term in TERMS]


def test_the_datasheets_table_of_contracts_is_computed() -> None:
    rows = _rows("contract")
    assert [[row[0], *row[3:]] for row in rows] == [
        [
            f"`{contract.name}`",
            f"{len(contract.text.split()):,}",
            str(len(contract.missing)),
            str(len(contract.contradictory)),
        ]
        for contract in PUBLIC
    ]
    replaced = [any(span.label.startswith("superseded:") for span in contract.spans) for contract in PUBLIC]
    assert [row[2] != "nothing" for row in rows] == replaced
    assert sum("amendment" in row[2] for row in rows) >= 8


def test_the_datasheets_sentences_are_computed() -> None:
    words = [len(contract.text.split()) for contract in PUBLIC]
    labels = Counter(span.label.partition(":")[0] for contract in PUBLIC for span in contract.spans)
    evidence = labels.total() - labels["superseded"] - labels["distractor"]
    size = sum(path.stat().st_size for path in FOLDER.glob("*.md") if path.name != "README.md")
    stated, missing, contradictory = (
        [len(getattr(contract, kind)) for contract in PUBLIC] for kind in ("terms", "missing", "contradictory")
    )
    superseded = sum(any(s.label.startswith("superseded:") for s in contract.spans) for contract in PUBLIC)
    for sentence in (
        f"{len(PUBLIC)} contracts between Quayside",
        f"{len(PUBLIC)} files, {size / 1024:.0f} KB",
        f"{sum(words):,} words; {min(words):,} to {max(words):,} words a contract",
        f"{sum(stated)} stated terms, {sum(missing)} missing, {sum(contradictory)} contradictory; {labels.total()} spans, "
        f"of which {evidence} are evidence, {labels['superseded']} superseded and {labels['distractor']} distractors",
        f"{sum(map(bool, missing))} contracts lack at least one term, {sum(map(bool, contradictory))} contradict "
        f"themselves, {superseded} hold a statement that was superseded.",
        f"but {len(PUBLIC)} of them carry",
    ):
        assert sentence in DATASHEET


def test_what_the_datasheet_quotes_stands_in_a_contract() -> None:
    quirks = DATASHEET.split("## Quirks")[1]
    texts = [re.sub(r"\s+", " ", contract.text.lower()) for contract in PUBLIC]
    quotes = [re.sub(r"\s+", " ", quote.lower()) for quote in re.findall(r'"([^"]+)"', quirks)]
    assert len(quotes) >= 12
    assert not [quote for quote in quotes if not any(quote in text for text in texts)]
    names = {contract.name for contract in PUBLIC}
    assert set(re.findall(r"`(\w+_\w+)`", quirks)) <= names | TERMS.keys()
    deed = next(contract for contract in PUBLIC if contract.name == "glenavonmore_deed")
    assert not any(re.search(r"\d", span.of(deed.text)) for span in deed.spans)


GOOD = '+++\ncarrier = "A"\ntitle = "B"\n[terms]\npayment_days = 30\n+++\n\nPay in [[payment_days|30 days]].\n'


def test_a_file_is_read_with_positions_in_the_clean_text(tmp_path: Path) -> None:
    path = tmp_path / "good.md"
    path.write_text(GOOD, encoding="utf-8")
    contract = read_contract(path)
    assert contract.text == "Pay in 30 days.\n"
    assert contract.evidence("payment_days") == ("30 days",)
    assert (contract.name, contract.carrier, contract.title) == ("good", "A", "B")
    assert contract.terms == {"payment_days": 30} and len(contract.missing) == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("+++\ncarrier", "carrier"), "must begin with"),
        (('carrier = "A"', "carrier = A"), "not TOML"),
        (('title = "B"\n', ""), "needs title"),
        (("payment_days = 30", "payment_day = 30"), "unknown terms: payment_day"),
        (("payment_days = 30", 'payment_days = "30"'), "payment_days must be int"),
        (("payment_days = 30", "notice_days = true"), "notice_days must be int"),
        (("payment_days = 30", "payment_days = 30\n[contradictory]\npayment_days = [30, 45]"), "keep one"),
        (("payment_days = 30", "[contradictory]\nclaim_days = 7"), "list of two or more"),
        (("[[payment_days|", "[[paiment_days|"), "names no term"),
        (("30 days]]", "30 days"), "line 8"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.md"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(ContractFileError, match=message) as failure:
        read_contract(path)
    assert str(path) in str(failure.value)


def test_an_empty_folder_and_bytes_that_are_not_text_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="git restore"):
        load_contracts(tmp_path)
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ContractFileError, match="UTF-8"):
        load_contracts(tmp_path)
