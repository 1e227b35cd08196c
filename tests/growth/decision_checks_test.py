"""Arguments and answers of schedules and policies that decide: what is wrong is named."""

import random

import numpy as np
import pytest

from growth.decisions import (
    adaptive,
    budget,
    checks,
    combinations,
    placement,
    policies,
    triggers,
)
from tests.made_evidence import Says, evidence_of, site


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: triggers.Plateau(steps=0), "Plateau.steps = 0 must be at least 1"),
        (lambda: triggers.Plateau(steps=1, least_fall=1.0), "Plateau.least_fall = 1.0 must"),
        (lambda: triggers.Plateau(steps=1, interval=0), "Plateau.interval = 0 must be a whole"),
        (lambda: triggers.Plateau(steps=1, count=-1), "Plateau.count = -1 must be a whole"),
        (lambda: triggers.Plateau(steps=1, cool_down=0.5), "Plateau.cool_down = 0.5 must"),
        (lambda: triggers.SingularValues(threshold=-1), "SingularValues.threshold = -1 must"),
        (lambda: triggers.Redundancy(threshold=1.0), "Redundancy.threshold = 1.0 must be 0"),
        (lambda: triggers.Gap(every=0), "Gap.every = 0 must be at least 1"),
        (lambda: triggers.Gap(every=1, slope=-1), "Gap.slope = -1 must be at least 0"),
        (lambda: combinations.AnyOf([]), r"AnyOf.schedules = \[\] must be a list of schedules"),
        (lambda: combinations.AllOf([3]), "AllOf.schedules = 3 must be a schedule"),
        (lambda: combinations.AtLatest(Says(True)), "AtLatest.steps = None and .end = None"),
        (lambda: combinations.AtLatest(Says(True), steps=0), "AtLatest.steps = 0 must"),
        (lambda: combinations.AtEarliest(Says(True), step=-1), "AtEarliest.step = -1 must"),
        (lambda: placement.GainPerCost(neurons=0), "GainPerCost.neurons = 0 must be a whole"),
        (lambda: placement.GainPerCost(1, least=-1), "GainPerCost.least = -1 must be at least 0"),
        (lambda: placement.GainPerCost(1, least_fraction=2), "least_fraction = 2 must be from 0"),
        (lambda: placement.GainPerCost(1, max_width=0), "GainPerCost.max_width = 0 must"),
        (lambda: placement.GainPerCost(1, above_random=-1), "GainPerCost.above_random = -1"),
        (lambda: placement.LargestSingularValues(1, above_random=-1), "above_random = -1 must"),
        (lambda: placement.Votes(neurons=0), "Votes.neurons = 0 must be a whole number"),
        (lambda: policies.RandomPlacement(0), "RandomPlacement.neurons = 0 must be at least 1"),
        (lambda: budget.Budget(), "Budget.neurons = None, .* give at least one"),
        (lambda: budget.Budget(parameters=0), "Budget.parameters = 0 must be above 0"),
    ],
)
def test_what_is_out_of_range_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("answer", [1, None, "yes", [True]])
def test_an_answer_must_be_true_or_false(answer):
    with pytest.raises(ValueError, match=r"Says.is_due\(step 200\) gave .* True or False"):
        checks.is_due(Says(answer), evidence_of())
    assert checks.is_due(Says(np.bool_(True)), evidence_of()) is True


class _Coin(adaptive.AdaptiveSchedule):
    def is_due(self, evidence):
        return random.random() < 0.5


def test_a_schedule_that_draws_is_refused():
    with pytest.raises(ValueError, match=r"_Coin.is_due\(step 200\) gave .* asked again"):
        for _ in range(64):
            checks.is_due(_Coin(), evidence_of())


@pytest.mark.parametrize("answer", [[1], [1.0, 0], [-1, 0], None])
def test_an_allotment_must_be_whole_numbers_for_each_site(answer):
    class Policy(adaptive.AdaptivePolicy):
        def allot(self, evidence):
            return answer

    sites = [site("a"), site("b")]
    with pytest.raises(ValueError, match="Policy.allot gave .* for each of the sites a, b"):
        checks.allot_adaptively(Policy(), evidence_of(sites=sites))


@pytest.mark.parametrize("answer", [150, -1, 200.0, True])
def test_a_question_must_not_lie_in_the_past(answer):
    class Schedule(Says):
        def next_question(self, step, growths):
            return answer

    with pytest.raises(ValueError, match=r"Schedule.next_question\(step=200, ...\) gave"):
        checks.next_question(Schedule(True), 200, [])
