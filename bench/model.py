"""Speed of the local models: what a learner waits for, each beside what it is compared with, as a ratio.

.venv/bin/python -m bench.model [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
from rich.console import Console
from rich.table import Table

ROUNDS = 3
ANSWER_TOKENS = 96
COLD = (
    "import time; t = time.perf_counter(); from coursekit import models; models.ask('Hi', max_tokens=1);"
    "print(time.perf_counter() - t)"
)
STORY = "Tell a long story about a parcel that crosses Europe."


def measure() -> list[dict]:
    """One row a question: the figure, what it is compared with, both with their unit, and figure / comparison."""
    cold_s = _median(_cold_start_s)
    before = psutil.Process().memory_info().rss
    from coursekit import models

    models.ask("Hi", max_tokens=1)
    memory_mb = (psutil.Process().memory_info().rss - before) / 1e6
    warm_s = _median(lambda: _seconds(lambda: models.ask("Hi", max_tokens=1)))
    streams = [_stream(f"{STORY} Parcel {n}.") for n in range(ROUNDS)]
    first_token_s, whole_s, rate = (statistics.median(column) for column in zip(*streams, strict=True))
    together = _tokens_per_s_of_four()
    prompt = "The policy says: claims are made within 14 days. " * 15
    unseen_s = _median(lambda: _seconds(lambda: models.ask(f"{time.perf_counter()} {prompt}", max_tokens=1)))
    models.ask(prompt, max_tokens=1)
    seen_s = _median(lambda: _seconds(lambda: models.ask(prompt, max_tokens=1)))

    from coursekit.embeddings import embed

    embed_cold_s = _seconds(lambda: embed(["Hi"]))
    texts = [f"Parcel {n} was left at the wrong door and nobody there knows of it." for n in range(32)]
    batched = len(texts) / _median(lambda: _seconds(lambda: embed(texts)))
    one_by_one = len(texts) / _seconds(lambda: [embed([text]) for text in texts])
    return [
        _row("first answer of a fresh process", cold_s, "s", "warm", warm_s),
        _row("streaming: first token", first_token_s, "s", "the whole answer", whole_s),
        _row("one answer", rate, "tokens/s", "four at once, all together", together),
        _row("long prompt, already seen", seen_s, "s", "never seen", unseen_s),
        _row("memory that the chat model takes", memory_mb, "MB", "its file", models.gguf_file().stat().st_size / 1e6),
        _row("first embedding of a process", embed_cold_s, "s", "32 texts, warm", len(texts) / batched),
        _row("embedding one by one", one_by_one, "texts/s", "in a batch", batched),
    ]


def _row(what: str, figure: float, unit: str, beside: str, comparison: float) -> dict:
    ratio = figure / comparison
    return {"what": what, "figure": figure, "unit": unit, "beside": beside, "comparison": comparison, "ratio": ratio}


def _cold_start_s() -> float:
    return float(subprocess.run([sys.executable, "-c", COLD], check=True, capture_output=True, text=True).stdout)


def _stream(prompt: str) -> tuple[float, float, float]:
    """Seconds to the first token, seconds in all, tokens per second after the first."""
    from coursekit import models

    messages = [{"role": "user", "content": prompt}]
    options = {"temperature": 0, "max_tokens": ANSWER_TOKENS, "stream": True}
    started, arrivals = time.perf_counter(), []
    for chunk in models.client().chat.completions.create(model=models.chat_model(), messages=messages, **options):
        if chunk.choices and chunk.choices[0].delta.content:
            arrivals.append(time.perf_counter() - started)
    return arrivals[0], arrivals[-1], (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])


def _tokens_per_s_of_four() -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(_stream, [f"{STORY} Chapter {n}." for n in range(4)]))
    tokens = sum(rate * (whole - first) + 1 for first, whole, rate in streams)
    return tokens / (time.perf_counter() - started)


def _seconds(call) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _median(measurement) -> float:
    return statistics.median(measurement() for _ in range(ROUNDS))


def show(rows: list[dict]) -> None:
    """Print the rows as a table."""
    table = Table(title="Local models", box=None, pad_edge=False)
    for heading, justify in (("", "left"), ("", "right"), ("beside", "left"), ("", "right"), ("ratio", "right")):
        table.add_column(heading, justify=justify)
    for row in rows:
        figures = [f"{row[name]:.3g} {row['unit']}" for name in ("figure", "comparison")]
        table.add_row(row["what"], figures[0], row["beside"], figures[1], f"{row['ratio']:.2f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the data as JSON instead of a table")
    arguments = parser.parse_args()
    rows = measure()
    print(json.dumps(rows, indent=2)) if arguments.json else show(rows)


if __name__ == "__main__":
    main()
