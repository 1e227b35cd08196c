"""One growth of a network, as a custom step: it runs on the accelerator, like a training step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from growth.linear_map import full_precision, linear_map, vector_norms
from growth.methods import method as method_lib
from growth.newborns import cohorts as cohorts_lib
from growth.site_trial import site_observer
from growth.surgery import surgery
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib
from models.layers import forward_pass

# Maps of up to this many elements at birth of the network are built: 16 MiB. Where the widths of
# three layers become four times as large, they have 16 times as many.
_SMALL = 2**22

# Maps a distributed batch to the loss on it and its gradients by the trainable variables; in each
# replica a share, whose sum over replicas it is.
Step = Callable[[Any], tuple[tf.Tensor, Sequence[tf.Tensor]]]


class GrowthStep:
    """Grows all sites and then trains a step, under the strategy it is created in.

    Traced once for the run, whatever the widths and the numbers of new neurons. The step that
    follows tells the gradient norms of the grown network, which so cost nothing.

    Args:
      model: the network.
      sites: its sites.
      loss: maps (targets, outputs), and weights of examples if a batch has them, of a replica's
        batch to its share of the mean loss.
      step: what is done with the grown network; see `Step`. If None, it is differentiated only.
      method: how new neurons start.
      slots: gives the optimizer's slots of a parameter.
      carry_slots: whether existing neurons keep their optimizer slots.
      cohorts: takes down when neurons were born; None for nothing of the kind.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        sites: Sequence[site_lib.GrowthSite],
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        step: Step | None,
        method: method_lib.GrowthMethod,
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        carry_slots: bool,
        cohorts: cohorts_lib.Cohorts | None = None,
    ):
        self._model = model
        self._sites = list(sites)
        # Decided at birth, so that a run that is resumed later does the same.
        small = {site for site in sites if _elements(site) <= _SMALL}
        self._observer = site_observer.SiteObserver(sites, self._loss_of, small)
        self._loss = loss
        self._step = step or self._differentiate
        self._method = method
        self._slots = slots
        self._carry_slots = carry_slots
        self._cohorts = cohorts
        self._strategy = tf.distribute.get_strategy()

    def run(
        self,
        growth_batch: Any,
        batch: Any,
        counts: tf.Tensor,
        site_seeds: tf.Tensor,
        steps_done: tf.Tensor,
        trains: tf.Tensor,
    ) -> tuple[tf.Tensor, list[dict[str, tf.Tensor]], tf.Tensor]:
        """Grows the network, and trains it for a step.

        It does not grow, at any site, if new weights of one would not be finite.

        Args:
          growth_batch: (inputs, targets) that new neurons are chosen by, distributed.
          batch: (inputs, targets) of the step after it, distributed.
          counts: new neurons, int32 `[sites]`.
          site_seeds: int32 `[sites, 2]`.
          steps_done: training steps before the growth, int64 scalar.
          trains: bool scalar, whether there is a step; there is none when nothing but tracing is
            wanted.

        Returns:
          The loss in the step, for each site what history.py tells of it, and bool `[sites]`:
          whether its new weights are finite.
        """
        before = self.kernel_shapes()
        changed, singular_values, is_finite = self.grown(
            growth_batch, counts, site_seeds, steps_done
        )
        surgery.assign(changed)
        measured = tf.cond(trains, lambda: self.train(batch, before), self.nothing_measured)
        return measured[0], self.measures(measured, singular_values), is_finite

    def grown(
        self, growth_batch: Any, counts: tf.Tensor, site_seeds: tf.Tensor, steps_done: tf.Tensor
    ) -> tuple[list[surgery.Grown], list[tf.Tensor], tf.Tensor]:
        """The first half of `run`, without the assignments; arguments as there.

        Returns:
          The variables that the growth changes, with their values after it; singular values by
          site; and bool `[sites]`, see `run`.
        """
        seeds = tf.unstack(site_seeds, len(self._sites))
        neurons = self._neurons(growth_batch, tf.unstack(counts, len(self._sites)), seeds)
        neurons, is_finite = _unless_nonfinite(neurons, self._sites)
        changed = surgery.grown_with_slots(self._sites, neurons, self._slots, self._carry_slots)
        if self._cohorts is not None:
            changed += self._cohorts.grown([new.count for new in neurons], steps_done)
        singular_values = [
            tf.zeros([0]) if new.singular_values is None else new.singular_values for new in neurons
        ]
        return changed, singular_values, is_finite

    def kernel_shapes(self) -> dict[object, tf.Tensor]:
        """The shapes of the producers' kernels now, by `kernel.ref()`."""
        return {p.kernel.ref(): tf.shape(p.kernel) for p in self._observer.producers}

    def nothing_measured(self) -> tf.Tensor:
        """In place of what `train` returns."""
        return tf.zeros([1 + 2 * len(self._sites)])

    def measures(
        self, measured: tf.Tensor, singular_values: Sequence[tf.Tensor]
    ) -> list[dict[str, tf.Tensor]]:
        """For each site what history.py tells of it, from what `train` and `grown` gave."""
        _, new_norms, old_norms = tf.split(measured, [1, len(self._sites), len(self._sites)])
        return [
            {
                "gradient_norm_new": new_norms[i],
                "gradient_norm_old": old_norms[i],
                "singular_values": values,
            }
            for i, values in enumerate(singular_values)
        ]

    def _neurons(self, batch, counts, seeds):
        """The new neurons of each site."""
        model = self._model
        with (
            site_observer.unchanged(model.non_trainable_variables),
            full_precision.full_precision(model),
        ):
            maps = self.maps(batch)
            neurons = []
            for view, count, seed in zip(maps, counts, seeds, strict=True):
                # One after the other, so that the memory of one site is free for the next.
                with tf.control_dependencies([new.outgoing for new in neurons[-1:]]):
                    neurons.append(_start(self._method, view, count, seed))
            trial = trial_lib.Trial(self._sites, self._loss_of, batch, self._strategy)
            return self._method.refine(trial, neurons, counts)

    def maps(self, batch: Any) -> list[linear_map.LinearMap]:
        """The linear map of each site: one forward and backward pass serves them all.

        Args:
          batch: (inputs, targets), distributed.
        """
        if not self._method.uses_gradients:
            return [linear_map.LinearMap(site) for site in self._sites]
        return self._observer.maps(batch)

    def _loss_of(self, batch):
        """The loss of a batch in replica context, without the noise of models/layers/noise.py."""
        inputs, targets, *weights = batch
        with forward_pass.without_noise():
            outputs = tf.cast(self._model(inputs, training=True), tf.float32)
        return self._loss(targets, outputs, *weights)

    def train(self, batch: Any, before: Mapping[object, tf.Tensor]) -> tf.Tensor:
        """The second half of `run`: the step after the growth.

        Args:
          batch: as for `run`.
          before: `kernel_shapes` before the growth.

        Returns:
          The loss in the step, then for each site the gradient norm for new neurons, then for old
          ones, `[1 + 2 * sites]`.
        """
        strategy = self._strategy
        loss, gradients = self._step(batch)
        variables = self._model.trainable_variables
        gradients = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
        kernels = {
            layer.kernel.ref() for layer in [*self._observer.producers, *self._observer.consumers]
        }
        reduced = {k: strategy.reduce("SUM", gradients[k], axis=None) for k in kernels}
        new_norms, old_norms = [], []
        for site in self._sites:
            old = [p.kernel.ref() for p in site.producers]
            width = before[old[0]][site.producers[0].output_axis]
            incoming, outgoing = (
                weights(lambda kernel: reduced[kernel.ref()])[:, width:]
                for weights in (site.incoming, site.outgoing)
            )
            new_norms.append(vector_norms.of_all([incoming, outgoing]))
            old = [tf.slice(reduced[k], tf.zeros_like(before[k]), before[k]) for k in old]
            old_norms.append(vector_norms.of_all(old))
        return tf.stack([strategy.reduce("SUM", loss, axis=None), *new_norms, *old_norms])

    def _differentiate(self, batch):
        """The loss and its gradients, without a training step."""

        def on_replica(batch):
            with tf.GradientTape() as tape:
                loss = self._loss_of(batch)
            return loss, tape.gradient(loss, self._model.trainable_variables)

        with site_observer.unchanged(self._model.non_trainable_variables):
            return self._strategy.run(on_replica, args=(batch,))


def _elements(site: site_lib.GrowthSite) -> int:
    """Of the map A of the site."""
    return site.incoming().shape[0] * site.outgoing().shape[0]


def _start(
    method: method_lib.GrowthMethod,
    view: linear_map.LinearMap,
    count: tf.Tensor,
    seed: tf.Tensor,
) -> NewNeurons:
    """The new neurons of a site, which may be none."""
    made = []

    def some():
        made.append(method(view, count, seed))
        return made[0]

    def none():
        # Traced after `some`, so that it knows which attributes the method sets.
        template = made[0] if made else NewNeurons(tf.zeros([0, 0]), tf.zeros([0, 0]))
        return template.none(view.site)

    return tf.cond(count > 0, some, none)


def _unless_nonfinite(neurons, sites):
    """The neurons of each site, or none of any site; and bool `[sites]`, which ones are finite."""
    is_finite = tf.stack([_is_finite(new) for new in neurons])
    all_finite = tf.reduce_all(is_finite)
    return [
        tf.cond(all_finite, lambda new=new: new, lambda new=new, site=site: new.none(site))
        for new, site in zip(neurons, sites, strict=True)
    ], is_finite


def _is_finite(new: NewNeurons) -> tf.Tensor:
    numbers = [x for x in tf.nest.flatten(new) if x is not None and x.dtype.is_floating]
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(x)) for x in numbers])
