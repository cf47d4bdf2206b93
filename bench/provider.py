"""What the scripted provider adds to a call, beside a bare HTTP server; the local model beside transformers' own generation."""

import json
import statistics
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.rows import row, seconds
from coursekit.scripted import Reply, ScriptedProvider, wire

CALLS, WARM_UP = 300, 20
MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]
TEXT = "It was handed over at the depot in Lyon this morning and will reach you tomorrow before noon. " * 2
ANSWER_TOKENS = 64
PROMPTS = (
    "Tell a long story about a parcel that crosses Europe.",
    "Explain to a new colleague what a customs declaration is.",
    "Write a polite letter to a merchant whose label cannot be read.",
)


def measure() -> list[dict]:
    """One row a question: the figure, what it is compared with, both with their unit, and figure / comparison."""
    rows = _overhead()
    ours, theirs = _generation()
    return [*rows, row("local model, greedy answers", ours, "tokens/s", "transformers' generate, same weights", theirs)]


# --- overhead per call


class Canned(BaseHTTPRequestHandler):
    """Sends the same bytes for every request, each piece in one write: as little as a server of Python can do."""

    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True
    whole: bytes
    pieces: list[bytes]

    def do_POST(self) -> None:
        streamed = b'"stream":true' in self.rfile.read(int(self.headers["Content-Length"])).replace(b": ", b":")
        if not streamed:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(self.whole)}\r\n\r\n"
            self.wfile.write(head.encode() + self.whole)
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in self.pieces:
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of the table's business."""


def _overhead() -> list[dict]:
    body = {"model": "m", "messages": MESSAGES}
    events = [json.dumps(chunk) for chunk in wire.chunks(body, Reply(TEXT), 1)]
    data = [f"data: {event}\n\n".encode() for event in [*events, "[DONE]"]]
    Canned.whole = json.dumps(wire.completion(body, Reply(TEXT), 1)).encode()
    Canned.pieces = [b"%x\r\n%s\r\n" % (len(d), d) for d in data] + [b"0\r\n\r\n"]
    server = Quiet(("127.0.0.1", 0), Canned)
    server.daemon_threads = True
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        with ScriptedProvider() as provider:
            provider.otherwise(Reply(TEXT))
            bare = provider.client(base_url=f"http://127.0.0.1:{server.server_port}/v1")
            ask = partial(_ask, provider.client()), partial(_ask, bare)
            stream = partial(_read, provider.client()), partial(_read, bare)
            rows = [
                row("scripted provider, one chat call", *_medians_ms(*ask)),
                row(f"scripted provider, a stream of {len(events)} chunks", *_medians_ms(*stream)),
            ]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    return rows


def _medians_ms(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, str, str, float]:
    """Medians of both in ms, called in turn, so that what else this machine does meets both."""
    times = [(seconds(ours), seconds(theirs)) for _ in range(CALLS + WARM_UP)][WARM_UP:]
    first, second = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    return first, "ms", "bare http.server, canned bytes", second


def _ask(client: Any) -> None:
    reply = client.chat.completions.create(model="m", messages=MESSAGES)
    assert reply.choices[0].message.content == TEXT


def _read(client: Any) -> None:
    stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT


# --- tokens per second


def _generation() -> tuple[float, float]:
    """Tokens per second of whole greedy answers to the same prompts, one at a time, prompt included: ours, transformers'.

    Each reads a prompt for the first time, on the same number of threads; transformers computes in float32 with the same
    file's weights unpacked.
    """
    import httpx
    import torch

    from coursekit import chat_server, models
    from coursekit.opened_model import open_model

    opened = open_model()
    address, threads = chat_server.address(), torch.get_num_threads()

    def ours(prompt: str) -> int:
        reply = models.client().chat.completions.create(
            model=models.CHAT_MODEL, messages=_user(prompt), temperature=0, max_tokens=ANSWER_TOKENS
        )
        return reply.usage.completion_tokens

    def theirs(prompt: str) -> int:
        answer = httpx.post(f"{address}/apply-template", json={"messages": _user(prompt)}, trust_env=False)
        return len(opened.continue_greedily(answer.json()["prompt"], ANSWER_TOKENS))

    torch.set_num_threads(chat_server.threads())
    try:
        for warm_up in (ours, theirs):
            warm_up("Hi")
        rates = [(_rate(ours, prompt), _rate(theirs, prompt)) for prompt in PROMPTS]
    finally:
        torch.set_num_threads(threads)
    first, second = (statistics.median(column) for column in zip(*rates, strict=True))
    return first, second


def _user(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _rate(answer: Callable[[str], int], prompt: str) -> float:
    made = []
    spent_s = seconds(lambda: made.append(answer(prompt)))
    return made[0] / spent_s
