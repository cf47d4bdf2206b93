"""Practice exercises of module 00, in the order in which the lessons ask them."""

import numpy as np

from coursekit.exercises import Exercise

# --- 01_first_call


def _completion(content, finish_reason):
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


class CompleteReply(Exercise):
    """`complete_reply(body)` → `str`: the reply's text, if the reply is whole.

    - `body`: the response's JSON as a `dict`, with `choices[0]["message"]["content"]` and `choices[0]["finish_reason"]`.
    - Returns the content when `finish_reason` is `"stop"`.
    - Raises `ValueError` with the finish reason in its message for every other finish reason, known to you or not.
    - Raises `ValueError` with the words `no text` in its message when the content is `None` (the protocol allows it).
    """

    lesson = "01_first_call"
    stub = """
def complete_reply(body):
    return ...  # your code
"""
    hints = (
        "Take `choice = body['choices'][0]`. What must be true before you return its content?",
        "Allow what you know instead of listing what you fear: everything that is not `stop` is an error.",
        "`if choice['finish_reason'] != 'stop': raise ValueError(f\"not whole: {choice['finish_reason']}\")`, then the same for a content that `is None`.",
    )
    solution = """
def complete_reply(body):
    choice = body["choices"][0]
    if choice["finish_reason"] != "stop":
        raise ValueError(f"the reply is not whole: finish_reason is {choice['finish_reason']}")
    content = choice["message"]["content"]
    if content is None:
        raise ValueError("the reply holds no text")
    return content
"""
    wrong = {
        "believes the status code": """
def complete_reply(body):
    return body["choices"][0]["message"]["content"]
""",
        "refuses only what it has seen": """
def complete_reply(body):
    choice = body["choices"][0]
    if choice["finish_reason"] == "length":
        raise ValueError("length")
    if choice["message"]["content"] is None:
        raise ValueError("no text")
    return choice["message"]["content"]
""",
        "takes an empty reply for no text": """
def complete_reply(body):
    choice = body["choices"][0]
    if choice["finish_reason"] != "stop":
        raise ValueError(choice["finish_reason"])
    if not choice["message"]["content"]:
        raise ValueError("no text")
    return choice["message"]["content"]
""",
    }

    def check(self, complete_reply):
        self.expect(
            complete_reply(_completion("Hello.", "stop")),
            "Hello.",
            behaviour="A whole reply is returned as it is",
            given='content "Hello.", finish_reason "stop"',
            why="Callers store this text.",
        )
        self.raises(
            ValueError,
            lambda: complete_reply(_completion("Hello! I'm", "length")),
            mentions="length",
            behaviour="A reply that the token limit cut is refused",
            given='content "Hello! I\'m", finish_reason "length"',
            why="The status is 200, so nothing else in the service will notice that half the answer is missing.",
        )
        self.raises(
            ValueError,
            lambda: complete_reply(_completion("I can't", "content_filter")),
            mentions="content_filter",
            behaviour="A finish reason that you did not think of is refused too",
            given='finish_reason "content_filter"',
            why="Providers add reasons. A list of bad ones lets the next new one through.",
        )
        self.raises(
            ValueError,
            lambda: complete_reply(_completion(None, "stop")),
            mentions="no text",
            behaviour="A reply without text is refused",
            given='content None, finish_reason "stop"',
            why="None travels on and fails far from here, as 'NoneType' object has no attribute 'strip'.",
        )
        self.expect(
            complete_reply(_completion("", "stop")),
            "",
            behaviour="An empty text is still a text",
            given='content "", finish_reason "stop"',
            why="A model may rightly answer nothing, for example when it lists the damages of an intact parcel.",
        )


class StreamTiming(Exercise):
    """`stream_timing(arrivals_s)` → `dict` with two floats:

    - `"first_token_ms"`: milliseconds from the request to the first token;
    - `"tokens_per_s"`: the rate of writing *after* the first token: steps between tokens, per second.

    `arrivals_s`: seconds from the request to each token, ascending, at least two of them.
    """

    lesson = "01_first_call"
    stub = """
def stream_timing(arrivals_s):
    return ...  # your code
"""
    hints = (
        "Reading the prompt ends with the first arrival. Writing is everything between the first arrival and the last.",
        "Between n arrivals there are n - 1 steps. A fence with 5 posts has 4 gaps.",
        "`(len(arrivals_s) - 1) / (arrivals_s[-1] - arrivals_s[0])` is the rate; seconds times 1000 are milliseconds.",
    )
    solution = """
def stream_timing(arrivals_s):
    steps = len(arrivals_s) - 1
    return {
        "first_token_ms": arrivals_s[0] * 1000,
        "tokens_per_s": steps / (arrivals_s[-1] - arrivals_s[0]),
    }
"""
    wrong = {
        "counts the prompt into the rate": """
def stream_timing(arrivals_s):
    return {"first_token_ms": arrivals_s[0] * 1000, "tokens_per_s": len(arrivals_s) / arrivals_s[-1]}
""",
        "counts posts, not gaps": """
def stream_timing(arrivals_s):
    return {
        "first_token_ms": arrivals_s[0] * 1000,
        "tokens_per_s": len(arrivals_s) / (arrivals_s[-1] - arrivals_s[0]),
    }
""",
        "leaves seconds": """
def stream_timing(arrivals_s):
    return {
        "first_token_ms": arrivals_s[0],
        "tokens_per_s": (len(arrivals_s) - 1) / (arrivals_s[-1] - arrivals_s[0]),
    }
""",
    }

    def check(self, stream_timing):
        got = stream_timing([0.5, 0.75, 1.0])
        self.expect(
            got["first_token_ms"],
            500.0,
            behaviour="The first token's time is in milliseconds since the request",
            given="arrivals_s=[0.5, 0.75, 1.0]",
            why="A dashboard that shows 0.5 under a heading in milliseconds hides a slow service.",
        )
        self.expect(
            got["tokens_per_s"],
            4.0,
            behaviour="The rate counts steps after the first token only",
            given="arrivals_s=[0.5, 0.75, 1.0]: two steps in half a second",
            why="With the prompt's time in it, the same model looks slower on long prompts, and you tune the wrong half.",
        )
        self.expect(
            stream_timing([2.0, 2.5])["tokens_per_s"],
            2.0,
            behaviour="Two tokens make one step",
            given="arrivals_s=[2.0, 2.5]",
            why="The error of counting one too many is largest on short replies, which are the ones users wait for.",
        )


class Scorecard(Exercise):
    """`scorecard(rows)` → `dict`: for each group, a tuple `(right, asked)` of two integers.

    - `rows`: a list of dicts with the keys `"group"` (`str`) and `"right"` (`True`, `False`, or `None` when the call failed).
    - A failed call was asked and is not right.
    - Groups stand in the order in which they first occur.
    """

    lesson = "01_first_call"
    stub = """
def scorecard(rows):
    return ...  # your code
"""
    hints = (
        "Walk over the rows once and keep a pair of counters a group.",
        "Every row adds 1 to `asked`. Only `True` adds 1 to `right`; `None` does not.",
        "`right, asked = card.get(row['group'], (0, 0))`, then `card[row['group']] = (right + (row['right'] is True), asked + 1)`.",
    )
    solution = """
def scorecard(rows):
    card = {}
    for row in rows:
        right, asked = card.get(row["group"], (0, 0))
        card[row["group"]] = (right + (row["right"] is True), asked + 1)
    return card
"""
    wrong = {
        "forgets failed calls": """
def scorecard(rows):
    card = {}
    for row in rows:
        if row["right"] is None:
            continue
        right, asked = card.get(row["group"], (0, 0))
        card[row["group"]] = (right + row["right"], asked + 1)
    return card
""",
        "counts a failed call as right": """
def scorecard(rows):
    card = {}
    for row in rows:
        right, asked = card.get(row["group"], (0, 0))
        card[row["group"]] = (right + (row["right"] is not False), asked + 1)
    return card
""",
        "one total for all": """
def scorecard(rows):
    return {"all": (sum(row["right"] is True for row in rows), len(rows))}
""",
    }

    def check(self, scorecard):
        self.expect(
            scorecard([{"group": "sums", "right": True}, {"group": "sums", "right": False}]),
            {"sums": (1, 2)},
            behaviour="A group has its right answers and its questions",
            given="one right, one wrong, both in 'sums'",
            why="1 of 2 and 50 of 100 are the same share and not the same evidence: keep both numbers.",
        )
        self.expect(
            scorecard([{"group": "sums", "right": True}, {"group": "facts", "right": False}]),
            {"sums": (1, 1), "facts": (0, 1)},
            behaviour="Groups are counted apart",
            given="one right in 'sums', one wrong in 'facts'",
            why="An average over groups hides the group that fails every time.",
        )
        self.expect(
            scorecard([{"group": "facts", "right": None}, {"group": "facts", "right": True}]),
            {"facts": (1, 2)},
            behaviour="A call that failed was still asked",
            given="a failed call (None) and a right one, both in 'facts'",
            why="Leave timeouts out and the score rises each time the service goes down.",
        )


# --- 02_transition_map


class ShouldRetry(Exercise):
    """`should_retry(status, attempt, attempts, writes)` → `bool`: whether to send the request again.

    - `status`: the HTTP status as an `int`, or `None` when the time ran out before an answer came.
    - `attempt`: which attempt has just failed, from 1; `attempts`: how many are allowed, so the last one is never retried.
    - `writes`: whether the request changes something and carries no idempotency key.
    - 429 (too many requests) was refused before any work: retry it, also for writes.
    - 500 to 599 and `None` may have done their work: retry them only when `writes` is false.
    - Anything else would fail again: no.
    """

    lesson = "02_transition_map"
    stub = """
def should_retry(status, attempt, attempts, writes):
    return ...  # your code
"""
    hints = (
        "Three questions in order: is an attempt left? Was the work surely not done? May it be done twice?",
        "Return `False` for the last attempt first; then 429; then the statuses that leave you in doubt.",
        "`in_doubt = status is None or 500 <= status <= 599`, and an attempt in doubt is repeated only if `not writes`.",
    )
    solution = """
def should_retry(status, attempt, attempts, writes):
    if attempt >= attempts:
        return False
    if status == 429:
        return True
    in_doubt = status is None or 500 <= status <= 599
    return in_doubt and not writes
"""
    wrong = {
        "repeats writes in doubt": """
def should_retry(status, attempt, attempts, writes):
    return attempt < attempts and (status is None or status == 429 or status >= 500)
""",
        "one attempt too many": """
def should_retry(status, attempt, attempts, writes):
    if attempt > attempts:
        return False
    return status == 429 or (not writes and (status is None or 500 <= status <= 599))
""",
        "repeats every error": """
def should_retry(status, attempt, attempts, writes):
    return attempt < attempts and (status == 429 or not writes)
""",
    }

    def check(self, should_retry):
        self.expect(
            should_retry(503, 1, 3, False),
            True,
            behaviour="A read that met a server error is sent again",
            given="status=503, attempt=1, attempts=3, writes=False",
            why="Most such errors are gone a second later.",
        )
        self.expect(
            should_retry(503, 3, 3, False),
            False,
            behaviour="The last attempt is the last",
            given="status=503, attempt=3, attempts=3, writes=False",
            why="Without an end, your service sends more load to a dependency that is already down.",
        )
        self.expect(
            should_retry(400, 1, 3, False),
            False,
            behaviour="A request that is wrong stays wrong",
            given="status=400, attempt=1, attempts=3, writes=False",
            why="A prompt that is too long for the model is too long three times, and you pay the latency three times.",
        )
        self.expect(
            should_retry(None, 1, 3, True),
            False,
            behaviour="A write that timed out is not repeated",
            given="status=None, attempt=1, attempts=3, writes=True",
            why="The refund may have been booked before the connection broke. Twice is worse than late.",
        )
        self.expect(
            should_retry(None, 1, 3, False),
            True,
            behaviour="A read that timed out is repeated",
            given="status=None, attempt=1, attempts=3, writes=False",
            why="Asking a model for text twice costs tokens and harms nobody.",
        )
        self.expect(
            should_retry(429, 1, 3, True),
            True,
            behaviour="A rate limit refused the request before it did anything",
            given="status=429, attempt=1, attempts=3, writes=True",
            why="Giving up on 429 turns a busy minute into an outage.",
        )


class CallCostUsd(Exercise):
    """`call_cost_usd(prompt_tokens, completion_tokens, usd_per_million_in, usd_per_million_out)` → `float`, in US dollars.

    Token counts are integers ≥ 0; prices are dollars for one million tokens, with different prices for what the model
    reads (`in`) and writes (`out`).
    """

    lesson = "02_transition_map"
    stub = """
def call_cost_usd(prompt_tokens, completion_tokens, usd_per_million_in, usd_per_million_out):
    return ...  # your code
"""
    hints = (
        "Two products, one sum, one division.",
        "Each kind of token is multiplied with its own price.",
        "`(prompt_tokens * usd_per_million_in + …) / 1_000_000`",
    )
    solution = """
def call_cost_usd(prompt_tokens, completion_tokens, usd_per_million_in, usd_per_million_out):
    return (prompt_tokens * usd_per_million_in + completion_tokens * usd_per_million_out) / 1_000_000
"""
    wrong = {
        "one price for both": """
def call_cost_usd(prompt_tokens, completion_tokens, usd_per_million_in, usd_per_million_out):
    return (prompt_tokens + completion_tokens) * usd_per_million_in / 1_000_000
""",
        "prices for a thousand tokens": """
def call_cost_usd(prompt_tokens, completion_tokens, usd_per_million_in, usd_per_million_out):
    return (prompt_tokens * usd_per_million_in + completion_tokens * usd_per_million_out) / 1_000
""",
    }

    def check(self, call_cost_usd):
        self.expect(
            call_cost_usd(1_000_000, 0, 0.5, 2.0),
            0.5,
            behaviour="A million tokens read cost the price for reading",
            given="prompt_tokens=1_000_000, completion_tokens=0, prices 0.5 and 2.0",
            why="A factor of 1,000 in a budget is found out by the invoice.",
        )
        self.expect(
            call_cost_usd(2000, 100, 0.5, 2.0),
            0.0012,
            behaviour="Tokens written are charged at their own price",
            given="prompt_tokens=2000, completion_tokens=100, prices 0.5 and 2.0",
            why="Writing is often several times dearer than reading; one price for both misleads you about which to shorten.",
            tolerance=1e-9,
        )


class VisibleTo(Exercise):
    """`visible_to(roles, documents)` → `list`: the documents that a caller with `roles` may read, in their order.

    - `roles`: a set of role names, such as `{"public"}` or `{"public", "staff"}`.
    - `documents`: dicts with `"text"` and usually `"audience"`, the role that may read it.
    - A document without an audience, or with an audience of `None`, is shown to nobody.
    - The dicts come back as they are; nothing is changed or copied.
    """

    lesson = "02_transition_map"
    stub = """
def visible_to(roles, documents):
    return ...  # your code
"""
    hints = (
        "A list comprehension with one condition.",
        "What does `document.get('audience')` give for a document without one, and is that in `roles`?",
        "`[d for d in documents if d.get('audience') is not None and d['audience'] in roles]`",
    )
    solution = """
def visible_to(roles, documents):
    return [d for d in documents if d.get("audience") is not None and d["audience"] in roles]
"""
    wrong = {
        "shows what is not labelled": """
def visible_to(roles, documents):
    return [d for d in documents if d.get("audience", "public") in roles]
""",
        "hides only what it knows to be secret": """
def visible_to(roles, documents):
    return [d for d in documents if "staff" in roles or d.get("audience") != "staff"]
""",
        "staff see everything": """
def visible_to(roles, documents):
    return [d for d in documents if "staff" in roles or d.get("audience") in roles]
""",
    }

    def check(self, visible_to):
        public, staff = {"text": "A", "audience": "public"}, {"text": "B", "audience": "staff"}
        finance, bare = {"text": "C", "audience": "finance"}, {"text": "D"}
        self.expect(
            visible_to({"public"}, [public, staff]),
            [public],
            behaviour="A caller sees the documents of its own roles",
            given='roles={"public"}; documents: A for public, B for staff',
            why="What enters the prompt can come out of the model.",
        )
        self.expect(
            visible_to({"public"}, [bare, public]),
            [public],
            behaviour="A document without a label is shown to nobody",
            given='roles={"public"}; documents: D without an audience, A for public',
            why="An import job that drops a field must fail closed, or the first you hear of it is from a customer.",
        )
        self.expect(
            visible_to({"public", "staff"}, [finance, staff, public]),
            [staff, public],
            behaviour="Each role opens its own documents and no others",
            given='roles={"public", "staff"}; documents: C for finance, B for staff, A for public',
            why="The support team must not read salaries because it may read the goodwill rules.",
        )
        self.expect(
            visible_to({"public", "staff"}, [{"text": "E", "audience": None}]),
            [],
            behaviour="An audience of None is no audience",
            given='roles={"public", "staff"}; document E with audience None',
            why="A null column and a missing column must not differ in who can read.",
        )


# --- 03_question_answering


class BestPassages(Exercise):
    """`best_passages(question_vector, passage_vectors, k)` → `list` of `(row, score)`, best first.

    - `question_vector`: shape `(d,)`; `passage_vectors`: shape `(n, d)`; all rows of unit length.
    - `score`: the dot product of the question with the row, a `float`; `row`: its position, an `int`.
    - At most `k` pairs, fewer when there are fewer rows. Of equal scores the lower row comes first.
    """

    lesson = "03_question_answering"
    stub = """
def best_passages(question_vector, passage_vectors, k):
    scores = passage_vectors @ question_vector  # (n,)
    order = ...  # the rows, best first
    return [(int(row), float(scores[row])) for row in order]
"""
    hints = (
        "`np.argsort` gives the rows that would sort an array, smallest first.",
        "Sort the negated scores to get the largest first, and cut the order after `k`.",
        '`np.argsort(-scores, kind="stable")[:k]`',
    )
    solution = """
def best_passages(question_vector, passage_vectors, k):
    scores = passage_vectors @ question_vector  # (n,)
    order = np.argsort(-scores, kind="stable")[:k]
    return [(int(row), float(scores[row])) for row in order]
"""
    wrong = {
        "worst first": """
def best_passages(question_vector, passage_vectors, k):
    scores = passage_vectors @ question_vector
    order = np.argsort(scores, kind="stable")[:k]
    return [(int(row), float(scores[row])) for row in order]
""",
        "forgets k": """
def best_passages(question_vector, passage_vectors, k):
    scores = passage_vectors @ question_vector
    order = np.argsort(-scores, kind="stable")
    return [(int(row), float(scores[row])) for row in order]
""",
        "reverses ties": """
def best_passages(question_vector, passage_vectors, k):
    scores = passage_vectors @ question_vector
    order = np.argsort(scores, kind="stable")[::-1][:k]
    return [(int(row), float(scores[row])) for row in order]
""",
    }

    def check(self, best_passages):
        rows = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
        question = np.array([1.0, 0.0])
        self.expect(
            best_passages(question, rows, 1),
            [(1, 1.0)],
            behaviour="The nearest passage comes first",
            given="question [1, 0]; passages [0, 1], [1, 0], [0.6, 0.8]; k=1",
            why="The model reads what stands first; a wrong order is a wrong answer with a good index.",
        )
        self.expect(
            best_passages(question, rows, 2),
            [(1, 1.0), (2, 0.6)],
            behaviour="k passages come back, with their scores",
            given="the same passages; k=2",
            why="Every passage more is prompt to pay and to wait for.",
        )
        self.expect(
            best_passages(question, rows[1:2], 5),
            [(0, 1.0)],
            behaviour="A small index gives what it has",
            given="one passage; k=5",
            why="A new customer has three documents, and the page must still work.",
        )
        self.expect(
            [row for row, _ in best_passages(question, rows[[1, 1, 0]], 2)],
            [0, 1],
            behaviour="Equal scores keep the order of the index",
            given="passages [1, 0], [1, 0], [0, 1]; k=2",
            why="Ties that fall differently each time make an answer change when nothing has.",
        )


class GroundedPrompt(Exercise):
    """`grounded_prompt(question, texts)` → `str`: the user message for the model.

    - `texts`: the passages' texts, best first, at least one. `question`: what the user typed.
    - The message is the line `Text:`, then the passages with an empty line between them, an empty line, and
      `Question: ` with the question. Nothing comes after the question.
    - Whitespace around the question is removed.
    - Raises `ValueError` when there is no passage, or when the question is empty or blank.
    """

    lesson = "03_question_answering"
    stub = """
def grounded_prompt(question, texts):
    return ...  # your code
"""
    hints = (
        "Refuse first, then build: two reasons to raise, then one string.",
        "An empty line between passages is `\\n\\n`, and `join` puts it between them and nowhere else.",
        '`"Text:\\n" + "\\n\\n".join(texts) + f"\\n\\nQuestion: {question.strip()}"`',
    )
    solution = """
def grounded_prompt(question, texts):
    if not texts or not question.strip():
        raise ValueError("a question and at least one passage are needed")
    return "Text:\\n" + "\\n\\n".join(texts) + f"\\n\\nQuestion: {question.strip()}"
"""
    wrong = {
        "question first": """
def grounded_prompt(question, texts):
    if not texts or not question.strip():
        raise ValueError("nothing to ask")
    return f"Question: {question.strip()}\\n\\nText:\\n" + "\\n\\n".join(texts)
""",
        "asks without a passage": """
def grounded_prompt(question, texts):
    if not question.strip():
        raise ValueError("nothing to ask")
    return "Text:\\n" + "\\n\\n".join(texts) + f"\\n\\nQuestion: {question.strip()}"
""",
        "runs passages together": """
def grounded_prompt(question, texts):
    if not texts or not question.strip():
        raise ValueError("nothing to ask")
    return "Text:\\n" + " ".join(texts) + f"\\n\\nQuestion: {question.strip()}"
""",
        "accepts blanks": """
def grounded_prompt(question, texts):
    if not texts or not question:
        raise ValueError("nothing to ask")
    return "Text:\\n" + "\\n\\n".join(texts) + f"\\n\\nQuestion: {question.strip()}"
""",
    }

    def check(self, grounded_prompt):
        self.expect(
            grounded_prompt("What does pass do?", ["pass does nothing."]),
            "Text:\npass does nothing.\n\nQuestion: What does pass do?",
            behaviour="The passage comes first, the question last",
            given='question="What does pass do?", texts=["pass does nothing."]',
            why="The model goes on from what it read last. A question above two pages of text is easily lost.",
        )
        self.expect(
            grounded_prompt("Why?", ["One.", "Two."]),
            "Text:\nOne.\n\nTwo.\n\nQuestion: Why?",
            behaviour="Passages are set apart by an empty line",
            given='question="Why?", texts=["One.", "Two."]',
            why="Run together, two passages become one text that neither document contains.",
        )
        self.expect(
            grounded_prompt("  Why?\n", ["One."]),
            "Text:\nOne.\n\nQuestion: Why?",
            behaviour="Whitespace around the question is removed",
            given='question="  Why?\\n", texts=["One."]',
            why="A trailing line break changes the tokens, and with them the answer and the cache key.",
        )
        self.raises(
            ValueError,
            lambda: grounded_prompt("Why?", []),
            behaviour="Without a passage there is no prompt",
            given='question="Why?", texts=[]',
            why="The model would answer anyway, from nothing.",
        )
        self.raises(
            ValueError,
            lambda: grounded_prompt("  ", ["One."]),
            behaviour="A blank question is refused",
            given='question="  ", texts=["One."]',
            why="An empty form field must not cost a model call.",
        )


# --- 04_how_it_fails


class HitRate(Exercise):
    """`hit_rate(ranks, k)` → `float`: the share of questions whose supporting passage is among the first `k` retrieved.

    - `ranks`: for each question the rank of its supporting passage, from 1, or `None` when it was not found at all.
    - `k ≥ 1`. Raises `ValueError` when there are no questions.
    """

    lesson = "04_how_it_fails"
    stub = """
def hit_rate(ranks, k):
    return ...  # your code
"""
    hints = (
        "Count the ranks that are small enough; divide by all questions.",
        "`None` is a question too: it stays in the denominator and never counts as found.",
        "`sum(rank is not None and rank <= k for rank in ranks) / len(ranks)`, after refusing an empty list.",
    )
    solution = """
def hit_rate(ranks, k):
    if not ranks:
        raise ValueError("no questions, no rate")
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)
"""
    wrong = {
        "leaves out what was not found": """
def hit_rate(ranks, k):
    found = [rank for rank in ranks if rank is not None]
    if not ranks:
        raise ValueError("no questions")
    return sum(rank <= k for rank in found) / len(found)
""",
        "ranks from zero": """
def hit_rate(ranks, k):
    if not ranks:
        raise ValueError("no questions")
    return sum(rank is not None and rank < k for rank in ranks) / len(ranks)
""",
        "zero for no questions": """
def hit_rate(ranks, k):
    return sum(rank is not None and rank <= k for rank in ranks) / max(1, len(ranks))
""",
    }

    def check(self, hit_rate):
        self.expect(
            hit_rate([1, 2], 1),
            0.5,
            behaviour="Only ranks up to k count",
            given="ranks=[1, 2], k=1",
            why="With k = 1 the model never sees the second passage.",
        )
        self.expect(
            hit_rate([1, None, None, 3], 3),
            0.5,
            behaviour="A passage that was never found is a miss, not a gap",
            given="ranks=[1, None, None, 3], k=3",
            why="Leave misses out and the worst index gets the best score.",
        )
        self.raises(
            ValueError,
            lambda: hit_rate([], 1),
            behaviour="No questions, no rate",
            given="ranks=[], k=1",
            why="A rate of 0 on an empty file looks like a broken index; a rate of 1 like a perfect one.",
        )


class NameFailure(Exercise):
    """`name_failure(answerable, passage_holds_it, answer_accepted)` → one of four texts:

    - `"right"`: answerable, and the answer was accepted;
    - `"search missed"`: answerable, not right, and the retrieved passage does not hold the fact;
    - `"passage ignored"`: answerable, not right, although the retrieved passage holds the fact;
    - `"invented"`: not answerable from the documents, and yet answered (this feature always answers).

    All three arguments are `bool`.
    """

    lesson = "04_how_it_fails"
    stub = """
def name_failure(answerable, passage_holds_it, answer_accepted):
    return ...  # your code
"""
    hints = (
        "Which argument decides before the others are looked at?",
        "Not answerable: invented. Then right. What is left is wrong, and the passage says whose fault it is.",
        "Four returns: `if not answerable`, `if answer_accepted`, `if passage_holds_it`, and the rest.",
    )
    solution = """
def name_failure(answerable, passage_holds_it, answer_accepted):
    if not answerable:
        return "invented"
    if answer_accepted:
        return "right"
    return "passage ignored" if passage_holds_it else "search missed"
"""
    wrong = {
        "blames the search first": """
def name_failure(answerable, passage_holds_it, answer_accepted):
    if not answerable:
        return "invented"
    if not passage_holds_it:
        return "search missed"
    return "right" if answer_accepted else "passage ignored"
""",
        "calls every wrong answer invented": """
def name_failure(answerable, passage_holds_it, answer_accepted):
    if answer_accepted:
        return "right"
    return "search missed" if answerable and not passage_holds_it else "invented"
""",
    }

    def check(self, name_failure):
        cases = [
            (
                (True, True, True),
                "right",
                "An accepted answer is right",
                "Count what works before you mend what does not.",
            ),
            (
                (True, True, False),
                "passage ignored",
                "A wrong answer beside the right passage is the model's failure",
                "A better index would not have helped here.",
            ),
            (
                (True, False, False),
                "search missed",
                "A wrong answer without the right passage is the search's failure",
                "A better model would not have helped here: it never saw the fact.",
            ),
            (
                (True, False, True),
                "right",
                "A right answer without the passage is still right for the user",
                "It came from somewhere else in the text or from training; the count of misses must not include it.",
            ),
            (
                (False, False, False),
                "invented",
                "An answer to what the documents do not say is invented",
                "This is the failure that reaches a customer as a promise.",
            ),
        ]
        for arguments, want, behaviour, why in cases:
            given = "answerable={}, passage_holds_it={}, answer_accepted={}".format(*arguments)
            self.expect(name_failure(*arguments), want, behaviour=behaviour, given=given, why=why)


class SmallestReliable(Exercise):
    """`smallest_reliable(systems, min_right, max_wrong_shown)` → `str` or `None`: the name of the system to build.

    - `systems`: dicts with `"name"`, `"right"` and `"wrong_shown"` (shares of all questions, 0 to 1) and `"latency_ms"`.
    - A system qualifies when `right >= min_right` and `wrong_shown <= max_wrong_shown`.
    - Of those that qualify, the one with the lowest latency; `None` when none qualifies.
    """

    lesson = "04_how_it_fails"
    stub = """
def smallest_reliable(systems, min_right, max_wrong_shown):
    return ...  # your code
"""
    hints = (
        "Filter, then take a minimum.",
        "Both limits are included: a system exactly on the limit qualifies.",
        '`min(fit, key=lambda s: s["latency_ms"], default=None)` gives a dict or `None`; you return its name.',
    )
    solution = """
def smallest_reliable(systems, min_right, max_wrong_shown):
    fit = [s for s in systems if s["right"] >= min_right and s["wrong_shown"] <= max_wrong_shown]
    best = min(fit, key=lambda s: s["latency_ms"], default=None)
    return best["name"] if best else None
"""
    wrong = {
        "takes the most accurate": """
def smallest_reliable(systems, min_right, max_wrong_shown):
    fit = [s for s in systems if s["right"] >= min_right and s["wrong_shown"] <= max_wrong_shown]
    best = max(fit, key=lambda s: s["right"], default=None)
    return best["name"] if best else None
""",
        "always picks one": """
def smallest_reliable(systems, min_right, max_wrong_shown):
    fit = [s for s in systems if s["right"] >= min_right and s["wrong_shown"] <= max_wrong_shown] or systems
    return min(fit, key=lambda s: s["latency_ms"])["name"]
""",
        "forgets what is shown wrong": """
def smallest_reliable(systems, min_right, max_wrong_shown):
    fit = [s for s in systems if s["right"] >= min_right]
    best = min(fit, key=lambda s: s["latency_ms"], default=None)
    return best["name"] if best else None
""",
    }

    def check(self, smallest_reliable):
        def system(name, right, wrong_shown, latency_ms):
            return {"name": name, "right": right, "wrong_shown": wrong_shown, "latency_ms": latency_ms}

        small, large = system("search", 0.7, 0.1, 20), system("model", 0.9, 0.1, 900)
        self.expect(
            smallest_reliable([large, small], 0.6, 0.1),
            "search",
            behaviour="Of two that are good enough, the faster one",
            given="search: right 0.7, wrong 0.1, 20 ms; model: right 0.9, wrong 0.1, 900 ms; limits 0.6 and 0.1",
            why="Each part that you can leave out cannot wake you at night. (Limits are included: 0.1 is not above 0.1.)",
        )
        self.expect(
            smallest_reliable([system("fast", 0.7, 0.3, 5), large], 0.6, 0.1),
            "model",
            behaviour="A system that shows too much wrong is out, however fast",
            given="fast: right 0.7, wrong 0.3, 5 ms; model: right 0.9, wrong 0.1, 900 ms; limits 0.6 and 0.1",
            why="Users forgive 'I do not know' far sooner than a confident mistake.",
        )
        self.expect(
            smallest_reliable([small], 0.95, 0.1),
            None,
            behaviour="When nothing qualifies, nothing ships",
            given="search: right 0.7, wrong 0.1, 20 ms; limits 0.95 and 0.1",
            why="'The best we had' is how an unreliable system gets into production.",
        )
