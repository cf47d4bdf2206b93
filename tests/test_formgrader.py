"""A written answer graded by a person: nbgrader's formgrader inside JupyterLab, over a cohort that the course graded."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from test_browser import browser, needs_chromium, pictures

from coursekit import curriculum

PROJECT = "greeter"
ANSWERS = {
    "ada": "A greeting tells the other side that **somebody listens** before the work begins.",
    "bob": "Because it is polite.",
    "eve": None,  # left as it was released
}
COMMENT = "You say what a greeting is for. Name one case where it costs more than it gives."
POINTS = 1.5
TRIES = 3


@pytest.fixture
def cohort(mini, tmp_path) -> Path:
    """The grading root of three learners, imported and graded: `right`, `wrong` code, and nothing done.

    It lies below the course, as the default `grading/` does: formgrader opens no other.
    """
    root = tmp_path / "course"
    shutil.copytree(mini.root, root, ignore=shutil.ignore_patterns("cache"))
    mini.root = root
    inbox = tmp_path / "inbox"
    for student, answer in ANSWERS.items():
        hand_in(mini.root, inbox / student / PROJECT, answer)
    wrong = root / "autograder" / "projects" / PROJECT / "wrong" / "shouts" / PROJECT
    shutil.copytree(wrong, inbox / "bob" / PROJECT / PROJECT, dirs_exist_ok=True)

    grading = root / "grading"
    mini.run("cohort", "import", str(inbox), "--project", PROJECT, COURSE_GRADING=str(grading))
    mini.run("cohort", "grade", COURSE_GRADING=str(grading))
    return grading


def hand_in(course: Path, folder: Path, answer: str | None) -> None:
    """The released project, with the reference's package and `answer` in the notebook's written part; None: as released."""
    shutil.copytree(course / "projects" / PROJECT, folder)
    if answer is None:
        return
    shutil.copytree(course / "solutions" / PROJECT / PROJECT, folder / PROJECT, dirs_exist_ok=True)
    file = folder / f"{PROJECT}.ipynb"
    notebook = json.loads(file.read_text())
    [essay] = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "essay"]
    essay["source"] = answer
    file.write_text(json.dumps(notebook))


def essay_in(grading: Path, student: str) -> tuple[float | None, str | None, bool]:
    """Manual points, comment and whether a person must still grade, as the gradebook has them."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{grading / 'gradebook.db'}", "ninety-days") as book:
        grade = book.find_grade("essay", PROJECT, PROJECT, student)
        comment = book.find_comment("essay", PROJECT, PROJECT, student)
        return grade.manual_score, comment.manual_comment, grade.needs_manual_grade


class Formgrader:
    """Formgrader in a tab of JupyterLab, opened from its menu. Its pages are in a frame: the driver stays in there."""

    def __init__(self, page, address: str):
        self.page = page
        page.get(address)
        opened = ".jp-FileEditor .cm-content"  # the file of the address: opened later, its tab would cover formgrader's
        browser.wait(lambda: page.find_elements("css selector", opened), browser.START_S, "JupyterLab")
        browser.click(page, ".lm-MenuBar-item", lambda item: item.text == "Nbgrader")
        browser.click(page, ".lm-Menu-item[data-command='nbgrader:open-formgrader']")
        frame = "iframe[src*='formgrader']"
        browser.wait(lambda: page.find_elements("css selector", frame), browser.START_S, "formgrader's tab")
        browser.close_side_bar(page)
        page.switch_to.frame(page.find_element("css selector", frame))

    def follow(self, text: str, ends: str) -> None:
        """Click the link that says `text` and leads to an address that ends with `ends`."""
        browser.click(
            self.page, "a[href]", lambda a: a.text == text and a.get_attribute("href").rstrip("/").endswith(ends)
        )

    def statuses(self) -> dict[str, str]:
        """By learner, on the page of an assignment's submissions."""
        rows = (
            "return [...document.querySelectorAll('#main-table tr')].filter(r => r.querySelector('.status')).map(r => "
        )
        cells = "[r.querySelector('.student-id').textContent, r.querySelector('.status').textContent])"
        return browser.wait(lambda: dict(self.page.execute_script(rows + cells)), browser.START_S, "the submissions")

    def save(self, selector: str, text: str, saved: Callable[[], bool], what: str) -> None:
        """Type until the gradebook has it: on a busy machine the page may be redrawn between the typing and the saving."""
        for _ in range(TRIES - 1):
            self._type_into(selector, text)
            with contextlib.suppress(AssertionError):
                return browser.wait(saved, browser.ACT_S / TRIES, what)
        self._type_into(selector, text)
        browser.wait(saved, browser.ACT_S, what)

    def _type_into(self, selector: str, text: str) -> None:
        """Type into a field that the page has filled with what the gradebook holds, and leave it: that saves."""
        loaded = "return typeof formgrader === 'object' && !!formgrader.grades?.loaded && !!formgrader.comments?.loaded"
        browser.wait(lambda: self.page.execute_script(loaded), browser.START_S, "the submission's grades and comments")
        browser.click(self.page, selector)
        field = self.page.switch_to.active_element
        field.clear()
        field.send_keys(text)
        self.page.execute_script("arguments[0].blur()", field)  # the browser fires `change`, as on a click elsewhere

    def shown(self, selector: str) -> str:
        return self.page.execute_script("return document.querySelector(arguments[0])?.value ?? ''", selector)


@needs_chromium
@pytest.mark.timeout(500)
def test_a_written_answer_is_graded_in_formgrader(mini, cohort, tmp_path):
    before = {student: essay_in(cohort, student) for student in ANSWERS}
    assert before == {"ada": (None, None, True), "bob": (None, None, True), "eve": (None, None, False)}

    variables = {"COURSE_ROOT": str(mini.root), "COURSE_GRADING": str(cohort), "PYTHONPATH": str(curriculum.ROOT)}
    with (
        browser.jupyterlab(mini.root, f"projects/{PROJECT}/README.md", tmp_path, **variables) as address,
        browser.chromium(tmp_path, browser.ONLY_THIS_MACHINE) as page,
    ):
        formgrader = Formgrader(page, address)
        formgrader.follow("3", f"/manage_submissions/{PROJECT}")
        waiting = "needs manual grading"
        assert formgrader.statuses() == {"ada": waiting, "bob": waiting, "eve": "graded"}
        submissions = page.execute_script("return location.href")

        formgrader.follow("None, None", f"/manage_students/ada/{PROJECT}")
        browser.click(page, "a[href*='/formgrader/submissions/']", lambda a: a.text == PROJECT)
        formgrader.save(
            "#essay", str(POINTS), lambda: essay_in(cohort, "ada")[0] == POINTS, "the points in the gradebook"
        )
        formgrader.save("#essay-comment", COMMENT, lambda: essay_in(cohort, "ada")[1] == COMMENT, "the comment there")
        assert "somebody listens" in page.find_element("css selector", ".nbgrader_cell:has(#essay)").text

        page.execute_script("location.href = arguments[0]", submissions)
        assert formgrader.statuses() == {"ada": "graded", "bob": waiting, "eve": "graded"}
        formgrader.follow("None, None", f"/manage_students/ada/{PROJECT}")
        browser.click(page, "a[href*='/formgrader/submissions/']", lambda a: a.text == PROJECT)
        fields = {"#essay": str(POINTS), "#essay-comment": COMMENT}
        browser.wait(
            lambda: {field: formgrader.shown(field) for field in fields} == fields,
            browser.START_S,
            "the page to show what was saved",
        )
        page.execute_script("document.querySelector('.nbgrader_cell:has(#essay)').scrollIntoView({block: 'center'})")
        picture = pictures(tmp_path) / "formgrader.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(page.get_screenshot_as_png())

    assert essay_in(cohort, "ada") == (POINTS, COMMENT, False)
    assert [essay_in(cohort, student) for student in ("bob", "eve")] == [before["bob"], before["eve"]]

    mini.run("cohort", "feedback", str(tmp_path / "return"), COURSE_GRADING=str(cohort))
    page_of = {student: (tmp_path / "return" / student / f"{PROJECT}.html").read_text() for student in ANSWERS}
    assert COMMENT in page_of["ada"] and "1.5 / 2.0" in page_of["ada"] and "7.5 / 8.0" in page_of["ada"]
    assert COMMENT not in page_of["bob"] + page_of["eve"]
    assert 10_000 < picture.stat().st_size < 300_000
