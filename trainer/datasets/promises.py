"""Checks what a dataset promises, as far as its attributes and the types of its batches show."""

import operator
from typing import Any

import tensorflow as tf

from trainer.datasets import batch_parts, owned_batches
from trainer.datasets import dataset as dataset_lib

ENDLESS = "let them go on without end, e.g. by .repeat() before .skip(first_step)"


def train_batches(dataset: dataset_lib.Dataset) -> tf.data.Dataset:
    """The training batches from the first on.

    Raises:
      ValueError: `Dataset.train` does not give what `Dataset` says, or an attribute is wrong.
    """
    name = type(dataset).__name__
    for attribute in ("batch_size", "output_width"):
        _check_positive(name, attribute, getattr(dataset, attribute, None))
    batches = dataset.train(0)
    spec = _checked(f"{name}.train", batches)
    for part, tensor in batch_parts.named(spec).items():
        if tensor.shape[0] not in (None, dataset.batch_size):
            raise ValueError(
                f"{name}.batch_size = {dataset.batch_size}, but {name}.train gives batches of "
                f"{tensor.shape[0]} ({part}); the attribute must be the size of the batches"
            )
    return batches


def check_length(dataset: dataset_lib.Dataset, batches: tf.data.Dataset, steps: int) -> None:
    """Raises ValueError if the training batches are known to end before `steps` steps are done."""
    number = int(batches.cardinality())
    if 0 <= number <= steps:
        raise ValueError(
            f"{type(dataset).__name__}.train gives {number} batches and then ends; "
            f"Experiment.steps = {steps} needs {steps + 1}, one of them for the loss after the "
            f"last step: {ENDLESS}"
        )


def test_batches(dataset: dataset_lib.Dataset) -> tf.data.Dataset:
    """The test batches.

    Raises:
      ValueError: there are none, or they are known to have no end, or are no batches.
    """
    name = type(dataset).__name__
    batches = dataset.test()
    _checked(f"{name}.test", batches)
    number = int(batches.cardinality())
    if number == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"{name}.test goes on without end; it must give every test example once, without "
            ".repeat()"
        )
    if number == tf.data.UNKNOWN_CARDINALITY:
        number = sum(1 for _ in batches.take(1))
    if not number:
        raise ValueError(
            f"{name}.test gives no examples, so that nothing could be evaluated; hold some back "
            "from training"
        )
    return owned_batches.owned(batches)


def check_alike(dataset: dataset_lib.Dataset, train: Any, test: Any) -> None:
    """Raises ValueError if the inputs of testing are of other types than those of training.

    Args:
      dataset: for the message.
      train: the types of a training batch.
      test: the types of a test batch.
    """
    trained, tested = (batch_parts.named(spec[:1]) for spec in (train, test))
    shown = [
        {part: _described(tensor) for part, tensor in parts.items()} for parts in (trained, tested)
    ]
    alike = trained.keys() == tested.keys() and all(
        tensor.dtype == tested[part].dtype
        and tensor.shape[1:].is_compatible_with(tested[part].shape[1:])
        for part, tensor in trained.items()
    )
    if not alike:
        of_train, of_test = (
            ", ".join(f"{part} {text}" for part, text in parts.items()) for parts in shown
        )
        raise ValueError(
            f"{type(dataset).__name__}.test gives {of_test}, and train {of_train}; they must be "
            "the same but for the batch size"
        )


def _check_positive(owner: str, attribute: str, value: Any) -> None:
    try:
        if isinstance(value, bool) or operator.index(value) < 1:
            raise TypeError
    except TypeError:
        found = "is missing" if value is None else f"= {value!r}"
        raise ValueError(
            f"{owner}.{attribute} {found}; it must be a whole number of at least 1: "
            f"{_MEANINGS[attribute]}"
        ) from None


_MEANINGS = {
    "batch_size": "the examples of a training batch, over all replicas",
    "output_width": "the outputs of a network for an example",
}


def _checked(owner: str, batches: Any) -> Any:
    """The types of `batches`, or a ValueError if they are no batches of examples."""
    if not isinstance(batches, tf.data.Dataset):
        raise ValueError(
            f"{owner} must return a tf.data.Dataset of batches, not {type(batches).__name__}; "
            "tf.data.Dataset.from_generator makes one of a Python iterator"
        )
    spec = batches.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise ValueError(
            f"{owner} must give tuples (inputs, targets) or (inputs, targets, weights of "
            f"examples); it gives {_structure(spec)}"
        )
    for part, tensor in batch_parts.named(spec).items():
        if not isinstance(tensor, tf.TensorSpec):
            raise ValueError(
                f"{owner} gives {part} as {type(tensor).__name__.removesuffix('Spec')}; it must be "
                "a dense tensor: see to_tensor() of ragged and tf.sparse.to_dense() of sparse ones"
            )
        if tensor.shape.rank is None:
            raise ValueError(
                f"{owner} gives {part} of unknown shape; say which it is by tf.ensure_shape, e.g. "
                "[None, 3]"
            )
        if tensor.shape.rank == 0:
            raise ValueError(
                f"{owner} gives {part} without an axis of examples; it must give batches, see "
                "tf.data.Dataset.batch"
            )
    if len(spec) == 3:
        _check_weights(owner, spec[2])
    return spec


def _check_weights(owner: str, weights: Any) -> None:
    is_vector = isinstance(weights, tf.TensorSpec) and weights.shape.rank == 1
    if not is_vector or not (weights.dtype.is_floating or weights.dtype.is_integer):
        raise ValueError(
            f"{owner} gives weights {_structure(weights)}; they must be numbers [batch], one for "
            "each example"
        )


def _structure(spec: Any) -> str:
    if isinstance(spec, tuple | list):
        return f"({', '.join(map(_structure, spec))})"
    if isinstance(spec, dict):
        return "{" + ", ".join(f"{key!r}: {_structure(part)}" for key, part in spec.items()) + "}"
    return _described(spec)


def _described(spec: Any) -> str:
    if not isinstance(spec, tf.TensorSpec):
        return type(spec).__name__
    return f"{spec.dtype.name} {'?' if spec.shape.rank is None else list(spec.shape)}"
