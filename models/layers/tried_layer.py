"""Runs a channel-wise layer as growth does, for `check_layer`."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import tensorflow as tf

from models.layers import channel_wise, forward_pass

ADDED = 2  # Channels that are added.
_TOLERANCE = 1e-4  # Of the largest element; far above rounding in float32.


class TriedLayer(NamedTuple):
    """A layer whose parameters have random values.

    Attributes:
      layer: the layer.
      old: inputs, `[batch, ..., channels]`.
    """

    layer: channel_wise.ChannelWise
    old: tf.Tensor

    @property
    def values(self) -> list[tf.Tensor]:
        """The current values of the parameters."""
        return [p.variable.read_value() for p in self.layer.parameters]

    @property
    def initial(self) -> list[tf.Tensor]:
        """The values of the parameters of channels that are added."""
        return [p.initial(tf.constant(ADDED)) for p in self.layer.parameters]

    @property
    def old_if_needed(self) -> tf.Tensor | None:
        """The arguments of `transform` beside new channels."""
        return self.old if self.layer.needs_old_channels else None

    def run(self, inputs: tf.Tensor, training: bool = True) -> tf.Tensor:
        """Calls the layer as growth does, without noise; variables keep their values."""
        with forward_pass.without_noise(), restored(self.layer):
            return self.layer(inputs, training=training)

    def transform(self, channels: tf.Tensor, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """The layer's `transform` of new channels."""
        cast = [tf.cast(value, channels.dtype) for value in values]
        return self.layer.transform(channels, cast, self.old_if_needed)

    @contextlib.contextmanager
    def grown(self, values: Sequence[tf.Tensor]) -> Iterator[None]:
        """Variables have the slices `values` more within the block."""
        with restored(self.layer):
            for parameter, value in zip(self.layer.parameters, values, strict=True):
                both = tf.concat([parameter.variable, value], axis=parameter.axis)
                parameter.variable.assign(both)
            yield


def fail(layer: channel_wise.ChannelWise, text: str) -> NoReturn:
    """Raises ValueError that names the layer, and then says `text`."""
    raise ValueError(
        f"layer {layer.name!r} ({type(layer).__name__}) {text}. See models.layers.ChannelWise"
    )


def attempt(layer: channel_wise.ChannelWise, when: str, function: Callable, *args: Any) -> Any:
    """The result of `function`; ValueError that names the layer if it raises anything."""
    try:
        return function(*args)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"layer {layer.name!r} ({type(layer).__name__}) fails {when}: "
            f"{type(error).__name__}: {first_line}. See models.layers.ChannelWise"
        ) from error


@contextlib.contextmanager
def restored(layer: channel_wise.ChannelWise) -> Iterator[None]:
    """Variables have their values again after the block."""
    values = [variable.read_value() for variable in layer.variables]
    try:
        yield
    finally:
        for variable, value in zip(layer.variables, values, strict=True):
            variable.assign(value)


def randomize(layer: channel_wise.ChannelWise) -> None:
    """Gives the trainable variables random values, above their initial ones."""
    for seed, variable in enumerate(layer.trainable_variables):
        if variable.dtype.is_floating:
            variable.assign_add(uniform(variable, seed))


def random(shape: Sequence[int], seed: int) -> tf.Tensor:
    """Normal numbers, the same for the same seed."""
    return tf.random.stateless_normal(shape, [seed, 1])


def uniform(variable: tf.Variable, seed: int) -> tf.Tensor:
    """Numbers in [0, 1) in the shape and dtype of a variable, the same for the same seed."""
    return tf.random.stateless_uniform(tf.shape(variable), [seed, 2], dtype=variable.dtype)


def difference(expected: tf.Tensor, found: tf.Tensor) -> float:
    """The largest difference, as a fraction of the largest element; inf for other shapes."""
    if expected.shape != found.shape:
        return float("inf")
    expected, found = (tf.cast(x, tf.float32) for x in (expected, found))
    size = tf.maximum(tf.reduce_max(tf.abs(expected)), 1.0)
    return float(tf.reduce_max(tf.abs(expected - found)) / size)


def differ(expected: tf.Tensor, found: tf.Tensor) -> bool:
    """True if the difference is more than rounding in float32 makes."""
    return not difference(expected, found) <= _TOLERANCE
