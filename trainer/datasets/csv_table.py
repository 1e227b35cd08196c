"""Examples in the lines of a file of comma-separated values."""

from collections.abc import Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from trainer.datasets import csv_columns, csv_file, dataset, held_out, indexed_batches


@gin.configurable
class CsvTable(dataset.Dataset):
    r"""Lines of a file of comma-separated values, whose first line names the columns.

    Inputs are float32 `[batch, width]`: a number for each numeric column, normalized by the mean
    and the standard deviation of the training examples, and for each categorical column a number
    for each value that it has in training, 1 for that of the example, else 0. Targets are class
    indices, int32 `[batch]`, in the order of the labels (by number, if all are numbers, or by
    alphabet), or float32 `[batch, 1]`.

    Everything is held in memory. The batch of a step is a function of (seed, step).

    Args:
      path: the file of the training examples, or with `test_fraction` of all.
      test_path: the file of the test examples, with the same columns in any order.
      test_fraction: the share of the examples of `path` that is for testing, e.g. 0.1, in place of
        `test_path`.
      label: the column that is to be predicted.
      categorical: columns of categories, also where those are numbers, such as a postal code.
      ignored: columns that the network does not see. All others are numeric.
      regression: whether the label is a number, for `SquaredError`, and not a class.
      one_logit: whether the network has one output for the two classes, for
        `BinaryClassification`; 1 is the second of both labels.
      normalize: whether numeric columns are normalized.
      batch_size: examples in a training batch.
      test_batch_size: examples in a test batch.
      delimiter: the character between cells, e.g. ";" or "\t".
      seed: seed of the order of training examples.
      split_seed: seed of the choice of test examples by `test_fraction`; apart from `seed`, so that
        runs of several seeds are tested on the same examples.

    Attributes:
      classes: the labels in the order of their indices; None for a regression.

    Raises:
      ValueError: an argument is wrong, a file cannot be read, or a cell in it is wrong; the message
        tells the line.
    """

    is_checked = True

    def __init__(
        self,
        path: str = gin.REQUIRED,
        test_path: str | None = None,
        test_fraction: float | None = None,
        label: str = gin.REQUIRED,
        categorical: Sequence[str] = (),
        ignored: Sequence[str] = (),
        regression: bool = False,
        one_logit: bool = False,
        normalize: bool = True,
        batch_size: int = gin.REQUIRED,
        test_batch_size: int = 1000,
        delimiter: str = ",",
        seed: int = 0,
        split_seed: int = 0,
    ):
        held_out.check("CsvTable", test_path, test_fraction)
        _check_choices(delimiter, regression, one_logit)
        table = csv_file.CsvFile("CsvTable.path", path, delimiter)
        self._label, self._categorical = label, list(categorical)
        self._numeric = self._numeric_columns(table, ignored)
        self.classes = None if regression else csv_columns.classes(table.texts(label))
        self._check_classes(path, one_logit)
        if test_path is None:
            train, test = self._split(table, test_fraction, split_seed)
        else:
            train = self._read(table)
            test = self._read(csv_file.CsvFile("CsvTable.test_path", test_path, delimiter))
        dataset.check_batch_sizes("CsvTable", batch_size, len(train[1]), test_batch_size)
        self.batch_size = batch_size
        self.output_width = 1 if regression or one_logit else len(self.classes)
        self._test_batch_size = test_batch_size
        self._inputs = csv_columns.Inputs(train[0], normalize)
        self._served_spec = self._inputs.spec()  # Fails here, not after training.
        self._train, self._test = self._tensors(train), self._tensors(test)
        self._order = dataset.ShuffledOrder(len(train[1]), batch_size, seed)

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`."""
        features = self._train[0].shape[1:].num_elements()
        return indexed_batches.endless_by_groups(
            first_step,
            self.batch_size * max(1, features),
            lambda steps: _gather(self._train, self._order.batch(steps)),
        )

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""
        return indexed_batches.once(
            len(self._test[1]), self._test_batch_size, lambda indices: _gather(self._test, indices)
        )

    def served_spec(self) -> Any:
        """See `Dataset.served_spec`: the columns by name, numbers float32 and categories text."""
        return self._served_spec

    def preprocess(self, served: Any) -> tf.Tensor:
        """See `Dataset.preprocess`."""
        return self._inputs(served)

    def _numeric_columns(self, table, ignored):
        table.check_columns("CsvTable.label", [self._label])
        table.check_columns("CsvTable.categorical", self._categorical)
        table.check_columns("CsvTable.ignored", ignored)
        named = [self._label, *self._categorical, *ignored]
        for column in named:
            if named.count(column) > 1:
                raise ValueError(
                    f"CsvTable: the column {column!r} is named more than once in label, "
                    "categorical and ignored"
                )
        numeric = [column for column in table.columns if column not in named]
        if not numeric and not self._categorical:
            raise ValueError(
                f"CsvTable.ignored = {ignored} leaves no column for the network to see; the file "
                f"has {', '.join(table.columns)}"
            )
        return numeric

    def _check_classes(self, path, one_logit):
        found = None if self.classes is None else len(self.classes)
        if found == 1 or (one_logit and found != 2):
            shown = ", ".join(self.classes[:10]) + (", ..." if found > 10 else "")
            raise ValueError(
                f"CsvTable.label = {self._label!r} has {found} different labels in {path}: "
                f"{shown}; "
                + ("CsvTable.one_logit = True is for two" if one_logit else "there must be two")
            )

    def _read(self, table):
        """(columns by name, targets), arrays `[examples, ...]`, of a file."""
        table.check_columns("CsvTable.path", [self._label, *self._numeric, *self._categorical])
        columns = csv_columns.read(table, self._numeric, self._categorical)
        if self.classes is None:
            return columns, table.numbers(self._label)[:, np.newaxis]
        return columns, csv_columns.indices(table, self._label, self.classes)

    def _split(self, table, test_fraction, split_seed):
        """Reads training and test examples, both as `_read` returns them."""
        columns, targets = self._read(table)
        return [
            ({name: cells[chosen] for name, cells in columns.items()}, targets[chosen])
            for chosen in held_out.split(len(table), test_fraction, split_seed)
        ]

    def _tensors(self, examples):
        columns, targets = examples
        with tf.device("CPU"):  # The host's memory, from where tf.data gathers.
            columns = {name: tf.constant(cells) for name, cells in columns.items()}
            return self._inputs(columns), tf.constant(targets)


def _check_choices(delimiter, regression, one_logit):
    if len(delimiter) != 1:
        raise ValueError(f"CsvTable.delimiter = {delimiter!r} must be one character, e.g. ';'")
    if regression and one_logit:
        raise ValueError(
            "CsvTable.one_logit = True is for two classes; it cannot be together with "
            "CsvTable.regression = True"
        )


def _gather(examples, indices):
    return tuple(tf.gather(part, indices) for part in examples)
