"""Practice exercises of module 04, in the order in which the lessons ask them."""

import math  # noqa: F401 - answers to wilson_interval use it
import random
import re  # noqa: F401 - answers to locate_quote use it
from types import SimpleNamespace

from coursekit.exercises import Exercise

# --- 01_next_token

# --- 02_context_window

# --- 03_unreliable_provider


class ShouldRetry(Exercise):
    """`should_retry(status, code=None)` → `bool`: can a later attempt with the same request succeed?

    - `status`: the HTTP status of the failed call, an `int` of 400 or more; `None` where no answer came
      (time-out, connection refused or broken).
    - `code`: the provider's error code from the body, a `str`, or `None`.
    - `True` for `None`, 408 (request time-out), 409 (a lock timed out), 429 and everything from 500.
    - `False` for every other status, and for a 429 whose code is `insufficient_quota`: that account is empty.
    """

    lesson = "03_unreliable_provider"
    stub = """
def should_retry(status, code=None):
    return ...  # your code
"""
    hints = (
        "Three questions in order: is the account empty? did no answer come? is the status one of the temporary ones?",
        "Compare with `None` first: `None >= 500` is a TypeError.",
        '`code != "insufficient_quota" and (status is None or status in (408, 409, 429) or status >= 500)`',
    )
    solution = """
def should_retry(status, code=None):
    if code == "insufficient_quota":
        return False
    return status is None or status in (408, 409, 429) or status >= 500
"""
    wrong = {
        "retries every error": """
def should_retry(status, code=None):
    return True
""",
        "rate limits only": """
def should_retry(status, code=None):
    return status == 429 and code != "insufficient_quota"
""",
        "an empty account counts as busy": """
def should_retry(status, code=None):
    return status is None or status in (408, 409, 429) or status >= 500
""",
        "a time-out is final": """
def should_retry(status, code=None):
    return code != "insufficient_quota" and (status or 0) in (408, 409, 429, 500, 502, 503, 504)
""",
    }

    def check(self, should_retry):
        for status in (400, 401, 403, 404, 422):
            self.expect(
                should_retry(status),
                False,
                behaviour="A request that is wrong is not sent again",
                given=f"status={status}",
                why="The same bytes fail the same way; the retries fill logs, eat the rate limit and delay the real error.",
            )
        for status in (429, 500, 502, 503, 408, 409, 529):
            self.expect(
                should_retry(status),
                True,
                behaviour="A provider that is busy or broken is asked again later",
                given=f"status={status}",
                why="These pass by themselves. Showing them to a user turns a provider's hiccup into your outage.",
            )
        self.expect(
            should_retry(None),
            True,
            behaviour="No answer at all is temporary",
            given="status=None (a time-out, or a broken connection)",
            why="A replica that restarts under your call gives no status. It is the commonest fault that a retry cures.",
        )
        self.expect(
            should_retry(429, code="insufficient_quota"),
            False,
            behaviour="An empty account is not retried",
            given='status=429, code="insufficient_quota"',
            why="Waiting does not pay the bill; somebody must be paged, and retries hide that.",
        )
        self.expect(
            should_retry(429, code="rate_limit_exceeded"),
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
        ...  # your code

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

# --- 06_prompts_and_models
