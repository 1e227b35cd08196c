"""Firefly neural architecture descent (Wu et al. 2020a)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import inner_optimization, manifolds, method, scales
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons, OldNeurons
from models import site as site_lib


class _Candidates(NamedTuple):
    """Possible neurons of a site: new ones, then copies of old ones.

    Attributes:
      incoming: directions of norm 1, `[n, candidates]`: of the move of a copy, or of the incoming
        weights of a new neuron.
      outgoing: directions of norm 1, `[m, candidates]`, of the outgoing weights of new neurons.
      parents: `[candidates]`, the neuron that a candidate is a copy of; -1 for a new one.
    """

    incoming: tf.Tensor
    outgoing: tf.Tensor
    parents: tf.Tensor

    def chosen(self, indices: tf.Tensor) -> "_Candidates":
        """Those at `indices`."""
        return _Candidates(*(tf.gather(values, indices, axis=-1) for values in self))


@gin.configurable
class Firefly(method.GrowthMethod):
    """The best of many candidates, which are trained for a few steps in the network.

    Every old neuron is a candidate for a split, into w + eps d and w - eps d with half of its
    outgoing weights each. Further candidates are new neurons, with outgoing weights of norm eps.
    First the directions of all candidates at all sites descend the training loss together. Then
    those stay that lower the loss most, to first order in eps (equation 5 of Wu et al.). For splits
    this is exact to second order in eps where activations are smooth; at the kink of a ReLU it is
    an estimate.

    With all candidates in it the network is more than twice as wide, so that a step of the descent
    costs several times a training step. `splits` leaves some of them out; `FireflyOpt` has new
    neurons alone, and no choice.

    Args:
      scale: the norm that eps is a fraction of, from the existing weights on a side.
      fraction: eps over the norm of `scale`: how far splits move, and how long the outgoing weights
        of new neurons are; above 0.
      candidates: how many new neurons are tried for each that is wanted.
      optimizer: of the inner optimization.
      splits: how many splits are tried for each neuron that is wanted, of old neurons that are
        drawn at random; None to try all.

    Raises:
      ValueError: an argument is out of range.
    """

    uses_gradients = False

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        fraction: float = 0.01,
        candidates: int = 2,
        optimizer: inner_optimization.ProjectedAdam | None = None,
        splits: int | None = None,
    ):
        if fraction <= 0:
            raise ValueError(f"Firefly.fraction = {fraction} must be above 0, e.g. 0.01")
        if candidates < 1:
            raise ValueError(f"Firefly.candidates = {candidates} must be at least 1")
        if splits is not None and splits < 0:
            raise ValueError(f"Firefly.splits = {splits} must be at least 0, or None for all")
        self._scale = scale
        self._fraction = fraction
        self._candidates = candidates
        self._splits = splits
        self._optimizer = optimizer or inner_optimization.ProjectedAdam()

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """Random directions of all candidates, for `refine`; see `GrowthMethod.__call__`."""
        fan_out, fan_in = linear_map.shape
        new = self._candidates * count
        seeds = tf.random.split(seed, 3)
        split = self._split(tf.shape(linear_map.site.incoming())[1], count, seeds[2])
        total = new + tf.size(split)
        return NewNeurons(
            method.unit_columns(fan_in, total, seeds[0]),
            method.unit_columns(fan_out, total, seeds[1]),
            parents=tf.concat([tf.fill([new], -1), split], axis=0),
        )

    def _split(self, width, count, seed):
        """The old neurons whose splits are tried."""
        neurons = tf.range(width)
        if self._splits is None:
            return neurons
        drawn = tf.argsort(tf.random.stateless_uniform([width], seed))
        return tf.sort(drawn[: self._splits * count])

    def refine(
        self, trial: trial_lib.Trial, neurons: Sequence[NewNeurons], counts: Sequence[tf.Tensor]
    ) -> Sequence[NewNeurons]:
        """The descent and the choice; see `GrowthMethod.refine`."""
        parents = [new.parents for new in neurons]

        def candidates(directions):
            return [
                _Candidates(incoming, outgoing, p)
                for (incoming, outgoing), p in zip(directions, parents, strict=True)
            ]

        def grown(directions, magnitudes):
            return [
                self._neurons(site, candidate, magnitude)
                for site, candidate, magnitude in zip(
                    trial.sites, candidates(directions), magnitudes, strict=True
                )
            ]

        ones = [1.0] * len(parents)
        directions = self._optimizer.minimize(
            lambda directions: trial.gradients(lambda d: grown(d, ones), directions),
            manifolds.UnitColumns(),
            [(new.incoming, new.outgoing) for new in neurons],
        )
        # The effect of a split is of second order in eps: its derivative in the middle between
        # nothing and eps is exact for it, where activations are smooth. New neurons have
        # outgoing weights of zero meanwhile: at the next site they read one half of a split, so
        # that together they are of second order as well.
        magnitudes = [tf.where(p >= 0, 0.5, 0.0) for p in parents]
        changes = trial.gradients(lambda magnitudes: grown(directions, magnitudes), magnitudes)
        return [
            self._neurons(site, candidate.chosen(tf.argsort(change)[:count]), 1.0)
            for site, candidate, change, count in zip(
                trial.sites, candidates(directions), changes, counts, strict=True
            )
        ]

    def _neurons(self, site: site_lib.GrowthSite, candidates: _Candidates, magnitude) -> NewNeurons:
        """Candidates as neurons, with eps times `magnitude`, `[candidates]` or a number."""
        incoming, outgoing = site.incoming(), site.outgoing()
        fraction = magnitude * self._fraction
        is_copy = candidates.parents >= 0
        # [candidates, width]; without a one for a new neuron.
        parents = tf.one_hot(candidates.parents, tf.shape(incoming)[1])
        new_norm = self._scale(incoming)
        move = tf.where(is_copy, fraction * new_norm * candidates.incoming, 0.0)
        return NewNeurons(
            tf.where(
                is_copy,
                tf.matmul(incoming, parents, transpose_b=True) - move,
                new_norm * candidates.incoming,
            ),
            tf.where(
                is_copy,
                0.5 * tf.matmul(outgoing, parents, transpose_b=True),
                fraction * self._scale(outgoing) * candidates.outgoing,
            ),
            parents=candidates.parents,
            old=OldNeurons(tf.matmul(move, parents), 1.0 - 0.5 * tf.reduce_sum(parents, axis=0)),
        )
