"""Part of the brief: what `course check contract_review` runs for the task `terms`."""

import datetime

import pytest
from contract_review.terms import Extraction, decimal_number, normalise
from pydantic import ValidationError


@pytest.mark.task("terms")
def test_a_number_may_come_as_text():
    assert decimal_number("8.33", 100) == 8.33
    with pytest.raises(ValueError):
        decimal_number("8,33", 100)


@pytest.mark.task("terms")
def test_each_kind_of_term_has_its_type():
    assert normalise("payment_days", "30") == 30
    assert normalise("effective_date", "2024-03-01") == datetime.date(2024, 3, 1)
    assert normalise("governing_law", " se ") == "SE"
    assert normalise("automatic_renewal", "False") is False


@pytest.mark.task("terms")
def test_an_answer_with_a_value_that_cannot_be_is_invalid():
    good = '{"findings": [{"quote": "30 days net", "term": "payment_days", "value": 30}]}'
    assert Extraction.model_validate_json(good).findings[0].normal == 30
    with pytest.raises(ValidationError):
        Extraction.model_validate_json(good.replace("30}", "-30}"))
