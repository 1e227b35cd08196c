"""The bilinear form that ties the new weights of a site to the loss, and the map A in it."""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import tensorflow as tf

from growth.linear_map import convolution_pair, second_moments, vector_norms
from models import site as site_lib


class Observed(NamedTuple):
    """The tensors of a site from the forward and backward pass over the growth batch.

    Attributes:
      inputs: h, the inputs `[batch, ..., channels]` of each producer; all in float32.
      old: the inputs of each layer between that needs those of its old channels, None elsewhere.
      output_gradients: dL/dz for each consumer, as its outputs.
      sources: for each consumer the indices of the producers that it reads the sum of. In a
        residual stream that grows, a consumer reads what has been added up before it. None for all.
      read: the inputs of each consumer, what the existing neurons put out.
    """

    inputs: Sequence[tf.Tensor]
    old: Sequence[tf.Tensor | None]
    output_gradients: Sequence[tf.Tensor]
    sources: Sequence[Sequence[int]] | None = None
    read: Sequence[tf.Tensor] = ()


class LinearMap:
    """The bilinear form of a site on one growth batch, and its map A.

    With zero incoming weights, and layers between that map 0 to 0, the loss depends on new weights,
    to first order, through (equations 10 to 14 and 18 to 23 of the paper)

        b(w_in, w_out) = < dL/dz, C(D'(P(h; w_in)); w_out) > = < w_out, A w_in >

    where P are the producers, D' the tangent at zero of what lies between, C the consumers, and the
    product runs over the batch. Its gradient by w_in is A^T w_out, that by w_out is A w_in; both
    come from the layers' own operations with as many channels as there are columns, and A is never
    built. The top left singular vectors of A are GradMax's new outgoing weights.

    Neurons are columns: w_in is `[n, k]`, w_out is `[m, k]`. Under a distribution strategy each
    replica holds a part of the batch, and every result is the sum over all of them.

    Args:
      site: where neurons are added.
      observed: the growth batch; None for a method that asks for nothing but the site and the
        shape (`GrowthMethod.uses_gradients` is False).
      strategy: distributes over replicas; the current one if None.
      is_small: whether A is small enough to be built; decided once for a run, though A may grow.
    """

    def __init__(
        self,
        site: site_lib.GrowthSite,
        observed: Observed | None = None,
        strategy: tf.distribute.Strategy | None = None,
        is_small: bool = True,
    ):
        self.site = site
        self._observed = observed
        self._strategy = strategy or tf.distribute.get_strategy()
        self._is_small = is_small

    @property
    def tensors(self) -> list[tf.Tensor | None]:
        """All tensors that it has observed, in one order."""
        seen = self._observed
        if seen is None:
            return []
        return [*seen.inputs, *seen.old, *seen.output_gradients, *seen.read]

    @property
    def trace_key(self) -> Hashable:
        """All that results depend on beside the site's layers and the `tensors`."""
        sources = None if self._observed is None else self._sources()
        return self._is_small, None if sources is None else tuple(sources)

    @property
    def shape(self) -> tuple[tf.Tensor, tf.Tensor]:
        """(m, n): the lengths of a neuron's outgoing and incoming weights."""
        return self.site.fan_out, self.site.fan_in

    def to_incoming(self, outgoing: tf.Tensor) -> tf.Tensor:
        """A^T `outgoing`: `[m, k]` to `[n, k]`."""
        count = tf.shape(outgoing)[1]
        incoming = tf.zeros([self.shape[1], count])
        values = self.site.values_of_new(count)
        return self._gradients(incoming, outgoing, values, tangent=True)[0]

    def to_outgoing(self, incoming: tf.Tensor) -> tf.Tensor:
        """A `incoming`: `[n, k]` to `[m, k]`."""
        count = tf.shape(incoming)[1]
        outgoing = tf.zeros([self.shape[0], count])
        values = self.site.values_of_new(count)
        return self._gradients(incoming, outgoing, values, tangent=True)[1]

    @property
    def has_matrix(self) -> bool:
        """True if one pass gives A as a `matrix`."""
        if not self._is_small:
            return False
        inputs, _, output_gradients = self._batch()
        # Under a strategy each is a value for every replica.
        arrays = [
            self._strategy.experimental_local_results(x)[0] for x in inputs + output_gradients
        ]
        return self._tangent_factor() is not None and all(
            array.shape.rank in (2, 3, 4) and array.shape[1:-1].is_fully_defined()
            for array in arrays
        )

    def matrix(self) -> tf.Tensor:
        """A itself, `[m, n]`; only if it `has_matrix`.

        At the cost of about one gradient by a kernel, whatever m and n; see convolution_pair.py.
        """
        site = self.site
        factor = self._tangent_factor()
        assert factor is not None  # It `has_matrix`.

        def on_replica(inputs, _, output_gradients):
            rows = []
            for consumer, gradient, sources in zip(
                site.consumers, output_gradients, self._sources(), strict=True
            ):
                blocks = [
                    convolution_pair.matrix(
                        producer.windows, consumer.windows, _map(h), _map(gradient)
                    )
                    for producer, h in zip(site.producers, inputs, strict=True)
                ]
                blocks = [
                    block if i in sources else tf.zeros_like(block)
                    for i, block in enumerate(blocks)
                ]
                rows.append(tf.concat(blocks, axis=1))
            return factor * tf.concat(rows, axis=0)

        return self._strategy.reduce(
            "SUM", self._strategy.run(on_replica, self._batch()), axis=None
        )

    def second_moment(self) -> tf.Tensor:
        """S, `[n, n]`: w^T S w is the mean square of what neurons with the weights w put out.

        Summed over positions, a mean over examples, and with the tangents at zero of the layers
        between. For dense layers with an activation it is f'(0)^2 E[h h^T]. Where consumers read
        different sums of producers it is the mean over these.
        """
        _, fan_in = self.shape
        values = self.site.values_of_new(fan_in)
        sums = list(dict.fromkeys(self._sources()))

        def on_replica(inputs, old, _):
            products = []
            for sources in sums:
                new = self.site.neurons(inputs, tf.eye(fan_in), values, old, True, sources)
                products.append(second_moments.products(new, new))
            return tf.add_n(products), tf.cast(tf.shape(inputs[0])[0], tf.float32)

        total, examples = self._sums(on_replica, *self._batch())
        return total / (examples * len(sums))

    def new_activations(self, incoming: tf.Tensor) -> tf.Tensor:
        """Products of what new neurons put out, less what the existing ones span, `[k, k]`.

        The vectors are over the examples and positions of the growth batch, as the first consumer
        reads them; the span is that of the existing neurons, by least squares.

        Args:
          incoming: `[n, k]`, not restricted to zero.
        """
        values = self.site.values_of_new(tf.shape(incoming)[1])
        sources = self._sources()[0]

        def on_replica(inputs, old, read):
            new = self.site.neurons(inputs, incoming, values, old, False, sources)
            pairs = ((new, new), (read, new), (read, read))
            return [second_moments.products(*pair) for pair in pairs]

        seen = self._seen()
        products, with_old, of_old = self._sums(
            on_replica, list(seen.inputs), list(seen.old), seen.read[0]
        )
        fit = tf.matmul(second_moments.power(of_old, -1.0), with_old)
        return products - tf.matmul(with_old, fit, transpose_a=True)

    def existing_activity(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean absolute output of the existing neurons, and the products of their outputs.

        Over examples and positions, as the first consumer reads them.

        Returns:
          `[width]`, and the sums of products `[width, width]`.
        """

        def on_replica(read):
            read = tf.cast(read, tf.float32)
            axes = list(range(read.shape.rank - 1))
            count = tf.reduce_prod(tf.shape(read)[:-1])
            sums = tf.reduce_sum(tf.abs(read), axis=axes)
            return sums, tf.cast(count, tf.float32), second_moments.products(read, read)

        sums, count, products = self._sums(on_replica, self._seen().read[0])
        return sums / count, products

    def residual(self) -> "LinearMap":
        """The site with the part of dL/dz that no change of its existing outgoing weights undoes.

        That is dL/dz less its projection, by least squares, on what the consumers could add to
        their outputs by other kernels and biases, over the growth batch. Rounding errors are left
        where these have more weights than there are examples.
        """
        seen = self._seen()
        left = [
            self._unexplained(*part)
            for part in zip(self.site.consumers, seen.output_gradients, seen.read, strict=True)
        ]
        observed = seen._replace(output_gradients=left)
        return LinearMap(self.site, observed, self._strategy, self._is_small)

    def _unexplained(self, consumer, gradient, read):
        """The `gradient` by the outputs of a consumer, less its fit by what that has `read`."""

        def products(gradient, read):
            patches = second_moments.patches(consumer, read)
            return [second_moments.products(patches, other) for other in (patches, gradient)]

        square, by_gradient = self._sums(products, gradient, read)
        weights = tf.matmul(second_moments.power(square, -1.0), by_gradient)

        def residual(gradient, read):
            left = gradient - second_moments.fitted(consumer, read, weights)
            return tf.ensure_shape(left, gradient.shape)

        return self._strategy.run(residual, args=(gradient, read))

    def gradient_norm(self) -> tf.Tensor:
        """About the root mean square over examples of the norm of dl/dz, l being one's own loss."""

        def on_replica(inputs, _, output_gradients):
            examples = tf.cast(tf.shape(inputs[0])[0], tf.float32)
            return examples, vector_norms.of_all(output_gradients)

        examples, norm = self._sums(on_replica, *self._batch())
        return tf.sqrt(examples) * norm

    def _sums(self, function, *args):
        """The results of `function`, which is run on each replica, over all of them."""
        results = self._strategy.run(function, args=args)
        return [self._strategy.reduce("SUM", result, axis=None) for result in results]

    def _tangent_factor(self) -> float | None:
        """The factor that the layers between are to first order; None if they are none."""
        factors = [layer.tangent_factor for layer in self.site.between]
        known = [factor for factor in factors if factor is not None]
        return math.prod(known) if len(known) == len(factors) else None

    def gradients(
        self,
        incoming: tf.Tensor,
        outgoing: tf.Tensor,
        shift: tf.Tensor | None = None,
        parents: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The gradient of the loss by new neurons' incoming and outgoing weights.

        Exact where the new neurons leave the output, and so dL/dz, as it is; unlike A it takes
        the layers between as they are.

        Args:
          incoming: `[n, k]`.
          outgoing: `[m, k]`.
          shift: `[k]`, see `GrowthSite.values_of_new`.
          parents: `[k]`, see there.

        Returns:
          Gradients `[n, k]` and `[m, k]`.
        """
        values = self.site.values_of_new(tf.shape(incoming)[1], shift, parents)
        return self._gradients(incoming, outgoing, values, tangent=False)

    def loss_change(self, incoming: tf.Tensor, outgoing: tf.Tensor) -> tf.Tensor:
        """The change of the loss that each neuron alone would bring, to first order in z.

        Args:
          incoming: `[n, k]`, not restricted to zero.
          outgoing: `[m, k]`.

        Returns:
          `< dL/dz, C(D(P(h; w_in)); w_out) >` for each neuron, `[k]`.
        """
        # The form is linear in w_out, and so the product of w_out with its gradient.
        by_outgoing = self.gradients(incoming, outgoing)[1]
        return tf.reduce_sum(outgoing * by_outgoing, axis=0)

    def _seen(self) -> Observed:
        """The growth batch."""
        if self._observed is None:
            raise ValueError(
                f"site {self.site.name!r} has seen no growth batch, as the method says that it "
                "needs none; give it `uses_gradients = True`"
            )
        return self._observed

    def _batch(self):
        return tuple(list(part) for part in self._seen()[:3])

    def _sources(self) -> list[tuple[int, ...]]:
        """The indices of the producers that each consumer reads."""
        everything = tuple(range(len(self.site.producers)))
        sources = self._seen().sources
        if sources is None:
            return [everything] * len(self.site.consumers)
        return [tuple(read) for read in sources]

    def _gradients(self, incoming, outgoing, values, tangent):
        """Gradients by w_in and w_out of the form; unless `tangent`, with the layers themselves."""

        def on_replica(inputs, old, output_gradients):
            with tf.GradientTape() as tape:
                tape.watch([incoming, outgoing])
                neurons = {
                    sources: self.site.neurons(inputs, incoming, values, old, tangent, sources)
                    for sources in dict.fromkeys(self._sources())
                }
                kernels = self.site.outgoing_kernels(outgoing)
                form = tf.add_n(
                    [
                        tf.reduce_sum(gradient * consumer.linear(neurons[sources], kernel))
                        for gradient, consumer, kernel, sources in zip(
                            output_gradients,
                            self.site.consumers,
                            kernels,
                            self._sources(),
                            strict=True,
                        )
                    ]
                )
            return tape.gradient(form, [incoming, outgoing])

        by_incoming, by_outgoing = self._sums(on_replica, *self._batch())
        return by_incoming, by_outgoing


def _map(array: tf.Tensor) -> tf.Tensor:
    """`[batch, height, width, channels]`; vectors and sequences become maps, one pixel wide."""
    if array.shape.rank == 2:
        return array[:, tf.newaxis, tf.newaxis, :]
    return array[:, :, tf.newaxis, :] if array.shape.rank == 3 else array
