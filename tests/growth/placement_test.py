"""Policies that decide by the state of training where a network grows."""

import pytest

from growth.decisions import evidence, placement, policies
from models import cost
from tests.made_evidence import evidence_of, site


def test_neurons_go_where_they_are_worth_most_one_by_one():
    sites = [
        site("a", cost=10, gains=(9.0, 5.0, 1.0), singular_values=(3.0, 2.0, 1.0)),
        site("b", cost=30, gains=(12.0, 11.0, 10.0), singular_values=(9.0, 8.0, 7.0)),
    ]
    seen = evidence_of(sites=sites)
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
        site("a", gains=(9.0, 5.0, 0.0), singular_values=(3.0, 2.0, 0.0), random_norm=1.0),
        site("b", gains=(4.0, 1.0, 0.5), singular_values=(9.0, 4.0, 1.0), random_norm=3.0),
    ]
    seen = evidence_of(sites=sites)
    assert placement.GainPerCost(neurons=9).allot(seen) == [2, 3]  # None without a gain.
    assert placement.GainPerCost(neurons=9, least=0.45).allot(seen) == [2, 0]
    assert placement.GainPerCost(neurons=9, least_fraction=0.4).allot(seen) == [2, 1]
    assert placement.GainPerCost(neurons=9, above_random=1.5).allot(seen) == [2, 1]
    largest = placement.LargestSingularValues(neurons=9, above_random=1.5)
    assert largest.allot(seen) == [2, 1]
    assert placement.GainPerCost(neurons=9, least=100.0).allot(seen) == [0, 0]


def test_a_target_is_a_limit_if_it_is_asked_for():
    sites = [site("a", target=5, gains=(9.0, 8.0)), site("b", target=9, gains=(1.0, 0.9))]
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
    assert policy.allot(evidence_of(sites=sites)) == [1, 1]
    with pytest.raises(ValueError, match="GainPerCost.to_target = True needs .* c has none"):
        policy.check([policies.SiteWidth("c", 2, 2)])
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        placement.GainPerCost(1, sites="hiden").check([policies.SiteWidth("hidden", 2, 2)])


def test_the_budget_is_filled_up():
    sites = [
        site("a", cost=30, gains=(9.0, 8.0), singular_values=(1.0, 1.0)),
        site("b", cost=10, gains=(1.0, 0.9), singular_values=(1.0, 1.0)),
    ]

    def size(widths):
        return cost.Size(sum(widths.values()), 30 * widths["a"] + 10 * widths["b"], 0)

    limits = evidence.Limits(parameters=160 + 45)
    seen = evidence_of(sites=sites, size=size, limits=limits)
    assert placement.GainPerCost(neurons=4).allot(seen) == [1, 1]
    votes = placement.Votes(neurons=2)
    assert votes.allot(seen) == [1, 0]


def test_votes_are_of_all_measurements_since_the_last_growth():
    sites = [
        site("a", gains=(1.0,), singular_values=(1.0,)),
        site("b", gains=(2.0,), singular_values=(1.0,)),
    ]
    for_a = {"a": evidence.SiteMeasurement(gains=(5,)), "b": evidence.SiteMeasurement(gains=(1,))}
    for_b = {"a": evidence.SiteMeasurement(gains=(1,)), "b": evidence.SiteMeasurement(gains=(5,))}
    votes = placement.Votes(neurons=3)
    assert votes.allot(evidence_of(sites=sites)) == [0, 3]
    assert votes.allot(evidence_of(sites=sites, earlier=[for_a, for_a])) == [3, 0]
    assert votes.allot(evidence_of(sites=sites, earlier=[for_a])) == [0, 3]  # The latest decides.
    assert votes.allot(evidence_of(sites=sites, earlier=[for_b, for_a, for_a])) == [0, 3]


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


def test_many_neurons_do_not_ask_for_as_many_singular_values():
    policy = placement.GainPerCost(neurons=100_000)
    assert policy.directions == 256 and placement.Votes(neurons=100_000).directions == 16
    gains = tuple(1.0 for _ in range(256))
    sites = [site("a", gains=gains, singular_values=gains)]
    assert policy.allot(evidence_of(sites=sites)) == [256]
    assert placement.Votes(neurons=300).allot(evidence_of(sites=sites)) == [300]
    assert placement.Votes(neurons=300, max_width=9).allot(evidence_of(sites=sites)) == [5]
    assert placement.Votes(neurons=300, max_width=3).allot(evidence_of(sites=sites)) == [0]
