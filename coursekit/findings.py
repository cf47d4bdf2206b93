"""What a check of this machine found, and how `course doctor` shows it."""

import json
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from coursekit import environment

REBUILD = f"cd {shlex.quote(str(environment.ROOT))} && rm -f .venv/{environment.STAMP} && make start"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` is True, False, or "warning" (the course works without it, or works worse)."""

    name: str
    ok: bool | Literal["warning"]
    found: str
    mend: str = ""  # the command or step that mends it; empty where ok is True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def all_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong; warnings do not count."""
    return all(finding.ok for finding in findings)


def report(findings: Iterable[Finding], console: Any = None) -> None:
    """Print a table of the findings, then, one by one and unbroken, the command that mends each."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    findings = list(findings)
    console = console or Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found"):
        table.add_column(heading)
    marks = {True: "[green]ok[/]", False: "[red]WRONG[/]", "warning": "[yellow]note[/]"}
    for finding in findings:
        table.add_row(marks[finding.ok], escape(finding.name), escape(finding.found))
    console.print(table)
    for finding in findings:
        if finding.mend:
            console.print(f"\nTo mend {finding.name}:", markup=False, highlight=False)
            console.print(f"    {finding.mend}", markup=False, highlight=False, soft_wrap=True)


def as_json(findings: Iterable[Finding]) -> str:
    return json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False)


def reason_of(error: BaseException) -> str:
    """The first line of what an error says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def this_python() -> str:
    """The Python that runs, as a shell takes it."""
    return shlex.quote(sys.executable)
