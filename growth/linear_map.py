"""The bilinear form that ties the new weights of a site to the loss, and the map A in it."""

from collections.abc import Sequence

import tensorflow as tf

from models import activations
from models import site as site_lib


class LinearMap:
    """A site as the gradients of one growth batch see it.

    With zero incoming weights and an activation with f(0) = 0, f'(0) = a, the loss depends on new
    weights, to first order, through (equations 10 to 14 of the paper)

        b(w_in, w_out) = < dL/dz, C(a P(h; w_in); w_out) > = < w_out, A w_in >

    where P is the producer, C the consumers and the product runs over the batch. Its gradient by
    w_in is A^T w_out, that by w_out is A w_in; both come from the layers' own operations with as
    many channels as there are columns, and A is never built. The top left singular vectors of A
    are GradMax's new outgoing weights.

    Neurons are columns: w_in is `[n, k]`, w_out is `[m, k]`. Under a distribution strategy each
    replica holds a part of the batch, and every result is the sum over all of them.

    Args:
      site: where neurons are added.
      inputs: h, the producer's inputs `[batch, ..., channels]` on each replica.
      output_gradients: dL/dz for each consumer, as its outputs.
      strategy: distributes over replicas; the current one if None.
    """

    def __init__(
        self,
        site: site_lib.GrowthSite,
        inputs: tf.Tensor,
        output_gradients: Sequence[tf.Tensor],
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.site = site
        self._inputs = inputs
        self._output_gradients = list(output_gradients)
        self._strategy = strategy or tf.distribute.get_strategy()
        _, self._slope = activations.at_zero(site.activation)

    @property
    def shape(self) -> tuple[tf.Tensor, tf.Tensor]:
        """(m, n): the lengths of a neuron's outgoing and incoming weights."""
        return tf.shape(self.site.outgoing())[0], tf.shape(self.site.incoming())[0]

    def to_incoming(self, outgoing: tf.Tensor) -> tf.Tensor:
        """A^T `outgoing`: `[m, k]` to `[n, k]`."""
        incoming = tf.zeros([self.shape[1], tf.shape(outgoing)[1]])
        return self._gradients(self._linearized, incoming, outgoing)[0]

    def to_outgoing(self, incoming: tf.Tensor) -> tf.Tensor:
        """A `incoming`: `[n, k]` to `[m, k]`."""
        outgoing = tf.zeros([self.shape[0], tf.shape(incoming)[1]])
        return self._gradients(self._linearized, incoming, outgoing)[1]

    def gradients(
        self, incoming: tf.Tensor, bias: tf.Tensor, outgoing: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The gradient of the loss by new neurons' incoming and outgoing weights.

        Exact where the new neurons leave the output, and so dL/dz, as it is; unlike A it takes
        the activation as it is.

        Args:
          incoming: `[n, k]`.
          bias: `[k]`.
          outgoing: `[m, k]`.

        Returns:
          Gradients `[n, k]` and `[m, k]`.
        """
        return self._gradients(lambda x: self.site.activation(x + bias), incoming, outgoing)

    def loss_change(self, incoming: tf.Tensor, outgoing: tf.Tensor) -> tf.Tensor:
        """The change of the loss that each neuron alone would bring, to first order in z.

        Args:
          incoming: `[n, k]`, not restricted to zero.
          outgoing: `[m, k]`.

        Returns:
          `< dL/dz, C(f(P(h; w_in)); w_out) >` for each neuron, `[k]`.
        """
        # The form is linear in w_out, and so the product of w_out with its gradient.
        by_outgoing = self._gradients(self.site.activation, incoming, outgoing)[1]
        return tf.reduce_sum(outgoing * by_outgoing, axis=0)

    def _linearized(self, pre_activations: tf.Tensor) -> tf.Tensor:
        """The activation's tangent at 0."""
        return self._slope * pre_activations

    def _gradients(self, activation, incoming, outgoing):
        """Gradients of < dL/dz, C(`activation`(P(h; w_in)); w_out) > by w_in and w_out."""

        def on_replica(inputs, output_gradients):
            with tf.GradientTape() as tape:
                tape.watch([incoming, outgoing])
                # Growth is computed in float32, whatever the layers compute in.
                neurons = activation(
                    self.site.producer.linear(
                        tf.cast(inputs, tf.float32), self.site.incoming_kernel(incoming)
                    )
                )
                kernels = self.site.outgoing_kernels(outgoing)
                form = tf.add_n(
                    [
                        tf.reduce_sum(
                            tf.cast(gradient, tf.float32) * consumer.linear(neurons, kernel)
                        )
                        for gradient, consumer, kernel in zip(
                            output_gradients, self.site.consumers, kernels, strict=True
                        )
                    ]
                )
            return tape.gradient(form, [incoming, outgoing])

        results = self._strategy.run(on_replica, args=(self._inputs, self._output_gradients))
        return [self._strategy.reduce("SUM", result, axis=None) for result in results]
