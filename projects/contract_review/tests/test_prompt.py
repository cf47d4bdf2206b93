"""Part of the brief: what `course check contract_review` runs for the task `prompt`."""

import pytest
from contract_review.prompt import build_messages, new_marker


@pytest.mark.task("prompt")
def test_the_document_stands_between_the_marks():
    system, user = build_messages("Pay at once.\n", "0123456789abcdef")
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"].endswith("<<<0123456789abcdef\nPay at once.\n\n0123456789abcdef>>>")
    assert "0123456789abcdef" in system["content"] and "Pay at once" not in system["content"]


@pytest.mark.task("prompt")
def test_markers_are_drawn_anew():
    assert len({new_marker("text") for _ in range(20)}) == 20
