"""The linear maps of all growth sites of a network, from one forward and backward pass."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from growth.linear_map import linear_map, vector_norms
from models import site as site_lib
from models.layers import forward_pass


def loss_of(
    model: tf_keras.Model, loss: Callable[..., tf.Tensor]
) -> Callable[[Sequence[Any]], tf.Tensor]:
    """A function from a batch to the training loss, in replica context.

    Without the noise of models/layers/noise.py, which would hide small gradients.

    Args:
      model: the network.
      loss: maps (targets, outputs), and weights of examples if a batch has them, of a replica's
        batch to its share of the mean loss.
    """

    def of_batch(batch):
        inputs, targets, *weights = batch
        with forward_pass.without_noise():
            outputs = tf.cast(model(inputs, training=True), tf.float32)
        return loss(targets, outputs, *weights)

    return of_batch


class SiteObserver:
    """Makes linear maps of all sites from one pass, under the strategy it is created in.

    Args:
      sites: of the network.
      loss: maps a batch to its loss, in replica context, where it is a share of the mean.
      small: the sites whose maps are small enough to be built.
    """

    def __init__(
        self,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[[Any], tf.Tensor],
        small: Collection[site_lib.GrowthSite],
    ):
        self._sites = list(sites)
        self._loss = loss
        self._small = small
        self._strategy = tf.distribute.get_strategy()
        # Every layer once, though sites may share it.
        self.producers = list(dict.fromkeys(p for site in sites for p in site.producers))
        self.consumers = list(dict.fromkeys(c for site in sites for c in site.consumers))
        between = [layer for site in sites for layer in site.between if layer.needs_old_channels]
        self._readers = [*self.producers, *between]
        # Where consumers may read different sums of producers.
        self._streams = [s for s in sites if len(s.producers) > 1 and len(s.consumers) > 1]
        self._sources: dict[site_lib.GrowthSite, list[list[int]]] = {}

    def maps(self, batch: Any) -> list[linear_map.LinearMap]:
        """The linear map of each site.

        Args:
          batch: what `loss` takes, distributed.

        Raises:
          ValueError: a layer of a site takes no part in the pass, or is called twice.
        """
        inputs, output_gradients, read, _ = self._strategy.run(self._observe, args=(batch, ()))
        return self._made(inputs, output_gradients, read)

    def maps_and_gradient_norms(
        self, batch: Any
    ) -> tuple[list[linear_map.LinearMap], list[tf.Tensor]]:
        """`maps`, and for each site the norm of the gradient by the producers' kernels."""
        kernels = [producer.kernel for producer in self.producers]
        *seen, gradients = self._strategy.run(self._observe, args=(batch, kernels))
        summed = [self._strategy.reduce("SUM", g, axis=None) for g in gradients]
        of_layer = dict(zip(self.producers, summed, strict=True))
        norms = [vector_norms.of_all([of_layer[p] for p in site.producers]) for site in self._sites]
        return self._made(*seen), norms

    def _made(self, inputs, output_gradients, read):
        """The maps, of what `_observe` has seen."""
        inputs = dict(zip(self._readers, inputs, strict=True))
        read = dict(zip(self.consumers, read, strict=True))
        output_gradients = dict(zip(self.consumers, output_gradients, strict=True))
        return [
            linear_map.LinearMap(
                site,
                linear_map.Observed(
                    [inputs[producer] for producer in site.producers],
                    [inputs.get(layer) for layer in site.between],
                    [output_gradients[consumer] for consumer in site.consumers],
                    self._sources.get(site),
                    [read[consumer] for consumer in site.consumers],
                ),
                self._strategy,
                is_small=site in self._small,
            )
            for site in self._sites
        ]

    def _observe(self, batch, kernels):
        """The inputs of layers that read, and of consumers the gradient by outputs, and inputs.

        And the gradients by `kernels`.
        """
        layers = [*self._readers, *self.consumers]
        with (
            forward_pass.observe(layers) as seen,
            tf.GradientTape(persistent=bool(self._streams)) as tape,
        ):
            loss = self._loss(batch)
        seen = {layer: passed for layer, passed in seen.items() if passed is not None}
        if unseen := [layer.name for layer in layers if layer not in seen]:
            raise ValueError(
                f"layer {unseen[0]!r} belongs to a growth site, but the network's forward pass "
                "does not call it"
            )
        for site in self._streams:
            self._sources[site] = [_sources(tape, site, seen, c) for c in site.consumers]
        outputs = [seen[consumer].outputs for consumer in self.consumers]
        gradients = tape.gradient(loss, [*outputs, *kernels], unconnected_gradients="zero")
        inputs = [seen[layer].inputs for layer in self._readers]
        read = [seen[layer].inputs for layer in self.consumers]
        return inputs, gradients[: len(outputs)], read, gradients[len(outputs) :]


def _sources(tape, site, seen, consumer):
    """The indices of the producers of `site` that reach `consumer`; known when it is traced."""
    outputs = [seen[producer].outputs for producer in site.producers]
    gradients = tape.gradient(seen[consumer].inputs, outputs)
    return [i for i, gradient in enumerate(gradients) if gradient is not None]


@contextlib.contextmanager
def unchanged(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Gives variables their values back after the block: a growth is not a training step."""
    values = [variable.read_value() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
