import numpy as np
import pytest
import tensorflow as tf

from growth.methods import method
from growth.surgery.neurons import NewNeurons
from tests import networks
from trainer import growing_trainer, objectives, task
from trainer.datasets import teacher_student


class _Useless(method.GrowthMethod):
    """New neurons that never learn anything: both sides are zero, and so are their gradients."""

    uses_gradients = False

    def __call__(self, linear_map, count, seed):
        rows, columns = linear_map.shape
        return NewNeurons(tf.zeros([columns, count]), tf.zeros([rows, count]))


def _run(loops, growths):
    """Outputs of all loops, growth events and the final weights of old neurons."""
    data = teacher_student.TeacherStudent((6, 8, 4), batch_size=16, examples=64)
    model = networks.network((5,), use_bias=False)
    optimizer, slots = networks.optimizer(model)
    strategy = tf.distribute.get_strategy()
    trained = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
    trained.train_dataset = data.train(0)
    grower = networks.grower(
        *(model, _Useless(), [2] * growths, slots),
        loss_function=trained.loss,
        train_step=trained.step,
    )
    events = []
    trainer = growing_trainer.GrowingTrainer(
        trained, grower, lambda step, batch: batch, lambda event, seconds: events.append(event)
    )
    outputs = [trainer.train(tf.constant(steps)) for steps in loops]
    return outputs, events, [model.sites[0].incoming()[:, :5], model.sites[0].outgoing()[:, :5]]


@pytest.mark.parametrize("loops", [(1, 1, 1, 2), (2, 1, 3)])
def test_the_step_of_a_growth_is_a_step_of_training(loops):
    # A growth at every step of which a loop begins.
    outputs, events, weights = _run(loops, growths=3)
    expected_outputs, no_events, expected_weights = _run(loops, growths=0)
    assert [event["step"] for event in events] == list(np.cumsum([0, *loops])[:3])
    assert not no_events
    for output, expected in zip(outputs, expected_outputs, strict=True):
        np.testing.assert_allclose(output["loss"], expected["loss"], rtol=1e-6)
    for value, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(events[0]["loss"], _run((1,), 0)[0][0]["loss"], rtol=1e-6)
