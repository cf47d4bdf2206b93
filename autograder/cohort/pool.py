"""Workers on this machine: each has one submission at a time; one that dies or hangs is replaced."""

import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from autograder.cohort.worker import GRACE_S, Job, Lost, Worker, gave_up

ATTEMPTS = 2
REPLY_S = 60.0  # once its first byte is there, an answer is read whole


@dataclass(frozen=True)
class _Task:
    ticket: object
    job: Job
    attempt: int = 1
    deadline: float = 0.0


def judge_here(
    jobs: Iterator[tuple[object, Job]], workers: int, grace_s: float = GRACE_S
) -> Iterator[tuple[object, dict]]:
    """Judge `jobs` with `workers` processes; yields (ticket, answer) as they finish.

    `jobs` is read as workers become free, so that only their submissions are in memory. A job whose worker was lost is
    tried once more by a new one, then answered with `{"problem": …}`. All workers end when the iteration does.
    """
    idle: list[Worker] = []
    busy: dict[Worker, _Task] = {}
    again: list[_Task] = []
    done: list[tuple[object, dict]] = []
    new = (_Task(*job) for job in jobs)
    try:
        while True:
            while len(busy) < workers and (task := again.pop() if again else next(new, None)):
                worker = idle.pop() if idle else Worker()
                busy[worker] = replace(task, deadline=time.monotonic() + task.job.total_s + grace_s)
                try:
                    worker.send(task.job)
                except Lost:
                    busy[worker] = replace(task, deadline=0.0)
            yield from done  # the workers are at work while the answers are written
            if not busy:
                return
            done = list(_finished(busy, idle, again))
    finally:
        for worker in [*idle, *busy]:
            worker.close()


def _finished(busy: dict[Worker, _Task], idle: list[Worker], again: list[_Task]) -> Iterator[tuple[object, dict]]:
    """Wait for an answer or a deadline; move every worker that is done to `idle`, every lost job to `again`."""
    soonest = min(task.deadline for task in busy.values())
    ready = set(select.select(list(busy), [], [], max(0.0, soonest - time.monotonic()))[0])
    ready |= {worker for worker in busy if busy[worker].deadline <= time.monotonic()}
    for worker in ready:
        task = busy.pop(worker)
        late = task.deadline <= time.monotonic()
        try:
            answer = worker.receive(0.1 if late else REPLY_S)
        except Lost as error:
            worker.close()
            if task.attempt < ATTEMPTS:
                again.append(replace(task, attempt=task.attempt + 1))
            else:
                yield task.ticket, {"problem": gave_up(error)}
        else:
            idle.append(worker)
            yield task.ticket, answer
