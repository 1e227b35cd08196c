"""Where a network can grow: between a producer of channels and the layers that consume them."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from models import activations
from models import layers as layers_lib


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthSite:
    """New neurons of a site are output channels of its producer and inputs of its consumers.

    h -> producer -> activation f -> consumer(s) -> z

    Growth methods see neurons as columns of two matrices: `incoming [n, k]` are the weights with
    which k neurons read h, `outgoing [m, k]` those with which all consumers read the neurons.

    Attributes:
      name: names the site in logs and TensorBoard.
      producer: its width grows.
      consumers: their fan-in grows.
      activation: what lies between.
    """

    name: str
    producer: layers_lib.GrowableLayer
    consumers: Sequence[layers_lib.GrowableLayer]
    activation: activations.Activation

    @property
    def width(self) -> int:
        """The number of neurons now."""
        return self.producer.width

    def check_preserving(self, method: str) -> None:
        """Raises ValueError unless zero incoming weights keep the output and get a gradient."""
        value, slope = (float(x) for x in activations.at_zero(self.activation))
        name = getattr(self.activation, "__name__", repr(self.activation))
        if value != 0.0 or slope == 0.0:
            raise ValueError(
                f"{method} starts new neurons with zero incoming weights at site {self.name!r}, "
                f"which needs an activation with f(0) = 0 and f'(0) != 0; {name} has f(0) = "
                f"{value:g} and f'(0) = {slope:g}. Use one of models/activations.py, e.g. "
                "@models.activations.relu, or a method with zero outgoing weights (inverse = True)."
            )

    def incoming(self) -> tf.Tensor:
        """The incoming weights of the neurons there are, `[n, width]`."""
        return _columns(self.producer.kernel, self.producer.output_axis)

    def outgoing(self) -> tf.Tensor:
        """The outgoing weights of the neurons there are, `[m, width]`."""
        return tf.concat([_columns(c.kernel, c.input_axis) for c in self.consumers], axis=0)

    def incoming_kernel(self, incoming: tf.Tensor) -> tf.Tensor:
        """`incoming [n, k]` as a kernel of the producer with k output channels."""
        return _kernel(incoming, self.producer.kernel, self.producer.output_axis)

    def outgoing_kernels(self, outgoing: tf.Tensor) -> list[tf.Tensor]:
        """`outgoing [m, k]` as one kernel for each consumer, with k input channels."""
        rows = [tf.size(c.kernel) // tf.shape(c.kernel)[c.input_axis] for c in self.consumers]
        return [
            _kernel(part, c.kernel, c.input_axis)
            for part, c in zip(tf.split(outgoing, rows), self.consumers, strict=True)
        ]


def _columns(kernel: tf.Tensor, axis: int) -> tf.Tensor:
    """A kernel as a matrix with one column for each channel of `axis`."""
    kernel = tf.convert_to_tensor(kernel)
    order = [i for i in range(kernel.shape.rank) if i != axis] + [axis]
    return tf.reshape(tf.transpose(kernel, order), [-1, tf.shape(kernel)[axis]])


def _kernel(columns: tf.Tensor, like: tf.Tensor, axis: int) -> tf.Tensor:
    """The inverse of `_columns`, for any number of columns."""
    sizes = tf.unstack(tf.shape(like))
    others = [i for i in range(len(sizes)) if i != axis]
    last = tf.reshape(columns, [sizes[i] for i in others] + [tf.shape(columns)[1]])
    order = others + [axis]
    return tf.transpose(last, [order.index(i) for i in range(len(sizes))])


@contextlib.contextmanager
def observe(
    layers: Iterable[layers_lib.GrowableLayer],
) -> Iterator[dict[layers_lib.GrowableLayer, tuple[tf.Tensor, tf.Tensor]]]:
    """Collects (inputs, outputs) of `layers` during the forward passes within the block."""
    layers = list(layers)
    seen = {}

    def observer(layer, inputs, outputs):
        if layer in seen:
            raise ValueError(f"layer {layer.name!r} is used twice in one pass; it cannot grow")
        seen[layer] = (inputs, outputs)

    for layer in layers:
        layer.observer = observer
    try:
        yield seen
    finally:
        for layer in layers:
            layer.observer = None
