"""Tries new neurons out in the network, without growing it."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from models import site as site_lib
from models.layers import forward_pass


class Trial:
    """The training loss on the growth batch as a function of the new neurons of all sites.

    Args:
      sites: where neurons are added.
      loss: maps a batch to its loss, in replica context, where it is a share of the mean.
      batch: the growth batch, distributed.
      strategy: distributes over replicas.
    """

    def __init__(
        self,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[[Any], tf.Tensor],
        batch: Any,
        strategy: tf.distribute.Strategy,
    ):
        self.sites = list(sites)
        self._loss = loss
        self._batch = batch
        self._strategy = strategy

    def loss(self, neurons: Sequence[NewNeurons]) -> tf.Tensor:
        """The loss of the grown network, a scalar; one forward pass.

        Args:
          neurons: the new neurons of each site.
        """
        losses = self._strategy.run(lambda batch: self._tried(batch, neurons), args=(self._batch,))
        return self._strategy.reduce("SUM", losses, axis=None)

    def _tried(self, batch, neurons):
        """The loss on a replica's batch."""
        grown = surgery.grown(self.sites, neurons)
        with forward_pass.substitute({key: value for key, (_, value) in grown.items()}):
            return self._loss(batch)

    def gradients(self, neurons: Callable[[Any], Sequence[NewNeurons]], weights: Any) -> Any:
        """The gradient of the loss of the grown network; one forward and backward pass.

        Args:
          neurons: maps `weights` to the new neurons of each site.
          weights: nested tensors to differentiate by.

        Returns:
          Gradients, nested as `weights`.
        """
        flat = tf.nest.flatten(weights)

        def on_replica(batch):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(flat)
                loss = self._tried(batch, neurons(weights))
            return tape.gradient(loss, flat, unconnected_gradients="zero")

        gradients = self._strategy.run(on_replica, args=(self._batch,))
        reduced = [self._strategy.reduce("SUM", gradient, axis=None) for gradient in gradients]
        return tf.nest.pack_sequence_as(weights, reduced)
