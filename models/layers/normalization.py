"""Normalization that channels can be added to."""

import gin
import tensorflow as tf
import tf_keras

from models.layers import channel_wise, forward_pass


class Normalization(channel_wise.ChannelWise):
    """y = scale * normalized x + offset, with scale 1 and offset 0 for a new channel.

    Args:
      epsilon: added to variances.
      name: the name of the layer.
      regularizer: of scale and offset, or None.

    Attributes:
      epsilon: as given.
      scale: float32 `[channels]`.
      offset: float32 `[channels]`.
    """

    def __init__(
        self,
        *,
        epsilon: float = 1e-5,
        name: str,
        regularizer: tf_keras.regularizers.Regularizer | None = None,
    ):
        super().__init__(name=name)
        self.epsilon = epsilon
        self._regularizer = regularizer

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates scale and offset `[channels]`."""
        channels = int(input_shape[-1])
        # Checkpoints know the variables by these attributes, and configurations by these names.
        self.gain = self._variable("gain", tf.ones([channels]))
        self.shift = self._variable("shift", tf.zeros([channels]))
        regularizer = self._regularizer
        if regularizer is not None:
            for variable in (self.scale, self.offset):
                self.add_loss(lambda v=variable: regularizer(forward_pass.value(v)))
        super().build(input_shape)

    @property
    def scale(self) -> tf.Variable:
        """The factor of each channel, `[channels]`."""
        return self.gain

    @property
    def offset(self) -> tf.Variable:
        """The offset of each channel, `[channels]`."""
        return self.shift

    def _variable(self, name, initial, **kwargs):
        return tf.Variable(initial, shape=[None], name=f"{self.name}/{name}", **kwargs)

    @property
    def parameters(self) -> list[channel_wise.Parameter]:
        """See `ChannelWise.parameters`."""
        return [
            channel_wise.Parameter(self.scale, 0, lambda count: tf.ones([count])),
            channel_wise.Parameter(self.offset, 0, lambda count: tf.zeros([count]), is_offset=True),
        ]


@gin.configurable
class BatchNormalization(Normalization):
    """Each channel has mean 0 and variance 1 over batch (and map); Ioffe and Szegedy 2015.

    While a new channel is zero it stays zero, and its gradient is that without this layer, less
    its mean over the batch, over sqrt(epsilon): 316 times as large for 1e-5. After the first step
    of training the channel has unit variance like any other (appendix C of the paper): use a
    learning rate and a norm of the outgoing weights that bear this, or zero outgoing weights.

    Args:
      momentum: of the moving averages of mean and variance, which evaluation uses.
      synchronized: whether mean and variance are those of the whole batch when replicas share it,
        so that several devices compute what one would. If not, each replica normalizes by its own
        examples, which saves two small exchanges a layer, and the moving averages are means over
        replicas.
      **kwargs: see `Normalization`.

    Attributes:
      momentum: as given.
      moving_mean: float32 `[channels]`.
      moving_variance: float32 `[channels]`.
    """

    def __init__(self, *, momentum: float = 0.9, synchronized: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self._synchronized = synchronized

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates scale, offset and the moving averages `[channels]`."""
        super().build(input_shape)
        statistics = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.MEAN,
        }
        channels = int(input_shape[-1])
        self.moving_mean = self._variable("moving_mean", tf.zeros([channels]), **statistics)
        self.moving_variance = self._variable("moving_variance", tf.ones([channels]), **statistics)

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return self.epsilon, self._synchronized, self._starts_empty

    @property
    def parameters(self) -> list[channel_wise.Parameter]:
        """See `ChannelWise.parameters`."""
        return [
            *super().parameters,
            channel_wise.Parameter(self.moving_mean, 0, lambda count: tf.zeros([count])),
            channel_wise.Parameter(self.moving_variance, 0, lambda count: tf.ones([count])),
        ]

    def forward(self, inputs: tf.Tensor, values: channel_wise.Values, training: bool) -> tf.Tensor:
        """Normalizes `[batch, ..., channels]`; by the moving averages unless `training`."""
        if not training:
            return self._normalize(inputs, *values)[0]
        scale, offset, *_ = values
        outputs, mean, variance = self._normalize(inputs, scale, offset)
        if not forward_pass.is_trial():
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance)
        return outputs

    def _normalize(self, inputs, scale, offset, *moments):
        """The outputs, and the moments that were used; by those of the batch if none are given."""
        if not moments and self._is_shared():
            values = tf.cast(inputs, tf.float32)
            mean, variance, count = self._batch_moments(values)
            outputs = tf.nn.batch_normalization(
                values, mean, variance, tf.convert_to_tensor(offset), scale, self.epsilon
            )
            # As of the fused operation: the moving average is of unbiased estimates.
            unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
            return tf.cast(outputs, inputs.dtype), mean, unbiased
        images = _as_images(inputs)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            images,
            tf.convert_to_tensor(scale),
            tf.convert_to_tensor(offset),
            *(tf.convert_to_tensor(moment) for moment in moments),
            epsilon=self.epsilon,
            is_training=not moments,
        )
        return _shaped_as(inputs, outputs), mean, variance

    def _is_shared(self):
        """True if replicas synchronize moments."""
        return self._synchronized and tf.distribute.get_strategy().num_replicas_in_sync > 1

    def _batch_mean(self, values):
        """The mean over the batch (and map) `[channels]`, of all replicas if they synchronize.

        And the number of values that it is the mean of.
        """
        axes = list(range(values.shape.rank - 1))
        count = tf.cast(tf.reduce_prod(tf.shape(values)[:-1]), values.dtype)
        if not self._is_shared():
            return tf.reduce_mean(values, axes), count
        # Replicas may have more or fewer examples than others.
        sums = tf.concat([tf.reduce_sum(values, axes), [count]], axis=0)
        sums = tf.distribute.get_replica_context().all_reduce("SUM", sums)
        return sums[:-1] / sums[-1], sums[-1]

    def _batch_moments(self, values):
        """Mean, variance and count; by two exchanges, as E[x^2] - E[x]^2 would lose digits."""
        mean, count = self._batch_mean(values)
        return mean, self._batch_mean(tf.square(values - mean))[0], count

    def _update(self, average, value):
        average.assign_sub((1.0 - self.momentum) * (average - value))

    def transform(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.transform`."""
        del old
        # Not the fused operation: growth methods may differentiate twice.
        mean, variance, _ = self._batch_moments(channels)
        scale, offset = values[:2]
        return tf.nn.batch_normalization(channels, mean, variance, offset, scale, self.epsilon)

    def tangent(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.tangent`: minus the mean, over sqrt(epsilon)."""
        del old
        return (channels - self._batch_mean(channels)[0]) * values[0] / self.epsilon**0.5

    def at_zero(self) -> tuple[float, float]:
        """See `ChannelWise.at_zero`."""
        return 0.0, self.epsilon**-0.5


@gin.configurable
class LayerNormalization(Normalization):
    """Channels have mean 0 and variance 1 at each position of each example; Ba et al. 2016.

    Mean and variance are those of the initial channels, also after growth: with those of all
    channels, none could be added without changing the others. A new channel is divided by the
    standard deviation and not centered, so that zero stays zero. The copy of a channel is treated
    as that channel.

    Attributes:
      initial_width: the number of initial channels, which come first.
      is_centered: float32 `[channels]`, 1 where the mean is subtracted, else 0.

    Raises:
      ValueError: there are no channels initially.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates scale, offset, and which channels are centered (1 or 0), `[channels]`."""
        super().build(input_shape)
        self.initial_width = int(input_shape[-1])
        # The attribute and the name stand in checkpoints.
        self.centred = self._variable("centred", tf.ones([self.initial_width]), trainable=False)
        if self.initial_width == 0:
            raise ValueError(
                f"layer {self.name!r} takes mean and variance from the initial channels, and has "
                "none; let the layer before it start with a neuron, or use BatchNormalization"
            )

    @property
    def is_centered(self) -> tf.Variable:
        """1 where the mean is subtracted, else 0, `[channels]`."""
        return self.centred

    @property
    def trace_key(self) -> tuple:
        """See `ChannelWise.trace_key`."""
        return self.epsilon, self.initial_width

    @property
    def needs_old_channels(self) -> bool:
        """See `ChannelWise.needs_old_channels`."""
        return True

    @property
    def parameters(self) -> list[channel_wise.Parameter]:
        """See `ChannelWise.parameters`."""
        is_centered = channel_wise.Parameter(self.is_centered, 0, lambda count: tf.zeros([count]))
        return [*super().parameters, is_centered]

    def _moments(self, inputs):
        """The mean and one over the standard deviation of the initial channels."""
        mean, variance = tf.nn.moments(inputs[..., : self.initial_width], [-1], keepdims=True)
        return mean, tf.math.rsqrt(variance + self.epsilon)

    def transform(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.transform`."""
        mean, factor = self._moments(tf.cast(old, channels.dtype))
        scale, offset, is_centered = values
        return (channels - is_centered * mean) * factor * scale + offset

    def tangent(
        self, channels: tf.Tensor, values: channel_wise.Values, old: tf.Tensor | None
    ) -> tf.Tensor:
        """See `ChannelWise.tangent`."""
        _, factor = self._moments(tf.cast(old, channels.dtype))
        return channels * factor * values[0]


def _as_images(inputs: tf.Tensor) -> tf.Tensor:
    """`[batch, ..., channels]` as `[batch, height, width, channels]`, for the fused operation."""
    rank = inputs.shape.rank
    if rank <= 4:
        return inputs if rank == 4 else inputs[:, *[tf.newaxis] * (4 - rank)]
    shape = tf.shape(inputs)
    return tf.reshape(inputs, tf.concat([shape[:1], [-1], shape[-2:]], axis=0))


def _shaped_as(inputs: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The inverse of `_as_images`."""
    rank = inputs.shape.rank
    if rank <= 4:
        return images if rank == 4 else tf.squeeze(images, list(range(1, 5 - rank)))
    return tf.ensure_shape(tf.reshape(images, tf.shape(inputs)), inputs.shape)
