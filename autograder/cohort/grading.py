"""Grades a cohort: reads submissions, lets workers judge them, and writes each result once, whatever ends the run."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.checks import read_checks
from autograder.cohort.journal import FAILED, JUDGED, WRITTEN, Journal, Result, verdict, with_problem
from autograder.cohort.pool import judge_here
from autograder.cohort.store import (
    Content,
    Submission,
    explained_disk,
    files_digest,
    grading_root,
    hidden_tests,
    load,
    locked,
    submissions,
)
from autograder.cohort.worker import Job, sweep
from autograder.errors import GradingError
from autograder.judge import EXPLAINED, Verdict
from autograder.project import Project, find_project

PATIENCE_S = 30.0  # how long the gradebook may stay locked after the last submission was judged
RETRY_S = 3.0

Tell = Callable[[int, int, Result], None]


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class _Ticket:
    """A submission on its way: what was read of it, and its key."""

    submission: Submission
    content: Content
    key: str


def grade_cohort(
    root: Path | None,
    project: str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    seed: int | None = None,
    again: bool = False,
    only: list[str] | None = None,
    tell: Tell = lambda done, total, result: None,
) -> list[Result]:
    """Grade every submission of `project` below `root` (see `store.grading_root`); results by learner.

    Work that was graded before with the same content, hidden tests, released notebook and seed is not judged again, unless
    `again`. Without `seed` the one of the cohort's last run is used. `workers` processes judge here (default: one a core), or
    the Dask cluster at `scheduler` does. `only` names learners. `tell` hears each result as it comes.

    Raises:
        GradingError: nothing to grade, another run at work here, a gradebook that is damaged or stays locked, a full disk, a
            cluster that cannot be reached. What was judged is kept: the same command goes on from there.
    """
    root, known = grading_root(root), find_project(project)
    found = _chosen(root, project, only)
    with explained_disk(root, lambda: "What was graded so far is kept."), locked(root):
        sweep()
        run = _Run(root, known, found, seed, again, tell)
        try:
            return run.grade(workers or cores(), scheduler)
        finally:
            run.journal.close()


def _chosen(root: Path, project: str, only: list[str] | None) -> list[Submission]:
    found = submissions(root, project)
    if not found:
        raise GradingError(
            f"{root / 'submitted'}: no submission of {project!r} (looked for STUDENT/{project}/).",
            "Bring submissions in with: course cohort import",
        )
    strangers = sorted(set(only or []) - {s.student for s in found})
    if strangers:
        raise GradingError(
            f"{root / 'submitted'}: no submission of {project!r} by {', '.join(strangers)}.",
            "Names are those of the folders there.",
        )
    return [s for s in found if only is None or s.student in only]


class _Run:
    """One grading run over `found`."""

    def __init__(
        self, root: Path, project: Project, found: list[Submission], seed: int | None, again: bool, tell: Tell
    ) -> None:
        from autograder.cohort.writer import Writer  # nbgrader takes a second or two to import: workers never do

        self.root, self.project, self.found, self.again, self.tell = root, project, found, again, tell
        self.journal = Journal(root)
        self.seed = self.journal.seed(project.name, seed)
        self.tests = hidden_tests(project)
        released = (project.release / project.notebook).read_bytes()
        self.fixed = f"{project.name} {self.seed} {files_digest(self.tests | {'released': released})}"
        self.maximum = sum(task.points for task in project.automatic_tasks)
        self.results: dict[str, Result] = {}
        self.backlog: list[tuple[_Ticket, Result]] = []
        self.retry_at = 0.0
        self.new_writer = lambda: Writer(root, project)

    def grade(self, workers: int, scheduler: str | None) -> list[Result]:
        self.writer = self._patiently(self.new_writer)
        with self.writer:
            self.in_book = self._patiently(self.writer.written)
            if scheduler:
                from autograder.cohort.scheduler import judge_on

                answers = judge_on(scheduler, self._to_judge())
            else:
                answers = judge_here(self._to_judge(), min(workers, len(self.found)))
            for ticket, answer in answers:
                self._judged(ticket, answer)
            self._patiently(self._write_backlog)
        return [self.results[s.student] for s in self.found]

    def _to_judge(self) -> Iterator[tuple[_Ticket, Job]]:
        """The jobs that need a worker; what needs none is settled on the way."""
        for submission in self.found:
            content = load(submission, self.project)
            ticket = _Ticket(submission, content, files_digest({"": f"{self.fixed} {content.digest}".encode()}))
            before = None if self.again else self.journal.find(self.project.name, submission.student, ticket.key)
            if before and before[1] != FAILED:
                self._reuse(ticket, *before)
            elif content.files is None:
                self._judged(ticket, {"verdicts": self._refused(), "seconds": 0.0})
            else:
                yield ticket, Job.of(self.project, self.seed, content.files, self.tests)

    def _refused(self) -> list[dict]:
        """What a package gets that must not even be read: no points, and the learner is told why."""
        where = f"{self.project.name}/"
        return [Verdict(c, False, EXPLAINED["TooLarge"], where).to_dict() for c in read_checks(self.project)]

    def _reuse(self, ticket: _Ticket, result: Result, state: str) -> None:
        student = ticket.submission.student
        if state == WRITTEN and abs(self.in_book.get(student, -1.0) - result.points) < 1e-9:
            self.journal.mark(result, WRITTEN)  # the learner's latest
            self._done(result)
        else:
            self._write(ticket, result)

    def _judged(self, ticket: _Ticket, answer: dict) -> None:
        verdicts = answer.get("verdicts", [])
        submission, problem = ticket.submission, ticket.content.problem
        result = Result(
            submission.student, self.project.name, ticket.key, self._points(verdicts), self.maximum, verdicts,
            problem and f"{problem} {self._stand_in(ticket.content)}".strip(), answer.get("seconds", 0.0), False,
        )  # fmt: skip
        if "problem" in answer:
            result = with_problem(result, answer["problem"])
            self.journal.record(result, self.seed, FAILED)
            self._done(result)
            return
        self.journal.record(result, self.seed, JUDGED)
        self._write(ticket, result)

    @staticmethod
    def _stand_in(content: Content) -> str:
        return "Graded with the released notebook; written answers were not read." if content.unreadable else ""

    def _points(self, verdicts: list[dict]) -> float:
        """As nbgrader adds them up: a task gives at most the points of its graded cell."""
        return sum(
            min(sum(v["points"] for v in verdicts if v["check"]["task"] == task.name), task.points)
            for task in self.project.automatic_tasks
        )

    def _write(self, ticket: _Ticket, result: Result) -> None:
        self.backlog.append((ticket, result))
        if time.monotonic() >= self.retry_at:
            from autograder.cohort.writer import Busy

            try:
                self._write_backlog()
            except Busy:
                self.retry_at = time.monotonic() + RETRY_S

    def _write_backlog(self) -> None:
        from autograder.cohort.writer import Unconvertible

        while self.backlog:
            ticket, result = self.backlog[0]
            verdicts = [verdict(data) for data in result.verdicts]
            try:
                self.writer.write(ticket.submission, ticket.content, verdicts)
            except Unconvertible as error:
                if ticket.content.unreadable:
                    raise GradingError(
                        f"{self.project.release / self.project.notebook}: nbgrader cannot grade it ({error}).",
                        "Build the projects again: course release",
                    ) from error
                path = ticket.submission.folder / self.project.notebook
                content = replace(ticket.content, unreadable=True)
                result = with_problem(result, f"{path}: nbgrader cannot read it ({error}). {self._stand_in(content)}")
                self.journal.record(result, self.seed, JUDGED)
                self.backlog[0] = (replace(ticket, content=content), result)
                continue
            self.journal.mark(result, WRITTEN)
            self.backlog.pop(0)
            self._done(result)

    def _patiently(self, action: Callable):
        """`action`, tried again while another program holds the gradebook; GradingError after PATIENCE_S."""
        from autograder.cohort.writer import Busy

        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return action()
            except Busy:
                if time.monotonic() >= until:
                    raise GradingError(
                        f"{self.root / 'gradebook.db'}: locked by another program for {PATIENCE_S:.0f} s. "
                        f"{len(self.backlog)} result(s) are judged and kept in {self.journal.path.name}, not yet in the gradebook.",
                        "Close that program (formgrader, a database browser), then run the same command again: nothing is judged twice.",
                    ) from None
                time.sleep(0.5)

    def _done(self, result: Result) -> None:
        self.results[result.student] = result
        self.tell(len(self.results), len(self.found), result)
