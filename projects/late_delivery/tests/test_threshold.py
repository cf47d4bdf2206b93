"""Part of the brief: what `course check late_delivery` runs for the task `threshold`."""

import pytest
from late_delivery.threshold import Costs, best_threshold, cost_eur


@pytest.mark.task("threshold")
def test_what_each_of_four_shipments_costs():
    costs = Costs(miss_eur=40, check_eur=6)
    assert cost_eur([1, 1, 0, 0], [True, False, True, False], costs).tolist() == [6, 40, 6, 0]


@pytest.mark.task("threshold")
def test_the_threshold_of_least_cost_in_four_shipments():
    # checking the first three costs 3 * 6 = 18; checking two leaves a miss of 40; checking all costs 24
    assert best_threshold([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1], Costs(miss_eur=40, check_eur=6)) == pytest.approx(0.4)


@pytest.mark.task("threshold")
def test_when_nothing_is_late_nothing_is_checked():
    assert best_threshold([0, 0], [0.9, 0.2], Costs()) > 0.9


@pytest.mark.task("threshold")
def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError):
        best_threshold([1, 0], [1.4, 0.2], Costs())
