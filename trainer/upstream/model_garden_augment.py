"""Model Garden's augmenters, with random numbers that are a function of a seed.

Written for tf-models-official 2.20.0, which has no augmenters with stateless random numbers.
"""

import contextlib
import itertools
from collections.abc import Iterator

import tensorflow as tf
from official.vision.ops import augment


@contextlib.contextmanager
def keyed(seed: tf.Tensor) -> Iterator[None]:
    """Within this context, what official.vision.ops.augment draws is a function of `seed`.

    Its augmenters draw by `tf.random.uniform`, `normal` and `gamma`, whose state is of the
    process: what they draw depends on what was drawn before, in whatever order threads come. Here
    that module sees stateless functions in their place, where call number n of an augmenter gets
    seed number n of `seed`. Its choice of operations, their magnitudes and its image operations
    stay as they are. For the time of tracing (or of an eager call) only.

    Args:
      seed: int32 `[2]`.

    Raises:
      NotImplementedError: on a call of another function of `tf.random`.
    """
    augment.tf = _TensorFlow(seed)
    try:
        yield
    finally:
        augment.tf = tf


class _TensorFlow:
    """TensorFlow, but for `random`."""

    def __init__(self, seed: tf.Tensor):
        self.random = _KeyedRandom(seed)

    def __getattr__(self, name):
        return getattr(tf, name)


class _KeyedRandom:
    """The functions of `tf.random` that Model Garden's augmenters call, with a seed for each call.

    Arguments are as there.
    """

    def __init__(self, seed: tf.Tensor):
        self._seed = seed
        self._calls = itertools.count()

    def _next(self) -> tf.Tensor:
        return tf.random.fold_in(self._seed, next(self._calls))

    def uniform(self, shape, minval=0, maxval=None, dtype=tf.float32):
        return tf.random.stateless_uniform(shape, self._next(), minval, maxval, dtype)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=tf.float32):
        return tf.random.stateless_normal(shape, self._next(), mean, stddev, dtype)

    def gamma(self, shape, alpha, beta=None):
        return tf.random.stateless_gamma(shape, self._next(), alpha, beta)

    def __getattr__(self, name):
        raise NotImplementedError(
            f"an augmenter calls tf.random.{name}, for which model_garden_augment.py has no "
            "function of a seed"
        )
