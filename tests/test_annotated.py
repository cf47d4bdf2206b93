"""Annotated text: markup out, positions right, broken markup explained."""

import random

import pytest

from coursekit.annotated import AnnotationError, Span, parse


def test_markup_is_removed_and_spans_point_at_what_it_covered():
    source = "My parcel [[parcel_id|QS48120937DE]] was due [[date|Tuesday]].\n"
    found = parse(source)
    assert found.text == "My parcel QS48120937DE was due Tuesday.\n"
    assert [(span.label, span.of(found.text)) for span in found.spans] == [
        ("parcel_id", "QS48120937DE"),
        ("date", "Tuesday"),
    ]


def test_text_without_markup_stays_as_it_is():
    for source in ("", 'plain [one] ]one[ {"a": [1, 2]}', "a|b", "Grüße 📦 שלום"):
        found = parse(source)
        assert (found.text, found.spans) == (source, ())


def test_positions_count_characters_not_bytes():
    found = parse("Für 📦 שלום: [[amount|49,90 €]]")
    assert found.spans == (Span("amount", 12, 19),)
    assert found.spans[0].of(found.text) == "49,90 €"


def test_spans_nest_and_the_outer_one_comes_first():
    found = parse("[[notice_days|[[superseded:notice_days|ninety days]] before [[term_months|the end]]]]!")
    assert found.text == "ninety days before the end!"
    assert found.spans == (
        Span("notice_days", 0, 26),
        Span("superseded:notice_days", 0, 11),
        Span("term_months", 19, 26),
    )


def test_a_span_may_cover_lines_and_hold_a_bar_and_single_brackets():
    found = parse("[[a|one\ntwo | [three] four]]")
    assert found.spans[0].of(found.text) == "one\ntwo | [three] four"


@pytest.mark.parametrize(
    ("source", "line", "what"),
    [
        ("fine\n[[date|Monday", 2, "the span 'date' is never closed"),
        ("a\nb\nMonday]]", 3, "none is open"),
        ("[[Monday]]", 1, "not followed by `label|`"),
        ("x [[|Monday]]", 1, "'' is not a label"),
        ("[[Due Date|Monday]]", 1, "'Due Date' is not a label"),
        ("[[a:b:c|Monday]]", 1, "'a:b:c' is not a label"),
        ("\n\n\n[[date|]]", 4, "the span 'date' covers no text"),
        ("[[a|[[b|]]]]", 1, "the span 'b' covers no text"),
        ("[[date|x]] [[a|y [[b|z]]", 1, "the span 'a' is never closed"),
    ],
)
def test_broken_markup_names_place_line_and_fault(source, line, what):
    with pytest.raises(AnnotationError) as caught:
        parse(source, where="english_a.toml, ticket A001")
    assert str(caught.value).startswith(f"english_a.toml, ticket A001, line {line}: ")
    assert what in str(caught.value)


def test_an_error_without_a_place_begins_with_the_line():
    with pytest.raises(AnnotationError, match=r"^line 1: "):
        parse("[[x")


def test_what_was_built_from_pieces_comes_back():
    rng = random.Random(5)
    for _ in range(200):
        source, text, spans = "", "", []
        for _ in range(rng.randrange(6)):
            plain = "".join(rng.choices("ab é📦\n[", k=rng.randrange(5))).replace("[[", "[")
            plain = plain.rstrip("[") + " "  # a lone bracket before a span would read as part of its mark
            covered = "".join(rng.choices("xyß| ", k=rng.randrange(1, 5)))
            spans.append(Span("date", len(text + plain), len(text + plain + covered)))
            source, text = f"{source}{plain}[[date|{covered}]]", text + plain + covered
        found = parse(source)
        assert found.text == text
        assert list(found.spans) == spans
