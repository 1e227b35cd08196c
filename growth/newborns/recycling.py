"""Recycling of dormant neurons (ReDo: Sokar, Agarwal, Castro and Evci, 2023)."""

from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf
import tf_keras

from growth.linear_map import site_observer, vector_norms
from growth.newborns import activity
from growth.surgery import surgery
from models import site as site_lib


@gin.configurable
class Recycling:
    """Reinitializes dormant neurons, from time to time.

    A dormant neuron gets incoming weights in a random direction, as long as those of its layer are
    on average, outgoing weights of zero, and biases and scales of a new neuron; so do its slots.
    The outputs lose what it put out, which is next to nothing.

    Args:
      every: training steps from one time to the next; None for right before each growth.
      dormant_below: tau. A neuron is dormant if its mean activity, in absolute values, is at most
        tau times the mean of its layer, on the batch of the next training step.

    Raises:
      ValueError: an argument is out of range.

    Example:
      >>> recycling = Recycling(every=100)
      >>> [recycling.next_time(step, next_growth=None) for step in (0, 100, 101)]
      [100, 100, 200]
    """

    def __init__(self, every: int | None = None, dormant_below: float = 0.025):
        if every is not None and every < 1:
            raise ValueError(
                f"Recycling.every = {every} must be at least 1 training step, or None for each "
                "growth"
            )
        if not 0 <= dormant_below < 1:
            raise ValueError(
                f"Recycling.dormant_below = {dormant_below} must be 0 or more and below 1, e.g. "
                "0.025"
            )
        self._every = every
        self.dormant_below = dormant_below

    def next_time(self, step: int, next_growth: int | None) -> int | None:
        """The training steps before the next time, `step` itself if it is due now, or None.

        Args:
          step: training steps done.
          next_growth: those before the next growth.
        """
        if self._every is None:
            return next_growth
        return self._every * max(1, -(-step // self._every))


class Recycler:
    """A traced function that recycles dormant neurons, under the current strategy.

    Args:
      model: the network.
      sites: its sites.
      loss: as `Grower`'s.
      slots: gives the optimizer's slots of a parameter.
      traced: traces a function of the network's variables; see `VariableShapes.traced`.
      dormant_below: see `Recycling`.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[..., tf.Tensor],
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        traced: Callable[[Callable], Callable],
        dormant_below: float,
    ):
        self._model = model
        self._sites = list(sites)
        self._loss = site_observer.loss_of(model, loss)
        self._slots = slots
        self._dormant_below = dormant_below
        self._strategy = tf.distribute.get_strategy()
        self._recycle = traced(self._recycled)

    def __call__(self, batch: Any, site_seeds: tf.Tensor) -> dict[str, int]:
        """Recycles, and returns the number of neurons by site.

        Args:
          batch: (inputs, targets), distributed as training batches are.
          site_seeds: of the random directions, int32 `[sites, 2]`.
        """
        counts = self._recycle(batch, site_seeds).numpy().tolist()
        return dict(zip((site.name for site in self._sites), counts, strict=True))

    def _recycled(self, batch, site_seeds):
        """Assigns the weights, and returns the number of recycled neurons of each site."""
        with site_observer.unchanged(self._model.non_trainable_variables):
            activities = self._strategy.run(self._activities, args=(batch,))
        activities = [self._strategy.reduce("MEAN", a, axis=None) for a in activities]
        dormant = [a <= self._dormant_below * tf.reduce_mean(a) for a in activities]
        # Of each variable its value after recycling, and which elements are reinitialized.
        recycled: dict[object, tuple[tf.Variable, tf.Tensor, tf.Tensor]] = {}

        def reinitialize(variable, axis, neurons, values):
            shape = [
                -1 if i == axis % variable.shape.rank else 1 for i in range(variable.shape.rank)
            ]
            mask = tf.broadcast_to(tf.reshape(neurons, shape), tf.shape(variable))
            _, value, before = recycled.get(
                variable.ref(), (variable, tf.convert_to_tensor(variable), tf.zeros_like(mask))
            )
            value = tf.where(mask, tf.cast(values, value.dtype), value)
            recycled[variable.ref()] = variable, value, before | mask

        # Outgoing weights first: a recycled neuron of the next site gets weights for all it reads.
        for site, neurons in zip(self._sites, dormant, strict=True):
            for consumer in site.consumers:
                reinitialize(consumer.kernel, consumer.input_axis, neurons, 0.0)
        seeds = tf.unstack(site_seeds, len(self._sites))
        for site, neurons, seed in zip(self._sites, dormant, seeds, strict=True):
            weights = site.incoming()
            directions = tf.random.stateless_normal(tf.shape(weights), seed)
            norm = tf.reduce_mean(vector_norms.of_columns(weights))
            kernels = site.incoming_kernels(norm * vector_norms.unit_columns(directions))
            for producer, kernel in zip(site.producers, kernels, strict=True):
                reinitialize(producer.kernel, producer.output_axis, neurons, kernel)
            fresh = site.values_of_new(tf.size(neurons))
            for parameter, value in zip(site.parameters, fresh, strict=True):
                reinitialize(parameter.variable, parameter.axis, neurons, value)
        changed = []
        for variable, value, mask in recycled.values():
            for slot in self._slots(variable):
                initial = value if slot.initial is None else slot.initial
                kept = tf.convert_to_tensor(slot.variable)
                changed.append(surgery.Grown(slot.variable, tf.where(mask, initial, kept)))
            changed.append(surgery.Grown(variable, value))
        surgery.assign(changed)
        return tf.stack([tf.math.count_nonzero(neurons, dtype=tf.int32) for neurons in dormant])

    def _activities(self, batch):
        seen, _ = activity.observed(self._sites, self._loss, batch)
        return seen
