"""Practice exercises of module 04, in the order in which the lessons ask them."""

import json
import math  # noqa: F401 - answers to wilson_interval use it
import random
import re  # noqa: F401 - answers to locate_quote use it
from types import SimpleNamespace

import numpy as np
from pydantic import BaseModel, ValidationError  # noqa: F401

from coursekit.exercises import Exercise

# --- 01_next_token


class StableSoftmax(Exercise):
    """`stable_softmax(scores)` → `np.ndarray`: probabilities from scores.

    - `scores`: array of floats, shape `(n,)`, `n ≥ 1`. Any size: 1,000 and -1,000 occur. `-inf` marks an excluded entry.
    - Returns shape `(n,)`: each entry is `exp(score)` divided by the sum of all `exp(score)`. They add up to 1; an excluded entry gets 0.
    - Adding one constant to every score changes no probability.
    """

    lesson = "01_next_token"
    stub = """
def stable_softmax(scores):
    return ...  # your code
"""
    hints = (
        "`np.exp(1000)` is `inf`. Which constant can you subtract from every score so that no exponent is positive?",
        "Subtract the largest score. Then the largest exponent is 0, and the sum is at least 1.",
        "`weights = np.exp(scores - np.max(scores))`, then `weights / weights.sum()`.",
    )
    solution = """
def stable_softmax(scores):
    scores = np.asarray(scores, float)
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()
"""
    wrong = {
        "overflows": """
def stable_softmax(scores):
    weights = np.exp(np.asarray(scores, float))
    return weights / weights.sum()
""",
        "divides scores instead of exponentials": """
def stable_softmax(scores):
    scores = np.asarray(scores, float)
    return scores / scores.sum()
""",
        "clips large scores": """
def stable_softmax(scores):
    weights = np.exp(np.clip(np.asarray(scores, float), -50, 50))
    return weights / weights.sum()
""",
    }

    def check(self, stable_softmax):
        self.expect(
            stable_softmax(np.array([0.0, np.log(3)])),
            np.array([0.25, 0.75]),
            behaviour="A score that is ln 3 higher is three times as probable",
            given="scores=[0, ln 3]",
            why="Differences of logits are ratios of probabilities; every sampling setting is built on that.",
        )
        with np.errstate(all="ignore"):
            self.expect(
                stable_softmax(np.array([1000.0, 1000.0 - np.log(3)])),
                np.array([0.75, 0.25]),
                behaviour="Large scores do not overflow",
                given="scores=[1000, 1000 - ln 3]",
                why="One NaN spreads to every probability, and the sampler then fails or returns token 0 for ever.",
            )
        self.expect(
            stable_softmax(np.array([2.0, -np.inf, 2.0])),
            np.array([0.5, 0.0, 0.5]),
            behaviour="An excluded entry has probability 0",
            given="scores=[2, -inf, 2]",
            why="Top-k, top-p and constrained decoding all exclude tokens by setting their score to -inf.",
        )


class TopKProbabilities(Exercise):
    """`top_k_probabilities(logits, k)` → `np.ndarray`: probabilities when only the `k` highest logits may be drawn.

    - `logits`: array of different finite floats, shape `(n,)`; `1 ≤ k`. With `k ≥ n` nothing is excluded.
    - Returns shape `(n,)`, in the order of `logits`: 0 for the excluded entries; the rest keep their ratios and add up to 1.
    - `logits` itself is not changed.
    """

    lesson = "01_next_token"
    stub = """
def top_k_probabilities(logits, k):
    kept = np.full(len(logits), -np.inf)
    best = ...  # Shape: the positions of the k highest logits
    kept[best] = logits[best]
    weights = np.exp(kept - kept.max())  # Normalise
    return weights / weights.sum()
"""
    hints = (
        "Only Shape is missing. `np.argsort` gives positions, lowest value first.",
        "Sort the negated logits, so that the highest come first, and keep the first `k` positions.",
        "`best = np.argsort(-logits)[:k]`",
    )
    solution = """
def top_k_probabilities(logits, k):
    kept = np.full(len(logits), -np.inf)
    best = np.argsort(-logits)[:k]
    kept[best] = logits[best]
    weights = np.exp(kept - kept.max())
    return weights / weights.sum()
"""
    wrong = {
        "keeps the lowest": """
def top_k_probabilities(logits, k):
    kept = np.full(len(logits), -np.inf)
    best = np.argsort(logits)[:k]
    kept[best] = logits[best]
    weights = np.exp(kept - kept.max())
    return weights / weights.sum()
""",
        "does not normalise again": """
def top_k_probabilities(logits, k):
    weights = np.exp(logits - logits.max())
    probabilities = weights / weights.sum()
    probabilities[np.argsort(-logits)[k:]] = 0
    return probabilities
""",
        "returns them sorted": """
def top_k_probabilities(logits, k):
    kept = np.sort(logits)[::-1][:k]
    weights = np.exp(kept - kept.max())
    return np.concatenate([weights / weights.sum(), np.zeros(max(0, len(logits) - k))])
""",
    }

    def check(self, top_k_probabilities):
        logits = np.log(np.array([0.1, 0.4, 0.2, 0.3]))
        self.expect(
            top_k_probabilities(logits.copy(), 2),
            np.array([0, 4 / 7, 0, 3 / 7]),
            behaviour="The k best stay in their places, keep their ratio and add up to 1",
            given="logits = ln [0.1, 0.4, 0.2, 0.3], k=2",
            why="The sampler draws by position: a value in the wrong place is another word.",
        )
        self.expect(
            top_k_probabilities(logits.copy(), 1),
            np.array([0.0, 1.0, 0.0, 0.0]),
            behaviour="k = 1 is greedy",
            given="the same, k=1",
            why="It is the one setting whose result you can predict; a test of a sampler starts with it.",
        )
        self.expect(
            top_k_probabilities(logits.copy(), 9),
            np.array([0.1, 0.4, 0.2, 0.3]),
            behaviour="A k beyond the vocabulary excludes nothing",
            given="the same, k=9",
            why="Settings come from configuration files; k = 50 must not crash on a short list of candidates.",
        )


class TopPProbabilities(Exercise):
    """`top_p_probabilities(logits, p)` → `np.ndarray`: probabilities when only the most probable tokens up to a mass of `p` may be drawn.

    - `logits`: array of different finite floats, shape `(n,)`; `0 < p ≤ 1`.
    - Go from the most probable token down and keep tokens until their probabilities add up to `p` **or more**. At least one is kept.
    - Returns shape `(n,)`, in the order of `logits`: 0 for the excluded entries; the rest keep their ratios and add up to 1.
    """

    lesson = "01_next_token"
    stub = """
def top_p_probabilities(logits, p):
    return ...  # your code
"""
    hints = (
        "Normalise first: the cut is a statement about probabilities, not about logits. Then Shape, then Normalise again.",
        "Sort descending and take the running sum. A token is kept when the mass *before* it is still below `p`.",
        "`order = np.argsort(-probabilities)`, `before = np.cumsum(probabilities[order]) - probabilities[order]`, keep `order[before < p]`.",
    )
    solution = """
def top_p_probabilities(logits, p):
    weights = np.exp(logits - np.max(logits))
    probabilities = weights / weights.sum()
    order = np.argsort(-probabilities)
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = np.zeros_like(probabilities)
    kept[order[before < p]] = probabilities[order[before < p]]
    return kept / kept.sum()
"""
    wrong = {
        "drops the token that crosses p": """
def top_p_probabilities(logits, p):
    weights = np.exp(logits - np.max(logits))
    probabilities = weights / weights.sum()
    order = np.argsort(-probabilities)
    best = order[np.cumsum(probabilities[order]) <= p]
    kept = np.zeros_like(probabilities)
    kept[best] = probabilities[best]
    return kept / max(kept.sum(), 1e-12)
""",
        "keeps every token whose own probability is above 1 - p": """
def top_p_probabilities(logits, p):
    weights = np.exp(logits - np.max(logits))
    probabilities = weights / weights.sum()
    kept = np.where(probabilities >= 1 - p, probabilities, 0)
    return kept / max(kept.sum(), 1e-12)
""",
        "does not normalise again": """
def top_p_probabilities(logits, p):
    weights = np.exp(logits - np.max(logits))
    probabilities = weights / weights.sum()
    order = np.argsort(-probabilities)
    before = np.cumsum(probabilities[order]) - probabilities[order]
    probabilities[order[before >= p]] = 0
    return probabilities
""",
    }

    def check(self, top_p_probabilities):
        logits = np.log(np.array([0.1, 0.4, 0.2, 0.3]))
        self.expect(
            top_p_probabilities(logits.copy(), 0.6),
            np.array([0, 4 / 7, 0, 3 / 7]),
            behaviour="The token that crosses p is kept",
            given="logits = ln [0.1, 0.4, 0.2, 0.3], p=0.6",
            why="0.4 alone is below 0.6. Dropping the crossing token makes p = 0.9 stricter than anybody expects.",
        )
        self.expect(
            top_p_probabilities(logits.copy(), 0.05),
            np.array([0.0, 1.0, 0.0, 0.0]),
            behaviour="At least one token is kept",
            given="the same, p=0.05",
            why="An empty candidate list is a division by zero, and it happens exactly where the model is most sure.",
        )
        self.expect(
            top_p_probabilities(logits.copy(), 0.95),
            np.array([0.1, 0.4, 0.2, 0.3]),
            behaviour="The cut adapts: a flat distribution keeps more tokens",
            given="the same, p=0.95",
            why="This is what a fixed k cannot do.",
        )


class RepeatedShare(Exercise):
    """`repeated_share(tokens, n)` → `float`: how much of a text has already been said.

    - `tokens`: list of token ids (or words). `n ≥ 1`: the length of the runs that are compared.
    - Take every run of `n` neighbours (they overlap). Returns the share of runs that stood earlier in the list: 0 for none, towards 1 for a loop.
    - A list shorter than `n` has no runs: return 0.0.
    """

    lesson = "01_next_token"
    stub = """
def repeated_share(tokens, n):
    return ...  # your code
"""
    hints = (
        "How many runs of `n` neighbours does a list of `m` tokens have? How many of them are different?",
        "Every run that is not the first of its kind is a repetition: runs minus different runs.",
        "`runs = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]`, then `1 - len(set(runs)) / len(runs)`.",
    )
    solution = """
def repeated_share(tokens, n):
    runs = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
"""
    wrong = {
        "counts single tokens": """
def repeated_share(tokens, n):
    return 1 - len(set(tokens)) / len(tokens) if tokens else 0.0
""",
        "runs do not overlap": """
def repeated_share(tokens, n):
    runs = [tuple(tokens[i : i + n]) for i in range(0, len(tokens) - n + 1, n)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
""",
        "stops on a short list": """
def repeated_share(tokens, n):
    runs = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(runs)) / len(runs)
""",
    }

    def check(self, repeated_share):
        self.expect(
            repeated_share([1, 2, 1, 3, 1], 2),
            0.0,
            behaviour="A token that returns in new company is no repetition",
            given="tokens=[1, 2, 1, 3, 1], n=2",
            why="'the' returns in every sentence. A monitor that counts single tokens raises an alarm on every answer.",
        )
        self.expect(
            repeated_share([5, 1, 2, 7, 1, 2], 2),
            0.2,
            behaviour="Runs overlap, and the first of its kind is not a repetition",
            given="tokens=[5, 1, 2, 7, 1, 2], n=2",
            why="A loop rarely starts at a multiple of n.",
        )
        self.expect(
            repeated_share([1, 2], 4),
            0.0,
            behaviour="A text shorter than a run repeats nothing",
            given="tokens=[1, 2], n=4",
            why="Short answers ('Yes.') are common, and the monitor must not be what fails.",
        )


class Perplexity(Exercise):
    """`perplexity(logprobs)` → `float`: how many equally likely tokens the model was, in effect, choosing between.

    - `logprobs`: natural logarithms of the probabilities that the model gave to the tokens that really came, shape `(n,)`, all ≤ 0.
    - Returns `exp` of minus their mean: 1 for a text that the model was certain of; more is more surprised.
    - Raises `ValueError` for an empty list.
    """

    lesson = "01_next_token"
    stub = """
def perplexity(logprobs):
    return ...  # your code
"""
    hints = (
        "If every token had probability 1/8, the answer is 8, however long the text.",
        "Mean of the logarithms first, then one `exp`. Not the mean of the probabilities.",
        "`float(np.exp(-np.mean(logprobs)))`, after a check for an empty list.",
    )
    solution = """
def perplexity(logprobs):
    if len(logprobs) == 0:
        raise ValueError("perplexity needs at least one token")
    return float(np.exp(-np.mean(logprobs)))
"""
    wrong = {
        "sums instead of averaging": """
def perplexity(logprobs):
    if len(logprobs) == 0:
        raise ValueError("empty")
    return float(np.exp(-np.sum(logprobs)))
""",
        "inverse of the mean probability": """
def perplexity(logprobs):
    if len(logprobs) == 0:
        raise ValueError("empty")
    return float(1 / np.mean(np.exp(logprobs)))
""",
        "no check for an empty list": """
def perplexity(logprobs):
    return float(np.exp(-np.mean(logprobs))) if len(logprobs) else 1.0
""",
    }

    def check(self, perplexity):
        self.expect(
            perplexity(np.log([1 / 8, 1 / 8, 1 / 8])),
            8.0,
            behaviour="Length does not matter: three tokens at 1/8 give 8",
            given="logprobs = ln [1/8, 1/8, 1/8]",
            why="A sum grows with the length, so that every long ticket looks strange.",
        )
        self.expect(
            perplexity(np.log([0.5, 1 / 32])),
            8.0,
            behaviour="One surprise weighs as much as it is improbable",
            given="logprobs = ln [1/2, 1/32]",
            why="Averaging probabilities hides the one impossible word in a sentence of easy ones.",
        )
        self.raises(
            ValueError,
            lambda: perplexity([]),
            behaviour="A text without tokens has no perplexity",
            given="logprobs=[]",
            why="A default of 1 would rank an empty reply as the most fluent of all.",
        )


# --- 02_context_window


class HistoryBudgetTokens(Exercise):
    """`history_budget_tokens(window, fixed, answer, margin=0.05)` → `int`: how many tokens of older conversation may be sent.

    - `window`: the context window in tokens, prompt **and** answer together.
    - `fixed`: list of token counts of the parts that must go along (system prompt, documents, the new question).
    - `answer`: the `max_tokens` of the request. `margin`: share of the window kept free, because counts are estimates; round it **up** to whole tokens.
    - Returns what is left, as an integer ≥ 0. Raises `ValueError` when the fixed parts, the answer and the margin do not fit by themselves.
    """

    lesson = "02_context_window"
    stub = """
def history_budget_tokens(window, fixed, answer, margin=0.05):
    return ...  # your code
"""
    hints = (
        "Four things share the window: the margin, the fixed parts, the answer, and what is left.",
        "`int(np.ceil(window * margin))` is the margin. Subtract; look at the sign before you return.",
        "`left = window - int(np.ceil(window * margin)) - sum(fixed) - answer`; `ValueError` when `left < 0`, else `left`.",
    )
    solution = """
def history_budget_tokens(window, fixed, answer, margin=0.05):
    left = window - int(np.ceil(window * margin)) - sum(fixed) - answer
    if left < 0:
        raise ValueError(f"{-left} tokens too many, before any history: shorten the fixed parts or the answer")
    return left
"""
    wrong = {
        "forgets the answer": """
def history_budget_tokens(window, fixed, answer, margin=0.05):
    left = window - int(np.ceil(window * margin)) - sum(fixed)
    if left < 0:
        raise ValueError("too long")
    return left
""",
        "clips at zero": """
def history_budget_tokens(window, fixed, answer, margin=0.05):
    return max(0, window - int(np.ceil(window * margin)) - sum(fixed) - answer)
""",
        "no margin": """
def history_budget_tokens(window, fixed, answer, margin=0.05):
    left = window - sum(fixed) - answer
    if left < 0:
        raise ValueError("too long")
    return left
""",
    }

    def check(self, history_budget_tokens):
        self.expect(
            history_budget_tokens(1000, [100, 50], 200, 0),
            650,
            behaviour="The answer needs room in the same window",
            given="window=1000, fixed=[100, 50], answer=200, margin=0",
            why="A prompt that fills the window leaves no room to answer: the reply is cut, with status 200.",
        )
        self.expect(
            history_budget_tokens(1000, [100, 50], 200, 0.0505),
            599,
            behaviour="The margin is a share of the window, rounded up",
            given="the same, margin=0.0505",
            why="The chat template and another tokenizer add tokens that your own count does not see.",
        )
        self.raises(
            ValueError,
            lambda: history_budget_tokens(1000, [900], 200, 0),
            behaviour="Parts that cannot fit are an error, not an empty history",
            given="window=1000, fixed=[900], answer=200, margin=0",
            why="Silence here becomes a 400 from the provider, or a cut document, for some users only.",
        )


class RequestLatencyMs(Exercise):
    """`request_latency_ms(prompt, cached, output, prefill_ms, decode_ms)` → `(first_ms, total_ms)`.

    - `prompt`, `cached`, `output`: tokens of the prompt, of its beginning that the server still has in its cache, and of the answer (≥ 1).
    - `prefill_ms`: per prompt token that must be read; at least **one** token is read even where the whole prompt is cached.
    - `decode_ms`: per token of the answer. Reading the prompt yields the first one, so the others cost `decode_ms` each.
    - Returns the time to the first token and to the last, both in ms.
    """

    lesson = "02_context_window"
    stub = """
def request_latency_ms(prompt, cached, output, prefill_ms, decode_ms):
    return ...  # your code
"""
    hints = (
        "Two phases, two prices. Which tokens of the prompt does the server still have to read?",
        "Read: `prompt - cached`, but never fewer than one. Decode steps: one less than the tokens of the answer.",
        "`first = max(1, prompt - cached) * prefill_ms`, `total = first + (output - 1) * decode_ms`.",
    )
    solution = """
def request_latency_ms(prompt, cached, output, prefill_ms, decode_ms):
    first_ms = max(1, prompt - cached) * prefill_ms
    return first_ms, first_ms + (output - 1) * decode_ms
"""
    wrong = {
        "one price for all tokens": """
def request_latency_ms(prompt, cached, output, prefill_ms, decode_ms):
    return prompt * decode_ms, (prompt + output) * decode_ms
""",
        "ignores the cache": """
def request_latency_ms(prompt, cached, output, prefill_ms, decode_ms):
    first_ms = prompt * prefill_ms
    return first_ms, first_ms + (output - 1) * decode_ms
""",
        "a cached prompt is free, and the first token is decoded twice": """
def request_latency_ms(prompt, cached, output, prefill_ms, decode_ms):
    first_ms = (prompt - cached) * prefill_ms
    return first_ms, first_ms + output * decode_ms
""",
    }

    def check(self, request_latency_ms):
        self.expect(
            request_latency_ms(100, 0, 11, 4, 20),
            (400, 600),
            behaviour="The prompt delays the first token, the answer the last",
            given="prompt=100, cached=0, output=11, prefill_ms=4, decode_ms=20",
            why="A latency budget with one price per token blames the wrong half of the request.",
        )
        self.expect(
            request_latency_ms(100, 90, 1, 4, 20),
            (40, 40),
            behaviour="Only the part that is not cached is read",
            given="prompt=100, cached=90, output=1",
            why="This difference is what a stable prefix buys.",
        )
        self.expect(
            request_latency_ms(100, 100, 1, 4, 20),
            (4, 4),
            behaviour="At least one token is read",
            given="prompt=100, cached=100, output=1",
            why="The scores for the next token come from reading the last one; a cache keeps keys and values, not scores.",
        )


class KvCacheBytes(Exercise):
    """`kv_cache_bytes(about, tokens, bytes_per_value=2)` → `int`: memory that the keys and values of `tokens` tokens take.

    - `about`: a dictionary with `llama.block_count` (layers), `llama.attention.head_count`, `llama.attention.head_count_kv`
      and `llama.embedding_length`. A head is `embedding_length / head_count` values wide.
    - Every layer stores one key **and** one value per token, for each of the `head_count_kv` heads.
    - `bytes_per_value`: 2 for 16-bit numbers, 4 for 32-bit.
    """

    lesson = "02_context_window"
    stub = """
def kv_cache_bytes(about, tokens, bytes_per_value=2):
    head_values = about["llama.embedding_length"] // about["llama.attention.head_count"]
    values_per_token = 2 * head_values * ...  # keys and values: of which heads, in how many layers?
    return tokens * values_per_token * bytes_per_value
"""
    hints = (
        "Count for one token and one layer first: how many heads are stored, and how wide is each?",
        "The number of stored heads is `head_count_kv`, not `head_count`. Every layer has its own.",
        "`2 * head_values * about['llama.attention.head_count_kv'] * about['llama.block_count']`",
    )
    solution = """
def kv_cache_bytes(about, tokens, bytes_per_value=2):
    head_values = about["llama.embedding_length"] // about["llama.attention.head_count"]
    values_per_token = 2 * about["llama.block_count"] * about["llama.attention.head_count_kv"] * head_values
    return tokens * values_per_token * bytes_per_value
"""
    wrong = {
        "keys only": """
def kv_cache_bytes(about, tokens, bytes_per_value=2):
    head_values = about["llama.embedding_length"] // about["llama.attention.head_count"]
    return tokens * about["llama.block_count"] * about["llama.attention.head_count_kv"] * head_values * bytes_per_value
""",
        "as many stored heads as query heads": """
def kv_cache_bytes(about, tokens, bytes_per_value=2):
    return tokens * 2 * about["llama.block_count"] * about["llama.embedding_length"] * bytes_per_value
""",
        "forgets the layers": """
def kv_cache_bytes(about, tokens, bytes_per_value=2):
    head_values = about["llama.embedding_length"] // about["llama.attention.head_count"]
    return tokens * 2 * about["llama.attention.head_count_kv"] * head_values * bytes_per_value
""",
    }

    def check(self, kv_cache_bytes):
        plain = {
            "llama.block_count": 1,
            "llama.attention.head_count": 2,
            "llama.attention.head_count_kv": 2,
            "llama.embedding_length": 8,
        }
        self.expect(
            kv_cache_bytes(plain, 1, 1),
            16,
            behaviour="One token, one layer: a key and a value for each head",
            given="1 layer, 2 heads, 2 stored heads, embedding length 8, 1 token, 1 byte a value",
            why="Half the memory in the plan is an out-of-memory kill at half the planned load.",
        )
        self.expect(
            kv_cache_bytes(plain | {"llama.attention.head_count": 4}, 10, 2),
            160,
            behaviour="Only the stored heads count",
            given="the same with 4 heads, of which 2 are stored; 10 tokens, 2 bytes a value",
            why="Grouped heads share keys and values; that is why recent models serve more users from the same memory.",
        )
        self.expect(
            kv_cache_bytes(plain | {"llama.block_count": 30}, 1, 2),
            960,
            behaviour="Every layer keeps its own",
            given="the first model with 30 layers, 2 bytes a value",
            why="Thirty times too little looks like 'negligible' in a capacity plan.",
        )


class TrimHistory(Exercise):
    """`trim_history(messages, budget_tokens, count)` → the messages to send: a new list.

    - `messages`: list of `{"role", "content"}`; the first may have the role `system`, the last is the new question of the `user`.
    - `count(message)` → its tokens, as an `int`. `budget_tokens`: what all messages that are sent may cost together.
    - Always sent: the system message (if there is one) and the last message. Raises `ValueError` when these alone exceed the budget.
    - Between them, keep the **newest** messages that fit, whole and without gaps, in their order. The kept history must not begin with an `assistant` message.
    """

    lesson = "02_context_window"
    stub = """
def trim_history(messages, budget_tokens, count):
    return ...  # your code
"""
    hints = (
        "Take the two ends out first. What is left of the budget is for the middle, filled from its end backwards.",
        "Walk the middle from newest to oldest and stop at the first message that does not fit. Then drop a leading answer.",
        "`for message in reversed(middle):` … `if count(message) > left: break` … `kept.insert(0, message)`; after the loop `if kept and kept[0]['role'] == 'assistant': kept = kept[1:]`.",
    )
    solution = """
def trim_history(messages, budget_tokens, count):
    head = messages[:1] if messages[0]["role"] == "system" and len(messages) > 1 else []
    middle, last = messages[len(head) : -1], messages[-1:]
    left = budget_tokens - sum(count(m) for m in head + last)
    if left < 0:
        raise ValueError(f"system message and question are {-left} tokens over the budget")
    kept = []
    for message in reversed(middle):
        if count(message) > left:
            break
        left -= count(message)
        kept.insert(0, message)
    while kept and kept[0]["role"] == "assistant":
        kept = kept[1:]
    return head + kept + last
"""
    wrong = {
        "keeps the tail and loses the system message": """
def trim_history(messages, budget_tokens, count):
    kept, left = [], budget_tokens
    for message in reversed(messages):
        if count(message) > left:
            break
        left -= count(message)
        kept.insert(0, message)
    if not kept:
        raise ValueError("nothing fits")
    return kept
""",
        "skips a long message and goes on": """
def trim_history(messages, budget_tokens, count):
    head = messages[:1] if messages[0]["role"] == "system" and len(messages) > 1 else []
    middle, last = messages[len(head) : -1], messages[-1:]
    left = budget_tokens - sum(count(m) for m in head + last)
    if left < 0:
        raise ValueError("over budget")
    kept = []
    for message in reversed(middle):
        if count(message) <= left:
            left -= count(message)
            kept.insert(0, message)
    while kept and kept[0]["role"] == "assistant":
        kept = kept[1:]
    return head + kept + last
""",
        "may begin with an answer": """
def trim_history(messages, budget_tokens, count):
    head = messages[:1] if messages[0]["role"] == "system" and len(messages) > 1 else []
    middle, last = messages[len(head) : -1], messages[-1:]
    left = budget_tokens - sum(count(m) for m in head + last)
    if left < 0:
        raise ValueError("over budget")
    kept = []
    for message in reversed(middle):
        if count(message) > left:
            break
        left -= count(message)
        kept.insert(0, message)
    return head + kept + last
""",
        "sends too much rather than fail": """
def trim_history(messages, budget_tokens, count):
    head = messages[:1] if messages[0]["role"] == "system" and len(messages) > 1 else []
    middle, last = messages[len(head) : -1], messages[-1:]
    left = budget_tokens - sum(count(m) for m in head + last)
    kept = []
    for message in reversed(middle):
        if count(message) > left:
            break
        left -= count(message)
        kept.insert(0, message)
    while kept and kept[0]["role"] == "assistant":
        kept = kept[1:]
    return head + kept + last
""",
    }

    def check(self, trim_history):
        def chat(*sizes):
            roles = ["system", *("user", "assistant") * len(sizes)]
            return [{"role": roles[i], "content": "x" * size} for i, size in enumerate(sizes)]

        def sizes_sent(messages, budget):
            return [len(m["content"]) for m in trim_history(list(messages), budget, lambda m: len(m["content"]))]

        self.expect(
            sizes_sent(chat(5, 3, 3, 2), 99),
            [5, 3, 3, 2],
            behaviour="What fits is sent whole",
            given="sizes system 5, user 3, assistant 3, user 2; budget 99",
            why="Trimming must not touch the conversations that need none.",
        )
        self.expect(
            sizes_sent(chat(5, 3, 3, 4, 1, 2), 12),
            [5, 4, 1, 2],
            behaviour="System message and question stay; the oldest turns go",
            given="sizes system 5, user 3, assistant 3, user 4, assistant 1, user 2; budget 12",
            why="The rules stand in the system message. Without them every request still succeeds, and breaks them.",
        )
        self.expect(
            sizes_sent(chat(5, 3, 3, 4, 1, 2), 8),
            [5, 2],
            behaviour="The history does not begin with an answer",
            given="the same, budget 8: only the answer of size 1 would fit",
            why="An answer without its question misleads the model, and some providers refuse such a list.",
        )
        self.expect(
            sizes_sent(chat(2, 1, 1, 9, 1, 2), 8),
            [2, 2],
            behaviour="No gaps: trimming stops at the first message that does not fit",
            given="sizes system 2, user 1, assistant 1, user 9, assistant 1, user 2; budget 8",
            why="'And for the other one?' after a missing message refers to nothing.",
        )
        self.raises(
            ValueError,
            lambda: sizes_sent(chat(5, 1, 1, 9), 10),
            behaviour="A question that does not fit is an error",
            given="sizes system 5, user 1, assistant 1, user 9; budget 10",
            why="The caller can shorten the question or refuse; the provider can only answer 400.",
        )


# --- 03_unreliable_provider


class WorthRetrying(Exercise):
    """`worth_retrying(status, code=None)` → `bool`: can a later attempt with the same request succeed?

    - `status`: the HTTP status of the failed call, an `int` of 400 or more; `None` where no answer came
      (time-out, connection refused or broken).
    - `code`: the provider's error code from the body, a `str`, or `None`.
    - `True` for `None`, 408 (request time-out), 409 (a lock timed out), 429 and everything from 500.
    - `False` for every other status, and for a 429 whose code is `insufficient_quota`: that account is empty.
    """

    lesson = "03_unreliable_provider"
    stub = """
def worth_retrying(status, code=None):
    return ...  # your code
"""
    hints = (
        "Three questions in order: is the account empty? did no answer come? is the status one of the temporary ones?",
        "Compare with `None` first: `None >= 500` is a TypeError.",
        '`code != "insufficient_quota" and (status is None or status in (408, 409, 429) or status >= 500)`',
    )
    solution = """
def worth_retrying(status, code=None):
    if code == "insufficient_quota":
        return False
    return status is None or status in (408, 409, 429) or status >= 500
"""
    wrong = {
        "retries every error": """
def worth_retrying(status, code=None):
    return True
""",
        "rate limits only": """
def worth_retrying(status, code=None):
    return status == 429 and code != "insufficient_quota"
""",
        "an empty account counts as busy": """
def worth_retrying(status, code=None):
    return status is None or status in (408, 409, 429) or status >= 500
""",
        "a time-out is final": """
def worth_retrying(status, code=None):
    return code != "insufficient_quota" and (status or 0) in (408, 409, 429, 500, 502, 503, 504)
""",
    }

    def check(self, worth_retrying):
        for status in (400, 401, 403, 404, 422):
            self.expect(
                worth_retrying(status),
                False,
                behaviour="A request that is wrong is not sent again",
                given=f"status={status}",
                why="The same bytes fail the same way; the retries fill logs, eat the rate limit and delay the real error.",
            )
        for status in (429, 500, 502, 503, 408, 409, 529):
            self.expect(
                worth_retrying(status),
                True,
                behaviour="A provider that is busy or broken is asked again later",
                given=f"status={status}",
                why="These pass by themselves. Showing them to a user turns a provider's hiccup into your outage.",
            )
        self.expect(
            worth_retrying(None),
            True,
            behaviour="No answer at all is temporary",
            given="status=None (a time-out, or a broken connection)",
            why="A replica that restarts under your call gives no status. It is the commonest fault that a retry cures.",
        )
        self.expect(
            worth_retrying(429, code="insufficient_quota"),
            False,
            behaviour="An empty account is not retried",
            given='status=429, code="insufficient_quota"',
            why="Waiting does not pay the bill; somebody must be paged, and retries hide that.",
        )
        self.expect(
            worth_retrying(429, code="rate_limit_exceeded"),
            True,
            behaviour="Another 429 is retried, whatever its code",
            given='status=429, code="rate_limit_exceeded"',
            why="Most 429s are about the last minute, not about money.",
        )


class FullJitter(Exercise):
    """`full_jitter(attempt, base_s, cap_s, rng)` → `float`, seconds: a wait drawn evenly between 0 and the attempt's limit.

    - `attempt`: 0 for the wait after the first failure, then 1, 2, …
    - The limit is `base_s` doubled `attempt` times, but never above `cap_s`.
    - `rng`: a `random.Random`; draw from it exactly once, so that a seeded run repeats.

    Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """

    lesson = "03_unreliable_provider"
    stub = """
def full_jitter(attempt, base_s, cap_s, rng):
    limit_s = ...  # Back off: what may this attempt wait at most?
    return rng.uniform(..., limit_s)
"""
    hints = (
        "First the limit, then one draw below it.",
        "`base_s * 2**attempt` grows without end: `min` with the cap before you draw, not after.",
        "`rng.uniform(0, min(cap_s, base_s * 2**attempt))`",
    )
    solution = """
def full_jitter(attempt, base_s, cap_s, rng):
    limit_s = min(cap_s, base_s * 2**attempt)
    return rng.uniform(0, limit_s)
"""
    wrong = {
        "no jitter": """
def full_jitter(attempt, base_s, cap_s, rng):
    return min(cap_s, base_s * 2**attempt)
""",
        "a little jitter on top": """
def full_jitter(attempt, base_s, cap_s, rng):
    return min(cap_s, base_s * 2**attempt) + rng.uniform(0, base_s)
""",
        "half the limit is fixed": """
def full_jitter(attempt, base_s, cap_s, rng):
    limit_s = min(cap_s, base_s * 2**attempt)
    return limit_s / 2 + rng.uniform(0, limit_s / 2)
""",
        "capped after the draw": """
def full_jitter(attempt, base_s, cap_s, rng):
    return min(cap_s, rng.uniform(0, base_s * 2**attempt))
""",
        "counts attempts from one": """
def full_jitter(attempt, base_s, cap_s, rng):
    return rng.uniform(0, min(cap_s, base_s * 2**(attempt - 1)))
""",
    }

    def check(self, full_jitter):
        def draws(attempt, cap_s=8.0):
            rng = random.Random(5)
            return [full_jitter(attempt, 0.5, cap_s, rng) for _ in range(400)]

        first = draws(0)
        for wait_s in first:
            if wait_s is ...:
                self.expect(wait_s, 0.25, behaviour="A wait is a number", given="attempt=0, base_s=0.5", why="")
        if len({round(wait_s, 9) for wait_s in first}) < 100:
            self.fail(
                behaviour="Two clients that fail together do not wait alike",
                given="attempt=0, base_s=0.5, cap_s=8, 400 draws",
                got=f"{len(set(first))} different waits",
                want="a wait drawn anew each time",
                why="Equal waits keep all clients in step: they come back as one wave, as large as the first.",
            )
        for attempt, limit_s, why in (
            (0, 0.5, "After the first failure the limit is base_s: most faults are over that quickly."),
            (2, 2.0, "The limit doubles with each failure, so that a provider in trouble gets air."),
            (
                9,
                8.0,
                "Without a cap the tenth wait may be four minutes; a cap applied after the draw piles clients up on it.",
            ),
        ):
            waits = draws(attempt)
            for share, name in ((0.02, "shortest"), (0.5, "median"), (0.98, "longest")):
                got = sorted(waits)[int(share * len(waits))]
                if abs(got - share * limit_s) > 0.1 * limit_s:
                    self.fail(
                        behaviour=f"The wait after failure {attempt + 1} is spread evenly from 0 to {limit_s:g} s",
                        given=f"attempt={attempt}, base_s=0.5, cap_s=8, 400 draws",
                        got=f"the {name} of the waits is {got:.2f} s",
                        want=f"about {share * limit_s:.2f} s",
                        why=why,
                    )
        self.expect(
            draws(1)[:3],
            draws(1)[:3],
            behaviour="A seeded rng repeats the waits",
            given="attempt=1, two runs with random.Random(5)",
            why="A retry that draws from the global random state cannot be replayed in a test.",
        )


class NextWait(Exercise):
    """`next_wait(backoff_s, retry_after_s, remaining_s)` → `float` seconds to sleep before the next attempt, or `None`: give up now.

    - `backoff_s`: what your backoff drew, 0 or more.
    - `retry_after_s`: the server's `Retry-After` in seconds, 0 or more; `None` where it sent none.
    - `remaining_s`: what is left until your caller's deadline; may be negative.
    - Never shorter than what the server asked for. `None` where the wait would use up all that remains.
    """

    lesson = "03_unreliable_provider"
    stub = """
def next_wait(backoff_s, retry_after_s, remaining_s):
    return ...  # your code
"""
    hints = (
        "Two lower bounds, one upper bound. What if they exclude each other?",
        "The wait is the larger of `backoff_s` and the server's wish; `None` counts as 0.",
        "`wait_s = max(backoff_s, retry_after_s or 0)`, then `None if wait_s >= remaining_s else wait_s`.",
    )
    solution = """
def next_wait(backoff_s, retry_after_s, remaining_s):
    wait_s = max(backoff_s, retry_after_s or 0)
    return wait_s if wait_s < remaining_s else None
"""
    wrong = {
        "ignores Retry-After": """
def next_wait(backoff_s, retry_after_s, remaining_s):
    return backoff_s if backoff_s < remaining_s else None
""",
        "cuts the wait to the deadline": """
def next_wait(backoff_s, retry_after_s, remaining_s):
    return min(max(backoff_s, retry_after_s or 0), max(0, remaining_s))
""",
        "Retry-After replaces the jitter": """
def next_wait(backoff_s, retry_after_s, remaining_s):
    wait_s = backoff_s if retry_after_s is None else retry_after_s
    return wait_s if wait_s < remaining_s else None
""",
        "no deadline": """
def next_wait(backoff_s, retry_after_s, remaining_s):
    return max(backoff_s, retry_after_s or 0)
""",
    }

    def check(self, next_wait):
        self.expect(
            next_wait(0.5, None, 10),
            0.5,
            behaviour="Without Retry-After the backoff decides",
            given="backoff_s=0.5, retry_after_s=None, remaining_s=10",
            why="Most failures come without advice.",
        )
        self.expect(
            next_wait(0.5, 4, 10),
            4,
            behaviour="The server's wish is a lower bound",
            given="backoff_s=0.5, retry_after_s=4, remaining_s=10",
            why="A call before that time is refused again, and some providers extend the ban for it.",
        )
        self.expect(
            next_wait(3.0, 1, 10),
            3.0,
            behaviour="A longer backoff stays, so that clients told the same second do not return together",
            given="backoff_s=3, retry_after_s=1, remaining_s=10",
            why="The server tells everybody the same number: obeyed to the letter, it is the next thundering herd.",
        )
        self.expect(
            next_wait(0.5, 7, 3),
            None,
            behaviour="A wait that does not fit into the deadline means giving up at once",
            given="backoff_s=0.5, retry_after_s=7, remaining_s=3",
            why="Sleeping first and failing then holds a worker and a user for seconds, for a result that is known now.",
        )
        self.expect(
            next_wait(3.0, None, 3.0),
            None,
            behaviour="A wait that uses up all that remains is too long",
            given="backoff_s=3, retry_after_s=None, remaining_s=3",
            why="The call itself needs time as well.",
        )
        self.expect(
            next_wait(0.0, None, -1.0),
            None,
            behaviour="After the deadline there is no next attempt",
            given="backoff_s=0, retry_after_s=None, remaining_s=-1",
            why="The caller has gone; the answer would be paid for and thrown away.",
        )


class RetryBudget(Exercise):
    """`class RetryBudget(ratio, burst)`: retries may be at most a share of the first calls. A token bucket.

    - `ratio`: tokens that a first call pays in, above 0; `burst`: the most tokens that the bucket holds. It starts full.
    - `record_call()`: a first call is made: `tokens` grows by `ratio`, up to `burst`.
    - `allow_retry()` → `bool`: `True`, and takes one token, where at least one whole token is there; else `False`, and takes nothing.

    Source: the retry budgets of Finagle and gRPC.
    """

    lesson = "03_unreliable_provider"
    stub = """
class RetryBudget:
    def __init__(self, ratio, burst):
        self.tokens = ...  # your code

    def record_call(self):
        self.tokens = ...  # your code

    def allow_retry(self):
        return ...  # your code
"""
    hints = (
        "A rate limiter that you know, filled by calls instead of by time.",
        "Keep `ratio` and `burst` too. Paying in is a `min` with the burst; taking out asks first.",
        "`self.tokens = min(self.burst, self.tokens + self.ratio)`; and `if self.tokens < 1: return False`, else subtract 1, return True.",
    )
    solution = """
class RetryBudget:
    def __init__(self, ratio, burst):
        self.ratio, self.burst = ratio, burst
        self.tokens = burst

    def record_call(self):
        self.tokens = min(self.burst, self.tokens + self.ratio)

    def allow_retry(self):
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
"""
    wrong = {
        "saves up without limit": """
class RetryBudget:
    def __init__(self, ratio, burst):
        self.ratio, self.tokens = ratio, burst

    def record_call(self):
        self.tokens += self.ratio

    def allow_retry(self):
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
""",
        "lends a token": """
class RetryBudget:
    def __init__(self, ratio, burst):
        self.ratio, self.burst, self.tokens = ratio, burst, burst

    def record_call(self):
        self.tokens = min(self.burst, self.tokens + self.ratio)

    def allow_retry(self):
        self.tokens -= 1
        return self.tokens >= 0
""",
        "starts empty": """
class RetryBudget:
    def __init__(self, ratio, burst):
        self.ratio, self.burst, self.tokens = ratio, burst, 0

    def record_call(self):
        self.tokens = min(self.burst, self.tokens + self.ratio)

    def allow_retry(self):
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
""",
    }

    def check(self, RetryBudget):
        budget = RetryBudget(0.25, 2)
        self.expect(
            [budget.allow_retry() for _ in range(4)],
            [True, True, False, False],
            behaviour="It starts full, and then says no",
            given="RetryBudget(ratio=0.25, burst=2), four retries in a row",
            why="A service that has just started must survive one hiccup, and must not hammer a dead provider.",
        )
        after = []
        for _ in range(4):
            budget.record_call()
            after.append(budget.allow_retry())
        self.expect(
            after,
            [False, False, False, True],
            behaviour="Four calls at a ratio of a quarter pay for one retry; a refused retry costs nothing",
            given="the same budget, then four times: record_call(), allow_retry()",
            why="A refusal that takes a token digs a hole: after an outage no retry would be allowed for a long time.",
        )
        for _ in range(100):
            budget.record_call()
        self.expect(
            [budget.allow_retry() for _ in range(3)],
            [True, True, False],
            behaviour="A quiet day does not save up more than the burst",
            given="the same budget after 100 calls without a failure, then three retries",
            why="A bucket without a lid pays out a day's tokens in one minute: at the start of the outage.",
        )


# --- 04_structured_output


class WilsonInterval(Exercise):
    """`wilson_interval(successes, n, z=1.96)` → `(low, high)`: where the true rate plausibly lies, after `successes` of `n`.

    With the observed share `p`, the interval is `centre ± half`, where

    - `centre = (p + z² / 2n) / (1 + z² / n)`
    - `half = z · √(p (1 - p) / n + z² / 4n²) / (1 + z² / n)`

    `successes`: 0 to `n`. `n = 0` says nothing about the rate: return `(0.0, 1.0)`. `z = 1.96` gives 95 %. (Wilson, 1927)
    """

    lesson = "04_structured_output"
    stub = """
def wilson_interval(successes, n, z=1.96):
    return ...  # your code
"""
    hints = (
        "Treat `n == 0` first. Then it is the two formulas, with `p = successes / n`.",
        "Both parts are divided by the same `1 + z**2 / n`; the square root covers `p * (1 - p) / n + z**2 / (4 * n**2)`.",
        "`centre = (p + z**2 / (2 * n)) / scale`, `half = z * math.sqrt(...) / scale`, return `(centre - half, centre + half)`.",
    )
    solution = """
def wilson_interval(successes, n, z=1.96):
    if n == 0:
        return (0.0, 1.0)
    p, scale = successes / n, 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / scale
    return (centre - half, centre + half)
"""
    wrong = {
        "the textbook interval": """
def wilson_interval(successes, n, z=1.96):
    if n == 0:
        return (0.0, 1.0)
    p = successes / n
    half = z * math.sqrt(p * (1 - p) / n)
    return (p - half, p + half)
""",
        "around the observed share": """
def wilson_interval(successes, n, z=1.96):
    if n == 0:
        return (0.0, 1.0)
    p, scale = successes / n, 1 + z**2 / n
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / scale
    return (p - half, p + half)
""",
        "no cases divide by zero": """
def wilson_interval(successes, n, z=1.96):
    p, scale = successes / n, 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / scale
    return (centre - half, centre + half)
""",
    }

    def check(self, wilson_interval):
        self.expect(
            wilson_interval(8, 16),
            (0.2799, 0.7201),
            tolerance=1e-3,
            behaviour="Half of the cases gives an interval around one half",
            given="successes=8, n=16",
            why="Sixteen cases leave 44 points of room: two prompts ten points apart are not told apart by them.",
        )
        self.expect(
            wilson_interval(0, 16),
            (0.0, 0.1936),
            tolerance=1e-3,
            behaviour="Nothing seen in 16 cases does not mean never",
            given="successes=0, n=16",
            why="An interval of zero width promises that a failure cannot happen because it has not happened yet.",
        )
        self.expect(
            wilson_interval(15, 16),
            (0.7167, 0.9889),
            tolerance=1e-3,
            behaviour="Near the edge the interval leans inwards and stays between 0 and 1",
            given="successes=15, n=16",
            why="A rate of 105 % in a report costs the reader's trust in every other figure of it.",
        )
        self.expect(
            wilson_interval(0, 0),
            (0.0, 1.0),
            behaviour="No cases: any rate is possible",
            given="successes=0, n=0",
            why="A slice of the data is empty sooner or later, and a dashboard must survive it.",
        )


class LocateQuote(Exercise):
    """`locate_quote(quote, source)` → `(start, end)` or `None`: where in `source` the quote stands.

    - The words must follow each other in `source`, in order and complete. Upper and lower case do not matter, nor does how
      much white space (spaces, line breaks) lies between two words.
    - `start` and `end` count characters of `source` as it is: `source[start:end]` is the evidence to show. First place if several.
    - A quote of fewer than `8` characters without its white space proves nothing: `None`.
    - Punctuation in the quote is ordinary text.
    """

    lesson = "04_structured_output"
    stub = """
def locate_quote(quote, source):
    return ...  # your code
"""
    hints = (
        "You need positions in the original text, so do not change `source`; build a pattern from the quote instead.",
        "Split the quote into words, `re.escape` each, and join them with a pattern for one or more white-space characters.",
        r'`re.search(r"\s+".join(map(re.escape, words)), source, re.IGNORECASE)`, and `match.span()`; check `len("".join(words)) < 8` first.',
    )
    solution = r"""
def locate_quote(quote, source):
    words = quote.split()
    if len("".join(words)) < 8:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), source, re.IGNORECASE)
    return match.span() if match else None
"""
    wrong = {
        "every word occurs somewhere": """
def locate_quote(quote, source):
    words = quote.lower().split()
    if len("".join(words)) < 8 or not all(word in source.lower() for word in words):
        return None
    start = source.lower().index(words[0])
    return (start, start + len(quote))
""",
        "positions in a cleaned copy": """
def locate_quote(quote, source):
    short, clean = " ".join(quote.lower().split()), " ".join(source.lower().split())
    if len(short.replace(" ", "")) < 8 or short not in clean:
        return None
    return (clean.index(short), clean.index(short) + len(short))
""",
        "the quote as a pattern": r"""
def locate_quote(quote, source):
    words = quote.split()
    if len("".join(words)) < 8:
        return None
    match = re.search(r"\s+".join(words), source, re.IGNORECASE)
    return match.span() if match else None
""",
        "an empty quote is everywhere": r"""
def locate_quote(quote, source):
    match = re.search(r"\s+".join(map(re.escape, quote.split())), source, re.IGNORECASE)
    return match.span() if match else None
""",
    }

    def check(self, locate_quote):
        source = "Hello,\n\nthe van  came\nat 12 (noon). Nobody rang the bell."
        self.expect(
            locate_quote("Nobody rang the bell", source),
            (36, 56),
            behaviour="A verbatim quote is found, with its place",
            given=f"quote='Nobody rang the bell', source={source!r}",
            why="A reviewer clicks on the evidence; without its place in the document there is nothing to click on.",
        )
        self.expect(
            locate_quote("THE VAN came at 12", source),
            (8, 27),
            behaviour="Line breaks, runs of spaces and capitals do not matter; places count in the source as it is",
            given=f"quote='THE VAN came at 12', source={source!r}",
            why="A model returns one space where the mail had a line break. Refusing that throws away good evidence; "
            "counting in a cleaned copy highlights the wrong words.",
        )
        self.expect(
            locate_quote("the bell came at noon", source),
            None,
            behaviour="Words that do not follow each other are no quote",
            given=f"quote='the bell came at noon', source={source!r}",
            why="A sentence made up of the document's own words is the commonest kind of invented evidence.",
        )
        self.expect(
            locate_quote("at 12 (noon).", source),
            (22, 35),
            behaviour="Brackets and dots are ordinary text",
            given=f"quote='at 12 (noon).', source={source!r}",
            why="Contracts are full of brackets: '(30) days' read as a pattern finds the wrong place, or none.",
        )
        self.expect(
            [locate_quote("", source), locate_quote("the van", source)],
            [None, None],
            behaviour="A quote too short to prove anything is refused",
            given="quote='' and quote='the van'",
            why="The empty text occurs in every document, so an empty quote would pass as evidence for any claim.",
        )


class ReplyStatus(Exercise):
    """`reply_status(completion)` → `str`: what kind of reply this is, before anybody parses its text.

    `completion` has `.choices`, a list; a choice has `.finish_reason` and `.message`; a message has `.content` and `.refusal`, text or
    `None`. Look at the first choice only, in this order:

    | status | when |
    |---|---|
    | `"empty"` | there are no choices |
    | `"refused"` | `refusal` holds text, or `finish_reason` is `"content_filter"` |
    | `"truncated"` | `finish_reason` is `"length"` |
    | `"empty"` | the content is `None`, or nothing but white space |
    | `"answer"` | otherwise |
    """

    lesson = "04_structured_output"
    stub = """
def reply_status(completion):
    return ...  # your code
"""
    hints = (
        "Go down the table from the top and return at the first row that fits.",
        "`if not completion.choices:` comes before anything that says `choices[0]`. A refusal has no content, so it comes before the content.",
        "`(message.content or '').strip()` is empty both for `None` and for white space.",
    )
    solution = """
def reply_status(completion):
    if not completion.choices:
        return "empty"
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return "refused"
    if choice.finish_reason == "length":
        return "truncated"
    return "answer" if (choice.message.content or "").strip() else "empty"
"""
    wrong = {
        "content first": """
def reply_status(completion):
    if not completion.choices or not (completion.choices[0].message.content or "").strip():
        return "empty"
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return "refused"
    return "truncated" if choice.finish_reason == "length" else "answer"
""",
        "the first choice is always there": """
def reply_status(completion):
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return "refused"
    if choice.finish_reason == "length":
        return "truncated"
    return "answer" if (choice.message.content or "").strip() else "empty"
""",
        "the length is not looked at": """
def reply_status(completion):
    if not completion.choices:
        return "empty"
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return "refused"
    return "answer" if (choice.message.content or "").strip() else "empty"
""",
    }

    def check(self, reply_status):
        def completion(content, finish_reason="stop", refusal=None):
            message = SimpleNamespace(content=content, refusal=refusal)
            return SimpleNamespace(choices=[SimpleNamespace(finish_reason=finish_reason, message=message)])

        self.expect(
            reply_status(completion('{"queue": "claims"}')),
            "answer",
            behaviour="A complete text is an answer",
            given="content='{\"queue\": \"claims\"}', finish_reason='stop'",
            why="Everything else in the pipeline runs on this one.",
        )
        self.expect(
            reply_status(SimpleNamespace(choices=[])),
            "empty",
            behaviour="No choices is a status, no crash",
            given="choices=[]",
            why="An IndexError in a worker sends the message back to the queue, and the next attempt crashes the same way.",
        )
        self.expect(
            [reply_status(completion(None, refusal="I can't help")), reply_status(completion("I", "content_filter"))],
            ["refused", "refused"],
            behaviour="A refusal is told apart from silence",
            given="content=None, refusal=\"I can't help\"; then finish_reason='content_filter'",
            why="A refusal taken for an empty answer becomes 'this contract has no such clause'.",
        )
        self.expect(
            reply_status(completion('{"quote": "where is', "length")),
            "truncated",
            behaviour="A reply that ran out of tokens is truncated, whatever its text",
            given="content='{\"quote\": \"where is', finish_reason='length'",
            why="Sent to repair, it runs out of tokens again at the same place: twice the cost, the same result.",
        )
        self.expect(
            [reply_status(completion(None)), reply_status(completion(" \n"))],
            ["empty", "empty"],
            behaviour="No content, or only white space, is empty",
            given="content=None; content=' \\n'",
            why="`json.loads(None)` raises a TypeError that no `except ValueError` catches.",
        )


# --- 05_tools_and_images


class AnswerToolCalls(Exercise):
    """`answer_tool_calls(calls, tools)` → `list[dict]`: one tool message for each call, in the calls' order.

    - `calls`: as they come over the wire: `{"id": "…", "type": "function", "function": {"name": "…", "arguments": "…"}}`. `arguments` is
      text that *should* be JSON.
    - `tools`: name → `(model, function)`: a pydantic model of the arguments, and the function that is called with an instance of it.
    - A tool message is `{"role": "tool", "tool_call_id": …, "content": …}`. `content` is JSON text: `{"result": …}` with what the function
      returned, or `{"error": …}` with a text.
    - An unknown name: the error contains `unknown tool` and the names that exist.
    - Arguments that are no JSON or break the model: the error contains `invalid arguments`. The function is not called.
    """

    lesson = "05_tools_and_images"
    stub = """
def answer_tool_calls(calls, tools):
    return ...  # your code
"""
    hints = (
        "Build one message per call in a loop; every path of the loop ends in a message with that call's id.",
        "`model.model_validate_json(text)` raises ValidationError both for text that is no JSON and for wrong fields.",
        'Start with `content = {"error": f"unknown tool; known: {sorted(tools)}"}` and replace it inside `if name in tools:`, '
        'where `try` gives `{"result": function(arguments)}` and `except ValidationError` an error.',
    )
    solution = """
def answer_tool_calls(calls, tools):
    messages = []
    for call in calls:
        name, text = call["function"]["name"], call["function"]["arguments"]
        if name not in tools:
            content = {"error": f"unknown tool {name!r}; there are: {', '.join(tools)}"}
        else:
            model, function = tools[name]
            try:
                arguments = model.model_validate_json(text)
            except ValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors())
                content = {"error": f"invalid arguments: {wrong}"}
            else:
                content = {"result": function(arguments)}
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(content)})
    return messages
"""
    wrong = {
        "an unknown tool raises": """
def answer_tool_calls(calls, tools):
    messages = []
    for call in calls:
        model, function = tools[call["function"]["name"]]
        try:
            content = {"result": function(model.model_validate_json(call["function"]["arguments"]))}
        except ValidationError as error:
            content = {"error": f"invalid arguments: {error}"}
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(content)})
    return messages
""",
        "ids are numbered": """
def answer_tool_calls(calls, tools):
    messages = []
    for number, call in enumerate(calls):
        name = call["function"]["name"]
        content = {"error": f"unknown tool {name}; there are: {', '.join(tools)}"}
        if name in tools:
            try:
                content = {"result": tools[name][1](tools[name][0].model_validate_json(call["function"]["arguments"]))}
            except ValidationError as error:
                content = {"error": f"invalid arguments: {error}"}
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(content)})
    return messages
""",
        "bad calls are left out": """
def answer_tool_calls(calls, tools):
    messages = []
    for call in calls:
        name = call["function"]["name"]
        try:
            content = {"result": tools[name][1](tools[name][0].model_validate_json(call["function"]["arguments"]))}
        except (KeyError, ValidationError):
            continue
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(content)})
    return messages
""",
        "nothing is validated": """
def answer_tool_calls(calls, tools):
    messages = []
    for call in calls:
        name = call["function"]["name"]
        content = {"error": f"unknown tool {name}; there are: {', '.join(tools)}"}
        if name in tools:
            try:
                arguments = tools[name][0].model_construct(**json.loads(call["function"]["arguments"]))
                content = {"result": tools[name][1](arguments)}
            except ValueError as error:
                content = {"error": f"invalid arguments: {error}"}
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(content)})
    return messages
""",
    }

    def check(self, answer_tool_calls):
        class Parcel(BaseModel):
            parcel_id: str
            days: int = 0

        ran = []

        def locate(parcel):
            ran.append(parcel)
            return {"place": f"depot {parcel.parcel_id[-2:]}"}

        def answers(*calls):
            del ran[:]
            wire = [
                {"id": i, "type": "function", "function": {"name": name, "arguments": text}} for i, name, text in calls
            ]
            messages = answer_tool_calls(wire, {"locate": (Parcel, locate)})
            if not isinstance(messages, list):
                return messages
            return [(m["role"], m["tool_call_id"], json.loads(m["content"])) for m in messages]

        def kind(messages):
            if not isinstance(messages, list):
                return messages
            found = []
            for _, call_id, content in messages:
                said = str(content.get("error", ""))
                words = [w for w in ("unknown tool", "invalid arguments") if w in said]
                found.append((call_id, words[0] if words else "result" if "result" in content else said))
            return found

        good = ("call_x7", "locate", '{"parcel_id": "QS1DE"}')
        self.expect(
            answers(good),
            [("tool", "call_x7", {"result": {"place": "depot DE"}})],
            behaviour="A good call is run and answered under its own id",
            given='one call: id "call_x7", locate, {"parcel_id": "QS1DE"}',
            why="The provider rejects the next request (HTTP 400) when an answer names an id that it did not give out.",
        )
        self.expect(
            kind(answers(("a", "cancel", "{}"), good)),
            [("a", "unknown tool"), ("call_x7", "result")],
            behaviour="An unknown tool is answered with an error, and the calls after it are still run",
            given="two calls: cancel (which does not exist), then locate",
            why="Models invent tools. A KeyError here ends the whole conversation; an answer lets the model correct itself.",
        )
        self.expect(
            "locate" in str(answers(("a", "cancel", "{}"))),
            True,
            behaviour="The error names the tools that exist",
            given='tools={"locate": …}, a call of cancel',
            why="An error that does not say what would be right costs another round.",
        )
        self.expect(
            kind(answers(("a", "locate", '{"parcel_id": '), ("b", "locate", '{"parcel_id": "QS1DE", "days": "soon"}'))),
            [("a", "invalid arguments"), ("b", "invalid arguments")],
            behaviour="Arguments that are no JSON, or of the wrong type, are an error",
            given='arguments=\'{"parcel_id": \' and \'{"parcel_id": "QS1DE", "days": "soon"}\'',
            why="The text of `arguments` is written by a model: it is a request body from outside.",
        )
        self.expect(
            len(ran),
            0,
            behaviour="With invalid arguments the function is not called",
            given="the same two calls",
            why="A refund with a half-read amount cannot be taken back by an error message.",
        )


class ImageTokens(Exercise):
    """`image_tokens(width, height, detail="high")` → `int`: the tokens that an image costs with a model of the GPT-4o kind.

    - `width`, `height`: pixels, 1 or more. `detail="low"` costs `85`, whatever the size.
    - `detail="high"`: shrink to fit into 2048 x 2048, keeping the proportions; then shrink so that the *shorter* side is 768. Nothing is
      ever enlarged. Count the 512 x 512 tiles that cover the result, incomplete ones too: `85 + 170 · tiles`.
    """

    lesson = "05_tools_and_images"
    stub = """
def image_tokens(width, height, detail="high"):
    return ...  # your code
"""
    hints = (
        "Compute one scale factor, at most 1, then the two sides, then the tiles along each side.",
        "`scale = min(1, 2048 / max(width, height))`; the second step is another factor, `min(1, 768 / min(w, h))`.",
        "`tiles = math.ceil(w / 512) * math.ceil(h / 512)`; round `w` and `h` to whole pixels first.",
    )
    solution = """
def image_tokens(width, height, detail="high"):
    if detail == "low":
        return 85
    scale = min(1, 2048 / max(width, height))
    scale *= min(1, 768 / (min(width, height) * scale))
    tiles = math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
    return 85 + 170 * tiles
"""
    wrong = {
        "tiles of the original": """
def image_tokens(width, height, detail="high"):
    if detail == "low":
        return 85
    return 85 + 170 * math.ceil(width / 512) * math.ceil(height / 512)
""",
        "small images are enlarged": """
def image_tokens(width, height, detail="high"):
    if detail == "low":
        return 85
    scale = min(1, 2048 / max(width, height))
    scale *= 768 / (min(width, height) * scale)
    return 85 + 170 * math.ceil(round(width * scale) / 512) * math.ceil(round(height * scale) / 512)
""",
        "incomplete tiles are free": """
def image_tokens(width, height, detail="high"):
    if detail == "low":
        return 85
    scale = min(1, 2048 / max(width, height))
    scale *= min(1, 768 / (min(width, height) * scale))
    return 85 + 170 * max(1, int(width * scale / 512) * int(height * scale / 512))
""",
    }

    def check(self, image_tokens):
        why = "Ten thousand scans a day at four times the planned tokens is a budget meeting."
        self.expect(
            image_tokens(512, 512),
            255,
            behaviour="One tile and the fixed part",
            given="512 x 512",
            why=why,
        )
        self.expect(
            image_tokens(400, 300),
            255,
            behaviour="A small image is not enlarged",
            given="400 x 300",
            why="A thumbnail would be billed like a page, and the forecast be wrong by a factor of four.",
        )
        self.expect(
            [image_tokens(1024, 1024), image_tokens(2048, 4096)],
            [765, 1105],
            behaviour="Large images are shrunk first, then covered with tiles",
            given="1024 x 1024, then 2048 x 4096",
            why="Sending a scan at 600 dpi costs bandwidth and no tokens: it is shrunk, and so is its small print.",
        )
        self.expect(
            [image_tokens(3508, 2480, "low"), image_tokens(513, 300)],
            [85, 425],
            behaviour="Low detail is flat; one pixel more can be a tile more",
            given='3508 x 2480 with detail="low"; 513 x 300',
            why=why,
        )


class S10IsValid(Exercise):
    """`s10_is_valid(number)` → `bool`: is this a well-formed item number of the UPU standard S10?

    - Two capital letters A-Z, eight digits, one check digit, two capital letters: `CE473124829DE`.
    - Multiply the eight digits by 8, 6, 4, 2, 3, 5, 9, 7 and add up: `s`. The check digit is `11 - s % 11`, where 10 is written 0 and 11 is
      written 5.
    - Any other text, whatever its length, is `False`, never an error.
    """

    lesson = "05_tools_and_images"
    stub = """
def s10_is_valid(number):
    return ...  # your code
"""
    hints = (
        "First the shape, with a regular expression over the whole text; then the digits.",
        r"`re.fullmatch(r'[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}', number)`; `\d` and `isdigit` also accept digits of other scripts.",
        "`c = 11 - s % 11`, then `c = {10: 0, 11: 5}.get(c, c)` and compare with `int(match[2])`.",
    )
    solution = """
def s10_is_valid(number):
    match = re.fullmatch("[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", number)
    if not match:
        return False
    s = sum(int(digit) * weight for digit, weight in zip(match[1], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - s % 11
    return {10: 0, 11: 5}.get(check, check) == int(match[2])
"""
    wrong = {
        "the shape alone": """
def s10_is_valid(number):
    return bool(re.fullmatch("[A-Z]{2}[0-9]{9}[A-Z]{2}", number))
""",
        "10 and 11 are forgotten": """
def s10_is_valid(number):
    match = re.fullmatch("[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", number)
    if not match:
        return False
    s = sum(int(digit) * weight for digit, weight in zip(match[1], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    return 11 - s % 11 == int(match[2])
""",
        "only a part must match": """
def s10_is_valid(number):
    match = re.search("[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", number)
    if not match:
        return False
    s = sum(int(digit) * weight for digit, weight in zip(match[1], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - s % 11
    return {10: 0, 11: 5}.get(check, check) == int(match[2])
""",
    }

    def check(self, s10_is_valid):
        self.expect(
            [s10_is_valid("CE473124829DE"), s10_is_valid("CE473124821DE")],
            [True, False],
            behaviour="The check digit decides",
            given='"CE473124829DE", and with another check digit "CE473124821DE"',
            why="A number that does not exist is asked for at the carrier, and the answer 'unknown' comes a day later.",
        )
        self.expect(
            s10_is_valid("CE478124829DE"),
            False,
            behaviour="A digit that was read wrongly is caught",
            given='"CE478124829DE": an 8 where the paper says 3',
            why="3 and 8 look alike after a fax; the reading comes with 98 % confidence all the same.",
        )
        self.expect(
            [s10_is_valid("CE000000005DE"), s10_is_valid("CE000000080DE"), s10_is_valid("CE000000030DE")],
            [True, True, False],
            behaviour="10 is written 0, and 11 is written 5",
            given='"CE000000005DE", "CE000000080DE"; the last, "CE000000030DE", is wrong',
            why="Two of eleven numbers would be refused although they are right: a steady queue for the review team.",
        )
        self.expect(
            [s10_is_valid(text) for text in ("CE4731248290E", "no CE473124829DE", "", "ce473124829de")],
            [False] * 4,
            behaviour="Anything of another shape is False",
            given="'CE4731248290E', 'no CE473124829DE', '', 'ce473124829de'",
            why="OCR returns every shape of text; a validator that raises stops the batch at row 4,000.",
        )


# --- 06_prompts_and_models


class RenderStrict(Exercise):
    """`render_strict(template, values)` → `str`: the template with every `{{name}}` replaced by `values[name]`.

    - A name is made of letters, digits and `_`; spaces inside the braces do not count: `{{ ticket }}`.
    - `values`: dict of `str` to `str`.
    - `ValueError` that mentions the name where the template needs one that `values` lacks, or `values` holds one that
      the template does not use.
    - A `{{...}}` inside a *value* stays as it is.
    """

    lesson = "06_prompts_and_models"
    stub = r"""
def render_strict(template, values):
    return ...  # your code
"""
    hints = (
        "Find the names first, compare two sets, and only then replace.",
        r"`re.findall(r'\{\{\s*(\w+)\s*\}\}', template)` gives the names. One `re.sub` with a function replaces all in one pass.",
        "`re.sub(pattern, lambda found: values[found[1]], template)`; a loop of `str.replace` would read inserted text again.",
    )
    solution = r"""
import re


def render_strict(template, values):
    pattern = r"\{\{\s*(\w+)\s*\}\}"
    names = set(re.findall(pattern, template))
    if odd := names ^ set(values):
        raise ValueError(f"missing or unknown: {sorted(odd)}")
    return re.sub(pattern, lambda found: values[found[1]], template)
"""
    wrong = {
        "replaces one name after the other": r"""
import re


def render_strict(template, values):
    names = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", template))
    if odd := names ^ set(values):
        raise ValueError(f"missing or unknown: {sorted(odd)}")
    for name, value in values.items():
        template = re.sub(r"\{\{\s*" + name + r"\s*\}\}", lambda _: value, template)
    return template
""",
        "unknown names pass": r"""
import re


def render_strict(template, values):
    pattern = r"\{\{\s*(\w+)\s*\}\}"
    for name in re.findall(pattern, template):
        if name not in values:
            raise ValueError(name)
    return re.sub(pattern, lambda found: values[found[1]], template)
""",
        "missing names stay in the text": r"""
import re


def render_strict(template, values):
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: values.get(found[1], found[0]), template)
""",
    }

    def check(self, render_strict):
        self.expect(
            render_strict("Ticket: {{ticket}} ({{ lang }})", {"ticket": "wet box", "lang": "en"}),
            "Ticket: wet box (en)",
            behaviour="Every variable is replaced, with or without spaces in the braces",
            given='"Ticket: {{ticket}} ({{ lang }})"',
            why="A prompt with a bare {{lang}} in it still gets an answer, and nobody notices for weeks.",
        )
        self.raises(
            ValueError,
            lambda: render_strict("{{ticket}} {{lang}}", {"ticket": "wet box"}),
            behaviour="A missing variable is an error that names it",
            given='"{{ticket}} {{lang}}" without lang',
            why="The model would answer something; an exception at deploy time is cheaper.",
            mentions="lang",
        )
        self.raises(
            ValueError,
            lambda: render_strict("{{ticket}}", {"ticket": "wet box", "language": "en"}),
            behaviour="A variable that the template does not use is an error that names it",
            given='"{{ticket}}" with ticket and language',
            why="After a rename in the template, the code goes on passing the old name and the value silently disappears.",
            mentions="language",
        )
        self.expect(
            render_strict("{{ticket}} / {{queues}}", {"ticket": "what is {{queues}}?", "queues": "a, b"}),
            "what is {{queues}}? / a, b",
            behaviour="Braces inside a customer's text stay text",
            given='ticket = "what is {{queues}}?"',
            why="A customer who can name your variables can read them: template injection, as with SQL.",
        )
        self.expect(
            render_strict("{{ticket}}", {"ticket": r"C:\\1\\new \\g<0>"}),
            r"C:\\1\\new \\g<0>",
            behaviour="Backslashes in a value stay as they are",
            given=r"ticket = C:\\1\\new \\g<0>",
            why="Pasted paths and log lines are full of them.",
        )


class PairedInterval(Exercise):
    """`paired_interval(before, after, draws, rng)` → `(difference, low, high)`: change in accuracy on the same cases, with a 95 % interval.

    - `before`, `after`: bool arrays of shape `(cases,)`, the same cases in the same order: was the answer right?
    - `difference`: mean of `after` minus mean of `before`, -1 to 1.
    - `low`, `high`: the 2.5th and 97.5th percentile of that difference over `draws` bootstrap samples; each sample draws
      *cases* with replacement, and takes both answers of a drawn case. `rng`: a `numpy.random.Generator`.
    - `ValueError` where the lengths differ.
    """

    lesson = "06_prompts_and_models"
    stub = """
def paired_interval(before, after, draws, rng):
    gain = ...  # Pair: one number a case, -1, 0 or 1
    picked = ...  # Resample: row numbers, shape (draws, cases)
    low, high = np.percentile(gain[picked].mean(axis=1), [2.5, 97.5])  # Summarise
    return gain.mean(), low, high
"""
    hints = (
        "Subtract first. After that there is one column, and nothing left to pair.",
        "`picked = rng.integers(0, n, size=(draws, n))` gives row numbers; `gain[picked].mean(axis=1)` is one difference a sample.",
        "`gain = np.asarray(after, float) - np.asarray(before, float)`, then `np.percentile(gain[picked].mean(axis=1), [2.5, 97.5])`.",
    )
    solution = """
def paired_interval(before, after, draws, rng):
    if len(before) != len(after):
        raise ValueError("before and after must hold the same cases")
    gain = np.asarray(after, float) - np.asarray(before, float)
    picked = rng.integers(0, len(gain), size=(draws, len(gain)))
    low, high = np.percentile(gain[picked].mean(axis=1), [2.5, 97.5])
    return gain.mean(), low, high
"""
    wrong = {
        "resamples each side by itself": """
def paired_interval(before, after, draws, rng):
    if len(before) != len(after):
        raise ValueError("lengths")
    before, after = np.asarray(before, float), np.asarray(after, float)
    n = len(before)
    one, two = rng.integers(0, n, (draws, n)), rng.integers(0, n, (draws, n))
    low, high = np.percentile(after[two].mean(axis=1) - before[one].mean(axis=1), [2.5, 97.5])
    return after.mean() - before.mean(), low, high
""",
        "before minus after": """
def paired_interval(before, after, draws, rng):
    if len(before) != len(after):
        raise ValueError("lengths")
    gain = np.asarray(before, float) - np.asarray(after, float)
    picked = rng.integers(0, len(gain), size=(draws, len(gain)))
    low, high = np.percentile(gain[picked].mean(axis=1), [2.5, 97.5])
    return gain.mean(), low, high
""",
        "percentiles of the cases, not of the samples": """
def paired_interval(before, after, draws, rng):
    if len(before) != len(after):
        raise ValueError("lengths")
    gain = np.asarray(after, float) - np.asarray(before, float)
    low, high = np.percentile(gain, [2.5, 97.5])
    return gain.mean(), low, high
""",
    }

    def check(self, paired_interval):
        before = np.arange(100) % 2 == 0  # half are right
        after = before.copy()
        after[[1, 3, 5, 7, 9, 11, 13, 15, 17, 19]] = True  # ten more
        result = paired_interval(before, before.copy(), 500, np.random.default_rng(0))
        self.expect(
            tuple(result) if result is not ... else result,
            (0.0, 0.0, 0.0),
            behaviour="The same answers give no difference and no width",
            given="before = after, 100 cases, half of them right",
            why="Noise that both sides share cancels. An interval of ± 14 points here would hide every real change.",
        )
        difference, low, high = paired_interval(before, after, 2000, np.random.default_rng(1))
        self.expect(
            difference,
            0.1,
            behaviour="The difference is after minus before",
            given="before: 50 of 100 right; after: the same 50 and ten more",
            why="With the sign turned round, the gate lets the worse prompt pass.",
        )
        for got, want, which in ((low, 0.05, "low"), (high, 0.16, "high")):
            if not abs(float(got) - want) < 0.02:
                self.fail(
                    behaviour="The interval comes from resampling pairs of answers",
                    given="before: 50 of 100 right; after: the same 50 and ten more; 2,000 draws",
                    got=f"{which} = {float(got):.3f}",
                    want=f"about {want}",
                    why="Drawn side by side, ten gains and no loss look like chance (-0.04 to 0.24).",
                )
        self.raises(
            ValueError,
            lambda: paired_interval(before, after[:-1], 100, np.random.default_rng(2)),
            behaviour="Different numbers of cases are an error",
            given="100 cases before, 99 after",
            why="One lost case shifts all pairs by one, and every number after it means nothing.",
        )


class DriftedCanaries(Exercise):
    """`drifted_canaries(baseline, today, allowed_share)` → `list[str]`: ids of canaries to show a person, or `[]` where all is quiet.

    - `baseline`: dict of canary id to the answer that was stored when the prompt was released; not empty.
    - `today`: the same for this morning's run. An id that is missing there counts as changed.
    - Answers are compared without regard to case and runs of whitespace.
    - More than `allowed_share` of the baseline changed: the changed ids, sorted. Otherwise `[]`.
    """

    lesson = "06_prompts_and_models"
    stub = """
def drifted_canaries(baseline, today, allowed_share):
    return ...  # your code
"""
    hints = (
        "Normalise, compare, count, then compare the count with the limit.",
        "`' '.join(text.lower().split())` makes two spellings equal. `today.get(id)` is `None` for a canary that did not run.",
        "`changed = sorted(i for i in baseline if i not in today or norm(today[i]) != norm(baseline[i]))`, then the share of `len(baseline)`.",
    )
    solution = """
def drifted_canaries(baseline, today, allowed_share):
    def plain(text):
        return " ".join(text.lower().split())

    changed = sorted(i for i in baseline if i not in today or plain(today[i]) != plain(baseline[i]))
    return changed if len(changed) / len(baseline) > allowed_share else []
"""
    wrong = {
        "a canary that did not run is fine": """
def drifted_canaries(baseline, today, allowed_share):
    def plain(text):
        return " ".join(text.lower().split())

    changed = sorted(i for i in today if plain(today[i]) != plain(baseline[i]))
    return changed if len(changed) / len(baseline) > allowed_share else []
""",
        "a line break is drift": """
def drifted_canaries(baseline, today, allowed_share):
    changed = sorted(i for i in baseline if today.get(i) != baseline[i])
    return changed if len(changed) / len(baseline) > allowed_share else []
""",
        "alarms at the limit itself": """
def drifted_canaries(baseline, today, allowed_share):
    def plain(text):
        return " ".join(text.lower().split())

    changed = sorted(i for i in baseline if i not in today or plain(today[i]) != plain(baseline[i]))
    return changed if len(changed) / len(baseline) >= allowed_share else []
""",
    }

    def check(self, drifted_canaries):
        baseline = {"c1": "QS1", "c2": "QS2", "c3": "no number", "c4": "QS4"}
        self.expect(
            drifted_canaries(baseline, dict(baseline), 0.25),
            [],
            behaviour="The same answers are quiet",
            given="four canaries, none changed",
            why="An alarm that rings every morning is switched off by Friday.",
        )
        self.expect(
            drifted_canaries(baseline, baseline | {"c3": "No  number\n"}, 0.0),
            [],
            behaviour="Case and whitespace do not count",
            given='"no number" became "No  number\\n", nothing allowed',
            why="Providers change trailing newlines; your parser does not care, so the alarm must not either.",
        )
        self.expect(
            drifted_canaries(baseline, baseline | {"c4": "QS7", "c2": "QS9"}, 0.25),
            ["c2", "c4"],
            behaviour="Above the allowed share the changed ids are named, sorted",
            given="two of four changed, a quarter allowed",
            why="A person must see which answers moved before deciding whether they are worse.",
        )
        self.expect(
            drifted_canaries(baseline, baseline | {"c4": "QS7"}, 0.25),
            [],
            behaviour="Exactly the allowed share is allowed",
            given="one of four changed, a quarter allowed",
            why="The limit was set from the changes of ordinary days.",
        )
        self.expect(
            drifted_canaries(baseline, {"c1": "QS1", "c2": "QS2"}, 0.25),
            ["c3", "c4"],
            behaviour="A canary without an answer has changed",
            given="c3 and c4 did not run",
            why="When the provider refuses or times out on them, silence is the drift.",
        )


class CheapestWithin(Exercise):
    """`cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave)` → `str` or `None`: the design to build.

    - `designs`: list of dicts with `name`, `accuracy_low` (lower end of the accuracy's interval, 0 to 1), `p95_ms`,
      `usd_per_1000`, and `leaves`: whether tickets are sent to another company.
    - A design is allowed when `accuracy_low ≥ min_accuracy`, `p95_ms ≤ max_p95_ms`, and it does not send data away
      unless `data_may_leave`.
    - Of the allowed ones: the cheapest; at the same cost the one with the higher `accuracy_low`. None allowed: `None`.
    """

    lesson = "06_prompts_and_models"
    stub = """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    return ...  # your code
"""
    hints = (
        "Limits first, price second: filter, then `min`.",
        "A tuple as key sorts by cost and then by accuracy; accuracy counts the other way round.",
        "`min(allowed, key=lambda d: (d['usd_per_1000'], -d['accuracy_low']), default=None)`, and then its name.",
    )
    solution = """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    allowed = [
        d for d in designs
        if d["accuracy_low"] >= min_accuracy and d["p95_ms"] <= max_p95_ms and (data_may_leave or not d["leaves"])
    ]
    best = min(allowed, key=lambda d: (d["usd_per_1000"], -d["accuracy_low"]), default=None)
    return best["name"] if best else None
"""
    wrong = {
        "the most accurate within the limits": """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    allowed = [d for d in designs if d["accuracy_low"] >= min_accuracy and d["p95_ms"] <= max_p95_ms
               and (data_may_leave or not d["leaves"])]
    best = max(allowed, key=lambda d: d["accuracy_low"], default=None)
    return best["name"] if best else None
""",
        "forgets where the data goes": """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    allowed = [d for d in designs if d["accuracy_low"] >= min_accuracy and d["p95_ms"] <= max_p95_ms]
    best = min(allowed, key=lambda d: (d["usd_per_1000"], -d["accuracy_low"]), default=None)
    return best["name"] if best else None
""",
        "takes the least bad where none is allowed": """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    allowed = [d for d in designs if d["accuracy_low"] >= min_accuracy and d["p95_ms"] <= max_p95_ms
               and (data_may_leave or not d["leaves"])]
    return min(allowed or designs, key=lambda d: (d["usd_per_1000"], -d["accuracy_low"]))["name"]
""",
        "only local designs, even where data may leave": """
def cheapest_within(designs, min_accuracy, max_p95_ms, data_may_leave):
    allowed = [d for d in designs if d["accuracy_low"] >= min_accuracy and d["p95_ms"] <= max_p95_ms and not d["leaves"]]
    best = min(allowed, key=lambda d: (d["usd_per_1000"], -d["accuracy_low"]), default=None)
    return best["name"] if best else None
""",
    }

    def check(self, cheapest_within):
        def design(name, accuracy_low, p95_ms, usd_per_1000, leaves=False):
            return {
                "name": name,
                "accuracy_low": accuracy_low,
                "p95_ms": p95_ms,
                "usd_per_1000": usd_per_1000,
                "leaves": leaves,
            }

        rules, linear = design("rules", 0.48, 1, 0.0), design("linear", 0.60, 5, 0.01)
        vectors, hosted = design("vectors", 0.66, 40, 0.02), design("hosted", 0.85, 1500, 0.2, leaves=True)
        designs = [hosted, vectors, linear, rules]
        self.expect(
            cheapest_within(designs, 0.55, 100, False),
            "linear",
            behaviour="The cheapest design within the limits wins, not the most accurate",
            given="accuracy_low ≥ 0.55, p95 ≤ 100 ms, data stays",
            why="Quality above the limit was not asked for; its cost and its upkeep come every month.",
        )
        self.expect(
            cheapest_within(designs, 0.8, 2000, False),
            None,
            behaviour="Where data must stay, a design that sends it away is not allowed, and nothing may be left",
            given="accuracy_low ≥ 0.8, p95 ≤ 2,000 ms, data stays",
            why="“None” is a finding: change the limits in the open, or do not build.",
        )
        self.expect(
            cheapest_within(designs, 0.8, 2000, True),
            "hosted",
            behaviour="Where data may leave, it is allowed",
            given="accuracy_low ≥ 0.8, p95 ≤ 2,000 ms, data may leave",
            why="The rule is the company's, not the function's.",
        )
        self.expect(
            cheapest_within(designs, 0.8, 300, True),
            None,
            behaviour="A design that is too slow is not allowed",
            given="accuracy_low ≥ 0.8, p95 ≤ 300 ms, data may leave",
            why="The user has gone before the right queue is known.",
        )
        twin = design("twin", 0.58, 5, 0.01)
        self.expect(
            cheapest_within([twin, linear], 0.55, 100, False),
            "linear",
            behaviour="At the same cost the more accurate one wins",
            given="two designs at $0.01, accuracy_low 0.58 and 0.60",
            why="Otherwise the order of the list decides.",
        )
