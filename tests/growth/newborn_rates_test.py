"""The learning rate of new neurons by age, and which elements of parameters it is of."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import random
from growth.newborns import cohorts, rates
from growth.records import events
from models.architectures import convnet
from models.layers import normalization
from tests import networks, site_table


def _factors(rate, ages):
    return rate.factor(tf.constant(ages, tf.float32)).numpy()


def test_a_constant_rate():
    np.testing.assert_array_equal(_factors(rates.ConstantRate(2.5), [0, 7, 1e6]), [2.5] * 3)


def test_a_warm_up_that_is_held():
    rate = rates.WarmUpRate(3.0, steps=4)
    np.testing.assert_allclose(_factors(rate, range(6)), [1.5, 2.0, 2.5, 3.0, 3.0, 3.0])


def test_a_warm_up_from_nothing():
    rate = rates.WarmUpRate(2.0, steps=4, start=0.0)
    np.testing.assert_allclose(_factors(rate, range(5)), [0.5, 1.0, 1.5, 2.0, 2.0])


def test_a_warm_up_that_returns():
    rate = rates.WarmUpRate(3.0, steps=2, return_steps=4)
    np.testing.assert_allclose(_factors(rate, range(7)), [2.0, 3.0, 2.5, 2.0, 1.5, 1.0, 1.0])


def test_a_decaying_rate():
    rate = rates.DecayingRate(3.0, half_life=10)
    np.testing.assert_allclose(_factors(rate, [0, 10, 20, 1e6]), [3.0, 2.0, 1.5, 1.0])


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: rates.ConstantRate(0.0), "ConstantRate.factor = 0.0"),
        (lambda: rates.WarmUpRate(-1.0, steps=3), "WarmUpRate.factor = -1.0"),
        (lambda: rates.WarmUpRate(2.0, steps=0), "WarmUpRate.steps = 0"),
        (lambda: rates.WarmUpRate(2.0, steps=1, start=-0.1), "WarmUpRate.start = -0.1"),
        (
            lambda: rates.WarmUpRate(2.0, steps=1, return_steps=0),
            "WarmUpRate.return_steps = 0",
        ),
        (lambda: rates.DecayingRate(2.0, half_life=0), "DecayingRate.half_life = 0"),
        (lambda: rates.ConstantRate(float("nan")), "ConstantRate.factor = nan"),
    ],
)
def test_what_is_out_of_range_is_named(make, argument):
    with pytest.raises(ValueError, match=argument):
        make()


class _AgeAsFactor(rates.NewbornRate):
    def factor(self, age):
        return age


def _expected(ages):
    """The factor, less 1, of each weight: of the younger of its neurons; None for the seed."""
    grids = np.meshgrid(*ages, indexing="ij")
    return np.min(grids, axis=0) - 1.0


def test_a_weight_takes_the_factor_of_the_younger_of_its_two_neurons(untraced):
    model = networks.network((2, 3))
    grower = networks.grower(model, random.Random(), (1, 2), newborn_rate=_AgeAsFactor())
    grower.grow(10, networks.batch())
    grower.grow(30, networks.batch())
    factors = grower.update_factors(tf.constant(50, tf.int64))
    # 1 is the factor of seed neurons, which are older than all others.
    first = np.array([np.inf] * 2 + [40.0] + [20.0] * 2)
    second = np.array([np.inf] * 3 + [40.0] + [20.0] * 2)
    seed = np.full([1], np.inf)
    variables = model.trainable_variables
    ages = [(seed, first), (first,), (first, second), (second,), (second, seed)]
    for variable, of_axes in zip(variables, ages, strict=False):
        expected = np.where(np.isinf(_expected(of_axes)), 0.0, _expected(of_axes))
        found = np.broadcast_to(factors[variable.ref()], variable.read_value().shape)
        np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
    assert variables[-1].ref() not in factors  # The bias of the output does not grow.
    assert len(factors) == len(variables) - 1


def test_normalizations_and_biases_have_factors_and_statistics_have_not(untraced):
    model = convnet.ConvNet((2, 3), 4, normalization=normalization.BatchNormalization)
    inputs = tf.random.stateless_normal([8, 6, 6, 2], [0, 1])
    model(inputs)
    grower = networks.grower(
        model, random.Random(inverse=True), (2,), newborn_rate=rates.ConstantRate(3.0)
    )
    grower.grow(0, (inputs, tf.ones([8, 4])))
    factors = grower.update_factors(tf.constant(0, tf.int64))
    growing = [v for v in model.trainable_variables if None in v.shape.as_list()]
    assert set(factors) == {v.ref() for v in growing} and len(growing) > 5
    for variable in growing:
        shape = variable.read_value().shape
        excess = np.broadcast_to(factors[variable.ref()], shape)
        seed_width = {4: 2, 5: 3}
        is_new = np.zeros(shape, bool)
        for axis, declared in enumerate(variable.shape):
            if declared is None:
                index = np.arange(shape[axis]) >= seed_width[shape[axis]]
                is_new |= index.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        np.testing.assert_array_equal(excess, np.where(is_new, 2.0, 0.0))


@pytest.mark.parametrize("kind", ["two consumers", "two producers", "depthwise", "new dense"])
def test_every_axis_that_grew_has_factors(untraced, kind):
    model, data = site_table.SITES[kind]()
    (site,) = model.sites
    width = site.width
    rate = rates.ConstantRate(3.0)
    grower = networks.grower(model, random.Random(), (2,), newborn_rate=rate)
    grower.grow(0, data)
    factors = grower.update_factors(tf.constant(0, tf.int64))
    for variable, axis in site.axes:
        excess = np.broadcast_to(factors[variable.ref()], variable.read_value().shape)
        old, new = np.split(excess, [width], axis=axis)
        assert np.all(old == 0.0) and np.all(new == 2.0) and new.size


def test_what_is_recalled_from_the_history_is_what_was_there(untraced):
    model = networks.network((2, 3))
    rate = rates.ConstantRate(3.0)
    grower = networks.grower(model, random.Random(), (1, 0, 2), newborn_rate=rate)
    for step in (10, 20, 30):
        grower.grow(step, networks.batch())
    made = grower._cohorts
    variables = [made.births, *made.of_site.values()]
    before = [variable.numpy() for variable in variables]
    np.testing.assert_array_equal(before[0], [-1, 10, 30])
    np.testing.assert_array_equal(before[1], [0, 0, 1, 2, 2])
    for variable in variables:
        variable.assign(variable[:1])
    grower.recall_cohorts()
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_growth_that_is_left_out_or_rehearsed_makes_no_cohort(untraced):
    model = networks.network((2, 3))
    made = cohorts.Cohorts(model.sites)
    assert made.recalled({"hidden_1": 2, "hidden_2": 3}, [events.Growth(3)])[-1].value == -1
    grower = networks.grower(model, random.Random(), (1,), newborn_rate=rates.ConstantRate(2.0))
    grower.prepare(networks.batch())
    np.testing.assert_array_equal(grower._cohorts.births, [-1])


def test_without_a_rate_there_is_nothing():
    grower = networks.grower(networks.network(), random.Random())
    assert grower.update_factors is None and grower._cohorts is None


def _grown(**rates_of):
    """A network of 2 and 3 neurons, grown twice, and the factors of its updates after step 50."""
    model = networks.network((2, 3))
    grower = networks.grower(model, random.Random(inverse=True), (1, 2), **rates_of)
    grower.grow(10, networks.batch())
    grower.grow(30, networks.batch())
    factors = grower.update_factors(tf.constant(50, tf.int64))
    return model, {v.name: 1.0 + factors[v.ref()].numpy() for v in model.trainable_variables[:-1]}


def test_kernels_follow_the_width_that_they_read(untraced):
    model, factors = _grown(width_rate=rates.WidthRate(power=-1.0))
    first, second = (site.producers[0].kernel for site in model.sites)
    last = model.sites[1].consumers[0].kernel
    assert np.all(factors[first.name] == 1.0)  # Reads the inputs.
    np.testing.assert_allclose(factors[second.name], np.full_like(factors[second.name], 2 / 5))
    np.testing.assert_allclose(factors[last.name], np.full_like(factors[last.name], 3 / 6))


def test_the_rate_by_width_multiplies_that_by_age(untraced):
    by_age = {"newborn_rate": rates.ConstantRate(3.0)}
    by_width = {"width_rate": rates.WidthRate(power=0.5)}
    found = [_grown(**rate)[1].values() for rate in (by_age, by_width, by_age | by_width)]
    for age, width, both in zip(*found, strict=True):
        np.testing.assert_allclose(both, age * width, rtol=1e-6)


def test_the_rate_by_norm_is_that_of_the_weights_of_each_growth(untraced):
    model, factors = _grown(newborn_rate=rates.NormRatioRate(least=0.01, most=10.0))
    kernel = model.sites[0].producers[0].kernel  # Its neurons are of growths 0 0 1 2 2.
    columns = kernel.numpy()

    def size(part):
        return np.sqrt(np.mean(np.square(part)))

    seed = size(columns[:, :2])
    last = size(columns[:, 3:]) / seed
    expected = [1.0, 1.0, size(columns[:, 2]) / seed, last, last]
    found = np.broadcast_to(factors[kernel.name], columns.shape)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    # Outgoing weights of zero learn at the least rate.
    outgoing = model.sites[1].consumers[0].kernel
    found = np.broadcast_to(factors[outgoing.name], outgoing.numpy().shape)
    np.testing.assert_allclose(found[:3], np.ones_like(found[:3]))
    np.testing.assert_allclose(found[3:], np.full_like(found[3:], 0.01), rtol=1e-6)
