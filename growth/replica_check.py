"""Checks that all replicas have the same weights."""

from collections.abc import Callable, Sequence

import tensorflow as tf


class ReplicasDiffer(RuntimeError):
    """Replicas, which compute the same growth each for itself, came to different weights."""


def traced(
    trace: Callable[[Callable], Callable], variables: Callable[[], Sequence[tf.Variable]]
) -> Callable[[], tf.Tensor] | None:
    """A traced function that gives `checksums`; None under a strategy with a single replica.

    Args:
      trace: traces a function of the variables, see `VariableShapes.traced`.
      variables: gives the variables that replicas must have alike.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return None
    return trace(lambda: checksums(strategy, variables()))


def checksums(strategy: tf.distribute.Strategy, variables: Sequence[tf.Variable]) -> tf.Tensor:
    """A checksum of all bits of the variables for each replica, int64 `[replicas]`.

    In a traced function, and in cross-replica context.
    """

    def on_replica():
        total = tf.zeros([], tf.int64)
        for variable in variables:
            bits = tf.reshape(tf.bitcast(variable.read_value(), tf.int32), [-1])
            places = tf.range(tf.size(bits, tf.int64))
            # Odd factors, so that no bit is lost; they tell values in exchanged places apart.
            total = 31 * total + tf.reduce_sum(tf.cast(bits, tf.int64) * (2 * places + 1))
        return total[tf.newaxis]

    return strategy.gather(strategy.run(on_replica), axis=0)


def check(values: tf.Tensor, step: int) -> None:
    """Raises ReplicasDiffer unless all `checksums` after the growth at `step` are equal."""
    different = [int(i) for i in tf.where(values != values[0])[:, 0]]
    if different:
        raise ReplicasDiffer(
            f"after the growth at step {step}, replicas {different} have other weights than "
            "replica 0: do all machines have the same hardware and the same version of TensorFlow?"
        )
