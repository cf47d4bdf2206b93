"""The channel between the judge and the submission: framed messages of JSON and bytes, in both directions.

Nothing is ever unpickled. `autograder.encoding` turns a value into what goes over it, `autograder.decoding` turns that
back into plain data.
"""

import contextlib
import json
import socket
import struct
import time

LIMIT_BYTES = 256_000_000
# Small lists take thirty times their text's space once they are read: less of it than of arrays.
HEAD_LIMIT_BYTES = 32_000_000
PRELUDE = struct.Struct("!II")  # lengths of the JSON part and of all blobs together


class WireError(Exception):
    """The other side sent something that is not a message, or too much of it."""


class Silence(WireError):
    """The other side said nothing, or did not listen, before the deadline."""


class Closed(WireError):
    """The other side is gone."""


class Channel:
    """Framed messages over a stream socket: a JSON object and its blobs. Deadlines are times of `time.monotonic()`."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def send(self, message: dict, blobs: list[bytes], deadline: float | None = None) -> None:
        """WireError for what is too large: nothing of it was sent."""
        head = json.dumps({"m": message, "b": [len(b) for b in blobs]}).encode()
        size = sum(map(len, blobs))
        _check_sizes(len(head), size)
        self._set_timeout(deadline)
        try:
            self._stream.sendall(PRELUDE.pack(len(head), size) + head + b"".join(blobs))
        except TimeoutError:
            raise Silence("nobody listened in time") from None
        except OSError as error:
            raise Closed(str(error)) from None

    def receive(self, deadline: float | None = None) -> tuple[dict, list[bytes]]:
        """The next message, or WireError."""
        head_size, blob_size = PRELUDE.unpack(self._read(PRELUDE.size, deadline))
        _check_sizes(head_size, blob_size)
        try:
            head = json.loads(self._read(head_size, deadline))
            sizes, message = head["b"], head["m"]
            if not isinstance(message, dict) or type(sizes) is not list:
                raise WireError("a malformed message")
            if any(type(n) is not int or n < 0 for n in sizes) or sum(sizes) != blob_size:
                raise WireError("a malformed message")
        except (ValueError, KeyError, TypeError, RecursionError, MemoryError):
            raise WireError("a malformed message") from None
        return message, [self._read(n, deadline) for n in sizes]

    def _read(self, size: int, deadline: float | None) -> bytes:
        parts, missing = [], size
        while missing:
            self._set_timeout(deadline)
            try:
                part = self._stream.recv(min(missing, 1 << 20))
            except TimeoutError:
                raise Silence("no answer in time") from None
            except OSError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed("the other side closed the channel")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _set_timeout(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise Silence("no time left")
        try:
            self._stream.settimeout(left)
        except OSError as error:
            raise Closed(str(error)) from None

    def hang_up(self) -> None:
        """End the conversation for both sides; a thread of ours that waits for an answer wakes up. May be called twice."""
        with contextlib.suppress(OSError):  # the other side was faster
            self._stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._stream.close()


def _check_sizes(head_size: int, blob_size: int) -> None:
    if head_size > HEAD_LIMIT_BYTES or head_size + blob_size > LIMIT_BYTES:
        raise WireError(f"a message of {(head_size + blob_size) / 1e6:.0f} MB is too large")
