"""Multi-layer perceptron."""

import itertools
from collections.abc import Sequence

import gin
import tensorflow as tf
import tf_keras

from models import activations, layers, seeds, site


@gin.configurable
class MLP(tf_keras.Model):
    """Dense layers with an activation between, each hidden layer a growth site.

    Inputs `[batch, ...]` are flattened; the output is linear, `[batch, output_width]`.

    Args:
      hidden_widths: neurons of each hidden layer at birth, first to last.
      output_width: number of outputs.
      use_bias: whether layers add a bias.
      activation: what follows each hidden layer.
      kernel_initializer: class of the initializer, called with `seed`.
      seed: seed of the initial weights.

    Raises:
      ValueError: a width is not a positive integer.
    """

    def __init__(
        self,
        hidden_widths: Sequence[int] = gin.REQUIRED,
        output_width: int = gin.REQUIRED,
        use_bias: bool = True,
        activation: activations.Activation = activations.relu,
        kernel_initializer: type = tf_keras.initializers.GlorotUniform,
        seed: int = 0,
    ):
        super().__init__()
        widths = [*hidden_widths, output_width]
        if not all(isinstance(width, int) and width > 0 for width in widths):
            raise ValueError(
                f"MLP.hidden_widths = {hidden_widths} and MLP.output_width = {output_width} must "
                "be positive numbers of neurons, e.g. (32, 16) and 10"
            )
        self._activation = activation
        self._to_vectors = tf_keras.layers.Flatten()
        self._dense = []
        for i, width in enumerate(widths):
            last = i == len(hidden_widths)
            name = "output" if last else f"hidden_{i + 1}"
            stream = seeds.stream(seed, "student", name)
            self._dense.append(
                layers.Dense(
                    width,
                    use_bias=use_bias,
                    inputs_grow=i > 0,
                    outputs_grow=not last,
                    kernel_initializer=kernel_initializer(seed=int(stream[0])),
                    name=name,
                )
            )

    @property
    def sites(self) -> list[site.GrowthSite]:
        """Each hidden layer, from the input to the output."""
        return [
            site.GrowthSite(producer.name, [producer], [self._activation], [consumer])
            for producer, consumer in itertools.pairwise(self._dense)
        ]

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, ...]` to `[batch, output_width]`."""
        del training  # Nothing here differs between training and evaluation.
        outputs = self._to_vectors(inputs)
        for hidden in self._dense[:-1]:
            outputs = self._activation(hidden(outputs))
        return self._dense[-1](outputs)
