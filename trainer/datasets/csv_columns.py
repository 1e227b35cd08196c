"""Columns of a table as inputs and targets of a network."""

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from trainer.datasets import batch_parts, csv_file


class Inputs:
    """The vector that is made of an example: numbers first, then categories.

    Numbers become (number - mean) / standard deviation over the training examples. A category
    becomes a 1 in the place of its value among those of training, and zeros for a value that
    training has not seen.

    Args:
      training: the columns of the training examples, by name: float32 for numbers, `[examples]`,
        objects for categories, which are text.
      normalize: whether numbers are normalized.
    """

    def __init__(self, training: Mapping[str, np.ndarray], normalize: bool):
        self._values = {
            column: np.unique(cells).tolist()
            for column, cells in training.items()
            if cells.dtype == object
        }
        self._numeric = [column for column in training if column not in self._values]
        means, deviations = [], []
        for column in self._numeric:
            numbers = training[column].astype(np.float64)
            means.append(numbers.mean() if normalize else 0.0)
            # A column that is the same everywhere becomes 0.
            deviations.append((numbers.std() if normalize else 1.0) or 1.0)
        self._means = np.array(means, np.float32)
        self._deviations = np.array(deviations, np.float32)

    def __call__(self, columns: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Inputs of the network, float32 `[n, width]`, from columns `[n]`."""
        parts = []
        if self._numeric:
            numbers = tf.stack([columns[column] for column in self._numeric], axis=1)
            parts.append((numbers - self._means) / self._deviations)
        for column, values in self._values.items():
            is_value = columns[column][:, tf.newaxis] == tf.constant(values)
            parts.append(tf.cast(is_value, tf.float32))
        return tf.concat(parts, axis=1)

    def spec(self) -> dict[str, tf.TensorSpec]:
        """The types of the columns, `[None]`, named as arguments of an exported network.

        Raises:
          ValueError: two columns would have the same name, such as "a b" and "a-b".
        """
        types = dict.fromkeys(self._numeric, tf.float32) | dict.fromkeys(self._values, tf.string)
        return batch_parts.input_specs(
            {column: tf.TensorSpec([None], dtype) for column, dtype in types.items()}
        )


def read(
    table: csv_file.CsvFile, numeric: Sequence[str], categorical: Sequence[str]
) -> dict[str, np.ndarray]:
    """The columns of a file, `[examples]`: float32, or objects that are text.

    Raises:
      ValueError: a cell is empty, or no number where it must be one.
    """
    columns = {column: table.numbers(column) for column in numeric}
    return columns | {column: np.array(table.texts(column), object) for column in categorical}


def classes(labels: Sequence[str]) -> list[str]:
    """The classes that there are, in the order of their indices: by number, or by alphabet."""
    found = sorted(set(labels))
    try:
        return sorted(found, key=float)
    except ValueError:
        return found


def indices(table: csv_file.CsvFile, column: str, known: Sequence[str]) -> np.ndarray:
    """The class indices of a column, int32 `[examples]`.

    Args:
      table: holds the column.
      column: of labels.
      known: the classes of training, in the order of their indices.

    Raises:
      ValueError: a label is none of `known`.
    """
    index = {label: number for number, label in enumerate(known)}
    labels = table.texts(column)
    for example, label in enumerate(labels):
        if label not in index:
            near = difflib.get_close_matches(label, known, n=1, cutoff=0.5)
            shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
            raise table.fault(
                example,
                column,
                f"= {label!r} is a label that no training example has"
                + (f"; did you mean {near[0]!r}?" if near else "")
                + f" Those of training are {shown}",
            )
    return np.array([index[label] for label in labels], np.int32)
