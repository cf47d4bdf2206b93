"""What formgrader's and feedback's pages show of learners' notebooks: their text and pictures, nothing that runs.

nbconvert's `sanitize_html` alone is not enough: nbgrader's templates show Markdown cells without it, and a learner's metadata and ids
reach the page and formgrader's own script.
"""

import re
from collections import Counter
from html import escape, unescape

from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
from bleach.sanitizer import Cleaner
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat.notebooknode import NotebookNode
from tinycss2 import parse_declaration_list, serialize
from traitlets.config import Config

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "mark", "ol", "p", "pre", "s",
    "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
PLAIN = {
    "title",
    "alt",
    "width",
    "height",
    "align",
    "valign",
    "border",
    "colspan",
    "rowspan",
    "start",
    "open",
    "dir",
    "lang",
}
# Colours of code are classes of one to three characters; formgrader's own have longer names.
CLASS = re.compile(r"[a-z]{1,2}[a-z0-9]?|highlight|hl-\w+|dataframe|mermaid")
LINK = re.compile(r"(?:https?:|mailto:|#|[^:]*$)", re.I)
IMAGE = re.compile(r"(?:https?:|data:image/(?:png|jpeg|gif|webp|svg\+xml);|(?![/\\])(?!.*\.\.)[^:]*$)", re.I | re.S)
BOX = {f"{box}{side}" for box in ("border", "margin", "padding") for side in ("", "-top", "-right", "-bottom", "-left")}
COLOURS = {"rgb", "rgba", "hsl", "hsla"}
LONGEST, SHOWN_OF_LONGEST = 2_000_000, 20_000  # characters
DEEPEST = 100  # tags of one name in one another
TAG = re.compile(r"<(/?)([a-z][^\s/>]{0,20})", re.I)
NEVER_DEEP = {
    "br",
    "hr",
    "img",
    "col",
    "input",
    "link",
    "meta",
    "wbr",
    "li",
    "p",
    "td",
    "th",
    "tr",
    "dd",
    "dt",
    "tbody",
    "option",
}
NOT_SHOWN = re.compile(r"<(/?)(style|script)\b[^<>]*>", re.I)
SHOWN = ("text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "text/plain")


def _allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute stays. No ids, names and `data-*`: formgrader finds its own fields by them."""
    value = unescape(value).strip()
    if name == "class":
        return all(CLASS.fullmatch(word) for word in value.split())
    if name == "style":
        return True  # see Styles
    if name == "href":
        return tag == "a" and bool(LINK.match(value))
    if name == "src":
        return tag == "img" and bool(IMAGE.match(value))
    return name in PLAIN


class Styles(CSSSanitizer):
    """Styles that keep a text in its place: nothing is positioned, moved by a length below zero, or loaded."""

    def sanitize_css(self, style: str) -> str:
        kept = [
            one for one in parse_declaration_list(style) if one.type == "declaration" and _stays_in_place(one.value)
        ]
        return super().sanitize_css(serialize(kept))


def _stays_in_place(value: list) -> bool:
    return not any(
        token.type == "url"
        or (token.type == "function" and token.lower_name not in COLOURS)
        or (token.type in ("number", "dimension", "percentage") and token.value < 0)
        for token in value
    )


def _cleaner() -> Cleaner:
    return Cleaner(
        tags=TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip_comments=True,
        css_sanitizer=Styles(allowed_css_properties=ALLOWED_CSS_PROPERTIES | BOX | {"list-style"}),
    )


CLEANER = _cleaner()


def clean_html(text: str | bytes) -> str:
    """`text` without what runs, loads pages, or reaches out of its place; tags that are not allowed are shown as text."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    if len(text) > LONGEST:
        return escape(text[:SHOWN_OF_LONGEST]) + "… <em>(too long to be shown)</em>"
    text = _without_scripts(text)
    return escape(text) if _is_deep(text) else CLEANER.clean(text)


def _is_deep(text: str) -> bool:
    """Whether so many tags are open at once that a parser would take minutes, or give up."""
    opened: Counter[str] = Counter()
    for tag in TAG.finditer(text):
        name = tag[2].lower()
        if tag[1]:
            opened[name] = max(0, opened[name] - 1)
        elif name not in NEVER_DEEP:
            opened[name] += 1
            if opened[name] > DEEPEST:
                return True
    return False


def _without_scripts(text: str) -> str:
    """Style sheets (each of pandas' tables has one) and scripts are left out whole: shown as text they would bury the page."""
    parts, end, inside = [], 0, None
    for tag in NOT_SHOWN.finditer(text):
        closing, kind = bool(tag[1]), tag[2].lower()
        if inside is None and not closing:
            inside = kind, tag.start()
        elif inside and closing and kind == inside[0]:
            parts += [text[end : inside[1]], "<em>(a script was left out)</em>" if kind == "script" else ""]
            end, inside = tag.end(), None
    return "".join([*parts, text[end:]])


@pass_context
def markdown_to_html(context, source: str) -> str:
    """Markdown as nbconvert shows it, cleaned. Headings get no ids; a missing attachment is a missing picture."""
    attachments = _Attachments(context.get("cell", {}).get("attachments", {}))
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


class _Attachments(dict):
    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> dict[str, str]:
        return {"image/png": ""}


class PlainNotebook(Preprocessor):
    """Before a page is made: outputs that run are removed, and of the metadata only nbgrader's own stays."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        nb.metadata = NotebookNode(language_info=NotebookNode(name="python", pygments_lexer="ipython3"))
        for cell in nb.cells:
            cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k == "nbgrader"})
            for output in cell.get("outputs", []):
                if "data" in output:
                    output.data = NotebookNode(
                        {kind: output.data[kind] for kind in SHOWN if _is_text(output.data, kind)}
                    )
                    output.metadata = NotebookNode()
        return nb, resources


def _is_text(data: dict, kind: str) -> bool:
    return isinstance(data.get(kind), str)


def show_safely(config: Config) -> None:
    """Make every page that nbgrader writes from a notebook a safe one. Notebooks themselves stay as they were handed in."""
    pages = config.HTMLExporter
    pages.sanitize_html = True
    pages.preprocessors = ["autograder.pages.PlainNotebook"]
    pages.filters = {
        "markdown2html": "autograder.pages.markdown_to_html",
        "clean_html": "autograder.pages.clean_html",
    }
