"""Quayside's handbook: `data/handbook/`, one policy a file, read into plain Python values.

Front matter in TOML between two lines `+++`, then the policy in Markdown. Fields: `data/handbook/README.md`.
"""

import datetime
import re
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit.front_matter import read_front_matter

FOLDER = Path(__file__).resolve().parent.parent / "data" / "handbook"
AUDIENCES = ("public", "staff", "finance", "legal")
REGIONS = ("EU", "DE", "FR", "ES", "UK", "CH", "all")
ROLES: dict[str, frozenset[str]] = {
    "customer": frozenset({"public"}),
    "support": frozenset({"public", "staff"}),
    "finance": frozenset({"public", "staff", "finance"}),
    "legal": frozenset({"public", "staff", "legal"}),
}
"""The audiences whose policies an asker may read. Finance and legal do not read each other's."""

_ID = re.compile(r"HB-\d{3}")
_REQUIRED = ("id", "title", "audience", "region", "effective", "owner")
_OPTIONAL = ("superseded_by", "supersedes")


class HandbookError(ValueError):
    """A policy's file cannot be read, or two files do not fit together. The message names the file and what is wrong."""


@dataclass(frozen=True)
class Policy:
    """One policy as it stands in the folder, in force or not."""

    id: str
    """`HB-` and three digits; unique."""
    title: str
    """Not unique: an edition and the one that replaces it share it."""
    audience: str
    """Who it is written for, one of `AUDIENCES`."""
    region: str
    """Where it applies, one of `REGIONS`."""
    effective: datetime.date
    """The first day on which it applies."""
    owner: str
    """The team that keeps it."""
    text: str
    """The policy in Markdown, without the front matter; a citation's positions count its characters."""
    superseded_by: str | None = None
    """Id of the policy that replaces this one, from the day when that one is effective."""
    supersedes: str | None = None
    """Id of the policy that this one replaces."""
    superseded_on: datetime.date | None = None
    """The day when the replacement is effective. Not in the file: `load_handbook` takes it from the replacement."""
    file: str = ""
    """Name of the file."""

    def in_force(self, on: datetime.date) -> bool:
        """Whether the policy applies on the day `on`.

        It does from `effective` (that day included) until the day before its replacement is effective. So a policy that has been
        replaced on paper still applies while the replacement lies in the future, and on every day exactly one edition of a chain
        applies, from the first one's date on. A replacement stays a replacement when it is itself replaced.

        Raises:
            ValueError: `superseded_by` is set and `superseded_on` is not: the policy was read alone, without its replacement.
        """
        if self.superseded_by and self.superseded_on is None:
            raise ValueError(
                f"{self.file or self.id}: it is superseded by {self.superseded_by}, and nobody has said when. "
                "Read the whole folder with load_handbook(), or set superseded_on"
            )
        return self.effective <= on and (self.superseded_on is None or on < self.superseded_on)


def allowed(policy: Policy, role: str) -> bool:
    """Whether an asker with this role may read the policy.

    Raises:
        ValueError: `role` is not in `ROLES`. An unknown role is an error and not a customer, so that a typo shows.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}. Roles: {', '.join(ROLES)}")
    return policy.audience in ROLES[role]


def load_handbook(folder: Path = FOLDER) -> list[Policy]:
    """All policies in `folder`, superseded and future ones included, sorted by id; `README.md` is left out.

    Raises:
        FileNotFoundError: `folder` holds no policy.
        HandbookError: a file cannot be read, an id occurs twice, or a chain of editions does not fit together: the other
            one is missing, does not name this one in return, or does not begin later.
    """
    paths = sorted(path for path in Path(folder).glob("*.md") if path.name != "README.md")
    if not paths:
        raise FileNotFoundError(f"{folder} holds no policy (*.md). Get it back with:  git restore data/handbook")
    by_id: dict[str, Policy] = {}
    for path in paths:
        policy = read_policy(path)
        if policy.id in by_id:
            raise HandbookError(
                f"{path}: {policy.id} is already the id of {by_id[policy.id].file}; give it another one"
            )
        by_id[policy.id] = policy
    for policy in by_id.values():
        _check_links(Path(folder) / policy.file, policy, by_id)
    return [
        replace(policy, superseded_on=by_id[policy.superseded_by].effective) if policy.superseded_by else policy
        for policy in sorted(by_id.values(), key=lambda policy: policy.id)
    ]


def read_policy(path: Path) -> Policy:
    """Read one file. Its links to other policies are not followed, so `superseded_on` is `None`.

    Raises:
        FileNotFoundError: there is no such file.
        HandbookError: no front matter, broken TOML, a field that is missing, unknown or of the wrong type, or no text.
    """
    path = Path(path)
    head, text, _ = read_front_matter(path, HandbookError)
    if unknown := head.keys() - {*_REQUIRED, *_OPTIONAL}:
        raise HandbookError(f"{path}: unknown fields: {', '.join(sorted(unknown))}")
    for name in (*_REQUIRED, *_OPTIONAL):
        _check_field(path, name, head.get(name), required=name in _REQUIRED)
    if not text.strip():
        raise HandbookError(f"{path}: nothing follows the front matter")
    return Policy(**head, text=text, file=path.name)


def _check_field(path: Path, name: str, value: object, *, required: bool) -> None:
    if value is None:
        if required:
            raise HandbookError(f"{path}: the front matter needs {name} = …")
        return
    if name == "effective":
        if type(value) is not datetime.date:  # a time stamp is a date too
            raise HandbookError(f"{path}: effective must be a date such as 2025-03-01, without quotes, not {value!r}")
        return
    if not isinstance(value, str) or not value.strip():
        raise HandbookError(f'{path}: {name} must be a text such as {name} = "…", not {value!r}')
    if name in ("id", *_OPTIONAL) and not _ID.fullmatch(value):
        raise HandbookError(f"{path}: {name} must be HB- and three digits, not {value!r}")
    for field, choices in (("audience", AUDIENCES), ("region", REGIONS)):
        if name == field and value not in choices:
            raise HandbookError(f"{path}: {name} {value!r} is none of {', '.join(choices)}")


def _check_links(path: Path, policy: Policy, by_id: dict[str, Policy]) -> None:
    for field, back in (("superseded_by", "supersedes"), ("supersedes", "superseded_by")):
        other_id = getattr(policy, field)
        if other_id is None:
            continue
        other = by_id.get(other_id)
        if other is None:
            raise HandbookError(f"{path}: {field} names {other_id}, which is not in the folder")
        if getattr(other, back) != policy.id:
            raise HandbookError(
                f"{path}: {field} names {other_id}, but {other.file} does not say {back} = {policy.id!r}"
            )
        if field == "superseded_by" and other.effective <= policy.effective:
            raise HandbookError(
                f"{path}: effective on {policy.effective}, but {other_id}, which replaces it, is effective on "
                f"{other.effective}; a replacement must begin later"
            )
