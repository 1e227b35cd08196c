"""Schedules that decide by the state of training when a network grows."""

import pytest

from growth.decisions import combinations, schedules, triggers
from growth.records import events
from tests.made_evidence import Says, evidence_of, site


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
    seen = evidence_of(200, losses, grown=grown)
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
        site("a", singular_values=(3.0,), gains=(16.0,), old_gradient_norm=4.0),
        site("b", singular_values=(1.0,), gains=(1.0,), old_gradient_norm=8.0),
    ]
    # Of four neurons, each has half of the norm.
    seen = evidence_of(sites=sites)
    assert triggers.SingularValues(threshold=1.4).is_due(seen)
    assert not triggers.SingularValues(threshold=1.6).is_due(seen)
    by_gain = triggers.SingularValues(threshold=1.9, of=triggers.gain_of_one)
    assert by_gain.is_due(seen) and "site a gets 2 times" in by_gain.because(seen)
    nothing = evidence_of(sites=[site("a", singular_values=(0.0,), old_gradient_norm=0.0)])
    assert not triggers.SingularValues(threshold=0.5).is_due(nothing)


def test_redundancy_is_low_where_neurons_are_used_up():
    sites = [site("a", effective_rank=3.9), site("b", width=10, effective_rank=5.0)]
    assert triggers.Redundancy(threshold=0.9).is_due(evidence_of(sites=sites))
    assert not triggers.Redundancy(threshold=0.9).is_due(evidence_of(sites=sites[1:]))


def test_a_gap_slows_growth_down():
    gap = triggers.Gap(every=100, slope=2.0, interval=10)
    assert gap.needs_evaluation and gap.next_question(0, []) == 100
    losses = [(50, 1.0), (100, 1.0)]
    for test, due in ((1.0, 100), (0.5, 100), (1.5, 200), (2.0, 300)):
        seen = [evidence_of(step, losses, [(100, test)]) for step in (due - 10, due)]
        assert [gap.is_due(each) for each in seen] == [False, True]
    assert not gap.is_due(evidence_of(500, losses))  # No evaluation.


_GROWN = [events.Growth(50)]


def test_any_of_several():
    both = combinations.AnyOf([schedules.PeriodicSchedule(70, 100, 2), Says(True, interval=50)])
    assert both.next_question(0, []) == 50 and both.next_question(1, []) == 50
    assert both.next_question(51, []) == 70
    assert both.is_due(evidence_of(70)) and both.is_due(evidence_of(50))
    neither = combinations.AnyOf([schedules.PeriodicSchedule(70, 100, 2), Says(False, interval=50)])
    assert not neither.is_due(evidence_of(50)) and neither.is_due(evidence_of(70))
    assert "PeriodicSchedule plans a growth" in neither.because(evidence_of(70))
    assert (
        combinations.AnyOf([schedules.PeriodicSchedule(0, 1, 1)]).next_question(5, _GROWN) is None
    )


def test_all_of_several():
    both = combinations.AllOf([schedules.PeriodicSchedule(70, 100, 2), Says(True, interval=50)])
    assert both.next_question(1, []) == 100 and both.is_due(evidence_of(100))
    assert not both.is_due(evidence_of(50))
    assert (
        combinations.AllOf([Says(True, interval=100), Says(True, interval=70)]).next_question(1, [])
        == 700
    )
    assert not combinations.AllOf([Says(True), Says(False)]).is_due(evidence_of(100))
    limited = combinations.AllOf([Says(True, count=1), schedules.PeriodicSchedule(70, 100, 5)])
    assert limited.next_question(60, _GROWN) is None


def test_at_the_earliest_and_at_the_latest():
    earliest = combinations.AtEarliest(Says(True, interval=50), step=120)
    assert earliest.next_question(0, []) == 150 and earliest.is_due(evidence_of(150))
    latest = combinations.AtLatest(Says(False, interval=50), steps=120, end=400)
    assert latest.next_question(101, []) == 120
    assert not latest.is_due(evidence_of(100)) and latest.is_due(evidence_of(120))
    assert latest.because(evidence_of(120)) == "120 steps without a growth"
    assert latest.next_question(130, [events.Growth(120)]) == 150
    assert latest.next_question(399, [events.Growth(380)]) is None
    assert combinations.AtLatest(Says(False, count=1), steps=1).next_question(60, _GROWN) is None
    nested = combinations.AllOf([earliest, latest])
    assert "not before step 120" in nested.outlook() and "not from step 400 on" in nested.outlook()
