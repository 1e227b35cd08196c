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

    Neurons are columns: w_in is `[n, k]`, w_out is `[m, k]`. With several replicas, each holds a
    part of the batch, and what leaves this class has been summed over all of them.

    Args:
      site: where neurons are added.
      inputs: h, the producer's inputs `[batch, ..., channels]`.
      output_gradients: dL/dz for each consumer, as its outputs.
    """

    def __init__(
        self,
        site: site_lib.GrowthSite,
        inputs: tf.Tensor,
        output_gradients: Sequence[tf.Tensor],
    ):
        self.site = site
        # Growth is computed in float32, whatever the layers compute in.
        self._inputs = tf.cast(inputs, tf.float32)
        self._output_gradients = [tf.cast(g, tf.float32) for g in output_gradients]
        _, self._slope = activations.at_zero(site.activation)

    @property
    def shape(self) -> tuple[tf.Tensor, tf.Tensor]:
        """(m, n): the lengths of a neuron's outgoing and incoming weights."""
        return tf.shape(self.site.outgoing())[0], tf.shape(self.site.incoming())[0]

    def to_incoming(self, outgoing: tf.Tensor) -> tf.Tensor:
        """A^T `outgoing`: `[m, k]` to `[n, k]`."""
        count = tf.shape(outgoing)[1]
        incoming = tf.zeros([self.shape[1], count])
        with tf.GradientTape() as tape:
            tape.watch(incoming)
            neurons = self._slope * self._pre_activations(incoming)
            form = self._form(neurons, outgoing)
        return sum_over_replicas(tape.gradient(form, incoming))

    def to_outgoing(self, incoming: tf.Tensor) -> tf.Tensor:
        """A `incoming`: `[n, k]` to `[m, k]`."""
        outgoing = tf.zeros([self.shape[0], tf.shape(incoming)[1]])
        with tf.GradientTape() as tape:
            tape.watch(outgoing)
            neurons = self._slope * self._pre_activations(incoming)
            form = self._form(neurons, outgoing)
        return sum_over_replicas(tape.gradient(form, outgoing))

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
        with tf.GradientTape() as tape:
            tape.watch([incoming, outgoing])
            neurons = self.site.activation(self._pre_activations(incoming) + bias)
            form = self._form(neurons, outgoing)
        return tuple(sum_over_replicas(g) for g in tape.gradient(form, [incoming, outgoing]))

    def loss_change(self, incoming: tf.Tensor, outgoing: tf.Tensor) -> tf.Tensor:
        """The change of the loss that each neuron alone would bring, to first order in z.

        Args:
          incoming: `[n, k]`, not restricted to zero.
          outgoing: `[m, k]`.

        Returns:
          `< dL/dz, C(f(P(h; w_in)); w_out) >` for each neuron, `[k]`.
        """
        neurons = self.site.activation(self._pre_activations(incoming))
        with tf.GradientTape() as tape:
            tape.watch(neurons)
            form = self._form(neurons, outgoing)
        products = neurons * tape.gradient(form, neurons)
        axes = tf.range(tf.rank(products) - 1)
        return sum_over_replicas(tf.reduce_sum(products, axis=axes))

    def _pre_activations(self, incoming: tf.Tensor) -> tf.Tensor:
        """P(h; `incoming`): `[batch, ..., k]`."""
        return self.site.producer.linear(self._inputs, self.site.incoming_kernel(incoming))

    def _form(self, neurons: tf.Tensor, outgoing: tf.Tensor) -> tf.Tensor:
        """< dL/dz, C(`neurons`; `outgoing`) >, a scalar."""
        kernels = self.site.outgoing_kernels(outgoing)
        return tf.add_n(
            [
                tf.reduce_sum(gradient * consumer.linear(neurons, kernel))
                for gradient, consumer, kernel in zip(
                    self._output_gradients, self.site.consumers, kernels, strict=True
                )
            ]
        )


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The sum of what each replica holds, on every replica."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
