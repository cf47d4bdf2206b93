"""Practice exercises: a contract, a stub, a check that explains, three hints, a solution.

Authors subclass `Exercise` in `modules/NN_module/exercises.py`; CONTRIBUTING.md shows one. Learners write
`ex = exercise("NN_module/name")`, then `ex.check(answer)`, `ex.hint()`, `ex.solution()`.
"""

import difflib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, NoReturn

from coursekit import curriculum, progress
from coursekit.answers import evaluate, learners_line, mentions_ellipsis, said_by_check, untouched
from coursekit.compare import difference, holds_ellipsis, shown
from coursekit.feedback import Block, Card, Markdown

__all__ = ["Exercise", "Outcome", "Practice", "UnknownExercise", "evaluate", "exercise"]

_NOTHING = object()


class UnknownExercise(LookupError):
    """There is no exercise of that name. The message lists near matches."""


class NotAttempted(Exception):
    """The answer is, or holds, the stub's `...`."""


@dataclass
class Failure(Exception):
    """A behaviour that the answer does not have."""

    behaviour: str
    given: str = ""
    got: str = ""
    want: str = ""
    why: str = ""
    where: str = ""


class Exercise:
    """What an author writes: the docstring is the contract (Markdown), `check` judges an answer."""

    lesson: ClassVar[str]
    stub: ClassVar[str]
    hints: ClassVar[tuple[str, str, str]]
    solution: ClassVar[str]
    wrong: ClassVar[dict[str, str]]

    def __init__(self) -> None:
        self.confirmed: list[str] = []  # behaviours seen so far

    def check(self, answer: Any) -> None:
        """Call `expect`, `raises` and `fail`, smallest input first. Return normally when the answer is right."""
        raise NotImplementedError(f"{type(self).__name__} needs a check(self, answer)")

    def expect(self, got: Any, want: Any, *, behaviour: str, given: str, why: str, tolerance: float = 1e-6) -> None:
        """The answer has `behaviour` when `got` equals `want`, as `coursekit.compare.difference` compares them.

        `given` is the input in a learner's words; `why` is what breaks in production otherwise.
        """
        if holds_ellipsis(got):
            raise NotAttempted
        if where := difference(got, want, tolerance):
            says_no_more = where == f"got {shown(got)}, expected {shown(want)}"
            where = "" if says_no_more else where
            raise Failure(behaviour, given, shown(got), shown(want), why, where)
        self._confirm(behaviour)

    def raises(
        self,
        exception: type[BaseException] | tuple[type[BaseException], ...],
        call: Callable[[], Any],
        *,
        behaviour: str,
        given: str,
        why: str,
        mentions: str = "",
    ) -> None:
        """`call()` must raise `exception`, and its message must contain `mentions` (upper and lower case are the same)."""
        kinds = exception if isinstance(exception, tuple) else (exception,)
        want = " or ".join(kind.__name__ for kind in kinds)
        try:
            got = call()
        except kinds as error:
            if mentions.lower() not in str(error).lower():
                wanted = f"{want} with a message that mentions {mentions!r}"
                raise Failure(behaviour, given, f"{type(error).__name__}: {error}", wanted, why) from None
        except Exception as error:
            if mentions_ellipsis(error):
                raise NotAttempted from None
            raise Failure(behaviour, given, f"{type(error).__name__}: {error}", want, why) from None
        else:
            if holds_ellipsis(got):
                raise NotAttempted
            raise Failure(behaviour, given, f"no error; it returned {shown(got)}", want, why)
        self._confirm(behaviour)

    def fail(self, *, behaviour: str, given: str = "", got: Any = "", want: Any = "", why: str) -> NoReturn:
        """Say that the answer lacks `behaviour`, where a comparison cannot. `got` and `want`: text as it is, else its repr."""
        if holds_ellipsis(got):
            raise NotAttempted
        text = (value if isinstance(value, str) else shown(value) for value in (got, want))
        raise Failure(behaviour, given, *text, why)

    def _confirm(self, behaviour: str) -> None:
        if behaviour not in self.confirmed:
            self.confirmed.append(behaviour)


@dataclass(frozen=True)
class Outcome:
    """What a check found. `status`: "passed", "failed" or "not attempted"."""

    status: str
    card: Card
    behaviour: str = ""
    why: str = ""
    confirmed: tuple[str, ...] = ()


@dataclass
class Practice:
    """One exercise in a learner's hands; shown in a cell, it prints the contract."""

    name: str
    definition: type[Exercise]
    hints_seen: int = field(default=0, init=False)

    @property
    def contract(self) -> str:
        """The exercise's docstring, Markdown."""
        return inspect.cleandoc(self.definition.__doc__ or "")

    def evaluate(self, source: str) -> Any:
        """`evaluate(source)`, with the public names of the file that defines the exercise (its imports) at hand."""
        names = getattr(self.definition.check, "__globals__", {})
        return evaluate(source, {name: value for name, value in names.items() if not name.startswith("_")})

    def judge(self, answer: Any) -> Outcome:
        """Check `answer` and record nothing. A failing or crashing answer is an outcome, never an exception."""
        if answer is ... or untouched(answer, self.definition.stub):
            return self._not_attempted()
        judge = self.definition()
        try:
            judge.check(answer)
        except NotAttempted:
            return self._not_attempted()
        except Failure as failure:
            return self._failed(failure)
        except (Exception, SystemExit) as error:
            if mentions_ellipsis(error):
                return self._not_attempted()
            return self._crashed(error)
        seen = tuple(judge.confirmed)
        blocks = [Block(label="What your answer does:", items=seen)] if seen else []
        return Outcome("passed", Card("passed", f"Right: `{self.short_name}`", blocks), confirmed=seen)

    def check(self, answer: Any = _NOTHING) -> Card:
        """Judge `answer` (the function, class or value itself, not a call of it) and show what was found."""
        if answer is _NOTHING:
            return Card("note", f"Pass your answer, without calling it: `ex.check({self.answer_name})`")
        given = getattr(answer, "__name__", self.answer_name)
        if given.isidentifier() and given != self.answer_name:
            # After "Run all", `ex` is the lesson's last exercise: an earlier answer would be judged by the wrong one.
            again = f"To go back to `{given}`, run the cell that opens its exercise again, then this one."
            return Card("note", f"This is the exercise on `{self.answer_name}`, not on `{given}`", [Block(again)])
        outcome = self.judge(answer)
        if outcome.status != "not attempted":
            progress.record_attempt(self.name, outcome.status == "passed", outcome.behaviour)
        return outcome.card

    def hint(self) -> Card:
        """The next of three hints, from nudge to near-answer; after the third, where to go."""
        hints = self.definition.hints
        if self.hints_seen >= len(hints):
            return Card("note", "That was the last hint. `ex.solution()` shows one way to write it.")
        text = hints[self.hints_seen]
        self.hints_seen += 1
        progress.record_hint(self.name, self.hints_seen)
        return Card("note", f"Hint {self.hints_seen} of {len(hints)}", [Block(text)])

    def solution(self) -> Markdown:
        """One right answer. Yours may look different: what counts is `check`."""
        progress.record_hint(self.name, progress.SOLUTION_STEP)
        code = self.definition.solution.strip("\n")
        return Markdown(f"One way to write it; any code that `ex.check` accepts is as good.\n\n```python\n{code}\n```")

    @property
    def short_name(self) -> str:
        """The name without its module."""
        return self.name.partition("/")[2]

    @property
    def answer_name(self) -> str:
        """The name that the stub defines: what the learner passes to `check`."""
        found = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*[:=]", self.definition.stub, flags=re.MULTILINE)
        return next((a or b for a, b in reversed(found)), self.short_name)

    def __repr__(self) -> str:
        return self._markdown()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self._markdown(), "text/markdown": self._markdown()}

    def _markdown(self) -> str:
        return f"**Exercise `{self.short_name}`**\n\n{self.contract}"

    def _not_attempted(self) -> Outcome:
        text = f"Replace the `...` in `{self.answer_name}`, run its cell, then run this one again. `ex.hint()` gives a nudge."
        return Outcome("not attempted", Card("not attempted", "Not attempted yet", [Block(text)]))

    def _failed(self, failure: Failure) -> Outcome:
        blocks = [Block(failure.given, "Input", code=True)] if failure.given else []
        if failure.got or failure.want:
            blocks += [Block(failure.got, "Got", code=True), Block(failure.want, "Expected", code=True)]
        blocks += [Block(failure.where, "Differs", code=True)] if failure.where else []
        blocks += [Block(failure.why, "Why it matters:")] if failure.why else []
        return Outcome(
            "failed", Card("failed", f"Not yet: {failure.behaviour}", blocks), failure.behaviour, failure.why
        )

    def _crashed(self, error: BaseException) -> Outcome:
        said = said_by_check(error)
        line = learners_line(error)
        behaviour = said.get("behaviour") or "The code runs to its end"
        why = said.get("why") or "Whoever calls this code gets the error instead of a result."
        blocks = [Block(said["given"], "Input", code=True)] if said.get("given") else []
        blocks += [Block(said["call"], "Check ran", code=True)] if not said.get("given") and said.get("call") else []
        message = f"{type(error).__name__}: {error}".strip().rstrip(":")
        if line:
            blocks += [Block(message, "Error", code=True), Block(line, "Your line", code=True)]
        else:
            text = "What your code returned could not be used as the contract says; look at its type."
            blocks += [Block(message, "Error", code=True), Block(text)]
        blocks.append(Block(why, "Why it matters:"))
        title = f"Not yet: {behaviour}. Your code stopped with an error" if line else f"Not yet: {behaviour}"
        return Outcome("failed", Card("failed", title, blocks), behaviour, why)


def exercise(name: str) -> Practice:
    """The exercise "NN_module/name", read from `modules/NN_module/exercises.py` (again, when the file has changed).

    Raises UnknownExercise, whose message lists what the name may have meant.
    """
    module_name, _, short = name.partition("/")
    every = {m.name: m for m in curriculum.modules()}
    found = definitions(every[module_name]) if module_name in every else {}
    if short not in found:
        known = list(found) if found else [n for m in every.values() for n in definitions(m)]
        names = {n: f"{m.name}/{n}" for m in every.values() for n in definitions(m)}
        near = [names[n] for n in difflib.get_close_matches(short or name, known, n=3, cutoff=0.5)]
        hint = (
            f" Did you mean {' or '.join(map(repr, near))}?"
            if near
            else f" Modules with exercises: {', '.join(every)}."
        )
        raise UnknownExercise(f"There is no exercise {name!r}.{hint}")
    practice = Practice(name, found[short])
    progress.record_open(f"{module_name}/{practice.definition.lesson}")
    return practice


def definitions(module: curriculum.Module) -> Mapping[str, type[Exercise]]:
    """The exercises of a module by snake_case name, in the order of the file; none where the module has no file."""
    if not module.exercises_file.exists():
        return {}
    loaded = _load(module)
    kinds = (k for k in vars(loaded).values() if inspect.isclass(k) and issubclass(k, Exercise))
    return {curriculum.snake_case(kind.__name__): kind for kind in kinds if kind.__module__ == loaded.__name__}


_loaded: dict[str, tuple[tuple[int, int], ModuleType]] = {}


def _load(module: curriculum.Module) -> ModuleType:
    file = module.exercises_file
    stat = file.stat()
    version = (stat.st_mtime_ns, stat.st_size)
    known = _loaded.get(str(file))
    if known and known[0] == version:
        return known[1]
    spec = importlib.util.spec_from_file_location(f"course_exercises_{module.name}", file)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    _loaded[str(file)] = (version, loaded)
    return loaded
