import numpy as np
import pytest
import tensorflow as tf

from growth import inner_optimization
from growth.initializers import firefly, firefly_opt, gradmax, gradmax_opt, random, split
from tests import networks
from trainer import objectives, task
from trainer.datasets import teacher_student


def _train(strategy, method):
    """Losses, growths and final weights of a run with two growths under `strategy`."""
    data = teacher_student.TeacherStudent((6, 8, 4), examples=64)
    with strategy.scope():
        model = networks.network((5, 7))
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
    return losses, grower.history.events, model.trainable_variables


_INNER = inner_optimization.ProjectedAdam(steps=5)


@pytest.mark.parametrize(
    "method",
    [
        gradmax.GradMax(),
        random.Random(),
        split.Split(),
        gradmax_opt.GradMaxOpt(inverse=True, optimizer=_INNER),
        firefly_opt.FireflyOpt(epsilon=0.1, optimizer=_INNER),
        firefly.Firefly(optimizer=_INNER),
    ],
    ids=lambda method: type(method).__name__,
)
def test_two_replicas_train_and_grow_as_one(method):
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    losses, events, variables = _train(mirrored, method)
    expected_losses, expected_events, expected_variables = _train(
        tf.distribute.get_strategy(), method
    )
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for event, expected in zip(events, expected_events, strict=True):
        np.testing.assert_allclose(event["loss"], expected["loss"], rtol=1e-5)
        for name, site in event["sites"].items():
            for key, value in site.items():
                np.testing.assert_allclose(value, expected["sites"][name][key], rtol=1e-4)
    for variable, expected in zip(variables, expected_variables, strict=True):
        first, second = mirrored.experimental_local_results(variable)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first, expected, rtol=1e-3, atol=1e-4)
