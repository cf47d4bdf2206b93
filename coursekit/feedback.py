"""What a learner sees: one card, as HTML in JupyterLab and as plain text everywhere else.

A card never says something by colour alone: its title carries a symbol and the words. Colours are JupyterLab's own CSS
variables, so that a card follows the light and the dark theme.
"""

import re
import textwrap
from dataclasses import dataclass, field
from html import escape

SYMBOLS = {"passed": "✓", "failed": "✗", "not attempted": "○", "note": "▸"}
COLOURS = {
    "passed": "var(--jp-success-color1, #2e7d32)",
    "failed": "var(--jp-error-color1, #c62828)",
    "not attempted": "var(--jp-warn-color1, #b26a00)",
    "note": "var(--jp-brand-color1, #1565c0)",
}
BOX = (
    "border-left:4px solid {colour};padding:.5em 1em;margin:.4em 0;max-width:60em;"
    "background:var(--jp-layout-color2, rgba(127,127,127,.08));color:var(--jp-content-font-color1, inherit)"
)
CODE = (
    "font-family:var(--jp-code-font-family, monospace);white-space:pre-wrap;margin:.2em 0;background:none;color:inherit"
)
WIDTH = 96  # columns of the plain text


@dataclass(frozen=True)
class Block:
    """A part of a card: prose (light Markdown), code, or a list; `label` stands before it.

    `bullets=False` is for items that carry their own letter or number.
    """

    text: str = ""
    label: str = ""
    code: bool = False
    items: tuple[str, ...] = ()
    bullets: bool = True


@dataclass(frozen=True)
class Card:
    """Shown as the value of a cell. `status` is one of `SYMBOLS`; `title` says the same in words."""

    status: str
    title: str
    blocks: list[Block] = field(default_factory=list)

    def __repr__(self) -> str:
        parts = [f"{SYMBOLS[self.status]} {self.title}", *(_plain(block) for block in self.blocks)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        title = f'<div style="font-weight:600">{SYMBOLS[self.status]} {inline(self.title)}</div>'
        body = "".join(_html(block) for block in self.blocks)
        return f'<div role="group" style="{BOX.format(colour=COLOURS[self.status])}">{title}{body}</div>'


@dataclass(frozen=True)
class Markdown:
    """Markdown that JupyterLab renders with its own theme and code highlighting; plain text is the Markdown itself."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": self.text, "text/markdown": self.text}


def inline(text: str) -> str:
    """Light Markdown inside a line (`code`, **bold**) as HTML; everything else is escaped."""
    parts = re.split(r"`([^`]+)`", text)
    for i, part in enumerate(parts):
        safe = escape(part)
        parts[i] = f"<code>{safe}</code>" if i % 2 else re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    return "".join(parts)


def prose(text: str, label: str = "") -> str:
    """Paragraphs and fenced code as HTML; `label` is HTML that begins the first paragraph."""
    parts = re.split(r"^```\w*\n(.*?)^```[ ]*$", textwrap.dedent(text).strip() + "\n", flags=re.DOTALL | re.MULTILINE)
    html = []
    for i, part in enumerate(parts):
        if i % 2:
            html.append(_pre(part.rstrip()))
        else:
            paragraphs = (p.strip() for p in re.split(r"\n\s*\n", part))
            html.extend(f'<div style="margin:.3em 0">{inline(p)}</div>' for p in paragraphs if p)
    if label and html:
        html[0] = html[0].replace(">", f">{label}", 1)
    return "".join(html)


def _pre(text: str) -> str:
    return f'<pre style="{CODE}">{escape(text)}</pre>'


def _html(block: Block) -> str:
    label = f"<strong>{inline(block.label)}</strong> " if block.label else ""
    if block.items:
        style = "margin:.2em 0" if block.bullets else "margin:.2em 0;padding-left:1.2em;list-style:none"
        rows = "".join(f"<li>{inline(item)}</li>" for item in block.items)
        return f'<div style="margin-top:.4em">{label}</div><ul style="{style}">{rows}</ul>'
    if block.code:
        name = f'<span style="flex:0 0 6em;font-weight:600">{inline(block.label)}</span>' if block.label else ""
        return f'<div style="display:flex;align-items:baseline;margin-top:.3em">{name}{_pre(block.text)}</div>'
    return f'<div style="margin-top:.4em">{prose(block.text, label)}</div>'


def _plain(block: Block) -> str:
    if block.items:
        rows = [
            textwrap.fill(
                item, WIDTH, initial_indent=f"    {'- ' if block.bullets else ''}", subsequent_indent="      "
            )
            for item in block.items
        ]
        return "\n".join(([f"  {block.label}"] if block.label else []) + rows)
    if block.code:
        lines = block.text.rstrip("\n").splitlines() or [""]
        if block.label and len(lines) == 1 and len(lines[0]) < WIDTH - 14:
            return f"  {block.label:<10} {lines[0]}"
        return "\n".join(([f"  {block.label}"] if block.label else []) + [f"      {line}" for line in lines])
    text = f"{block.label} {block.text.strip()}" if block.label else block.text.strip()
    filled = []
    for line in textwrap.dedent(text).splitlines():
        indent = "  " + re.match(r"\s*", line)[0]
        wrapped = textwrap.fill(line.strip(), WIDTH, initial_indent=indent, subsequent_indent=indent)
        filled.append(wrapped if line.strip() else "")
    return "\n".join(filled)
