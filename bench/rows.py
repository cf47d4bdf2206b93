"""How a benchmark measures and shows: one row a figure, with what it is compared with, as a ratio."""

import statistics
import time
from collections.abc import Callable

ROUNDS = 3


def row(what: str, figure: float, unit: str, beside: str, comparison: float) -> dict:
    """One row: `figure` and `comparison` in the same `unit`, and figure / comparison."""
    ratio = figure / comparison
    return {"what": what, "figure": figure, "unit": unit, "beside": beside, "comparison": comparison, "ratio": ratio}


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def median(measurement: Callable[[], float]) -> float:
    """The median of ROUNDS measurements."""
    return statistics.median(measurement() for _ in range(ROUNDS))


def show(title: str, rows: list[dict]) -> None:
    """Print the rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=None, pad_edge=False)
    for heading, justify in (("", "left"), ("", "right"), ("beside", "left"), ("", "right"), ("ratio", "right")):
        table.add_column(heading, justify=justify)
    for line in rows:
        figures = [f"{line[name]:.3g} {line['unit']}" for name in ("figure", "comparison")]
        table.add_row(line["what"], figures[0], line["beside"], figures[1], f"{line['ratio']:.2f}")
    Console().print(table)
