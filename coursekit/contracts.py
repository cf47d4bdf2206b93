"""Carrier contracts with the place where each term stands: `data/contracts/`, read into plain Python values."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from coursekit.annotated import AnnotationError, Span, parse
from coursekit.front_matter import read_front_matter

FOLDER = Path(__file__).resolve().parent.parent / "data" / "contracts"
TERMS: dict[str, str] = {
    "effective_date": "date from which the agreement applies",
    "term_months": "fixed first term, in months",
    "notice_days": "notice for ending the agreement without a reason, in days",
    "payment_days": "time that Quayside has to pay an invoice, in days",
    "liability_eur_per_kg": "highest compensation for lost or damaged goods, in € per kg",
    "claim_days": "time to report damage that is not apparent on delivery, in days",
    "fuel_surcharge_percent": "fuel surcharge on the freight charge, in percent",
    "late_credit_percent": "credit for a late shipment, in percent of its freight charge",
    "governing_law": "law that governs the agreement, as an ISO 3166-1 alpha-2 country code",
    "automatic_renewal": "whether the agreement renews itself at the end of its term",
}
MARKS = ("superseded", "distractor")
"""What stands before a term's name in a label: a statement that was replaced, and a look-alike."""

TermValue: TypeAlias = datetime.date | int | float | str | bool

_KINDS: dict[str, type] = {
    "effective_date": datetime.date,
    "term_months": int,
    "notice_days": int,
    "payment_days": int,
    "liability_eur_per_kg": float,
    "claim_days": int,
    "fuel_surcharge_percent": float,
    "late_credit_percent": float,
    "governing_law": str,
    "automatic_renewal": bool,
}
_LABELS = {*TERMS, *(f"{mark}:{term}" for mark in MARKS for term in TERMS)}


class ContractFileError(ValueError):
    """A contract's file cannot be read. The message names the file and says what is wrong in it."""


@dataclass(frozen=True)
class Contract:
    """One contract: what a reader sees, and what an extraction is compared with."""

    name: str
    """The file's name without its ending."""
    carrier: str
    title: str
    text: str
    """The document, without markup."""
    spans: tuple[Span, ...]
    """Labels: a term's name, or `superseded:` or `distractor:` and a term's name."""
    terms: dict[str, TermValue]
    """Terms that the document fixes, with the value that holds after all amendments. Units: `TERMS`."""
    contradictory: dict[str, tuple[TermValue, ...]]
    """Terms that the document states more than once, differently, with nothing that says which one holds."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The terms that the document does not fix, in the order of `TERMS`."""
        return tuple(term for term in TERMS if term not in self.terms and term not in self.contradictory)

    def evidence(self, label: str) -> tuple[str, ...]:
        """The texts of the spans that carry `label`, in the order of the document; empty when there is none."""
        return tuple(span.of(self.text) for span in self.spans if span.label == label)


def load_contracts(folder: Path = FOLDER) -> list[Contract]:
    """The contracts in `folder`, sorted by name; `README.md` is left out.

    Raises:
        FileNotFoundError: `folder` holds no contract.
        ContractFileError: one of them cannot be read.
    """
    paths = sorted(path for path in Path(folder).glob("*.md") if path.name != "README.md")
    if not paths:
        raise FileNotFoundError(f"{folder} holds no contract (*.md). Get it back with:  git restore data/contracts")
    return [read_contract(path) for path in paths]


def read_contract(path: Path) -> Contract:
    """Read one file: TOML between two lines `+++`, then the contract's text with spans `[[label|text]]`.

    Raises:
        FileNotFoundError: there is no such file.
        ContractFileError: no front matter, broken TOML or markup, an unknown term or label, or a value of the wrong type.
    """
    path = Path(path)
    head, text, lines = read_front_matter(path, ContractFileError)
    # the front matter's lines are kept as empty ones, so that an error names the line of the file
    try:
        body = parse("\n" * lines + text, where=str(path))
    except AnnotationError as error:
        raise ContractFileError(str(error)) from error
    spans = tuple(Span(span.label, span.start - lines, span.end - lines) for span in body.spans)
    for span in spans:
        if span.label not in _LABELS:
            raise ContractFileError(f"{path}: the label {span.label!r} names no term. Terms: {', '.join(TERMS)}")
    carrier, title = (_text(path, head, key) for key in ("carrier", "title"))
    terms = {term: _value(path, term, given) for term, given in _table(path, head, "terms").items()}
    contradictory = {}
    for term, given in _table(path, head, "contradictory").items():
        if not isinstance(given, list) or len(given) < 2:
            raise ContractFileError(
                f"{path}: [contradictory] {term} must be a list of two or more values, not {given!r}"
            )
        contradictory[term] = tuple(_value(path, term, one) for one in given)
    if both := terms.keys() & contradictory.keys():
        raise ContractFileError(f"{path}: {', '.join(sorted(both))} is in [terms] and in [contradictory]; keep one")
    return Contract(path.stem, carrier, title, body.text[lines:], spans, terms, contradictory)


def _text(path: Path, head: dict, key: str) -> str:
    if not isinstance(head.get(key), str) or not head[key].strip():
        raise ContractFileError(f'{path}: the front matter needs {key} = "…"')
    return head[key]


def _table(path: Path, head: dict, key: str) -> dict:
    table = head.get(key, {})
    if not isinstance(table, dict):
        raise ContractFileError(f"{path}: {key} must be a table, written [{key}]")
    if unknown := table.keys() - TERMS.keys():
        raise ContractFileError(f"{path}: [{key}] has unknown terms: {', '.join(sorted(unknown))}")
    return {term: table[term] for term in TERMS if term in table}


def _value(path: Path, term: str, given: object) -> TermValue:
    kind = _KINDS[term]
    if kind is float and type(given) is int:
        return float(given)
    if type(given) is not kind:  # not isinstance: True is an int, and a time stamp is a date
        raise ContractFileError(f"{path}: {term} must be {kind.__name__}, not {given!r}")
    return given
