"""Layers that draw random numbers in training: functions of (seed, training step, layer).

They keep no random state, only a count of their training steps, which checkpoints hold: a run that
is resumed draws what an uninterrupted run draws. In evaluation, in exported networks and in passes
over a growth batch they are the identity, so that growth sees the network that is evaluated, and
what holds for a growth (outputs, linear map, gradients) holds for that network exactly.
"""

from collections.abc import Sequence

import gin
import tensorflow as tf

from models.layers import channel_wise, forward_pass, seeds


class Noise(channel_wise.ChannelWise):
    """Changes `[batch, ...]` at random in training steps; anywhere in a network, also in a site.

    Each call in training is a step of its own: a layer that is called twice draws twice. Replicas
    draw different numbers for their examples, so that two devices do not compute what one would.
    Not for use within `tf.recompute_grad`, which calls a layer again.

    Args:
      seed: of the run.
      name: the name of the layer; layers of one name and seed draw the same numbers.
      shared_axes: axes along which one number is drawn for all positions, e.g. `(1, 2)` for whole
        channels of `[batch, height, width, channels]`.

    Raises:
      ValueError: `seed` is negative.
    """

    def __init__(self, *, seed: int = 0, name: str, shared_axes: Sequence[int] = ()):
        super().__init__(name=name)
        self.shared_axes = tuple(shared_axes)
        self._seed = seeds.stream(seed, "noise", name).numpy()

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the count of training steps.

        Raises:
          ValueError: the inputs do not have one of the `shared_axes`.
        """
        rank = input_shape.rank
        if not all(-rank <= axis < rank for axis in self.shared_axes):
            raise ValueError(
                f"{type(self).__name__}.shared_axes = {self.shared_axes} of layer {self.name!r} "
                f"must be axes of its inputs {input_shape}, e.g. ({rank - 1},)"
            )
        steps = tf.Variable(
            tf.zeros([], tf.int64),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name=f"{self.name}/steps",
        )
        # In checkpoints, but no weight of the network: it is neither averaged nor loaded by a warm
        # start. Keras takes the variables of its own attributes for weights.
        self._training = tf.train.Checkpoint(steps=steps)
        super().build(input_shape)

    def forward(self, inputs: tf.Tensor, values: channel_wise.Values, training: bool) -> tf.Tensor:
        """Changes `[batch, ...]` in a training step."""
        del values
        if not training or forward_pass.is_noiseless():
            return inputs
        return self._changed(inputs, self._shape(inputs), self._next_seed())

    def _changed(self, inputs: tf.Tensor, shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The inputs after noise of `shape`, which has a size of 1 along shared axes."""
        raise NotImplementedError

    def _shape(self, inputs):
        if not self.shared_axes:
            return tf.shape(inputs)
        rank = inputs.shape.rank
        shared = {axis % rank for axis in self.shared_axes}
        sizes = tf.unstack(tf.shape(inputs), rank)
        return tf.stack([1 if axis in shared else size for axis, size in enumerate(sizes)])

    def _next_seed(self):
        """The seed of this step in this replica."""
        step = self._training.steps.read_value()
        self._training.steps.assign_add(1)
        context = tf.distribute.get_replica_context()
        replica = 0 if context is None else context.replica_id_in_sync_group
        fold_in = tf.random.experimental.stateless_fold_in
        return fold_in(fold_in(tf.constant(self._seed), step), tf.cast(replica, tf.int64))

    def transform(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.transform`: the identity, as in all that growth looks at."""
        del values, old
        return channels

    @property
    def tangent_factor(self) -> float | None:
        """See `ChannelWise.tangent_factor`: that of the identity."""
        return 1.0


@gin.configurable
class Dropout(Noise):
    """Sets a share of the inputs to zero, and divides the others by 1 - rate; Srivastava 2014.

    Args:
      rate: the share, at least 0 and below 1.
      **kwargs: see `Noise`.

    Raises:
      ValueError: `rate` is out of range.
    """

    def __init__(self, rate: float = gin.REQUIRED, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"Dropout.rate = {rate} must be at least 0 and below 1, e.g. 0.5")
        self.rate = rate

    def _changed(self, inputs, shape, seed):
        # In float32: in 16 bits the share would be rounded.
        is_kept = tf.random.stateless_uniform(shape, seed) >= self.rate
        return tf.where(is_kept, inputs * (1.0 / (1.0 - self.rate)), tf.zeros([], inputs.dtype))


@gin.configurable
class GaussianNoise(Noise):
    """Adds normal numbers of mean 0.

    Args:
      stddev: their standard deviation, at least 0.
      **kwargs: see `Noise`.

    Raises:
      ValueError: `stddev` is negative.
    """

    def __init__(self, stddev: float = gin.REQUIRED, **kwargs):
        super().__init__(**kwargs)
        if not stddev >= 0.0:
            raise ValueError(f"GaussianNoise.stddev = {stddev} must be at least 0, e.g. 0.1")
        self.stddev = stddev

    def _changed(self, inputs, shape, seed):
        noise = tf.random.stateless_normal(shape, seed, stddev=self.stddev)
        return inputs + tf.cast(noise, inputs.dtype)
