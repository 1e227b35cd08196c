"""Growth under several replicas: equal weights on each, and the numbers of one device."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from growth import replica_check
from growth.methods import (
    firefly,
    firefly_opt,
    gradmax,
    gradmax_opt,
    inner_optimization,
    random,
    split,
    tiny,
)
from models.architectures import convnet
from models.layers import normalization
from tests import networks
from trainer import objectives, task
from trainer.datasets import conv_teacher_student, teacher_student

pytestmark = pytest.mark.slow


def _mlp():
    return networks.network((5, 7)), teacher_student.TeacherStudent((6, 8, 4), examples=64)


def _normalized():
    # Without biases: those before a normalization get rounding errors for gradients.
    return _convnet(normalization=normalization.BatchNormalization, use_bias=False)


def _convnet(**kwargs):
    model = convnet.ConvNet((4, 5), 3, **kwargs)
    model(tf.zeros([1, 6, 6, 2]))
    return model, conv_teacher_student.ConvTeacherStudent(6, (2, 4, 3), examples=32)


def _train(strategy, make, method):
    """Losses, growths and the final network of a run with two growths under `strategy`."""
    with strategy.scope():
        model, data = make()
        optimizer, slots = networks.optimizer(model)
        trainer = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
        grower = networks.grower(
            model, method, slots=slots, loss_function=trainer.loss, train_step=trainer.step
        )
    trainer.train_dataset = strategy.experimental_distribute_dataset(data.train(0))
    batch = next(iter(trainer.train_dataset))
    losses = []
    for step in range(2):
        losses.append(float(trainer.train(tf.constant(5))["loss"]))
        grower.grow(step, batch)
    losses.append(float(trainer.train(tf.constant(5))["loss"]))
    return losses, grower.history.events, model


@pytest.fixture(scope="module")
def mirrored():
    # One for all tests: a second one would number its reductions as the first did, and TensorFlow
    # refuses another shape under the same number.
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


_INNER = inner_optimization.ProjectedAdam(steps=5)


@pytest.mark.parametrize(
    ("make", "method"),
    [
        (_mlp, gradmax.GradMax()),
        (_mlp, random.Random()),
        (_mlp, split.Split()),
        (_mlp, gradmax_opt.GradMaxOpt(inverse=True, optimizer=_INNER)),
        (_mlp, firefly_opt.FireflyOpt(epsilon=0.1, optimizer=_INNER)),
        (_mlp, firefly.Firefly(optimizer=_INNER)),
        (_convnet, gradmax.GradMax()),
        (_normalized, gradmax.GradMax()),
        (_normalized, tiny.Tiny()),
        (_normalized, random.Random(inverse=True)),
        (_normalized, gradmax_opt.GradMaxOpt(optimizer=_INNER)),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_two_replicas_train_and_grow_as_one(mirrored, make, method):
    losses, events, model = _train(mirrored, make, method)
    expected_losses, expected_events, expected_model = _train(
        tf.distribute.get_strategy(), make, method
    )
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for event, expected in zip(events, expected_events, strict=True):
        np.testing.assert_allclose(event.loss, expected.loss, rtol=1e-5)
        for name, site in event.sites.items():
            for key, value in site.to_json().items():
                np.testing.assert_allclose(value, expected.sites[name].to_json()[key], rtol=1e-4)
    pairs = zip(model.variables, expected_model.variables, strict=True)
    for variable, expected in pairs:
        first, second = mirrored.experimental_local_results(variable)
        np.testing.assert_array_equal(first, second)
        scale = max(1.0, tf.reduce_max(tf.abs(expected)))
        np.testing.assert_allclose(first, expected, rtol=1e-3, atol=1e-4 * scale)


def test_replicas_that_normalize_by_their_own_examples_keep_equal_weights(mirrored):
    gin.bind_parameter("BatchNormalization.synchronized", False)

    losses, _, model = _train(mirrored, _normalized, gradmax.GradMax())
    # A checkpoint holds one value of each, also of those that are of each replica.
    for variable in model.variables:
        np.testing.assert_array_equal(*mirrored.experimental_local_results(variable))
    assert np.all(np.isfinite(losses))
    assert [site.width for site in model.sites] == [10, 11]
    for site in model.sites:
        for parameter in site.parameters:
            for value in mirrored.experimental_local_results(parameter.variable):
                assert value.read_value().shape[parameter.axis] == site.width


def test_replicas_with_other_weights_are_found(mirrored):
    with mirrored.scope():
        variable = tf.Variable([[1.0, 2.0], [3.0, 4.0]], shape=[2, None])
    checksums = tf.function(lambda: replica_check.checksums(mirrored, [variable]))
    replica_check.check(checksums(), 7)
    mirrored.experimental_local_results(variable)[1].assign([[2.0, 1.0], [3.0, 4.0]])
    with pytest.raises(replica_check.ReplicasDiffer, match=r"at step 7, replicas \[1\] have other"):
        replica_check.check(checksums(), 7)
