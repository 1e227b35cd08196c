"""The files of a split of TensorFlow Datasets, and the examples in them."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

_FILES_AT_A_TIME = 16


class RecordShards:
    """A split, or a part of one, as shards that can be read in any order.

    Args:
      owner: the configurable that reads it, for messages.
      split: its files.
      builder: of the set.

    Attributes:
      lengths: examples in each shard, int64 `[shards]`.

    Raises:
      ValueError: the files are not TFRecords.
    """

    def __init__(
        self,
        owner: str,
        split: tfds.core.SplitInfo | tfds.core.SubSplitInfo,
        builder: tfds.core.DatasetBuilder,
    ):
        file_format = builder.info.file_format
        if file_format is not tfds.core.FileFormat.TFRECORD:
            raise ValueError(
                f"{owner}.name = {builder.name!r} is prepared as {file_format.value}, and must be "
                "tfrecord; prepare it with\n"
                f"  tfds build {builder.name} --file_format=tfrecord"
            )
        files = [file for file in split.file_instructions if file.take]
        self.lengths = np.array([file.take for file in files], np.int64)
        self._files = tf.constant([str(file.filename) for file in files])
        self._skips = tf.constant([file.skip for file in files], tf.int64)
        self._firsts = tf.constant(np.cumsum(self.lengths) - self.lengths)
        self._lengths = tf.constant(self.lengths)

    def read(self, shards: tf.Tensor) -> tf.data.Dataset:
        """Reads some shards beside each other, always in the same order.

        Args:
          shards: their numbers, int64 `[n]`.

        Returns:
          A dataset of (number of the example in the split, int64; serialized example, string).
        """
        return tf.data.Dataset.from_tensor_slices(shards).interleave(
            self._read_one,
            # Left open, it would be the number of cores, on which the order must not depend.
            cycle_length=_FILES_AT_A_TIME,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def fault(self, shards: Iterable[int], parse: Callable[[tf.Tensor], Any]) -> str | None:
        """The first record that cannot be read or parsed: its file, its place and the cause.

        Args:
          shards: to look at.
          parse: maps a serialized example to anything; raises a tf.errors.OpError if it is damaged.

        Returns:
          Text, or None if all are whole.
        """
        for shard in shards:
            file = self._files[shard].numpy().decode()
            first, end = int(self._skips[shard]), int(self._skips[shard] + self._lengths[shard])
            number = 0
            try:
                for record in tf.data.TFRecordDataset(file).take(end):
                    if number >= first:
                        parse(record)
                    number += 1
            except tf.errors.OpError as error:
                # Without the names of TensorFlow's operations.
                cause = re.sub(r"\{\{.*?\}\} ?| \[Op:.*", "", error.message).splitlines()[0]
                return f"{file}, record {number} (from 0), is damaged: {cause}"
            if number < end:
                return f"{file} has {number} records, and {end} when it was prepared"
        return None

    def _read_one(self, shard):
        records = tf.data.TFRecordDataset(self._files[shard]).skip(self._skips[shard])
        length = self._lengths[shard]
        # Else a file that was cut off would shift the order of all that follows.
        records = records.take(length).apply(tf.data.experimental.assert_cardinality(length))
        return records.enumerate(self._firsts[shard])
