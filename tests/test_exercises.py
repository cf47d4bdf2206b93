"""Practice exercises: what `check`, `hint` and `solution` say, and what counts as equal."""

import os
import textwrap

import pytest

from coursekit import curriculum, progress
from coursekit.exercises import Exercise, Practice, UnknownExercise, evaluate, exercise
from coursekit.feedback import Block, Card

DEFINITION = '''
import statistics as stats

from coursekit.exercises import Exercise


class MeanDelay(Exercise):
    """`mean_delay(hours)` → `float`, in hours. An empty list raises `ValueError`."""

    lesson = "01_delay"
    stub = """
def mean_delay(hours):
    return ...  # your code
"""
    hints = ("Sum first.", "Divide by `len`.", "`sum(hours) / len(hours)`")
    solution = """
def mean_delay(hours):
    if not hours:
        raise ValueError("hours is empty")
    return stats.fmean(hours)
"""
    wrong = {}

    def check(self, mean_delay):
        hours = [4]
        self.expect(
            mean_delay(hours), 4, behaviour="One shipment is its own mean", given=f"hours={hours}", why="Dashboards lie."
        )
        self.expect(mean_delay([1, 2]), 1.5, behaviour="Two are averaged", given="hours=[1, 2]", why="Dashboards lie.")
        self.raises(
            ValueError, lambda: mean_delay([]), behaviour="Nothing has no mean", given="hours=[]", why="0 h looks good.",
            mentions="empty",
        )
'''


@pytest.fixture(autouse=True)
def own_work_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with one exercise, 00_start/mean_delay."""
    folder = tmp_path / "modules" / "00_start"
    folder.mkdir(parents=True)
    (folder / "exercises.py").write_text(DEFINITION)
    listed = curriculum.modules(tmp_path)
    monkeypatch.setattr(curriculum, "modules", lambda root=None: listed)
    return folder


@pytest.fixture
def mean_delay(course) -> Practice:
    return exercise("00_start/mean_delay")


def answer(body: str):
    """A learner's function `mean_delay` with this body."""
    return evaluate("def mean_delay(hours):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    "))


def test_a_right_answer_is_told_what_it_does_and_is_recorded(mean_delay):
    card = mean_delay.check(mean_delay.evaluate(mean_delay.definition.solution))
    assert card.status == "passed"
    assert "Two are averaged" in repr(card) and "Two are averaged" in card._repr_html_()
    assert [row["passed"] for row in progress.history()["exercise_attempts"]] == [1]


def test_a_wrong_answer_is_told_behaviour_input_got_expected_and_why(mean_delay):
    text = repr(mean_delay.check(answer("return float(hours[0])")))
    assert text.splitlines()[0] == "✗ Not yet: Two are averaged"
    for part in ("hours=[1, 2]", "1.0", "1.5", "Why it matters: Dashboards lie."):
        assert part in text
    assert progress.history()["exercise_attempts"][0]["behaviour"] == "Two are averaged"


def test_a_crash_names_the_error_the_input_and_the_learners_own_line_without_a_traceback(mean_delay):
    card = mean_delay.check(answer("total = 0\nreturn total / hourz"))
    text = repr(card)
    assert "NameError: name 'hourz' is not defined" in text
    assert "line 3 of mean_delay's cell: return total / hourz" in text
    assert "hours=[4]" in text and "Dashboards lie." in text  # read from the check, with its variables' values
    assert "Traceback" not in text and "exercises.py" not in text + card._repr_html_()


@pytest.mark.parametrize("body", ["return len(hours) * mean_delay(hours)", "raise SystemExit(2)", "raise KeyError"])
def test_no_answer_stops_the_notebook(mean_delay, body):
    assert mean_delay.check(answer(body)).status == "failed"


def test_interrupting_an_endless_answer_is_not_swallowed(mean_delay):
    with pytest.raises(KeyboardInterrupt):
        mean_delay.check(answer("raise KeyboardInterrupt"))


def test_a_check_that_cannot_use_the_result_blames_its_type(course):
    class FirstKey(Exercise):
        stub = "def first_key(d): return ..."

        def check(self, first_key):
            self.expect(first_key({"a": 1})[0], "a", behaviour="The first key", given="{'a': 1}", why="Order matters.")

    text = repr(Practice("00_start/first_key", FirstKey).check(lambda d: None))
    assert "'NoneType' object is not subscriptable" in text and "look at its type" in text


@pytest.mark.parametrize(
    "body",
    [
        "return ...",
        "return [...]",
        "return {'mean': ...}",
        "return ... / 2",
        "x = ...\nreturn x[0]",
        "for h in ...: pass",
    ],
)
def test_what_still_holds_the_ellipsis_is_not_attempted(mean_delay, body):
    assert mean_delay.check(answer(body)).status == "not attempted"
    assert progress.history()["exercise_attempts"] == []


def test_an_untouched_stub_is_not_attempted_even_when_it_returns_a_value():
    class Basket(Exercise):
        stub = "class Basket:\n    def add(self, item):\n        ...  # your code\n"

        def check(self, basket):
            self.expect(basket().add(1), 1, behaviour="Adds", given="1", why="Empty baskets.")

    practice = Practice("00_start/basket", Basket)
    assert practice.judge(evaluate(Basket.stub)).status == "not attempted"
    assert practice.judge(evaluate("class Basket:\n    def add(self, item):\n        return 2")).status == "failed"
    assert practice.judge(evaluate("class Basket:\n    def add(self, item):\n        return item")).status == "passed"


def test_check_without_an_answer_says_what_to_pass(mean_delay):
    assert "ex.check(mean_delay)" in repr(mean_delay.check())


def test_three_hints_in_order_then_the_solution(mean_delay):
    said = [repr(mean_delay.hint()) for _ in range(4)]
    assert [f"Hint {i} of 3" in text for i, text in enumerate(said, 1)] == [True, True, True, False]
    assert "ex.solution()" in said[3]
    assert "```python\ndef mean_delay" in mean_delay.solution()._repr_mimebundle_()["text/markdown"]
    assert [row["step"] for row in progress.history()["hints"]] == [1, 2, 3, progress.SOLUTION_STEP]


def test_the_contract_is_markdown_and_readable_as_text(mean_delay):
    bundle = mean_delay._repr_mimebundle_()
    assert bundle["text/plain"] == bundle["text/markdown"] == repr(mean_delay)
    assert "`mean_delay(hours)` → `float`, in hours" in repr(mean_delay)


@pytest.mark.parametrize("name", ["00_start/mean_dealy", "mean_delay", "01_start/mean_delay"])
def test_an_unknown_exercise_lists_near_matches(course, name):
    with pytest.raises(UnknownExercise, match="Did you mean '00_start/mean_delay'"):
        exercise(name)


def test_a_changed_definition_is_read_again(course, mean_delay):
    file = course / "exercises.py"
    file.write_text(DEFINITION.replace("Sum first.", "Add them up first."))
    os.utime(file, ns=(1, 1))
    assert "Add them up first." in repr(exercise("00_start/mean_delay").hint())


def test_a_solution_may_use_what_its_file_imports(mean_delay):
    assert mean_delay.judge(mean_delay.evaluate(mean_delay.definition.solution)).status == "passed"


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        ("raise ValueError('hours is empty')", "passed", ""),
        ("raise ValueError('no')", "failed", "mentions 'EMPTY'"),
        ("raise ZeroDivisionError('division by zero')", "failed", "ZeroDivisionError: division by zero"),
        ("return 0", "failed", "no error; it returned 0"),
        ("return ...", "not attempted", ""),
    ],
)
def test_raises_wants_the_error_and_its_message(call, status, said):
    class Empty(Exercise):
        stub = "def f(): return None"

        def check(self, f):
            self.raises(ValueError, f, behaviour="Refuses nothing", given="[]", why="0 looks good.", mentions="EMPTY")

    outcome = Practice("m/empty", Empty).judge(evaluate(f"def f():\n    {call}"))
    assert outcome.status == status and said in repr(outcome.card)


def test_fail_says_what_a_comparison_cannot():
    class Fresh(Exercise):
        stub = "def f(): return None"

        def check(self, f):
            self.fail(
                behaviour="Leaves its input alone",
                given="[1]",
                got=[2],
                want="the list as it was",
                why="Callers keep it.",
            )

    text = repr(Practice("m/fresh", Fresh).judge(len).card)
    assert "[2]" in text and "the list as it was" in text


# --- evaluate


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("a = 1\nb = 2", 2),
        ("a: int = 3", 3),
        ("a, b = 4, 5", 5),
        ("x = 1\nimport math", 1),
        ("def one():\n    return 1\nclass Two:\n    pass\nthree = 3\nprint('')", 3),
    ],
)
def test_evaluate_returns_what_is_defined_last(source, value):
    assert evaluate(source) == value


def test_evaluate_runs_dataclasses_and_refuses_a_source_that_defines_nothing():
    made = evaluate(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1"
    )
    assert made().x == 1
    with pytest.raises(ValueError, match="defines no"):
        evaluate("print()")


def test_a_card_escapes_and_says_its_status_in_words():
    card = Card("failed", "Not yet: <b>", [Block("`x < 1` & **all**"), Block("<script>", "Got", code=True)])
    html = card._repr_html_()
    assert "<b>" not in html and "<script>" not in html
    assert "<code>x &lt; 1</code> &amp; <strong>all</strong>" in html and "✗ Not yet" in html


def test_in_a_real_kernel_every_cell_shows_html_and_text_and_none_stops(course, tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    stub = "def mean_delay(hours):\n    return ...  # your code"
    crash = "def mean_delay(hours):\n    spare = {}\n    return spare['hours']"
    sources = [
        "from coursekit.exercises import exercise",
        'ex = exercise("00_start/mean_delay")\nex',
        stub,
        "ex.check(mean_delay)",
    ]
    sources += ["ex.hint()", crash, "ex.check(mean_delay)", "ex.solution()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    shown = [cell.outputs[0].data for cell in notebook.cells if cell.outputs]
    assert [min(data) for data in shown] == ["text/markdown", "text/html", "text/html", "text/html", "text/markdown"]
    contract, untouched, hint, crashed, solution = (data["text/plain"] for data in shown)
    assert "**Exercise `mean_delay`**" in contract and "Not attempted yet" in untouched and "Hint 1 of 3" in hint
    assert "line 3 of mean_delay's cell: return spare['hours']" in crashed and "stats.fmean" in solution


def test_an_answer_to_another_exercise_is_not_judged_by_this_one(mean_delay):
    def something_else(n):
        return n

    card = mean_delay.check(something_else)
    assert card.status == "note" and "something_else" in card.title and "run the cell" in repr(card)
