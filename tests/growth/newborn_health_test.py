"""Looks at new neurons: when they come, what they measure, and that they change nothing."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import gradmax, random
from growth.newborns import health
from growth.records import events
from models.layers import activations
from tests import networks, site_table, trained_site
from trainer.logs import newborn_warning


def _health(interval=1, **kwargs):
    return lambda: health.NewbornHealth(interval, **kwargs)


def _growth(step=500, looks=(), **sites):
    sites = sites or {"a": 2}
    looked = [events.Look(x, dormant=0.0) for x in looks]
    return events.Growth(
        step,
        sites={name: events.SiteGrowth(1, 1 + n, looks=list(looked)) for name, n in sites.items()},
    )


def test_looks_come_at_multiples_of_the_interval_and_ever_more_rarely():
    growth, steps = _growth(step=470), []
    watch = health.NewbornHealth(100)
    while len(steps) < 12:
        steps.append(watch.next_look(steps[-1] + 1 if steps else 470, [growth]))
        growth.sites["a"].looks.append(events.Look(steps[-1]))
    # Not at 500, when the neurons have been trained for 30 steps.
    assert steps == [600, 700, 800, 900, 1000, 1200, 1400, 1600, 1900, 2200, 2600, 3100]


def test_a_look_that_was_missed_is_due_at_the_next_multiple():
    watch = health.NewbornHealth(100)
    assert watch.next_look(1234, [_growth()]) == 1300
    assert watch.next_look(600, [_growth()]) == 600
    assert watch.next_look(601, [_growth(looks=[600])]) == 700


@pytest.mark.parametrize("growths", [[], [events.Growth(500, refusal="not finite")]])
def test_without_new_neurons_there_is_no_look(growths):
    assert health.NewbornHealth().next_look(1000, growths) is None


def test_a_look_before_any_growth_is_refused():
    grower = networks.grower(networks.network(), gradmax.GradMax(), newborn_health=_health())
    with pytest.raises(ValueError, match="no new neurons yet"):
        grower.look(1, networks.batch())


def test_what_is_measured(untraced):
    model = networks.network((4, 5))
    method = random.Random(inverse=True)
    grower = networks.grower(model, method, (2,), newborn_health=_health())
    inputs, targets = networks.batch()
    grower.grow(0, (inputs, targets))
    first, second, _ = kernels = [model.trainable_variables[i] for i in (0, 2, 4)]
    first[:, 4].assign(np.zeros(6))  # A neuron whose bias alone makes it active.
    model.trainable_variables[1][4].assign(1e-3)
    grower.look(7, (inputs, targets))

    with tf.GradientTape() as tape:
        loss = networks.loss(targets, model(inputs))
    by_first, by_second, _ = (g.numpy() for g in tape.gradient(loss, kernels))
    hidden = activations.relu(inputs @ first + model.trainable_variables[1]).numpy()
    activity = np.abs(hidden).mean(axis=0)
    assert activity[4] < 0.1 * activity.mean() < activity[5]
    new = np.concatenate([by_first[:, 4:].ravel(), by_second[4:].ravel()])
    old = np.concatenate([by_first[:, :4].ravel(), by_second[:4].ravel()])
    expected = events.Look(
        7,
        dormant=0.5,
        log_activity=np.log(activity[4:].mean() / activity[:4].mean()),
        log_gradient=0.5 * np.log(np.mean(new**2) / np.mean(old**2)),
        incoming_norm=np.linalg.norm(first[:, 4:], axis=0).mean(),
        outgoing_norm=np.linalg.norm(second[4:], axis=1).mean(),
    )
    (found,) = grower.history.events[-1].sites["hidden_1"].looks
    assert found.step == expected.step
    for name in ("dormant", "log_activity", "log_gradient", "incoming_norm", "outgoing_norm"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-5), name


def test_a_ratio_with_zero_is_none(untraced):
    model = networks.network((4, 5))
    grower = networks.grower(model, gradmax.GradMax(), (2,), newborn_health=_health())
    grower.grow(0, networks.batch())
    dormant = grower.look(1, networks.batch())
    # GradMax starts with incoming weights of zero.
    assert dormant == {"hidden_1": 1.0, "hidden_2": 1.0}
    look = grower.history.events[-1].sites["hidden_1"].looks[-1]
    assert look.log_activity is None and look.incoming_norm == 0.0 and look.outgoing_norm > 0.0
    assert events.Growth.from_json(grower.history.events[-1].to_json()).sites["hidden_1"].looks == [
        look
    ]


@pytest.mark.parametrize("kind", site_table.SITES)
def test_every_kind_of_site_is_looked_at_and_left_as_it_is(untraced, kind):
    trained = trained_site.TrainedSite.of_kind(kind)
    had_neurons = trained.model.sites[0].width > 0
    grower = networks.grower(
        trained.model, random.Random(), (2,), slots=trained.slots, newborn_health=_health()
    )
    grower.grow(0, trained.batch)
    before = [variable.numpy() for variable in trained.variables()]
    grower.look(1, trained.batch)
    (look,) = grower.history.events[-1].sites["site"].looks
    assert 0 <= look.dormant <= 1 and (look.log_gradient is not None) == had_neurons
    for variable, value in zip(trained.variables(), before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_warning_names_the_worst_site_and_a_remedy():
    growth = _growth(a=4, b=8)
    for name, dormant in (("a", 0.25), ("b", 0.75)):
        growth.sites[name].looks.append(events.Look(600, dormant=dormant))
    shares = health.NewbornHealth().dormant(growth)
    assert shares == {"a": 0.25, "b": 0.75}
    text = newborn_warning.text(growth, 600, shares)
    assert "100 steps after the growth at step 500, 6 of 8 new neurons of b" in text
    assert "(and at 1 more site)" in text and "gin_configs/recipe.gin" in text
    assert health.NewbornHealth(warn_above=0.5).dormant(growth) == {"b": 0.75}


def test_it_can_be_switched_off():
    grower = networks.grower(networks.network(), random.Random(), newborn_health=None)
    assert grower.next_look(0) is None


@pytest.mark.parametrize(
    "arguments", [{"interval": 0}, {"dormant_below": -0.1}, {"warn_above": 1.5}]
)
def test_what_is_out_of_range_is_named(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"NewbornHealth.{name} = "):
        health.NewbornHealth(**arguments)
