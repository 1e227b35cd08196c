"""What weight decay, averages, warm-up and clipping do with new neurons, as docs/growth.md says."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import optimization
from official.modeling.optimization import lamb, lars, legacy_adamw

from growth.methods import random
from growth.newborns import rates
from tests import networks
from trainer.optimization import optimizers, scaled_updates

_legacy, _new = tf_keras.optimizers.legacy, tf_keras.optimizers
_OLD, _NEW = np.s_[:, :5], np.s_[:, 5:]  # Of the kernel of the layer that grows.


class _Network:
    """A network of 5 hidden neurons that has trained for some steps, and then got 3 more."""

    def __init__(self, optimizer, steps_before=3, rate=None):
        self.model = networks.network((5,))
        self.optimizer = optimizer
        slots = optimizers.GrowableSlots(optimizer, self.model.trainable_variables)
        slots.averages(self.model)
        grower = networks.grower(
            *(self.model, random.Random(epsilon=0.3, inverse=True), (3,)),
            slots=slots,
            newborn_rate=rate,
        )
        if rate is not None:
            scaled_updates.scale(optimizer, grower.update_factors)
        for _ in range(steps_before):
            self.step()
        grower.grow(steps_before, networks.batch())

    @property
    def kernel(self):
        """Of the layer that grows."""
        return self.model.trainable_variables[0]

    def step(self, gradient_of_old=1.0, gradient_of_new=1.0):
        """A step with these gradients by the kernel, and zeros by the rest; gives its change."""
        before = self.kernel.numpy()
        gradient = np.full(before.shape, gradient_of_old, np.float32)
        gradient[_NEW] = gradient_of_new
        variables = self.model.trainable_variables
        gradients = [tf.constant(gradient), *map(tf.zeros_like, variables[1:])]
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.kernel.numpy() - before


@pytest.mark.parametrize(
    "make",
    [
        lambda: _new.AdamW(0.1, weight_decay=0.2, jit_compile=False),
        lambda: _new.SGD(0.1, weight_decay=0.2, jit_compile=False),
        lambda: legacy_adamw.AdamWeightDecay(0.1, weight_decay_rate=0.2),
    ],
    ids=["AdamW", "SGD", "AdamWeightDecay"],
)
@pytest.mark.parametrize("factor", [None, 3.0])
def test_weights_of_new_neurons_decay_as_old_ones_times_their_factor(untraced, make, factor):
    rate = None if factor is None else rates.ConstantRate(factor)
    network = _Network(make(), steps_before=0, rate=rate)
    before = network.kernel.numpy()
    change = network.step(0.0, 0.0)
    decay = 0.1 * 0.2  # The learning rate times the weight decay.
    np.testing.assert_allclose(change[_OLD], -decay * before[_OLD], rtol=1e-4, atol=1e-7)
    expected = -decay * (factor or 1.0) * before[_NEW]
    np.testing.assert_allclose(change[_NEW], expected, rtol=1e-4, atol=1e-7)


def _average(dynamic):
    return optimization.ExponentialMovingAverage(
        _legacy.SGD(0.1), average_decay=0.9, dynamic_decay=dynamic
    )


@pytest.mark.parametrize(("dynamic", "decay"), [(False, 0.9), (True, 6 / 15)])
def test_an_average_of_new_weights_starts_as_they_do_and_counts_the_steps_of_the_run(
    untraced, dynamic, decay
):
    optimizer = _average(dynamic)
    network = _Network(optimizer, steps_before=4)
    average = optimizer.get_slot(network.kernel, "average")
    born = network.kernel.numpy()[_NEW]
    np.testing.assert_array_equal(average.numpy()[_NEW], born)
    assert not np.allclose(average.numpy()[_OLD], network.kernel.numpy()[_OLD])
    network.step()
    # Five steps are done: min(0.9, (1 + 5) / (10 + 5)).
    expected = decay * born + (1 - decay) * network.kernel.numpy()[_NEW]
    np.testing.assert_allclose(average.numpy()[_NEW], expected, rtol=1e-5)


def _warm_up():
    return optimization.lr_schedule.LinearWarmup(0.1, warmup_steps=4, warmup_learning_rate=0.0)


@pytest.mark.parametrize(("steps_before", "share"), [(2, 0.5), (4, 1.0), (9, 1.0)])
def test_a_warm_up_counts_the_steps_of_the_run(untraced, steps_before, share):
    change = _Network(_legacy.SGD(_warm_up()), steps_before).step()
    np.testing.assert_allclose(change, np.full_like(change, -0.1 * share), rtol=1e-4)


def test_a_warm_up_of_new_neurons_multiplies_that_of_the_run(untraced):
    rate = rates.WarmUpRate(1.0, steps=4, start=0.0)
    change = _Network(_legacy.SGD(_warm_up()), steps_before=2, rate=rate).step()
    np.testing.assert_allclose(change[_OLD], -0.05, rtol=1e-4)
    np.testing.assert_allclose(change[_NEW], -0.05 / 4, rtol=1e-4)


# The kernel is 6 x (5 + 3).
_NORM_OF_NEW = 100.0 * np.sqrt(6 * 3)


@pytest.mark.parametrize(
    "clipping", [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}], ids=["variable", "global"]
)
def test_large_gradients_of_new_neurons_clip_those_of_old_ones(untraced, clipping):
    network = _Network(_legacy.SGD(0.1, **clipping))
    alone = network.step(1.0, 0.0)[_OLD]
    np.testing.assert_allclose(alone, -0.1 / np.sqrt(6 * 5), rtol=1e-4)
    together = network.step(1.0, 100.0)[_OLD]
    np.testing.assert_allclose(together, -0.1 / np.hypot(_NORM_OF_NEW, np.sqrt(30)), rtol=1e-3)


def test_clipping_by_value_keeps_neurons_apart(untraced):
    network = _Network(_legacy.SGD(0.1, clipvalue=0.5))
    for gradient_of_new in (0.0, 100.0):
        np.testing.assert_allclose(network.step(0.3, gradient_of_new)[_OLD], -0.03, rtol=1e-4)


def test_a_factor_comes_after_clipping(untraced):
    plain = _Network(_legacy.SGD(0.1, global_clipnorm=1.0)).step()
    scaled = _Network(_legacy.SGD(0.1, global_clipnorm=1.0), rate=rates.ConstantRate(3.0)).step()
    np.testing.assert_allclose(scaled[_OLD], plain[_OLD], rtol=1e-4)
    np.testing.assert_allclose(scaled[_NEW], 3.0 * plain[_NEW], rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(plain), 0.1, rtol=1e-4)
    assert np.linalg.norm(scaled) > 0.15


@pytest.mark.parametrize(
    ("make", "ratio"),
    [(lambda: lamb.LAMB(0.01), 0.01), (lambda: lars.LARS(0.01, eeta=0.5), 0.005)],
    ids=["LAMB", "LARS"],
)
def test_a_trust_ratio_is_of_old_and_new_weights_together(untraced, make, ratio):
    network = _Network(make(), steps_before=0)
    norm = np.linalg.norm(network.kernel.numpy())
    np.testing.assert_allclose(np.linalg.norm(network.step()), ratio * norm, rtol=1e-4)


def test_weights_excluded_from_decay_by_name_are_so_for_new_neurons(untraced):
    network = _Network(
        legacy_adamw.AdamWeightDecay(
            0.1, weight_decay_rate=0.2, exclude_from_weight_decay=["hidden_1/kernel"]
        ),
        steps_before=0,
    )
    consumer = network.model.trainable_variables[2]
    consumer.assign_add(tf.ones_like(consumer))  # New outgoing weights are zero.
    before = consumer.numpy()
    np.testing.assert_array_equal(network.step(0.0, 0.0), np.zeros_like(network.kernel))
    np.testing.assert_allclose(consumer, 0.98 * before, rtol=1e-5)
