"""Part of the brief: what `course check contract_review` runs for the task `evidence`."""

import pytest
from contract_review.evidence import locate, readings, supports

SCAN = "Invoices are  paid\nwithin thirty (30) days of deli-\nvery. Complaints: 5 working days."


@pytest.mark.task("evidence")
def test_a_quote_is_found_across_line_ends_and_broken_words():
    start, end = locate("paid within thirty (30) days of delivery", SCAN)
    assert SCAN[start:end] == "paid\nwithin thirty (30) days of deli-\nvery"


@pytest.mark.task("evidence")
def test_words_that_are_not_there_are_not_found():
    assert locate("paid within sixty (60) days", SCAN) is None
    assert locate("0) days of delivery", SCAN) is None


@pytest.mark.task("evidence")
def test_what_words_can_mean():
    assert readings("payment_days", "within thirty (30) days of delivery") == [30]
    assert readings("notice_days", "a fortnight or three months") == [14, 90]
    assert readings("term_months", "two years") == [24]
    assert readings("late_credit_percent", "one eighth of the freight") == [12.5]
    assert readings("liability_eur_per_kg", "EUR 850,00 per 100 kg")[0] == 8.5


@pytest.mark.task("evidence")
def test_a_quote_proves_only_what_it_says():
    assert supports("claim_days", 7, "5 working days")
    assert not supports("claim_days", 5, "5 working days")
