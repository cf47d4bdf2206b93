"""Given: a document in sentences, and a long document in parts. Places count characters of the text as it is."""

import re

_ABBREVIATION = re.compile(
    r"(?:\b(?:Art|No|Nos|Mr|Mrs|Ms|Dr|Ltd|St|lit|para|approx|ca|e\.g|i\.e|p\.c|a\.m|p\.m)|§|(?:\n|§)[ *_#]*\d{1,2}(?:\.\d+)*)$"
)
_END = re.compile(
    r"(?<=[.;!?])[*_\"')\]]*\s+|\n[ \t\r]*\n\s*|\n(?=[ \t]*(?:[|#>*•\u2013-]|\d{1,2}[.)]|\([a-z]\))[ \t])"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of `text` stands: `(start, end)`, in order, apart from each other, none empty.

    A row of a table, a list's item and a paragraph without a full stop are sentences too. "Art. 3" and "§ 4. Payment" are
    not cut after the dot.
    """
    edges = [0]
    for match in _END.finditer(text):
        blank_line = "\n" in match.group() and text[match.start() - 1] not in ".;!?"
        if blank_line or not _ABBREVIATION.search(
            ("\n" + text)[max(0, match.start() - 11) : match.start() + 1].rstrip("*_\"')]. ")
        ):
            edges.append(match.end())
    found = []
    for start, end in zip(edges, [*edges[1:], len(text)], strict=True):
        stripped = text[start:end].strip()
        if stripped:
            begin = text.index(stripped, start)
            found.append((begin, begin + len(stripped)))
    return found


def parts(text: str, longest: int) -> list[tuple[int, int]]:
    """`text` in parts of at most `longest` characters: `(start, end)`, in order, together the whole text.

    A part ends after a blank line if it can, else after a line, else anywhere. Raises ValueError unless `longest` >= 1.
    """
    if longest < 1:
        raise ValueError(f"a part needs at least one character, got longest={longest}")
    found, start = [], 0
    while len(text) - start > longest:
        window = text[start : start + longest]
        cut = max(window.rfind("\n\n") + 2, 1) if "\n\n" in window else window.rfind("\n") + 1 or longest
        found.append((start, start + cut))
        start += cut
    return [*found, (start, len(text))] if start < len(text) else found
