"""What a grower does with schedules and policies that decide, and with a budget."""

import pytest

from growth.decisions import adaptive, budget, decider, placement
from growth.methods import gradmax
from models import cost
from tests import networks
from tests.made_evidence import Says


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
    grower = _grow(9, schedule=Says(False, interval=4))
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
    grower = networks.grower(networks.network(), gradmax.GradMax(), schedule=Says(False))
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
