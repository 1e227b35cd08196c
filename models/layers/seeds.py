"""Independent random streams of one seed."""

import zlib

import numpy as np
import tensorflow as tf


def stream(seed: int, *names: str | int) -> tf.Tensor:
    """The stateless seed of one named random stream.

    Streams with different names are independent, so that drawing more numbers in one (or not at
    all) changes nothing in another: the growth method does not change the data order.

    Args:
      seed: the seed of the run.
      *names: what the numbers are for, e.g. `"student", "hidden_1"`.

    Returns:
      int32 `[2]`, a seed for the `tf.random.stateless_*` functions.

    Raises:
      ValueError: `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed = {seed} must be at least 0")
    # crc32 and not hash(): Python salts the hash of a string anew in every process.
    keys = [zlib.crc32(str(name).encode()) for name in names]
    words = np.random.SeedSequence([seed, *keys]).generate_state(2)
    return tf.constant(words.astype(np.int32), tf.int32)
