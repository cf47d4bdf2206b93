"""Recall questions: three at a lesson's end, one on the lesson and two on what came before it."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from coursekit import curriculum, progress
from coursekit.curriculum import Question
from coursekit.feedback import Block, Card

ASKED = 3
LETTERS = "abcdefgh"
SKIP = "?"


class UnknownLesson(LookupError):
    """There is no lesson of that name, or it has no questions. The message says which there are."""


@dataclass(frozen=True)
class Quiz:
    """The questions chosen for a lesson; shown in a cell, it asks them."""

    lesson: str
    questions: tuple[Question, ...]

    def answer(self, *letters: str) -> Card:
        """One letter a question, in order, such as `quiz.answer("a", "?", "c")`; "?" leaves a question open.

        Shows why the chosen option is right or wrong, and which one is right. Never raises.
        """
        if problem := self._problem(letters):
            return Card("note", problem)
        chosen = [str(letter).strip().lower() for letter in letters]
        if all(letter == SKIP for letter in chosen):
            text = "Put a letter in place of each `?`, without scrolling up to look: trying to remember is what makes it stay."
            return Card("not attempted", "Not answered yet", [Block(text)])
        blocks, right, answered = [], 0, 0
        for number, (question, letter) in enumerate(zip(self.questions, chosen, strict=True), 1):
            if letter == SKIP:
                blocks.append(Block("left open", f"{number}."))
                continue
            option = question.options[LETTERS.index(letter)]
            answered += 1
            right += option.right
            progress.record_recall(question.id, self.lesson, option.right)
            if option.right:
                blocks.append(Block(option.why, f"{number}. ✓ {letter}) is right."))
            else:
                best = question.options[question.right_index]
                blocks.append(Block(option.why, f"{number}. ✗ {letter}) is not it."))
                text = f"{LETTERS[question.right_index]}) {best.text} {best.why}"
                blocks.append(Block(text, "Right is"))
                blocks.append(Block(question.lesson, "To reread:", code=True))
        status = "passed" if right == len(self.questions) else "note"
        return Card(status, f"{right} of {answered} right", blocks)

    def _problem(self, letters: tuple[str, ...]) -> str:
        example = ", ".join(['"?"'] * len(self.questions))
        if len(letters) != len(self.questions):
            return f"There are {len(self.questions)} questions and you gave {len(letters)} letters: `quiz.answer({example})`"
        for number, (question, letter) in enumerate(zip(self.questions, letters, strict=True), 1):
            known = LETTERS[: len(question.options)]
            if str(letter).strip().lower() not in (*known, SKIP):
                return (
                    f"Question {number} has the answers {', '.join(known)}, or ? to leave it open; you gave {letter!r}."
                )
        return ""

    def _card(self) -> Card:
        if not self.questions:
            return Card("passed", "Nothing is due for recall today")
        blocks = []
        for number, question in enumerate(self.questions, 1):
            blocks.append(Block(question.prompt, f"{number}."))
            rows = zip(LETTERS, question.options, strict=False)
            blocks.append(Block(items=tuple(f"{letter}) {option.text}" for letter, option in rows), bullets=False))
        example = ", ".join(['"?"'] * len(self.questions))
        blocks.append(Block(f"Answer with a letter for each question: `quiz.answer({example})`"))
        return Card("note", "Recall: from memory, without scrolling up", blocks)

    def __repr__(self) -> str:
        return repr(self._card())

    def _repr_html_(self) -> str:
        return self._card()._repr_html_()


def recall(lesson: str | None = None) -> Quiz:
    """The three questions of the lesson "NN_module/NN_lesson"; without a lesson, up to three that are due today.

    Raises UnknownLesson, whose message lists what the name may have meant.
    """
    if lesson is None:
        ids = [row["question"] for row in progress.summary()["due"]][:ASKED]
        every = {q.id: q for module in curriculum.modules() for q in module.questions()}
        return Quiz("due", tuple(every[i] for i in ids))
    questions = choose(lesson)
    progress.record_open(lesson)
    return Quiz(lesson, questions)


def choose(lesson: str, root: Path = curriculum.ROOT) -> tuple[Question, ...]:
    """Three questions, always the same: one of the lesson, two that sweep what came before it.

    With N earlier questions in course order, the j-th of J lessons takes number floor(N (j + 1/2) / 2J) and the one N // 2 further
    on: over a module's lessons the two walk evenly through the whole history, half of it apart. What came before is the
    earlier modules; in the first module, its earlier lessons. Where that has fewer than two questions, the lesson's own fill up.
    """
    modules = curriculum.modules(root)
    keys = [[item.key for item in module.lessons] for module in modules]
    place = next(((m, row.index(lesson)) for m, row in enumerate(keys) if lesson in row), None)
    if place is None:
        known = [key for row in keys for key in row]
        near = difflib.get_close_matches(lesson, known, n=3, cutoff=0.4) or known[:3]
        raise UnknownLesson(f"There is no lesson {lesson!r}. Near it: {', '.join(near)}.")
    m, j = place
    own = [q for q in modules[m].questions() if q.lesson == lesson]
    if not own:
        raise UnknownLesson(
            f"{modules[m].path / 'quiz.toml'} has no question with lesson = {lesson.partition('/')[2]!r}."
        )
    earlier = [q for module in modules[:m] for q in module.questions()]
    if not earlier:
        earlier = [q for q in modules[m].questions() if q.lesson in keys[m][:j]]
    count, total = len(earlier), len(keys[m])
    first = int(count * (j + 0.5) / (2 * total))
    swept = [earlier[i] for i in dict.fromkeys((first, first + count // 2)) if i < count]
    return tuple([own[0], *swept, *own[1:]][:ASKED])
