"""In which order training reads a set that lies on disk in shards."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.layers import seeds
from trainer.datasets import permutation


class ShardOrder:
    """Every epoch takes all shards in a new order, some at a time, and shuffles their examples.

    A function of (seed, position): nothing is drawn that depends on where reading began. The
    shards that are read together are a group; the examples of a group are shuffled completely. So
    a group is what must fit in memory, and reading can begin at any group.

    Args:
      lengths: examples in each shard, each at least 1.
      group: shards in a group; the last group of an epoch may have fewer.
      seed: seed of the order.
    """

    def __init__(self, lengths: Sequence[int], group: int, seed: int):
        self._lengths = np.array(lengths)
        self._group = group
        self._groups = -(-len(lengths) // group)
        self._shards_seed = seeds.stream(seed, "shards")
        self._examples_seed = seeds.stream(seed, "examples of a group")

    @property
    def most_examples(self) -> int:
        """No group has more examples than this."""
        return int(np.sort(self._lengths)[-self._group :].sum())

    def seek(self, position: int) -> tuple[int, int]:
        """Returns the position at which reading begins.

        Args:
          position: examples that training has seen.

        Returns:
          The group with the next example, counted from the first epoch on, and the number of
          examples in this group that come before it.
        """
        epoch, rest = divmod(position, int(self._lengths.sum()))
        first = epoch * self._groups
        for group in range(first, first + self._groups):
            size = int(self._lengths[self.shards(tf.constant(group, tf.int64)).numpy()].sum())
            if rest < size:
                return group, rest
            rest -= size
        raise AssertionError("an epoch is shorter than its shards")

    def epoch(self, group: tf.Tensor) -> tf.Tensor:
        """The epoch that a group, an int64 scalar, is of."""
        return group // self._groups

    def shards(self, group: tf.Tensor) -> tf.Tensor:
        """The shards of a group, an int64 scalar: int64 `[shards]`."""
        first = group % self._groups * self._group
        last = tf.minimum(first + self._group, len(self._lengths))
        return _permuted(
            tf.range(first, last), self._shards_seed, self.epoch(group), len(self._lengths)
        )

    def examples(self, group: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """The order of the `size` examples of a group, int64 scalars: int64 `[size]`."""
        return _permuted(tf.range(size), self._examples_seed, group, size)


def _permuted(indices, seed, number, size):
    """`indices` in permutation `number` of `size`."""
    numbers = tf.fill([tf.size(indices)], number)
    return permutation.permute(indices, seed, numbers, tf.cast(size, tf.int64))
