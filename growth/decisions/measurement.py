"""Measures all sites on a growth batch, for decisions, by one traced function."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from growth.decisions import evidence
from growth.linear_map import (
    full_precision,
    linear_map,
    second_moments,
    singular_vectors,
    site_observer,
    vector_norms,
)
from growth.methods import method as method_lib
from models import site as site_lib
from models.layers import growable

# Random directions where A is not built; the tau of a dormant neuron.
_RANDOM_DIRECTIONS = 8
_DORMANT_BELOW = 0.1


class Measurement:
    """A traced function that measures the sites of a network, under the current strategy.

    One forward and backward pass serves all sites; then come for each the singular values of A,
    what the growth method expects of new neurons, and the moments of what the old ones put out.

    Args:
      model: the network.
      observer: of its sites.
      sites: its sites.
      method: the growth method.
      traced: traces a function of the network's variables; see `VariableShapes.traced`.
      directions: new neurons of a site for which gains and singular values are measured.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        observer: site_observer.SiteObserver,
        sites: Sequence[site_lib.GrowthSite],
        method: method_lib.GrowthMethod,
        traced: Callable[[Callable], Callable],
        directions: int,
    ):
        self._model = model
        self._observer = observer
        self._sites = list(sites)
        self._method = method
        self._directions = directions
        self._measure = traced(self._measured)

    def __call__(self, batch: Any, site_seeds: tf.Tensor) -> dict[str, evidence.SiteMeasurement]:
        """Measures all sites, by name.

        Args:
          batch: (inputs, targets), distributed as training batches are.
          site_seeds: of random directions, int32 `[sites, 2]`.
        """
        of_sites = self._measure(batch, site_seeds).numpy().tolist()
        k = self._directions
        return {
            site.name: evidence.SiteMeasurement(
                tuple(numbers[:k]), numbers[2 * k], tuple(numbers[k : 2 * k]), *numbers[2 * k + 1 :]
            )
            for site, numbers in zip(self._sites, of_sites, strict=True)
        }

    def _measured(self, batch, site_seeds):
        """`[sites, 2 * directions + 5]`, the numbers of each site."""
        model = self._model
        with (
            site_observer.unchanged(model.non_trainable_variables),
            full_precision.full_precision(model),
        ):
            maps, norms = self._observer.maps_and_gradient_norms(batch)
            numbers: list[tf.Tensor] = []
            seeds = tf.unstack(site_seeds, len(self._sites))
            for view, norm, seed in zip(maps, norms, seeds, strict=True):
                # One after the other, so that the memory of one site is free for the next.
                with tf.control_dependencies(numbers[-1:]):
                    numbers.append(self._of_site(view, norm, seed))
            return tf.stack(numbers)

    def _of_site(self, view: linear_map.LinearMap, old_norm, seed):
        seeds = tf.random.split(seed, 3)
        singular, random_norm = self._decomposed(view, seeds)
        gains = self._method.gains(view, singular, seeds[1])
        activity, products = view.existing_activity()
        mean = tf.math.divide_no_nan(
            tf.reduce_sum(activity), tf.cast(tf.size(activity), tf.float32)
        )
        quiet = tf.cast(activity <= _DORMANT_BELOW * mean, tf.float32)
        dormant = tf.math.divide_no_nan(tf.reduce_sum(quiet), tf.cast(tf.size(quiet), tf.float32))
        of_all = [
            random_norm,
            old_norm,
            mean,
            dormant,
            effective_rank(products),
        ]
        return tf.concat([singular.values, gains, tf.stack(of_all)], axis=0)

    def _decomposed(self, view, seeds):
        """The singular vectors of A, and `SiteMeasurement.random_norm`."""
        count = tf.constant(self._directions)
        if view.has_matrix:
            matrix = view.matrix()
            # The mean over all directions.
            rows = tf.cast(tf.maximum(tf.shape(matrix)[0], 1), tf.float32)
            norm = vector_norms.of_all([matrix]) / tf.sqrt(rows)
            return singular_vectors.of_matrix(matrix, count, seeds[0]), norm
        singular = singular_vectors.top(view, count, seeds[0])
        directions = method_lib.unit_columns(view.shape[0], _RANDOM_DIRECTIONS, seeds[2])
        norm = vector_norms.of_all([view.to_incoming(directions)])
        return singular, norm / _RANDOM_DIRECTIONS**0.5


def effective_rank(products: tf.Tensor) -> tf.Tensor:
    """The exponential of the entropy of the normalized singular values (Roy and Vetterli, 2007).

    Args:
      products: X^T X, float32 `[width, width]`; singular values are those of X.

    Returns:
      A scalar from 1 to the width; 0 where X is zero or has no columns.

    Example:
      >>> round(float(effective_rank(tf.constant([[4.0, 0.0], [0.0, 4.0]]))), 3)
      2.0
    """
    # eigh refuses matrices without elements, and such as are not finite.
    products = growable.one_more(growable.one_more(products, 0), 1)
    is_finite = tf.reduce_all(tf.math.is_finite(products))
    power = vector_norms.power_of_two(products)
    eigenvalues = tf.linalg.eigvalsh(tf.where(is_finite, products / power, 0.0))
    least = second_moments.TOLERANCE * tf.reduce_max(eigenvalues)
    values = tf.sqrt(tf.where(eigenvalues > least, eigenvalues, 0.0))
    total = tf.reduce_sum(values)
    shares = tf.math.divide_no_nan(values, total)
    entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares))
    return tf.where(total > 0.0, tf.exp(entropy), 0.0)
