"""Recall questions: which are asked, and what an answer says."""

import itertools

import pytest

from coursekit import curriculum, progress
from coursekit.curriculum import CurriculumError, read_quiz
from coursekit.recall import Quiz, UnknownLesson, choose, recall

LESSONS = {"00_start": 3, "01_basics": 4, "02_text": 5}
PER_LESSON = 3


@pytest.fixture(autouse=True)
def own_work_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Three modules of 3, 4 and 5 lessons, three questions each; the right option is b everywhere."""
    for module, count in LESSONS.items():
        folder = tmp_path / "modules" / module
        folder.mkdir(parents=True)
        quiz = ""
        for number in range(1, count + 1):
            (folder / f"{number:02}_l.ipynb").write_text('{"cells": []}')
            quiz += "".join(
                f'[[question]]\nlesson = "{number:02}_l"\nprompt = "{module} {number} {k}?"\n'
                f'options = [{{ text = "no", why = "never" }}, {{ text = "yes", why = "always", right = true }}]\n'
                for k in range(PER_LESSON)
            )
        (folder / "quiz.toml").write_text(quiz)
    monkeypatch.setattr(curriculum, "ROOT", tmp_path)
    listed = curriculum.modules(tmp_path)
    monkeypatch.setattr(curriculum, "modules", lambda root=None: listed)
    return tmp_path


def asked(root, lesson: str) -> list[str]:
    return [question.lesson for question in choose(lesson, root)]


def test_the_first_lesson_asks_three_of_its_own(root):
    assert asked(root, "00_start/01_l") == ["00_start/01_l"] * 3


def test_the_first_module_asks_earlier_lessons(root):
    own, *earlier = asked(root, "00_start/03_l")
    assert own == "00_start/03_l" and len(set(earlier)) == 2
    assert set(earlier) <= {"00_start/01_l", "00_start/02_l"}


def test_later_modules_ask_one_of_their_own_and_two_of_earlier_modules(root):
    for lesson in curriculum.modules()[2].lessons:
        own, *earlier = asked(root, lesson.key)
        assert own == lesson.key
        assert len(earlier) == 2 and all(key.partition("/")[0] in ("00_start", "01_basics") for key in earlier)


def test_a_module_sweeps_the_whole_history_at_even_intervals(root):
    history = [q for module in curriculum.modules()[:2] for q in module.questions()]
    taken = sorted(history.index(q) for lesson in curriculum.modules()[2].lessons for q in choose(lesson.key, root)[1:])
    assert len(set(taken)) == 10  # two for each of five lessons, none twice
    steps = [b - a for a, b in itertools.pairwise(taken)]
    assert max(steps) - min(steps) <= 1 and taken[0] <= 2 and taken[-1] >= len(history) - 3


def test_the_choice_is_always_the_same(root):
    assert recall("02_text/03_l").questions == recall("02_text/03_l").questions


def test_an_unknown_lesson_lists_near_matches(root):
    with pytest.raises(UnknownLesson, match="Near it: 02_text/0"):
        recall("02_text/09_l")


def test_a_lesson_without_questions_names_the_file(root):
    (root / "modules" / "02_text" / "06_l.ipynb").write_text('{"cells": []}')
    with pytest.raises(UnknownLesson, match=r"quiz\.toml has no question"):
        recall("02_text/06_l")


def test_the_questions_are_shown_as_text_and_as_html(root):
    quiz = recall("00_start/01_l")
    for shown in (repr(quiz), quiz._repr_html_()):
        assert "00_start 1 0?" in shown and "b) yes" in shown and "never" not in shown
    assert 'quiz.answer("?", "?", "?")' in repr(quiz)


def test_an_answer_explains_the_chosen_and_the_right_option_and_is_recorded(root):
    quiz = recall("02_text/01_l")
    text = repr(quiz.answer("B", "a", " ? "))
    assert "1 of 2 right" in text and "1. ✓ b) is right. always" in text
    assert "2. ✗ a) is not it. never" in text and "Right is b) yes always" in text and "3. left open" in text
    assert "00_start/01_l" in text  # what to reread
    rows = progress.history()["recall_answers"]
    assert [(row["asked_in"], row["correct"]) for row in rows] == [("02_text/01_l", 1), ("02_text/01_l", 0)]


def test_questions_left_open_are_a_friendly_line_and_not_recorded(root):
    assert recall("00_start/01_l").answer("?", "?", "?").status == "not attempted"
    assert progress.history()["recall_answers"] == []


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        (("a",), "There are 3 questions and you gave 1 letters"),
        ((), "you gave 0"),
        (("a", "b", "c"), "Question 3 has the answers a, b, or ?"),
        (("a", "", "b"), "Question 2"),
        (("ab", "a", "b"), "Question 1"),
        ((1, None, "b"), "Question 1"),
    ],
)
def test_letters_that_do_not_fit_get_a_clear_line(root, letters, said):
    card = recall("00_start/01_l").answer(*letters)
    assert said in repr(card) and progress.history()["recall_answers"] == []


def test_without_a_lesson_what_is_due_is_asked(root, monkeypatch):
    quiz = recall("00_start/01_l")
    assert "Nothing is due" in repr(recall())
    monkeypatch.setattr(progress, "_now", lambda: "2020-01-01T00:00:00+00:00")
    quiz.answer("a", "b", "?")
    due = recall()
    assert isinstance(due, Quiz) and set(due.questions) == set(quiz.questions[:2])
    assert due.answer("b", "b").status == "passed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[question", "not valid TOML"),
        ('[[question]]\nlesson="01_l"\noptions=[]', "question 1 has no prompt"),
        ('[[question]]\nlesson="01_l"\nprompt="P"\noptions=[{text="a"}]', "question 1 ('P'): every option is"),
        ('[[question]]\nlesson="01_l"\nprompt="P"\noptions=[{text="a", why="w"}]', "exactly one option has right"),
    ],
)
def test_a_faulty_quiz_file_is_named_with_what_is_wrong(tmp_path, text, said):
    file = tmp_path / "quiz.toml"
    file.write_text(text)
    with pytest.raises(CurriculumError) as caught:
        read_quiz(file, "00_start")
    assert said in str(caught.value) and str(caught.value).startswith(str(file))
