"""Schedules, policies and budgets that decide by the state of training."""

import random

import numpy as np
import pytest

from growth.decisions import (
    adaptive,
    budget,
    checks,
    combinations,
    evidence,
    placement,
    policies,
    schedules,
    triggers,
)
from growth.methods import gradmax
from growth.records import events
from models import cost
from tests import networks

_PERIODIC = schedules.PeriodicSchedule


def _evidence(step=200, losses=(), tests=(), grown=(), sites=(), **kwargs):
    return evidence.Evidence(
        step,
        growths=[events.Growth(at) for at in grown],
        sites=sites,
        training={"loss": [evidence.Point(*point) for point in losses]},
        evaluation={"loss": [evidence.Point(*point) for point in tests]},
        **kwargs,
    )


def _site(name, width=4, cost=10, target=None, **measured):
    seen = evidence.SiteMeasurement(**measured)
    return evidence.SiteEvidence(
        name, 2, width, target, parameters=cost, forward_flops=3 * cost, measure=lambda: seen
    )


# When.


@pytest.mark.parametrize(
    ("losses", "grown", "due"),
    [
        ([(100, 1.0), (200, 0.995)], [], True),
        ([(100, 1.0), (200, 0.9)], [], False),
        ([(100, 1.0), (200, 1.5)], [], True),
        ([(200, 1.0)], [], False),  # Nothing to compare with.
        ([(50, 1.2), (100, 0.8), (150, 1.1), (200, 0.885)], [], True),
        ([(100, 1.0), (200, 0.995)], [50], False),  # A growth within.
        ([(100, 0.0), (200, 0.0)], [], True),
    ],
)
def test_a_plateau_is_where_the_mean_loss_has_not_fallen_enough(losses, grown, due):
    plateau = triggers.Plateau(steps=100, least_fall=0.01)
    seen = _evidence(200, losses, grown=grown)
    assert plateau.is_due(seen) == due
    assert ("less than 1 %" in plateau.because(seen)) == due


def test_questions_come_at_multiples_and_not_within_the_cool_down():
    plateau = triggers.Plateau(steps=100, interval=50, cool_down=120, count=2)
    assert [plateau.next_question(step, []) for step in (0, 120, 150, 151)] == [150, 150, 150, 200]
    assert plateau.next_question(160, [events.Growth(150)]) == 300
    assert plateau.next_question(160, [events.Growth(50), events.Growth(150)]) is None
    # Never twice at one step.
    every = triggers.Redundancy(threshold=0.5, interval=10)
    assert every.next_question(20, [events.Growth(20)]) == 30


def test_singular_values_are_compared_with_the_gradient_of_an_existing_neuron():
    sites = [
        _site("a", singular_values=(3.0,), gains=(16.0,), old_gradient_norm=4.0),
        _site("b", singular_values=(1.0,), gains=(1.0,), old_gradient_norm=8.0),
    ]
    # Of four neurons, each has half of the norm.
    seen = _evidence(sites=sites)
    assert triggers.SingularValues(threshold=1.4).is_due(seen)
    assert not triggers.SingularValues(threshold=1.6).is_due(seen)
    by_gain = triggers.SingularValues(threshold=1.9, of=triggers.gain_of_one)
    assert by_gain.is_due(seen) and "site a gets 2 times" in by_gain.because(seen)
    nothing = _evidence(sites=[_site("a", singular_values=(0.0,), old_gradient_norm=0.0)])
    assert not triggers.SingularValues(threshold=0.5).is_due(nothing)


def test_redundancy_is_low_where_neurons_are_used_up():
    sites = [_site("a", effective_rank=3.9), _site("b", width=10, effective_rank=5.0)]
    assert triggers.Redundancy(threshold=0.9).is_due(_evidence(sites=sites))
    assert not triggers.Redundancy(threshold=0.9).is_due(_evidence(sites=sites[1:]))


def test_a_gap_slows_growth_down():
    gap = triggers.Gap(every=100, slope=2.0, interval=10)
    assert gap.needs_evaluation and gap.next_question(0, []) == 100
    losses = [(50, 1.0), (100, 1.0)]
    for test, due in ((1.0, 100), (0.5, 100), (1.5, 200), (2.0, 300)):
        seen = [_evidence(step, losses, [(100, test)]) for step in (due - 10, due)]
        assert [gap.is_due(each) for each in seen] == [False, True]
    assert not gap.is_due(_evidence(500, losses))  # No evaluation.


class _Says(adaptive.AdaptiveSchedule):
    def __init__(self, answer, **kwargs):
        super().__init__(**kwargs)
        self._answer = answer

    def is_due(self, evidence):
        return self._answer


_GROWN = [events.Growth(50)]


def test_any_of_several():
    both = combinations.AnyOf([_PERIODIC(70, 100, 2), _Says(True, interval=50)])
    assert both.next_question(0, []) == 50 and both.next_question(1, []) == 50
    assert both.next_question(51, []) == 70
    assert both.is_due(_evidence(70)) and both.is_due(_evidence(50))
    neither = combinations.AnyOf([_PERIODIC(70, 100, 2), _Says(False, interval=50)])
    assert not neither.is_due(_evidence(50)) and neither.is_due(_evidence(70))
    assert "PeriodicSchedule plans a growth" in neither.because(_evidence(70))
    assert combinations.AnyOf([_PERIODIC(0, 1, 1)]).next_question(5, _GROWN) is None


def test_all_of_several():
    both = combinations.AllOf([_PERIODIC(70, 100, 2), _Says(True, interval=50)])
    assert both.next_question(1, []) == 100 and both.is_due(_evidence(100))
    assert not both.is_due(_evidence(50))
    assert (
        combinations.AllOf([_Says(True, interval=100), _Says(True, interval=70)]).next_question(
            1, []
        )
        == 700
    )
    assert not combinations.AllOf([_Says(True), _Says(False)]).is_due(_evidence(100))
    limited = combinations.AllOf([_Says(True, count=1), _PERIODIC(70, 100, 5)])
    assert limited.next_question(60, _GROWN) is None


def test_at_the_earliest_and_at_the_latest():
    earliest = combinations.AtEarliest(_Says(True, interval=50), step=120)
    assert earliest.next_question(0, []) == 150 and earliest.is_due(_evidence(150))
    latest = combinations.AtLatest(_Says(False, interval=50), steps=120, end=400)
    assert latest.next_question(101, []) == 120
    assert not latest.is_due(_evidence(100)) and latest.is_due(_evidence(120))
    assert latest.because(_evidence(120)) == "120 steps without a growth"
    assert latest.next_question(130, [events.Growth(120)]) == 150
    assert latest.next_question(399, [events.Growth(380)]) is None
    assert combinations.AtLatest(_Says(False, count=1), steps=1).next_question(60, _GROWN) is None
    nested = combinations.AllOf([earliest, latest])
    assert "not before step 120" in nested.outlook() and "not from step 400 on" in nested.outlook()


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
        (lambda: combinations.AtLatest(_Says(True)), "AtLatest.steps = None and .end = None"),
        (lambda: combinations.AtLatest(_Says(True), steps=0), "AtLatest.steps = 0 must"),
        (lambda: combinations.AtEarliest(_Says(True), step=-1), "AtEarliest.step = -1 must"),
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


# Where and how many.


def test_neurons_go_where_they_are_worth_most_one_by_one():
    sites = [
        _site("a", cost=10, gains=(9.0, 5.0, 1.0), singular_values=(3.0, 2.0, 1.0)),
        _site("b", cost=30, gains=(12.0, 11.0, 10.0), singular_values=(9.0, 8.0, 7.0)),
    ]
    seen = _evidence(sites=sites)
    assert placement.GainPerCost(neurons=3).allot(seen) == [2, 1]
    by_neuron = placement.GainPerCost(neurons=3, cost=placement.cost_in_neurons)
    assert by_neuron.allot(seen) == [0, 3]
    by_flops = placement.GainPerCost(neurons=3, cost=placement.cost_in_flops)
    assert by_flops.allot(seen) == [2, 1]
    assert placement.LargestSingularValues(neurons=4).allot(seen) == [1, 3]
    assert placement.GainPerCost(neurons=3, sites="a").allot(seen) == [3, 0]
    assert placement.GainPerCost(neurons=3, max_width=5).allot(seen) == [1, 1]


def test_neurons_that_are_worth_too_little_are_left_out():
    sites = [
        _site("a", gains=(9.0, 5.0, 0.0), singular_values=(3.0, 2.0, 0.0), random_norm=1.0),
        _site("b", gains=(4.0, 1.0, 0.5), singular_values=(9.0, 4.0, 1.0), random_norm=3.0),
    ]
    seen = _evidence(sites=sites)
    assert placement.GainPerCost(neurons=9).allot(seen) == [2, 3]  # None without a gain.
    assert placement.GainPerCost(neurons=9, least=0.45).allot(seen) == [2, 0]
    assert placement.GainPerCost(neurons=9, least_fraction=0.4).allot(seen) == [2, 1]
    assert placement.GainPerCost(neurons=9, above_random=1.5).allot(seen) == [2, 1]
    largest = placement.LargestSingularValues(neurons=9, above_random=1.5)
    assert largest.allot(seen) == [2, 1]
    assert placement.GainPerCost(neurons=9, least=100.0).allot(seen) == [0, 0]


def test_a_target_is_a_limit_if_it_is_asked_for():
    sites = [_site("a", target=5, gains=(9.0, 8.0)), _site("b", target=9, gains=(1.0, 0.9))]
    sites = [
        evidence.SiteEvidence(
            s.name,
            2,
            4,
            s.target,
            10,
            10,
            measure=lambda s=s: evidence.SiteMeasurement(
                gains=s.measured.gains, singular_values=s.measured.gains
            ),
        )
        for s in sites
    ]
    policy = placement.GainPerCost(neurons=2, to_target=True)
    assert policy.allot(_evidence(sites=sites)) == [1, 1]
    with pytest.raises(ValueError, match="GainPerCost.to_target = True needs .* c has none"):
        policy.check([policies.SiteWidth("c", 2, 2)])
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        placement.GainPerCost(1, sites="hiden").check([policies.SiteWidth("hidden", 2, 2)])


def test_the_budget_is_filled_up():
    sites = [
        _site("a", cost=30, gains=(9.0, 8.0), singular_values=(1.0, 1.0)),
        _site("b", cost=10, gains=(1.0, 0.9), singular_values=(1.0, 1.0)),
    ]

    def size(widths):
        return cost.Size(sum(widths.values()), 30 * widths["a"] + 10 * widths["b"], 0)

    limits = evidence.Limits(parameters=160 + 45)
    seen = _evidence(sites=sites, size=size, limits=limits)
    assert placement.GainPerCost(neurons=4).allot(seen) == [1, 1]
    votes = placement.Votes(neurons=2)
    assert votes.allot(seen) == [1, 0]


def test_votes_are_of_all_measurements_since_the_last_growth():
    sites = [
        _site("a", gains=(1.0,), singular_values=(1.0,)),
        _site("b", gains=(2.0,), singular_values=(1.0,)),
    ]
    for_a = {"a": evidence.SiteMeasurement(gains=(5,)), "b": evidence.SiteMeasurement(gains=(1,))}
    for_b = {"a": evidence.SiteMeasurement(gains=(1,)), "b": evidence.SiteMeasurement(gains=(5,))}
    votes = placement.Votes(neurons=3)
    assert votes.allot(_evidence(sites=sites)) == [0, 3]
    assert votes.allot(_evidence(sites=sites, earlier=[for_a, for_a])) == [3, 0]
    assert votes.allot(_evidence(sites=sites, earlier=[for_a])) == [0, 3]  # The latest decides.
    assert votes.allot(_evidence(sites=sites, earlier=[for_b, for_a, for_a])) == [0, 3]


def test_random_placement_is_a_function_of_the_growth_and_spreads():
    sites = [policies.SiteWidth(name, 4, 4) for name in "ab"]
    policy = policies.RandomPlacement(neurons=3, seed=1)
    counts = [policy.allot(growth, sites) for growth in range(200)]
    assert counts == [policy.allot(growth, sites) for growth in range(200)]
    assert all(sum(each) == 3 for each in counts)
    assert 250 < sum(a for a, _ in counts) < 350
    limited = policies.RandomPlacement(neurons=9, max_width=6).allot(0, sites)
    assert limited == [2, 2]
    assert policies.RandomPlacement(neurons=2, sites="b").allot(0, sites) == [0, 2]


# Answers.


@pytest.mark.parametrize("answer", [1, None, "yes", [True]])
def test_an_answer_must_be_true_or_false(answer):
    with pytest.raises(ValueError, match=r"_Says.is_due\(step 200\) gave .* True or False"):
        checks.is_due(_Says(answer), _evidence())
    assert checks.is_due(_Says(np.bool_(True)), _evidence()) is True


class _Coin(adaptive.AdaptiveSchedule):
    def is_due(self, evidence):
        return random.random() < 0.5


def test_a_schedule_that_draws_is_refused():
    with pytest.raises(ValueError, match=r"_Coin.is_due\(step 200\) gave .* asked again"):
        for _ in range(64):
            checks.is_due(_Coin(), _evidence())


@pytest.mark.parametrize("answer", [[1], [1.0, 0], [-1, 0], None])
def test_an_allotment_must_be_whole_numbers_for_each_site(answer):
    class Policy(adaptive.AdaptivePolicy):
        def allot(self, evidence):
            return answer

    sites = [_site("a"), _site("b")]
    with pytest.raises(ValueError, match="Policy.allot gave .* for each of the sites a, b"):
        checks.allot_adaptively(Policy(), _evidence(sites=sites))


@pytest.mark.parametrize("answer", [150, -1, 200.0, True])
def test_a_question_must_not_lie_in_the_past(answer):
    class Schedule(_Says):
        def next_question(self, step, growths):
            return answer

    with pytest.raises(ValueError, match=r"Schedule.next_question\(step=200, ...\) gave"):
        checks.next_question(Schedule(True), 200, [])


# A grower.


class _Always(adaptive.AdaptiveSchedule):
    def __init__(self, **kwargs):
        super().__init__(interval=1, **kwargs)

    def is_due(self, evidence):
        return True


def _grow(steps, **kwargs):
    model, data = networks.network((5, 7)), networks.batch()
    grower = networks.grower(model, gradmax.GradMax(), neurons=(2,) * 20, **kwargs)
    for step in range(steps):
        if grower.next_growth(step) == step and grower.decide(step, lambda: data):
            grower.grow(step, data)
    return grower


def test_pure_growths_stay_within_a_budget_that_the_plan_knows():
    model, _ = networks.network((5, 7)), None
    limit = cost.size_at(model, model.sites)({"hidden_1": 9, "hidden_2": 11}).parameters
    for most, growths in ((limit, 2), (limit - 1, 1), (limit + 1, 2)):
        kwargs = {"budget": budget.Budget(parameters=most)}
        planned = networks.grower(
            networks.network((5, 7)), gradmax.GradMax(), neurons=(2,) * 20, **kwargs
        ).plan(20)
        grower = _grow(20, **kwargs)
        assert len(grower.history) == growths and len(planned) == 2 * growths
        assert {p.site: p.to_width for p in planned} == grower.widths()
        assert f"of at most {most}" in grower.why_ended(20)
        assert grower.next_growth(20) is None


def test_a_budget_of_training_counts_what_the_rest_of_the_run_costs():
    from growth.decisions import decider

    model, data = networks.network((5, 7)), networks.batch()
    size = cost.size_at(model, model.sites)
    rates = [size({"hidden_1": 5 + 2 * n, "hidden_2": 7 + 2 * n}).forward_flops for n in range(4)]
    run = decider.RunLength(steps=10, batch_size=64)
    # One growth at step 0, one at step 1, and eight more steps.
    exactly = 3 * 64 * (rates[1] + 9 * rates[2])
    for most, growths in ((exactly, 2), (exactly - 1, 1)):
        grower = networks.grower(
            networks.network((5, 7)),
            gradmax.GradMax(),
            neurons=(2,) * 20,
            budget=budget.Budget(training_flops=most),
        )
        with pytest.raises(ValueError, match="Budget.training_flops = .* set Grower.run"):
            grower.decide(0, lambda: data)
        grower.run = run
        for step in range(10):
            if grower.next_growth(step) == step and grower.decide(step, lambda: data):
                grower.grow(step, data)
        assert len(grower.history) == growths


def test_growth_ends_where_the_schedule_does_or_says_what_it_said_last():
    assert "_Always has no growth left after 3" in _grow(9, schedule=_Always(count=3)).why_ended(9)
    grower = _grow(9, schedule=_Says(False, interval=4))
    assert len(grower.history) == 0 and grower.why_ended(9) == "at step 8 it is not due"
    assert networks.grower(networks.network(), gradmax.GradMax()).why_ended(9) is None


def test_an_adaptive_policy_that_gives_nothing_is_asked_again():
    policy = placement.GainPerCost(neurons=2, least=1e9)
    grower = _grow(3, schedule=_Always(), policy=policy)
    assert len(grower.history) == 0
    assert "GainPerCost adds no neuron" in grower.why_ended(3)
    # A schedule that counts growths goes on to the next.
    grower = _grow(3, policy=policy)
    assert len(grower.history) == 3 and not grower.history.events[0].sites


def test_to_grow_without_being_due_is_an_error():
    grower = networks.grower(networks.network(), gradmax.GradMax(), schedule=_Says(False))
    with pytest.raises(ValueError, match="does not grow after step 0: it is not due"):
        grower.grow(0, networks.batch())


def test_predicted_and_measured_decreases_are_kept():
    model, data = networks.network((5, 7)), networks.batch()
    grower = networks.grower(
        model,
        gradmax.GradMax(),
        schedule=_Always(count=1),
        policy=placement.GainPerCost(neurons=2),
    )
    assert grower.observe(1, {"loss": 4.0, "optimizer/learning_rate": 0.5}) is None
    assert grower.decide(1, lambda: data)
    growth = grower.grow(1, data)
    assert growth.predicted_decrease == pytest.approx(0.5 * growth.decision.gain)
    assert grower.observe(1, {"loss": 9.0}) is None
    assert grower.observe(3, {"loss": 3.0}) is growth
    assert growth.measured_decrease == pytest.approx(1.0)
    assert grower.observe(4, {"loss": 2.0}) is None


def test_many_neurons_do_not_ask_for_as_many_singular_values():
    policy = placement.GainPerCost(neurons=100_000)
    assert policy.directions == 256 and placement.Votes(neurons=100_000).directions == 16
    gains = tuple(1.0 for _ in range(256))
    sites = [_site("a", gains=gains, singular_values=gains)]
    assert policy.allot(_evidence(sites=sites)) == [256]
    assert placement.Votes(neurons=300).allot(_evidence(sites=sites)) == [300]
    assert placement.Votes(neurons=300, max_width=9).allot(_evidence(sites=sites)) == [5]
    assert placement.Votes(neurons=300, max_width=3).allot(_evidence(sites=sites)) == [0]
