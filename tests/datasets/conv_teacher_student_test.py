import numpy as np
import pytest

from models.architectures import convnet
from trainer.datasets import conv_teacher_student


def _task(image_size=5, sizes=(2, 10, 10), **kwargs):
    return conv_teacher_student.ConvTeacherStudent(image_size, sizes, **kwargs)


def _train(data):
    ((inputs, targets),) = data.train(0).take(1).as_numpy_iterator()
    return inputs, targets


@pytest.mark.parametrize("batch_size", [None, 7])
def test_a_batch_is_a_function_of_seed_and_step(batch_size):
    data = _task(examples=20, batch_size=batch_size)
    batches = list(data.train(0).take(6).as_numpy_iterator())
    again = _task(examples=20, batch_size=batch_size).train(3).take(3).as_numpy_iterator()
    for expected, found in zip(batches[3:], again, strict=True):
        np.testing.assert_array_equal(expected[0], found[0])
        np.testing.assert_array_equal(expected[1], found[1])
    assert batches[0][0].shape == (data.batch_size, 5, 5, 2)
    assert batches[0][1].shape == (data.batch_size, data.output_width) == (data.batch_size, 10)


@pytest.mark.parametrize(("image_size", "kernel_size"), [(5, 3), (7, 3), (4, 2)])
def test_a_student_with_the_teachers_weights_has_no_error(image_size, kernel_size):
    data = _task(image_size, kernel_size=kernel_size)
    inputs, targets = _train(data)
    student = convnet.ConvNet(
        (10,), data.output_width, kernel_size=kernel_size, padding="valid", use_bias=False
    )
    student(inputs)
    for variable, kernel in zip(student.trainable_variables, data._kernels, strict=True):
        variable.assign(kernel)
    np.testing.assert_allclose(student(inputs), targets, rtol=1e-4, atol=1e-4)


def test_inputs_are_normal_and_weights_uniform():
    data = _task(examples=2000)
    inputs, _ = _train(data)
    assert abs(inputs.mean()) < 0.02 and abs(inputs.std() - 1) < 0.02
    weights = np.concatenate([kernel.numpy().ravel() for kernel in data._kernels])
    assert -1 <= weights.min() < -0.9 and 0.9 < weights.max() <= 1
    ((test_inputs, _),) = data.test().as_numpy_iterator()
    assert test_inputs.shape == inputs.shape
    assert not np.array_equal(test_inputs, inputs)


def test_the_variance_of_targets_is_as_the_docstring_says():
    squares = [np.mean(_train(_task(teacher_seed=seed))[1] ** 2) for seed in range(20)]
    assert np.mean(squares) == pytest.approx(2 * 10 * 3**4 / 18, rel=0.1)


def test_the_seeds_of_data_and_teacher_are_separate():
    inputs, targets = _train(_task())
    other_inputs, _ = _train(_task(data_seed=1))
    same_inputs, other_targets = _train(_task(teacher_seed=1))
    assert not np.array_equal(inputs, other_inputs)
    np.testing.assert_array_equal(inputs, same_inputs)
    assert not np.array_equal(targets, other_targets)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (2, 3)}, "sizes = "),
        ({"sizes": (2, 0, 2)}, "sizes = "),
        ({"kernel_size": 0}, "kernel_size = 0"),
        ({"image_size": 4}, "image_size = 4 must be at least 5"),
        ({"examples": 0}, "examples = 0"),
        ({"batch_size": 2000}, "batch_size = 2000"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"ConvTeacherStudent.{message}"):
        _task(**arguments)
