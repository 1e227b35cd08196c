"""One growth of a network, as a custom step: it runs on the accelerator, like a training step."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from growth import linear_map, surgery
from growth import trial as trial_lib
from growth.initializers import initializer as initializer_lib
from growth.neurons import NewNeurons
from models import forward_pass
from models import site as site_lib

# Maps of up to this many elements at birth of the network are built: 16 MiB. Where the widths of
# three layers become four times as large, they have 16 times as many.
_SMALL = 2**22


class GrowthStep:
    """Grows all sites by one forward and backward pass, under the strategy it is created in.

    Traced once for the run, whatever the widths and the numbers of new neurons.

    Args:
      model: the network.
      sites: its sites.
      loss: maps (targets, outputs) of a replica's batch to its share of the mean loss.
      initializer: how new neurons start.
      slots: gives the optimizer's slots of a parameter.
      carry_slots: whether existing neurons keep their optimizer slots.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        initializer: initializer_lib.Initializer,
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        carry_slots: bool,
    ):
        self._model = model
        self._sites = list(sites)
        # Every layer once, though sites may share it.
        self._producers = list(dict.fromkeys(p for site in sites for p in site.producers))
        self._consumers = list(dict.fromkeys(c for site in sites for c in site.consumers))
        self._between = [
            layer for site in sites for layer in site.between if layer.needs_old_channels
        ]
        # Decided at birth, so that a run that is resumed later does the same.
        self._small = {site for site in sites if _elements(site) <= _SMALL}
        self._loss = loss
        self._initializer = initializer
        self._slots = slots
        self._carry_slots = carry_slots
        self._strategy = tf.distribute.get_strategy()

    def run(
        self, batch: Any, counts: tf.Tensor, site_seeds: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, dict[str, tf.Tensor]]]:
        """Grows the network.

        Args:
          batch: (inputs, targets), distributed.
          counts: new neurons, int32 `[sites]`.
          site_seeds: int32 `[sites, 2]`.

        Returns:
          The loss on the batch, and for each site by name what history.py tells of it.
        """
        strategy = self._strategy
        counts, site_seeds = (tf.unstack(x, len(self._sites)) for x in (counts, site_seeds))
        # The growth batch must leave moving averages as they are: it is not a training step.
        state = [(v, v.read_value()) for v in self._model.non_trainable_variables]
        loss, inputs, output_gradients, kernel_gradients = strategy.run(
            self._observe, args=(batch,)
        )
        kernel_gradients = dict(zip(self._producers, kernel_gradients, strict=True))
        maps = self._maps(inputs, output_gradients)
        neurons = []
        for view, count, seed in zip(maps, counts, site_seeds, strict=True):
            # One after the other, so that the memory of one site is free for the next.
            with tf.control_dependencies([new.outgoing for new in neurons[-1:]]):
                neurons.append(_start(self._initializer, view, count, seed))
        trial = trial_lib.Trial(self._sites, self._loss_of, batch, strategy)
        neurons = self._initializer.refine(trial, neurons, counts)
        for variable, value in state:
            variable.assign(value)
        measures = {}
        for site, view, new in zip(self._sites, maps, neurons, strict=True):
            old = [strategy.reduce("SUM", kernel_gradients[p], axis=None) for p in site.producers]
            values = tf.zeros([0]) if new.singular_values is None else new.singular_values
            measures[site.name] = {
                "gradient_norm_new": _gradient_norm(view, new)
                if new.gradient_norm is None
                else new.gradient_norm,
                "gradient_norm_old": tf.linalg.global_norm(old),
                "singular_values": values,
            }
        surgery.append_neurons(self._sites, neurons, self._slots, self._carry_slots)
        return strategy.reduce("SUM", loss, axis=None), measures

    def _maps(self, inputs, output_gradients):
        """What growth methods see of each site."""
        inputs = dict(zip([*self._producers, *self._between], inputs, strict=True))
        output_gradients = dict(zip(self._consumers, output_gradients, strict=True))
        return [
            linear_map.LinearMap(
                site,
                [inputs[producer] for producer in site.producers],
                [inputs.get(layer) for layer in site.between],
                [output_gradients[consumer] for consumer in site.consumers],
                self._strategy,
                is_small=site in self._small,
            )
            for site in self._sites
        ]

    def _loss_of(self, batch):
        """The loss of a batch in replica context."""
        inputs, targets = batch
        return self._loss(targets, self._model(inputs, training=True))

    def _observe(self, batch):
        """The loss, and what all sites need of one forward and backward pass, on a replica."""
        layers = [*self._producers, *self._consumers, *self._between]
        with forward_pass.observe(layers) as seen, tf.GradientTape() as tape:
            loss = self._loss_of(batch)
        by_output, by_kernel = tape.gradient(
            loss,
            ([seen[c].outputs for c in self._consumers], [p.kernel for p in self._producers]),
        )
        inputs = [seen[layer].inputs for layer in [*self._producers, *self._between]]
        return loss, inputs, by_output, by_kernel


def _elements(site: site_lib.GrowthSite) -> int:
    """Of the map A of the site."""
    return site.incoming().shape[0] * site.outgoing().shape[0]


def _start(
    initializer: initializer_lib.Initializer,
    view: linear_map.LinearMap,
    count: tf.Tensor,
    seed: tf.Tensor,
) -> NewNeurons:
    """The new neurons of a site, which may be none."""
    made = []

    def some():
        made.append(initializer(view, count, seed))
        return made[0]

    def none():
        # Traced after `some`, so that it knows which attributes the method sets.
        template = made[0] if made else NewNeurons(tf.zeros([0, 0]), tf.zeros([0, 0]))
        return template.none(view.site)

    return tf.cond(count > 0, some, none)


def _gradient_norm(view: linear_map.LinearMap, new: NewNeurons) -> tf.Tensor:
    """The norm of the gradient by the weights of new neurons."""
    return tf.cond(
        new.count > 0,
        lambda: tf.linalg.global_norm(
            view.gradients(new.incoming, new.outgoing, new.shift, new.parents)
        ),
        lambda: tf.zeros([]),
    )
