"""Layers that compute in 16 bits, and a growth that does not."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.methods import firefly, firefly_opt, gradmax, gradmax_opt, inner_optimization, random
from models.architectures import convnet
from models.layers import normalization
from tests import networks
from trainer import objectives, task
from trainer.datasets import conv_teacher_student, teacher_student

_inner = functools.partial(inner_optimization.ProjectedAdam, steps=3)
_METHODS = {
    "GradMax": gradmax.GradMax,
    "GradMaxOpt": lambda: gradmax_opt.GradMaxOpt(inverse=True, optimizer=_inner()),
    "FireflyOpt": lambda: firefly_opt.FireflyOpt(epsilon=0.1, optimizer=_inner()),
    "Firefly": lambda: firefly.Firefly(fraction=0.1, optimizer=_inner()),
    "Random": random.Random,
}


def _mlp():
    return networks.network((5, 7)), teacher_student.TeacherStudent((6, 8, 4), examples=64)


def _convnet():
    model = convnet.ConvNet((4, 5), 3, normalization=normalization.BatchNormalization)
    model(tf.zeros([1, 6, 6, 2]))
    return model, conv_teacher_student.ConvTeacherStudent(6, (2, 4, 3), examples=32)


def _grown(make, method, policy):
    """A network that computes in `policy`, after one growth, with its event and its batch."""
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        model, data = make()
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    optimizer, slots = networks.optimizer(model)
    # Without training steps that would round the weights in another way.
    optimizer.learning_rate = 0.0
    strategy = tf.distribute.get_strategy()
    trained = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
    grower = networks.grower(
        model, method, slots=slots, loss_function=trained.loss, train_step=trained.step
    )
    batch = next(iter(data.train(0)))
    return model, grower.grow(0, batch), batch


def _assert_chosen_as_in_float32(make, method, policy):
    model, event, (inputs, _) = _grown(make, method(), policy)
    expected, expected_event, _ = _grown(make, method(), "float32")
    for site, of_float32 in zip(model.sites, expected.sites, strict=True):
        for weights, chosen in [
            (site.incoming(), of_float32.incoming().numpy()),
            (site.outgoing(), of_float32.outgoing().numpy()),
        ]:
            np.testing.assert_allclose(weights, chosen, rtol=1e-5, atol=1e-5 * abs(chosen).max())
        values = [e.sites[site.name].singular_values for e in (event, expected_event)]
        np.testing.assert_allclose(*values, rtol=1e-5)
    # The step after the growth, and all that come later.
    assert 0 < abs(event.loss / expected_event.loss - 1) < 0.05
    assert model(inputs).dtype == tf.as_dtype(policy.removeprefix("mixed_"))


# First, as all that follow are not traced.
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_graph_grows_in_float32_and_trains_in_16_bits(policy):
    _assert_chosen_as_in_float32(_mlp, _METHODS["GradMax"], policy)


@pytest.mark.parametrize("make", [_mlp, _convnet])
@pytest.mark.parametrize("method", _METHODS)
def test_neurons_are_chosen_in_float32_whatever_layers_compute_in(make, method, untraced):
    _assert_chosen_as_in_float32(make, _METHODS[method], "mixed_bfloat16")
