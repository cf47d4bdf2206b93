"""A learner's first lesson in a real browser: run it to the end, answer an exercise wrongly and rightly, take a hint."""

import os
from pathlib import Path

import pytest

from coursekit import curriculum, notebooks
from coursekit.exercises import Practice, definitions
from coursekit.lab import FIRST_LESSON

browser = pytest.importorskip("browser", reason="selenium is not installed: make test installs it")

needs_chromium = pytest.mark.skipif(
    browser.programs() is None,
    reason="no Chromium with its chromedriver on the PATH; on Debian: apt-get install chromium chromium-driver",
)


def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that COURSE_SCREENSHOTS names (`docs/images`, for the README's), or a temporary one."""
    return Path(os.environ.get("COURSE_SCREENSHOTS") or tmp_path)


def find_exercise(lesson: Path) -> tuple[Practice, int]:
    """The lesson's first exercise and the number of the cell that opens it; its stub and check cells follow."""
    cells = [notebooks.source(cell) for cell in notebooks.read(lesson)["cells"]]
    for name, definition in definitions(curriculum.Module(lesson.parent)).items():
        for number, text in enumerate(cells):
            if f'exercise("{lesson.parent.name}/{name}")' in text:
                return Practice(f"{lesson.parent.name}/{name}", definition), number
    raise AssertionError(f"{lesson}: no cell opens an exercise")


@needs_chromium
@pytest.mark.timeout(500)
def test_the_first_lesson_runs_and_teaches_in_jupyterlab(tmp_path):
    course = browser.copy_of_the_course(tmp_path / "course")
    lesson = course / FIRST_LESSON
    cells = notebooks.read(lesson)["cells"]
    practice, opens = find_exercise(lesson)
    sources = [notebooks.source(cell) for cell in cells]
    stub, check = (
        next(n for n in range(opens + 1, len(cells)) if text in sources[n])
        for text in (practice.definition.stub.strip("\n"), "ex.check(")
    )
    wrong_answer = next(iter(practice.definition.wrong.values())).strip("\n")
    expected = practice.judge(practice.evaluate(wrong_answer))
    assert expected.status == "failed"

    with browser.jupyterlab(course, FIRST_LESSON, tmp_path) as address, browser.chromium(tmp_path) as page:
        notebook = browser.LessonPage(page, address, len(cells))
        notebook.run_all()
        assert notebook.errors() == []
        assert "Not attempted yet" in notebook.output(check)

        notebook.run(opens)  # the lesson's later exercises have taken the name `ex`
        notebook.write(stub, wrong_answer)
        notebook.run(stub)
        feedback = notebook.run(check)
        assert "Not yet:" in feedback and "Why it matters:" in feedback
        assert plain(expected.behaviour) in feedback and plain(expected.why) in feedback
        notebook.picture(pictures(tmp_path) / "lesson.png", top=opens)

        notebook.write(check, sources[check].replace("# ex.hint()", "ex.hint()"))
        hint = notebook.run(check)
        assert "Hint 1 of 3" in hint and plain(practice.definition.hints[0]) in hint
        notebook.write(check, sources[check])

        notebook.write(stub, practice.definition.solution.strip("\n"))
        notebook.run(stub)
        assert f"Right: {practice.short_name}" in notebook.run(check)
        assert notebook.errors() == []

    assert (tmp_path / "work" / "progress.sqlite").exists(), "progress belongs to the learner's work folder"
    assert (pictures(tmp_path) / "lesson.png").stat().st_size > 10_000


def plain(text: str) -> str:
    """Light Markdown as the page shows it."""
    return text.replace("`", "").replace("**", "")
