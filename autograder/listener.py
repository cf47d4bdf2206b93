"""A listening socket inside the submission's sandbox, held by the trial: what hidden tests serve a scripted provider on.

The defendant's process makes it once it is shut in, before any of the submission's code runs, sends it to the trial and
keeps nothing of it. Inside, it is an address on loopback like any other; there is no second one for the judge's own use.
"""

import socket

BACKLOG = 128


def on_loopback() -> socket.socket:
    """A TCP socket that listens on a free port of 127.0.0.1."""
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)


def lend(line: socket.socket) -> None:
    """Make a listener where this process is, send it over `line`, and close both here."""
    with line, on_loopback() as listener:
        socket.send_fds(line, [b"L"], [listener.fileno()])


def borrow(line: socket.socket, timeout_s: float) -> socket.socket:
    """The listener that `lend` sends over the other end of `line`.

    Raises `TimeoutError` where none comes in time, `ConnectionError` where that process has ended without sending one.
    """
    line.settimeout(timeout_s)
    _, fds, _, _ = socket.recv_fds(line, 1, 1)
    if not fds:
        raise ConnectionError("the submission's process has ended")
    listener = socket.socket(fileno=fds[0])
    listener.set_inheritable(False)
    return listener
