"""HTTP for the scripted provider: one thread a connection, all of them gone after `close`."""

import contextlib
import json
import select
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any

from coursekit.scripted import wire
from coursekit.scripted.answers import Slow

MOST_CONNECTIONS = 128
LARGEST_BODY_BYTES = 16_000_000
IDLE_S = 120  # how long a connection may stay silent
STOP_S = 5
PAUSE_S = 0.05
PIECES_OF_A_SLOW_BODY = 8


class HungUp(Exception):
    """The client has closed the connection, or the provider is being closed."""


class Server:
    """Serves `listener` until `close`; `exchange` answers each request on an `Exchange`.

    `keep_listener`: leave the listening socket open at the end, for the next one who serves on it.
    """

    def __init__(self, listener: socket.socket, exchange: Callable[["Exchange"], None], *, keep_listener: bool) -> None:
        self._listener, self._keep, self.exchange = listener, keep_listener, exchange
        self._timeout = listener.gettimeout()
        listener.setblocking(False)
        self._wake, self.stopped = socket.socketpair()  # `stopped` can be read from the moment that `close` is called
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        if keep_listener:
            self._drop_left_over()
        self._thread = threading.Thread(target=self._accept, name="scripted-provider", daemon=True)
        self._thread.start()

    def _drop_left_over(self) -> None:
        """Connections that were made before: nobody waits for an answer of this script on them."""
        with contextlib.suppress(OSError):
            while True:
                self._listener.accept()[0].close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listener, selectors.EVENT_READ)
            ready.register(self.stopped, selectors.EVENT_READ)
            while True:
                found = {key.fileobj for key, _ in ready.select()}
                if self.stopped in found:
                    return
                try:
                    self._start(self._listener.accept()[0])
                except BlockingIOError:
                    pass  # gone again
                except OSError:  # no descriptor left: until one is free
                    select.select([self.stopped], [], [], PAUSE_S)

    def _start(self, connection: socket.socket) -> None:
        with self._lock:
            if len(self._connections) >= MOST_CONNECTIONS:
                connection.close()
                return
            connection.settimeout(IDLE_S)
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="scripted-provider-connection", daemon=True
            )
            self._connections[connection] = thread
            try:
                thread.start()
            except RuntimeError:  # no more threads on this machine
                del self._connections[connection]
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(Exception):  # whatever a client sends ends its own connection only
                Exchange(connection, ("client", 0), self)
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def close(self) -> None:
        """Hang up on everybody and wait for the threads."""
        with contextlib.suppress(OSError):
            self._wake.send(b"x")
        self._thread.join(STOP_S)
        with self._lock:
            open_now = dict(self._connections)
        for connection in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in open_now.values():
            if thread is not threading.current_thread():
                thread.join(STOP_S)
        if self._keep:
            self._listener.settimeout(self._timeout)
        else:
            self._listener.close()
        self._wake.close()
        self.stopped.close()


class Exchange(BaseHTTPRequestHandler):
    """One connection's requests: what was asked, and the ways to answer. `server.exchange` is called for each."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "scripted-provider", ""
    disable_nagle_algorithm = True
    server: Server
    request_id = "req_scripted"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: the requests are recorded instead."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What cannot be read as HTTP at all."""
        self.close_connection = True
        self.send_json(code, wire.error(message or "not understood", "invalid_request_error"))

    def do_GET(self) -> None:
        self.server.exchange(self)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    @property
    def body_bytes(self) -> int:
        """The length of the request's body, as it is announced."""
        length = self.headers.get("Content-Length", "0")
        return int(length) if length.isdecimal() and len(length) < 20 else 0

    def read_body(self) -> bytes:
        """The request's body. Raises `ValueError`, which says why, where it is too large or its length is not told."""
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise ValueError("Send the body with a Content-Length.")
        if self.body_bytes > LARGEST_BODY_BYTES:
            self.close_connection = True
            raise ValueError(f"The body is larger than {LARGEST_BODY_BYTES:,} bytes.")
        body = self.rfile.read(self.body_bytes)
        if len(body) < self.body_bytes:
            raise HungUp
        return body

    def pause(self, seconds: float) -> None:
        """Wait; raises `HungUp` as soon as the client has hung up or the provider closes."""
        if seconds > 0:
            ready = select.select([self.connection, self.server.stopped], [], [], seconds)[0]
            if self.server.stopped in ready:
                raise HungUp
            if ready:  # the end of the connection, or (odd, but allowed) the next request already
                self._still_there()
                if select.select([self.server.stopped], [], [], seconds)[0]:
                    raise HungUp
        self._still_there()

    def _still_there(self) -> None:
        if select.select([self.connection], [], [], 0)[0] and self.connection.recv(1, socket.MSG_PEEK) == b"":
            raise HungUp

    def send_json(
        self, status: int, value: Any, headers: dict[str, str] | None = None, slow: Slow | None = None
    ) -> None:
        """A whole JSON answer."""
        self.send_whole(status, json.dumps(value).encode(), headers, slow)

    def send_whole(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        slow: Slow | None = None,
        cut: bool = False,
    ) -> None:
        """`body`, said to be JSON. With `slow`, in eight pieces; with `cut`, only its first half."""
        head = self._head(
            status, {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
        )
        if cut:
            self.close_connection = True
            self.wfile.write(head + body[: len(body) // 2])
        elif slow and slow.per_chunk_s:
            self.wfile.write(head)
            size = -(-len(body) // PIECES_OF_A_SLOW_BODY)
            for start in range(0, len(body), size):
                self.pause(slow.per_chunk_s)
                self.wfile.write(body[start : start + size])
        else:
            self.wfile.write(head + body)

    def send_stream(self, events: Iterator[str], slow: Slow | None = None, cut: bool = False) -> None:
        """Server-sent events, one HTTP chunk each. With `cut`, the connection ends after them in the middle of the answer."""
        head = self._head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
        for event in events:
            self.pause(slow.per_chunk_s if slow else 0)
            data = f"data: {event}\n\n".encode()
            self.wfile.write(head + b"%x\r\n%s\r\n" % (len(data), data))
            head = b""
        if cut:
            self.close_connection = True
            self.wfile.write(head)
        else:
            self.wfile.write(head + b"0\r\n\r\n")

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        reason = self.responses.get(status, ("",))[0]
        own = {"Date": formatdate(usegmt=True), "x-request-id": self.request_id, **headers}
        if self.close_connection:
            own["Connection"] = "close"
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in own.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
