import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth.decisions import planner, policies, schedules
from growth.methods import gradmax, random, split
from growth.methods import method as method_lib
from growth.records import events
from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from models import cost
from tests import networks


def test_growths_of_all_widths_and_counts_are_traced_once():
    model, data = networks.network(), networks.batch()
    grower = grower_lib.Grower(
        model,
        networks.loss,
        lambda variable: [],
        seed=0,
        schedule=schedules.PeriodicSchedule(0, 1, 5),
        policy=policies.RoundRobin(fraction=0.5, max_width=12),
        method=gradmax.GradMax(),
    )
    before = [v.numpy() for v in model.trainable_variables]
    grower.prepare(data)
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    for step in range(5):
        grower.grow(step, data)
    assert grower.widths() == {"hidden_1": 11, "hidden_2": 12}
    assert grower._grow.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(("method", "copies"), [(gradmax.GradMax(), False), (split.Split(), True)])
def test_a_growth_looks_for_copies_only_where_a_method_makes_them(monkeypatch, method, copies):
    looked, of_parents = [], surgery._of_parents

    def observed(*arguments):
        looked.append(arguments)
        return of_parents(*arguments)

    monkeypatch.setattr(surgery, "_of_parents", observed)
    networks.grower(networks.network(), method).grow(0, networks.batch())
    assert bool(looked) == copies


def test_the_plan_is_what_happens():
    model, data = networks.network(), networks.batch()
    grower = networks.grower(model, random.Random())
    plan = grower.plan(steps=2)
    happened = []
    for step in range(2):
        assert grower.next_growth(step) == step
        event = grower.grow(step, data)
        happened += [
            events.PlannedGrowth(step, name, site.from_width, site.to_width)
            for name, site in event.sites.items()
        ]
    assert plan == happened
    rehearsed = networks.network()
    networks.grower(rehearsed, random.Random()).rehearse(grower.widths())
    assert cost.parameters(rehearsed) == cost.parameters(model) == event.parameters
    assert cost.forward_flops(rehearsed) == event.forward_flops


class _Stubborn(schedules.Schedule):
    """Always says: at step 2."""

    def next_growth(self, step, growths):
        return 2


def test_an_overdue_growth_is_due_now_and_no_step_grows_twice():
    model, data = networks.network((5,)), networks.batch()
    grower = grower_lib.Grower(
        *(model, networks.loss, lambda variable: [], 0),
        schedule=_Stubborn(),
        policy=policies.AllAtOnce(neurons=1),
        method=random.Random(),
    )
    assert [grower.next_growth(step) for step in (0, 2, 5)] == [2, 2, 5]
    assert [growth.step for growth in grower.plan(6)] == [2, 3, 4, 5]
    grower.grow(5, data)
    assert grower.next_growth(5) == 6


class _Normalized(tf_keras.Model):
    """A network with moving averages beside what grows."""

    def __init__(self):
        super().__init__()
        self.norm = tf_keras.layers.BatchNormalization()
        self.inner = networks.mlp.MLP((5,), 4)

    @property
    def sites(self):
        return self.inner.sites

    def call(self, inputs, training=False):
        return self.inner(self.norm(inputs, training=training))


def test_growth_leaves_moving_averages_as_they_are():
    model, data = _Normalized(), networks.batch()
    model(data[0])
    before = [v.numpy() for v in model.non_trainable_variables]
    networks.grower(model, gradmax.GradMax()).grow(0, data)
    assert len(before) == 2
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


class _TwoTowers(tf_keras.Model):
    """Two networks whose layers have the same names."""

    def __init__(self, site_names=("a", "b")):
        super().__init__()
        self.towers = [networks.mlp.MLP((5,), 4, seed=seed) for seed in (0, 1)]
        self._site_names = site_names

    @property
    def sites(self):
        return [
            dataclasses.replace(tower.sites[0], name=name)
            for tower, name in zip(self.towers, self._site_names, strict=True)
        ]

    def call(self, inputs, training=False):
        return self.towers[0](inputs) + 3 * tf.tanh(self.towers[1](inputs))


def test_layers_of_the_same_name_are_told_apart():
    model, data = _TwoTowers(), networks.batch()
    model(data[0])
    event = networks.grower(model, gradmax.GradMax()).grow(0, data)
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    kernels = [site.producers[0].kernel for site in model.sites]
    for name, gradient in zip("ab", tape.gradient(value, kernels), strict=True):
        logged = event.sites[name].gradient_norm_new
        np.testing.assert_allclose(logged, tf.norm(gradient[:, 5:]), rtol=1e-5)


def test_sites_must_have_names_of_their_own():
    model = _TwoTowers(("a", "a"))
    model(networks.batch()[0])
    with pytest.raises(ValueError, match="must differ by name"):
        networks.grower(model, gradmax.GradMax())


def test_a_baseline_needs_no_sites():
    model = tf_keras.Sequential([tf_keras.layers.Dense(3)])
    model(tf.zeros([1, 2]))
    assert networks.grower(model, None).plan(10) == []
    with pytest.raises(ValueError, match="Sequential.sites must list"):
        networks.grower(model, random.Random())


@pytest.mark.parametrize("counts", [[1], [1, -1], [1, 1, 1]])
def test_what_a_policy_allots_is_checked(counts):
    class Wrong(policies.Policy):
        def allot(self, growth, sites):
            return counts

    with pytest.raises(ValueError, match="Wrong.allot gave"):
        plan = planner.Planner(schedules.PeriodicSchedule(0, 1, 2), Wrong(), {"a": None, "b": None})
        plan.plan(10, [], {"a": 1, "b": 1}, {"a": 1, "b": 1})


def test_a_baseline_never_grows():
    grower = networks.grower(networks.network(), None)
    grower.prepare(networks.batch())
    assert grower.next_growth(0) is None
    assert grower.plan(100) == []
    with pytest.raises(ValueError, match="Grower.method = None cannot grow"):
        grower.grow(0, networks.batch())


def test_history_survives_a_checkpoint_and_finds_other_widths(tmp_path):
    model, data = networks.network(), networks.batch()
    grower = networks.grower(model, random.Random())
    event = grower.grow(0, data)
    assert events.Growth.from_json(json.loads(json.dumps(event.to_json()))) == event
    path = tf.train.Checkpoint(model=model, growth=grower.history).save(str(tmp_path / "c"))

    seed = networks.network(seed=3)
    resumed = networks.grower(seed, random.Random())
    tf.train.Checkpoint(model=seed, growth=resumed.history).restore(path).assert_consumed()
    assert resumed.history.events == [event]
    resumed.check_widths()
    np.testing.assert_array_equal(seed(data[0]), model(data[0]))

    other = networks.grower(networks.network((6, 7)), random.Random())
    other.history.deserialize(grower.history.serialize())
    with pytest.raises(ValueError, match="has the widths .* growth history ends with"):
        other.check_widths()


def test_forward_flops_add_up_over_the_widths():
    grower = networks.grower(networks.network(), None)
    first = grower.forward_flops(1)
    grower.history.events = [
        events.Growth(10, forward_flops=2 * first),
        events.Growth(20, forward_flops=3 * first),
    ]
    assert grower.forward_flops(25) == first * (10 + 2 * 10 + 3 * 5)


class _Doubled(method_lib.GrowthMethod):
    """A toy method: new neurons are copies of the first with zero outgoing weights."""

    def __call__(self, linear_map, count, seed):
        site = linear_map.site
        return NewNeurons(
            tf.repeat(site.incoming()[:, :1], count, axis=1),
            tf.zeros([tf.shape(site.outgoing())[0], count]),
        )


def test_a_new_method_needs_nothing_but_its_class():
    model, data = networks.network(), networks.batch()
    before = model(data[0])
    networks.grower(model, _Doubled(), neurons=(2,)).grow(0, data)
    np.testing.assert_allclose(model(data[0]), before, rtol=1e-6)
    incoming = model.sites[0].incoming().numpy()
    np.testing.assert_array_equal(incoming[:, -2:], incoming[:, :1].repeat(2, axis=1))


@pytest.mark.parametrize("method", [random.Random(), gradmax.GradMax()])
def test_a_growth_of_a_network_that_is_not_finite_is_named(method):
    model, data = networks.network(), networks.batch()
    model.sites[1].producers[0].kernel.assign(tf.fill([5, 7], np.nan))
    with pytest.raises(FloatingPointError, match="after 3 steps new weights are not finite at sit"):
        networks.grower(model, method).grow(3, data)
