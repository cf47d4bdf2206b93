"""Workers on other machines: the same jobs as tasks of a Dask cluster. Only this module knows of Dask."""

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Iterator

from autograder.cohort.worker import GAVE_UP, Job, judge_files
from autograder.errors import GradingError

CONNECT_S = 30
RECONNECTS = 5
PAUSE_S = 5.0
LOOK_S = 30.0  # between looks at whether the connection still stands
LOOKS_WITHOUT_WORKERS = 4
IN_FLIGHT = 3  # jobs a thread of the cluster: the next one is there when one ends

# What Dask says of tasks whose scheduler is gone, by version.
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)


def judge_on(address: str, jobs: Iterator[tuple[object, Job]]) -> Iterator[tuple[object, dict]]:
    """Judge `jobs` on the cluster at `address` (`tcp://host:8786`); yields (ticket, answer) as they finish.

    A cluster that goes away is connected to again, and what it has not answered is handed in once more; an answer is yielded
    once whatever happens. Tickets are hashable. The machines need this course's environment and `distributed`, but no disk in common.

    Raises:
        GradingError: Dask is not installed here, or the scheduler cannot be reached.
    """
    try:
        from distributed import Client
    except ImportError:
        raise GradingError(
            f"--scheduler {address} needs Dask, which is not installed here.",
            "Install it here and on every worker: pip install distributed",
        ) from None
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it tells is told here, in one line
    pending: dict[object, Job] = {}
    failures = 0
    while True:
        try:
            client = Client(address, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            failures += 1
            if failures > RECONNECTS or isinstance(error, ValueError):
                raise GradingError(
                    f"{address}: no Dask scheduler answers ({error}).",
                    "Check the address and that `dask scheduler` runs, then run the same command again: it goes on where it stopped.",
                ) from None
            time.sleep(PAUSE_S)
            continue
        try:
            for answered in _through(client, jobs, pending):
                failures = 0
                yield answered
            return
        except _Gone as error:
            failures += 1
            if failures > RECONNECTS:
                raise GradingError(
                    f"{address}: the cluster was lost {failures} times ({error}).",
                    "Run the same command again when it is back: it goes on where it stopped.",
                ) from None
            time.sleep(PAUSE_S)
        finally:
            _close(client)


class _Gone(Exception):
    """The scheduler or the network is gone: the jobs in flight are to be handed in again."""


def _through(client, jobs: Iterator[tuple[object, Job]], pending: dict[object, Job]) -> Iterator[tuple[object, dict]]:
    """Hand in what is pending and then `jobs`, a few at a time; `pending` holds what was not answered yet."""
    from distributed import wait

    futures: dict[object, object] = {}
    looks = 0
    try:
        for ticket, job in pending.items():
            futures[ticket] = client.submit(judge_files, job, pure=False)
        while True:
            room = max(2, IN_FLIGHT * sum(client.nthreads().values()))
            while len(futures) < room and (taken := next(jobs, None)):
                ticket, job = taken
                pending[ticket] = job
                futures[ticket] = client.submit(judge_files, job, pure=False)
            if not futures:
                return
            try:
                wait(list(futures.values()), timeout=LOOK_S, return_when="FIRST_COMPLETED")
            except TimeoutError:
                if client.status != "running":
                    raise
                looks = 0 if client.nthreads() else looks + 1
                if looks > LOOKS_WITHOUT_WORKERS:
                    raise GradingError(
                        f"{client.scheduler.address}: the cluster has no workers.",
                        "Start some (dask worker ADDRESS), then run the same command again: it goes on where it stopped.",
                    ) from None
            for ticket in [t for t, future in futures.items() if future.done()]:
                answer = _answer(futures.pop(ticket))
                pending.pop(ticket)
                yield ticket, answer
    except (OSError, *CANCELLED) as error:  # Dask's CommClosedError and time-outs are OSErrors
        raise _Gone(str(error) or type(error).__name__) from None


def _answer(future) -> dict:
    """A task's answer. One that Dask gave up on (its workers died) is a problem of this submission, not of the run."""
    if future.status in ("cancelled", "lost"):
        raise _Gone("its tasks were cancelled")
    error = future.exception()
    if isinstance(error, (OSError, *CANCELLED)):
        raise error
    return future.result() if error is None else {"problem": f"{GAVE_UP} ({type(error).__name__})"}


def _close(client) -> None:
    try:
        client.close(timeout=2)
    except Exception:  # it may be gone already; nothing is lost with it
        return
