"""One growth of a network, as a custom step: it runs on the accelerator, like a training step."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from growth import shared_traces
from growth.linear_map import full_precision, linear_map, site_observer, vector_norms
from growth.methods import method as method_lib
from growth.newborns import cohorts as cohorts_lib
from growth.records import events
from growth.surgery import surgery
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib

# Maps of up to this many elements in the seed network are built: 16 MiB. Where the widths of three
# layers become four times as large, they have 16 times as many.
_SMALL = 2**22

# Maps a distributed batch to the loss on it and its gradients by the trainable variables; each
# replica has a share, and the shares add up.
Step = Callable[[Any], tuple[tf.Tensor, Sequence[tf.Tensor]]]


class Proposal(NamedTuple):
    """A growth that has not changed anything yet.

    Attributes:
      changed: the variables that it changes, with their values after it; to be assigned if all of
        `is_finite` are true.
      singular_values: `[k]` or `[0]` for each site, see `NewNeurons`.
      is_finite: bool `[sites]`, whether the new neurons of a site have finite weights and singular
        values. If those of one site have not, no site grows.
      kernel_shapes: of all producers before the growth, int32, for `GrowthStep.train`.
    """

    changed: list[surgery.Grown]
    singular_values: list[tf.Tensor]
    is_finite: tf.Tensor
    kernel_shapes: list[tf.Tensor]


class Measured(NamedTuple):
    """Numbers of the training step after a growth.

    Attributes:
      loss: scalar.
      new_norms: `[sites]`, the norm of the gradient by all weights of the new neurons.
      old_norms: `[sites]`, the norm of the gradient by the incoming weights that were there before.
    """

    loss: tf.Tensor
    new_norms: tf.Tensor
    old_norms: tf.Tensor

    @classmethod
    def nothing(cls, counts: tf.Tensor) -> "Measured":
        """Zeros, where there was no training step; `counts` are `[sites]`."""
        zeros = tf.zeros(tf.shape(counts))
        return cls(tf.zeros([]), zeros, zeros)


class Outcome(NamedTuple):
    """A growth that has happened, and the step after it; see `Proposal` and `Measured`."""

    measured: Measured
    singular_values: list[tf.Tensor]
    is_finite: tf.Tensor

    def of_site(self, index: int, from_width: int, to_width: int) -> events.SiteGrowth:
        """The record of the growth of one site, on the host."""
        values = self.singular_values[index].numpy().tolist()
        return events.SiteGrowth(
            from_width,
            to_width,
            gradient_norm_new=self.measured.new_norms.numpy()[index].tolist(),
            gradient_norm_old=self.measured.old_norms.numpy()[index].tolist(),
            singular_values=values,
            # A has no singular vectors for these neurons.
            random_directions=values.count(0.0) if values else None,
        )


class GrowthStep:
    """Grows all sites and then trains a step, under the strategy it is created in.

    The two halves are `propose` and `train`; in between the caller assigns the new values if they
    are finite, in the way of its backend (`VariableShapes`). One trace of each serves all widths
    and all numbers of new neurons. The training step also yields the gradient norms of the grown
    network, at no extra cost.

    Args:
      model: the network.
      sites: its sites.
      loss: maps (targets, outputs), and weights of examples if a batch has them, of a replica's
        batch to its share of the mean loss.
      step: what is done with the grown network; see `Step`. If None, it is differentiated only.
      method: the growth method.
      slots: gives the optimizer's slots of a parameter.
      carry_slots: whether existing neurons keep their optimizer slots.
      connect_new: whether new neurons read those of the site before; see `surgery.connected`.
      cohorts: records which growth added each neuron; None to record nothing.

    Attributes:
      observer: makes the linear maps of the sites.
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
        connect_new: bool = False,
    ):
        self._model = model
        self._sites = list(sites)
        # Decided by the seed network, so that a run that is resumed later does the same.
        small = {site for site in sites if _elements(site) <= _SMALL}
        self._loss = site_observer.loss_of(model, loss)
        self.observer = site_observer.SiteObserver(sites, self._loss, small)
        self._step = step or self._differentiate
        self._method = method
        self._slots = slots
        self._carry_slots = carry_slots
        self._cohorts = cohorts
        self._connect_new = connect_new
        self._strategy = tf.distribute.get_strategy()

    def propose(
        self, growth_batch: Any, counts: tf.Tensor, site_seeds: tf.Tensor, steps_done: tf.Tensor
    ) -> Proposal:
        """Computes new neurons, and the values of all variables with them.

        Args:
          growth_batch: (inputs, targets) that new neurons are chosen by, distributed.
          counts: new neurons, int32 `[sites]`.
          site_seeds: int32 `[sites, 2]`.
          steps_done: training steps before the growth, int64 scalar.
        """
        seeds = tf.unstack(site_seeds, len(self._sites))
        neurons = self._neurons(growth_batch, tf.unstack(counts, len(self._sites)), seeds)
        is_finite = tf.stack([_is_finite(new) for new in neurons])
        changed = surgery.grown_with_slots(self._sites, neurons, self._slots, self._carry_slots)
        if self._connect_new:
            changed = surgery.connected(self._sites, changed, seeds)
        if self._cohorts is not None:
            changed += self._cohorts.grown([new.count for new in neurons], steps_done)
        shapes = [tf.shape(producer.kernel) for producer in self.observer.producers]
        return Proposal(changed, [new.singular_values for new in neurons], is_finite, shapes)

    def _neurons(self, batch, counts, seeds):
        """The new neurons of each site."""
        model = self._model
        with (
            site_observer.unchanged(model.non_trainable_variables),
            full_precision.full_precision(model),
        ):
            neurons = []
            start = shared_traces.SharedTraces(functools.partial(_start, self._method))
            for view, count, seed in zip(self._maps(batch), counts, seeds, strict=True):
                # One after the other, so that the memory of one site is free for the next.
                with tf.control_dependencies([new.outgoing for new in neurons[-1:]]):
                    neurons.append(start(view, count, seed))
            trial = trial_lib.Trial(self._sites, self._loss, batch, self._strategy)
            return self._method.refine(trial, neurons, counts)

    def _maps(self, batch):
        """The linear map of each site: one forward and backward pass serves them all."""
        if not self._method.uses_gradients:
            return [linear_map.LinearMap(site) for site in self._sites]
        return self.observer.maps(batch)

    def train(self, batch: Any, kernel_shapes: Sequence[tf.Tensor]) -> Measured:
        """Trains a step with the grown network.

        Args:
          batch: (inputs, targets), distributed.
          kernel_shapes: as in the `Proposal` before the growth.
        """
        strategy = self._strategy
        loss, gradients = self._step(batch)
        variables = self._model.trainable_variables
        gradients = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
        producers, consumers = self.observer.producers, self.observer.consumers
        # In order, not as a set: workers number their reductions as they trace them.
        kernels = dict.fromkeys(layer.kernel.ref() for layer in [*producers, *consumers])
        reduced = {k: strategy.reduce("SUM", gradients[k], axis=None) for k in kernels}
        before = {p.kernel.ref(): s for p, s in zip(producers, kernel_shapes, strict=True)}
        new, old = [], []
        for site in self._sites:
            kernels = [p.kernel.ref() for p in site.producers]
            width = before[kernels[0]][site.producers[0].output_axis]
            incoming, outgoing = (
                weights(lambda kernel: reduced[kernel.ref()])[:, width:]
                for weights in (site.incoming, site.outgoing)
            )
            new.append([incoming, outgoing])
            begin = [0] * len(reduced[kernels[0]].shape)
            old.append([tf.slice(reduced[k], begin, before[k]) for k in kernels])
        loss = strategy.reduce("SUM", loss, axis=None)
        return Measured(loss, vector_norms.of_each(new), vector_norms.of_each(old))

    def _differentiate(self, batch):
        """The loss and its gradients, without a training step."""

        def on_replica(batch):
            with tf.GradientTape() as tape:
                loss = self._loss(batch)
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
    fan_out, fan_in = view.shape
    return tf.cond(
        count > 0, lambda: method(view, count, seed), lambda: NewNeurons.none(fan_in, fan_out)
    )


def _is_finite(new: NewNeurons) -> tf.Tensor:
    numbers = [x for x in tf.nest.flatten(new) if x.dtype.is_floating]
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(x)) for x in numbers])
