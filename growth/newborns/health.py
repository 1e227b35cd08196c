"""The health of new neurons: looks at them while they train.

New neurons may stay silent, as those of a ReLU with zero incoming weights can, or receive smaller
gradients than old ones, which predicts that the growth does not pay (Lillo and Cheney, 2026).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import gin
import tensorflow as tf
import tf_keras

from growth.linear_map import site_observer, vector_norms
from growth.newborns import activity
from growth.records import events
from models import site as site_lib

# The least ratio of the ages of a cohort at two looks.
_SPACING = 1.2


@gin.configurable
class NewbornHealth:
    """Looks at the neurons of the last growth, until the next one, and warns of dormant ones.

    A look is a forward and backward pass, without noise, over the batch of the training step after
    the growth. Looks come at multiples of `interval`: the first when the neurons have been trained
    for at least half an interval, and each when they are at least a fifth older than at the last.

    Args:
      interval: training steps between two looks, at least.
      dormant_below: tau. A neuron is dormant if its mean activity, in absolute values, is at most
        tau times the mean of its layer (ReDo: Sokar et al., 2023).
      warn_above: the share of dormant neurons in a cohort above which the console says so.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(self, interval: int = 100, dormant_below: float = 0.1, warn_above: float = 0.2):
        if interval < 1:
            raise ValueError(f"NewbornHealth.interval = {interval} must be at least 1, e.g. 100")
        for name, value in (("dormant_below", dormant_below), ("warn_above", warn_above)):
            if not 0 <= value <= 1:
                raise ValueError(f"NewbornHealth.{name} = {value} must be from 0 to 1, e.g. 0.1")
        self._interval = interval
        self.dormant_below = dormant_below
        self.warn_above = warn_above

    def next_look(self, step: int, growths: Sequence[events.Growth]) -> int | None:
        """The training steps before the next look, `step` itself if it is due, or None.

        Args:
          step: training steps done.
          growths: so far.
        """
        if not growths or not growths[-1].sites:
            return None
        last = growths[-1]
        looks = [look.step for site in last.sites.values() for look in site.looks]
        age = _SPACING * (max(looks) - last.step) if looks else self._interval / 2
        return self._interval * math.ceil(max(step, last.step + age) / self._interval)

    def dormant(self, growth: events.Growth) -> dict[str, float]:
        """The sites with too many dormant neurons at the last look, and the share of them."""
        last = {name: site.looks[-1].dormant for name, site in growth.sites.items() if site.looks}
        return {name: x for name, x in last.items() if x is not None and x > self.warn_above}


class Measurement:
    """A traced function that measures the neurons of a growth, under the current strategy.

    Args:
      model: the network.
      sites: its sites.
      loss: as `Grower`'s.
      traced: traces a function of the network's variables; see `VariableShapes.traced`.
      dormant_below: see `NewbornHealth`.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[..., tf.Tensor],
        traced: Callable[[Callable], Callable],
        dormant_below: float,
    ):
        self._model = model
        self._sites = list(sites)
        self._loss = site_observer.loss_of(model, loss)
        self._dormant_below = dormant_below
        self._strategy = tf.distribute.get_strategy()
        self._measure = traced(self._measured)

    def __call__(self, batch: Any, growth: events.Growth, step: int) -> None:
        """Adds to each site of `growth` a look after `step` training steps.

        Args:
          batch: (inputs, targets), distributed as training batches are.
          growth: the last one.
          step: training steps done.
        """
        counts = [growth.sites[s.name].count if s.name in growth.sites else 0 for s in self._sites]
        values = [x.numpy().tolist() for x in self._measure(batch, tf.constant(counts))]
        for site, *numbers in zip(self._sites, *values, strict=True):
            if site.name in growth.sites:
                # Ratios of zeros are none.
                numbers = [x if math.isfinite(x) else None for x in numbers]
                growth.sites[site.name].looks.append(events.Look(step, *numbers))

    def _measured(self, batch, counts):
        """The numbers of `events.Look` but the step, each `[sites]`."""
        with site_observer.unchanged(self._model.non_trainable_variables):
            activities, gradients = self._strategy.run(self._on_replica, args=(batch,))
        activities = [self._strategy.reduce("MEAN", a, axis=None) for a in activities]
        summed = [self._strategy.reduce("SUM", g, axis=None) for g in gradients]
        gradients = {k.ref(): g for k, g in zip(self._kernels, summed, strict=True)}
        of_sites = [
            self._of_site(site, count, activity, lambda kernel: gradients[kernel.ref()])
            for site, count, activity in zip(
                self._sites, tf.unstack(counts, len(self._sites)), activities, strict=True
            )
        ]
        return [tf.stack(numbers) for numbers in zip(*of_sites, strict=True)]

    def _on_replica(self, batch):
        with tf.GradientTape() as tape:
            activities, loss = activity.observed(self._sites, self._loss, batch)
        return activities, tape.gradient(loss, self._kernels, unconnected_gradients="zero")

    @property
    def _kernels(self):
        layers = [layer for site in self._sites for layer in (*site.producers, *site.consumers)]
        return [layer.kernel for layer in dict.fromkeys(layers)]

    def _of_site(self, site, count, activity, gradient):
        """The numbers of one site, scalars; NaN where it has no neurons, new or old."""
        width = tf.size(activity) - count  # Of old neurons, which come first.
        new, old = activity[width:], activity[:width]
        threshold = self._dormant_below * tf.reduce_mean(activity)
        dormant = tf.reduce_mean(tf.cast(new <= threshold, tf.float32))
        incoming, outgoing = site.incoming(gradient), site.outgoing(gradient)
        young = _root_mean_square([incoming[:, width:], outgoing[:, width:]])
        mature = _root_mean_square([incoming[:, :width], outgoing[:, :width]])
        return (
            dormant,
            tf.math.log(tf.reduce_mean(new) / tf.reduce_mean(old)),
            tf.math.log(young / mature),
            tf.reduce_mean(vector_norms.of_columns(site.incoming()[:, width:])),
            tf.reduce_mean(vector_norms.of_columns(site.outgoing()[:, width:])),
        )


def _root_mean_square(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """Of all numbers together, a scalar; NaN if there are none."""
    count = tf.cast(tf.add_n([tf.size(array) for array in arrays]), tf.float32)
    return vector_norms.of_all(arrays) / tf.sqrt(count)
