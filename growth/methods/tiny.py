"""TINY (Verbockhaven et al. 2024, "Growing Tiny Networks")."""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import second_moments, singular_vectors, vector_norms, whitened_map
from growth.methods import method, scales, signs
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib

# Singular values below this fraction of the norm of dL/dz are rounding errors.
_LEAST = 1e-4


@gin.configurable
class Tiny(method.GrowthMethod):
    """The new neurons that best make up for what the existing ones cannot do; outputs change.

    The outputs z of the consumers should change by V = -dL/dz. V_r is what is left of it when the
    existing neurons have done what they can by other outgoing weights (least squares over the
    growth batch). With N = E[h V_r^T] and S = E[h h^T], k neurons come closest to V_r with

        incoming  S^(-1/2) u_i sqrt(lambda_i)    outgoing  v_i sqrt(lambda_i)

    where lambda_i are the k largest singular values of S^(-1/2) N, u_i and v_i their vectors, and
    activations are taken for linear at zero. `GradMax` is the case without S, without the residual,
    and with incoming weights of zero.

    - h and S are those of the site's own layers: a convolution reads patches, S is summed over
      their positions, and between producers and consumers it passes through the tangents at zero
      of all layers, pooling and normalization too.
    - Old weights stay: changing them is left to training. New biases are zero.
    - All new neurons are scaled by one factor, on both sides. A line search finds the amplitude,
      which is its square: from Polyak's step (the loss over the sum of lambda_i^2) it is doubled or
      halved as long as the loss on the growth batch falls, at a forward pass each.
    - Neurons beyond the rank of S^(-1/2) N, which counts singular values of at least 1e-3 of the
      largest, get random incoming weights and outgoing ones of zero.

    A growth takes the eigenvalues of S, which has fan-in times fan-in elements, and of the same
    matrix for each consumer; estimates are better with `Experiment.growth_batch_size` at several
    times the fan-in.

    Args:
      tolerance: eigenvalues of S below this fraction of the largest count as zero: new neurons do
        not read along directions in which inputs hardly vary.
      search_steps: the most doublings or halvings of the amplitude.
      sign: chooses the sign of each pair of singular vectors, see growth/methods/signs.py.
      scale: the norm of incoming weights of neurons beyond the rank, from those of existing ones.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        tolerance: float = 1e-4,
        search_steps: int = 20,
        sign: Callable[..., tf.Tensor] = signs.descending,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
    ):
        if not 0 <= tolerance < 1:
            raise ValueError(f"Tiny.tolerance = {tolerance} must be in [0, 1), e.g. 1e-4")
        if search_steps < 1:
            raise ValueError(f"Tiny.search_steps = {search_steps} must be at least 1, e.g. 20")
        self._tolerance = tolerance
        self._search_steps = search_steps
        self._sign = sign
        self._scale = scale

    def check(self, site: site_lib.GrowthSite) -> None:
        """See `GrowthMethod.check`."""
        site.check_preserving(type(self).__name__, "takes activations for linear at zero")

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """Neurons of amplitude 1; see `GrowthMethod.__call__`."""
        _, fan_in = linear_map.shape
        seeds = tf.random.split(seed, 3)
        # The right vectors are those of A R = -N^T S^(-1/2) times lambda; the loss shall fall.
        root, (left, right, values) = self._decomposed(linear_map, count, seeds[0])
        norms = tf.sqrt(values)
        incoming = -tf.matmul(root, tf.math.divide_no_nan(right, norms))
        signs_ = self._sign(linear_map, left, -incoming, seeds[1])
        random = method.unit_columns(fan_in, count, seeds[2])
        return NewNeurons(
            tf.where(
                values == 0.0,
                self._scale(linear_map.site.incoming()) * random,
                signs_ * incoming,
            ),
            signs_ * norms * left,
            singular_values=values,
        )

    def _decomposed(self, linear_map, count, seed):
        """S^(-1/2), and the singular vectors and values of the residual map times it."""
        root = second_moments.power(linear_map.second_moment(), -0.5, self._tolerance)
        whitened = whitened_map.WhitenedMap(linear_map.residual(), root)
        left, right, values = singular_vectors.top(whitened, count, seed)
        values = tf.where(values < _LEAST * linear_map.gradient_norm(), 0.0, values)
        return root, (left, right, values)

    def gains(
        self,
        linear_map: linear_map_lib.LinearMap,
        singular: singular_vectors.SingularVectors,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """lambda^2 of each neuron: the fall of the loss by an amplitude, to first order, over it.

        What the existing neurons could do is left out; see `GrowthMethod.gains`.
        """
        count = tf.size(singular.values)
        _, (_, _, values) = self._decomposed(linear_map, count, seed)
        return tf.square(values)

    def refine(
        self, trial: trial_lib.Trial, neurons: Sequence[NewNeurons], counts: Sequence[tf.Tensor]
    ) -> Sequence[NewNeurons]:
        """The amplitude; see `GrowthMethod.refine`."""
        del counts

        def scaled(amplitude):
            return [_scaled(new, tf.sqrt(amplitude)) for new in neurons]

        def loss(amplitude):
            value = trial.loss(scaled(amplitude))
            return tf.where(tf.math.is_nan(value), float("inf"), value)

        lambdas = tf.concat([new.singular_values for new in neurons], axis=0)
        return scaled(
            tf.cond(
                tf.reduce_any(lambdas > 0.0),
                lambda: self._searched(loss, lambdas),
                lambda: tf.constant(1.0),
            )
        )

    def _searched(self, loss, lambdas):
        """The amplitude at which the `loss`, a function of it, falls most."""
        before = loss(tf.constant(0.0))
        # Its squares may be too small for float32.
        power = vector_norms.power_of_two(lambdas)
        start = tf.abs(before) / power / tf.reduce_sum(tf.square(lambdas / power)) / power
        start = tf.where((start > 0.0) & tf.math.is_finite(start), start, 1.0)
        first, second = loss(start), loss(2.0 * start)
        rises = (second < first) & (second < before)
        factor = tf.where(rises, 2.0, 0.5)

        def goes_on(i, last, previous, _):
            is_better = tf.minimum(last, previous) < before
            return (i < self._search_steps) & ((last < previous) | ~is_better)

        def step(i, last, _, amplitude):
            amplitude *= factor
            return i + 1, loss(amplitude), last, amplitude

        start = tf.where(rises, 2.0 * start, start)
        _, last, previous, amplitude = tf.while_loop(
            goes_on,
            step,
            (0, tf.where(rises, second, first), float("inf"), start),
            parallel_iterations=1,
        )
        return tf.where(previous < last, amplitude / factor, amplitude)


def _scaled(new: NewNeurons, factor: tf.Tensor) -> NewNeurons:
    """`new` with both sides times `factor`; those of no singular value as they are."""
    factors = tf.where(new.singular_values > 0.0, factor, 1.0)
    return new._replace(incoming=factors * new.incoming, outgoing=factors * new.outgoing)
