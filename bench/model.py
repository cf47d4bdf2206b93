"""Speed of the local models: what a learner waits for, each beside what it is compared with, as a ratio."""

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from bench.rows import ROUNDS, median, row, seconds

ANSWER_TOKENS = 96
COLD = (
    "import time; t = time.perf_counter(); from coursekit import models; models.ask('Hi', max_tokens=1);"
    "print(time.perf_counter() - t)"
)
STORY = "Tell a long story about a parcel that crosses Europe."


def measure() -> list[dict]:
    """One row a question: the figure, what it is compared with, both with their unit, and figure / comparison."""
    cold_s = median(_cold_start_s)
    before = psutil.Process().memory_info().rss
    from coursekit import models

    models.ask("Hi", max_tokens=1)
    memory_mb = (psutil.Process().memory_info().rss - before) / 1e6
    warm_s = median(lambda: seconds(lambda: models.ask("Hi", max_tokens=1)))
    streams = [_stream(f"{STORY} Parcel {n}.") for n in range(ROUNDS)]
    first_token_s, whole_s, rate = (statistics.median(column) for column in zip(*streams, strict=True))
    together = _tokens_per_s_of_four()
    prompt = "The policy says: claims are made within 14 days. " * 15
    unseen_s = median(lambda: seconds(lambda: models.ask(f"{time.perf_counter()} {prompt}", max_tokens=1)))
    models.ask(prompt, max_tokens=1)
    seen_s = median(lambda: seconds(lambda: models.ask(prompt, max_tokens=1)))

    from coursekit.embeddings import embed

    embed_cold_s = seconds(lambda: embed(["Hi"]))
    texts = [f"Parcel {n} was left at the wrong door and nobody there knows of it." for n in range(32)]
    batched = len(texts) / median(lambda: seconds(lambda: embed(texts)))
    one_by_one = len(texts) / seconds(lambda: [embed([text]) for text in texts])
    return [
        row("first answer of a fresh process", cold_s, "s", "warm", warm_s),
        row("streaming: first token", first_token_s, "s", "the whole answer", whole_s),
        row("one answer", rate, "tokens/s", "four at once, all together", together),
        row("long prompt, already seen", seen_s, "s", "never seen", unseen_s),
        row("memory that the chat model takes", memory_mb, "MB", "its file", models.gguf_file().stat().st_size / 1e6),
        row("first embedding of a process", embed_cold_s, "s", "32 texts, warm", len(texts) / batched),
        row("embedding one by one", one_by_one, "texts/s", "in a batch", batched),
    ]


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
