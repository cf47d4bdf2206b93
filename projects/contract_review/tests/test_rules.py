"""Part of the brief: what `course check contract_review` runs for the task `rules`."""

import pytest
from contract_review.rules import find_by_rules

PLAIN = """
This agreement takes effect on 1 March 2024 and runs for a fixed term of two years.
It is renewed automatically. Either party may terminate it with three months' notice.
Invoices are payable within 30 days of receipt. A fuel surcharge of 6.5 % is added to the freight.
For goods lost or damaged the carrier pays at most EUR 8.33 per kg.
Damage that is not apparent on delivery must be reported within 7 days.
For a late shipment the customer is credited with 5 % of its freight.
This agreement is governed by Swedish law.
"""


@pytest.mark.task("rules")
def test_plain_sentences_are_read():
    found = {finding.term: finding.normal for finding in find_by_rules(PLAIN)}
    assert (found["term_months"], found["notice_days"], found["payment_days"], found["claim_days"]) == (24, 90, 30, 7)
    assert (found["fuel_surcharge_percent"], found["late_credit_percent"]) == (6.5, 5.0)
    assert (found["liability_eur_per_kg"], found["governing_law"], found["automatic_renewal"]) == (8.33, "SE", True)


@pytest.mark.task("rules")
def test_two_statements_are_two_findings():
    text = "Invoices are payable within 30 days.\n\nAnnex: invoices are payable within 45 days."
    assert [f.normal for f in find_by_rules(text)] == [30, 45]


@pytest.mark.task("rules")
def test_other_percentages_are_not_the_fuel_surcharge():
    assert find_by_rules("Interest of 8 % is due on late payments. Island addresses cost 30 % more.") == []
