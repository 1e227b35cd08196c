import itertools

import numpy as np
import pytest
import tensorflow as tf

from trainer.datasets import dataset, teacher_student


def test_every_epoch_sees_every_example_once_in_a_new_order():
    order = dataset.ShuffledOrder(examples=10, batch_size=4, seed=0)
    indices = np.concatenate([order.batch(tf.constant(step)) for step in range(10)])
    epochs = indices.reshape(4, 10)
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_orders_differ_between_seeds():
    first, second = (dataset.ShuffledOrder(100, 50, seed).batch(0).numpy() for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_orders_of_different_epochs_have_nothing_in_common():
    # With few rounds of TensorFlow's index cipher large sets show it, and small ones do not.
    orders = [dataset.ShuffledOrder(50000, 50000, 0).batch(step).numpy() for step in range(3)]
    for one, other in itertools.pairwise([np.arange(50000), *orders]):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def _batches(data, first_step, count):
    return list(itertools.islice(data.train(first_step).as_numpy_iterator(), count))


@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_batch_is_a_function_of_seed_and_step(batch_size):
    sizes = (4, 3, 2)
    data = teacher_student.TeacherStudent(sizes, examples=20, batch_size=batch_size)
    batches = _batches(data, 0, 6)
    again = teacher_student.TeacherStudent(sizes, examples=20, batch_size=batch_size)
    for (inputs, targets), (inputs_2, targets_2) in zip(
        batches[3:], _batches(again, 3, 3), strict=True
    ):
        np.testing.assert_array_equal(inputs, inputs_2)
        np.testing.assert_array_equal(targets, targets_2)
    assert batches[0][0].shape == (data.batch_size, 4)
    assert batches[0][1].shape == (data.batch_size, data.output_width)


def test_teacher_student_is_the_task_of_section_4_1():
    data = teacher_student.TeacherStudent((20, 10, 10), examples=5000)
    ((inputs, targets),) = _batches(data, 0, 1)
    assert abs(inputs.mean()) < 0.02 and abs(inputs.std() - 1) < 0.02
    weights = data._weights
    assert [w.shape for w in weights] == [(20, 10), (10, 10)]
    values = np.concatenate([w.numpy().ravel() for w in weights])
    assert -1 <= values.min() < -0.9 and 0.9 < values.max() <= 1
    hidden = np.maximum(inputs @ weights[0].numpy(), 0)
    np.testing.assert_allclose(targets, hidden @ weights[1].numpy(), rtol=1e-3, atol=1e-4)
    ((test_inputs, test_targets),) = data.test().as_numpy_iterator()
    assert test_targets.shape == targets.shape
    assert not np.array_equal(test_inputs, inputs)


def test_the_seeds_of_data_and_teacher_are_separate():
    def sample(**seeds):
        ((inputs, targets),) = _batches(teacher_student.TeacherStudent((4, 3, 2), **seeds), 0, 1)
        return inputs, targets

    inputs, targets = sample()
    other_inputs, _ = sample(data_seed=1)
    same_inputs, other_targets = sample(teacher_seed=1)
    assert not np.array_equal(inputs, other_inputs)
    np.testing.assert_array_equal(inputs, same_inputs)
    assert not np.array_equal(targets, other_targets)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (4, 3)}, "sizes = "),
        ({"sizes": (4, 0, 2)}, "sizes = "),
        ({"sizes": (4, 3, 2), "examples": 0}, "examples = 0"),
        ({"sizes": (4, 3, 2), "batch_size": 2000}, "batch_size = 2000"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"TeacherStudent.{message}"):
        teacher_student.TeacherStudent(**arguments)
