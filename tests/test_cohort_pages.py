"""What formgrader and feedback show of a learner's notebook: everything that was written, nothing that runs."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from traitlets.config import Config

from autograder import pages
from autograder.checks import Check
from autograder.feedback import verdicts_to_html
from autograder.judge import Verdict
from tests.graded_cohort import NAME, grade, hand_in

pytest_plugins = ["tests.graded_cohort"]

RUNS = "javascript:alert(7)"
# What a learner may write, and what of it must still be read on the page.
HOSTILE = {
    "script": ("before <script>alert(7)</script> after", "after"),
    "script that never ends": ("before <script>alert(7)", "before"),
    "script in capitals": ("<SCRIPT SRC=//example.org/x.js></SCRIPT >text", "text"),
    "handler": ('<img src="x" onerror="alert(7)"> text', "text"),
    "svg": ('<svg onload="alert(7)"><circle/></svg> text', "text"),
    "frame": ('<iframe srcdoc="&lt;script&gt;alert(7)&lt;/script&gt;"></iframe> text', "text"),
    "link": (f'<a href="{RUNS}">click</a>', "click"),
    "link with a tab": ('<a href="java&#9;script:alert(7)">click</a>', "click"),
    "link to data": ('<a href="data:text/html;base64,PHNjcmlwdD4=">click</a>', "click"),
    "Markdown link": (f"[click]({RUNS})", "click"),
    "form": ('<form action="/api"><button class="full-credit">full</button></form>', "full"),
    "field of formgrader": ('<input id="essay" class="score" value="2"> text', "text"),
    "id of formgrader": ('<p id="essay" name="essay" class="score nbgrader_cell" data-link="x">text</p>', "text"),
    "heading with an id": ("# essay", "essay"),
    "cover": ('<div style="position:fixed;top:0;left:0;width:100%;height:100%">cover</div>', "cover"),
    "moved": (r'<p style="m\61rgin-top: -400px; color: red">moved</p>', "moved"),
    "moved by calc": ('<p style="margin: calc(1px - 400px)">moved</p>', "moved"),
    "style sheet": ("<style>.score { display: none }</style> text", "text"),
    "refresh": ('<meta http-equiv="refresh" content="0;url=https://example.org"> text', "text"),
    "base": ('<base href="https://example.org/"> text', "text"),
    "broken tags": ("<noscript><p title=\"</noscript><img src=x onerror=alert(7)>\"> text", "text"),
    "math": (r"$\href{javascript:alert(7)}{x}$ and <b>text</b>", "text"),
}  # fmt: skip
HARMLESS = (
    "A **bold** word, `a < b`, [a link](https://example.org/x?a=1&b=2), ~~gone~~\n\n- one\n- two\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n$x < y$\n\n```python\ndef f(x):\n    return x\n```\n\n![plot](attachment:p.png)"
)


class Page(HTMLParser):
    """Fails on whatever a browser could run, load as a page, or mistake for a part of formgrader's."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.images, self.styles = "", [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        assert tag in pages.TAGS, f"<{tag}>"
        for name, value in attributes:
            assert name in pages.PLAIN | {"class", "style", "href", "src"}, f"<{tag} {name}>"
            assert not re.match(r"\W*(javascript|vbscript|data:text)", value or "", re.I), value
            assert not (name == "class" and {"score", "full-credit", "nbgrader_cell"} & set(value.split()))
            self.images += [value] if name == "src" else []
            self.styles += [value] if name == "style" else []

    def handle_data(self, data):
        self.text += data


def shown(html: str) -> Page:
    """The learner's part of a page that the exporter made."""
    return Page(html[html.index("begin-of-test") : html.index("end-of-test")].partition(">")[2].rpartition("<")[0])


@pytest.fixture
def exporter() -> HTMLExporter:
    """As formgrader and feedback make theirs."""
    import nbgrader.server_extensions.formgrader as formgrader

    config = Config()
    pages.show_safely(config)
    config.HTMLExporter.template_name = "feedback"
    folder = Path(formgrader.__file__).parent
    config.HTMLExporter.extra_template_basedirs = [str(folder / "templates")]
    config.HTMLExporter.extra_template_paths = [str(folder / "static/node_modules/bootstrap/dist/css")]
    return HTMLExporter(config=config)


def render(exporter: HTMLExporter, *cells) -> str:
    """The cells between two marks, as HTML."""
    marks = [new_markdown_cell(f"{word}-of-test") for word in ("begin", "end")]
    notebook = new_notebook(cells=[marks[0], *cells, marks[1]])
    results = {"nbgrader": {"notebook": "x", "score": 1, "max_score": 2, "late_penalty": 0}}
    return exporter.from_notebook_node(notebook, results)[0]


def graded(source: str) -> nbformat.NotebookNode:
    mark = {
        "grade": True,
        "solution": True,
        "locked": False,
        "grade_id": "essay",
        "points": 2,
        "score": 1,
        "schema_version": 3,
    }
    return new_markdown_cell(source, metadata={"nbgrader": mark})


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_that_a_learner_writes_runs(what):
    source, kept = HOSTILE[what]
    for html in (pages.clean_html(source), pages.markdown_to_html({}, source)):
        page = Page(html)
        assert kept in page.text or "![" in source
        assert not any("-400" in style or "position" in style for style in page.styles)


def test_no_part_of_a_notebook_runs_on_a_page(exporter):
    """Each place of a notebook that reaches the page, on the page itself: no script beside nbgrader's own, which loads the formulas."""
    script = "<script>alert(7)</script>"
    data = {"text/html": f"<b>result</b>{script}", "application/javascript": "alert(7)", "text/plain": "result"}
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "a widget"}
    picture = new_output(
        "display_data", {"image/png": "AAAA"}, metadata={"image/png": {"width": "1 onerror=alert(7)", "height": 2}}
    )
    cells = [
        new_markdown_cell(script),
        graded(f"essay {script}"),
        new_raw_cell(script, metadata={"raw_mimetype": "text/html"}),
        new_code_cell(
            "1 < 2",
            metadata={"tags": [f'"><{script}'], "magics_language": f'"><{script}'},
            outputs=[
                new_output("execute_result", data),
                new_output("display_data", {"application/javascript": "alert(7)"}),
                new_output("display_data", {"text/markdown": f"**marked** {script}"}),
                new_output("display_data", {"image/svg+xml": f"<svg>{script}</svg>"}),
                new_output("display_data", {"text/html": ["no", "text"]}),
                new_output("display_data", widget),
                new_output("stream", text=script),
                new_output("error", ename="E", evalue=script, traceback=[script]),
                picture,
            ],
        ),
    ]
    plain = render(exporter)
    html = render(exporter, *cells)
    assert html.count("<script") == plain.count("<script"), "nbgrader's own"
    assert "alert(7)" not in "".join(re.findall(r"<[^>]*>", html)), "not in a tag's attributes"
    for text in (
        "<b>result</b>",
        "<strong>marked</strong>",
        "a widget",
        "essay",
        "data:image/png;base64,AAAA",
        "data:image/svg+xml",
    ):
        assert text in html


def test_what_was_written_stays_readable(exporter):
    cell = graded(HARMLESS)
    cell["attachments"] = {"p.png": {"image/png": "iVBORw0KGgo="}}
    html = render(exporter, cell, graded("![lost](attachment:lost.png) text"))
    for kept in ("<strong>bold</strong>", "<code>a &lt; b</code>", 'href="https://example.org/x?a=1&amp;b=2"', "<del>gone</del>", "<li>two</li>",
                 "<td>2</td>", "$x &lt; y$", "iVBORw0KGgo=", '<span class="k">def</span>', "text"):  # fmt: skip
        assert kept in html, kept


def test_a_table_of_pandas_shows_without_its_style_sheet():
    import pandas as pd

    page = Page(pages.clean_html(pd.DataFrame({"a": [1.5]}).to_html() + pd.DataFrame({"b": [2]})._repr_html_()))
    assert "1.5" in page.text and "2" in page.text and "{" not in page.text
    styled = pages.clean_html('<p style="background-color: rgb(1, 2, 3); color: #fff">4</p>')
    assert "rgb(1, 2, 3)" in styled


def test_our_own_feedback_keeps_its_look():
    check = Check(
        file="test_hidden_x.py",
        function="test_x",
        task="cost",
        points=2,
        behaviour="It behaves.",
        why="Why <it> matters.",
        lesson="01_ml_basics/05_metrics",
    )
    html = verdicts_to_html(
        [Verdict(check, True), Verdict(check, False, "Your code raised KeyError.", "x.py, line 3: y")]
    )
    page, before = Page(pages.clean_html(html)), HTMLParser()
    before.styles = []
    before.handle_starttag = lambda tag, attributes: before.styles.extend(v for k, v in attributes if k == "style")
    before.feed(html)
    assert [re.sub(r"[ ;]", "", s) for s in page.styles] == [re.sub(r"[ ;]", "", s) for s in before.styles]
    assert "\u2713 shown" in page.text and "Why <it> matters." in page.text


@pytest.mark.timeout(60)
def test_text_made_to_be_slow_is_cleaned_in_time():
    for text in ("<style" * 100_000, "<script>" * 50_000, "<div>" * 20_000, "<" * 100_000):
        assert "<script" not in pages.clean_html(text)


def test_a_graded_submission_s_pages_are_safe(course, root, tmp_path):
    """Through `course cohort feedback`: the page that is returned, and that an instructor opens."""
    from autograder.cohort.exports import write_feedback
    from autograder.project import Project

    folder = hand_in(course, root, "mallory")
    notebook = nbformat.read(folder / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "essay":
            cell.source = "My answer <script>alert(7)</script><img src=x onerror=alert(7)>"
    data = {"text/html": "<script>alert(7)</script><b>plot</b>"}
    notebook.cells.append(new_code_cell("x", outputs=[new_output("display_data", data)]))
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    shutil.copytree(folder.parent, root / "submitted" / "ada")
    grade(root)
    _, missing = write_feedback(root, tmp_path / "return", Project(NAME))
    assert not missing
    html = (tmp_path / "return" / "mallory" / f"{NAME}.html").read_text()
    assert "My answer" in html and "<b>plot</b>" in html and "border-left" in html
    assert "Every name is greeted" in html
    assert not re.search(r"<script>alert|<[^>]*onerror", html)
