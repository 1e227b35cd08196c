"""GradMax (equation 14 and appendix B of the paper)."""

from collections.abc import Callable

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import singular_vectors
from growth.methods import method, one_sided, scales, signs
from growth.surgery.neurons import NewNeurons


@gin.configurable
class GradMax(one_sided.OneSided):
    """Incoming weights zero, outgoing weights along the top k left singular vectors of A.

    Among all orthogonal outgoing weights of equal norm c these give the new incoming weights the
    largest gradient: its squared norm is c^2 times the sum of the k largest squared singular
    values. Neurons beyond the rank of A have no direction that the gradient singles out: they take
    random ones, orthogonal to the others as far as the fan-out has room. Singular values below 1e-3
    of the largest count as zero.

    Args:
      scale: c, the norm of a new neuron's outgoing weights, from those of the existing neurons.
      epsilon: the norm of its incoming weights, in a random direction; 0 keeps the output exactly.
        A batch normalization between makes up to 1 / sqrt(its epsilon) times as much of it.
      sign: chooses the sign of each singular vector, see growth/methods/signs.py.

    Raises:
      ValueError: epsilon is negative.

    Example:
      One input h = (1, 0) with dL/dz = (0, 3), so that A = dL/dz h^T has the singular value 3:

      >>> from models.architectures import mlp
      >>> from models.layers import activations
      >>> model = mlp.MLP(hidden_widths=[2], output_width=2, activation=activations.identity)
      >>> h, output_gradient = tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 3.0]])
      >>> _ = model(h)
      >>> observed = linear_map_lib.Observed([h], [None], [output_gradient])
      >>> linear_map = linear_map_lib.LinearMap(model.sites[0], observed)
      >>> linear_map.matrix().numpy().tolist()
      [[0.0, 0.0], [3.0, 0.0]]
      >>> new = GradMax(scale=scales.fixed)(linear_map, tf.constant(1), tf.constant([0, 0]))
      >>> new.singular_values.numpy().tolist(), tf.abs(new.outgoing).numpy().tolist()
      ([3.0], [[0.0], [1.0]])
      >>> float(tf.norm(new.incoming))
      0.0
    """

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 0.0,
        sign: Callable[..., tf.Tensor] = signs.descending,
    ):
        super().__init__(scale, epsilon)
        self._sign = sign

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`."""
        _, fan_in = linear_map.shape
        seeds = tf.random.split(seed, 3)
        singular = singular_vectors.top(linear_map, count, seeds[0])
        outgoing = self._sign(linear_map, singular.left, singular.right, seeds[1]) * singular.left
        incoming = method.unit_columns(fan_in, count, seeds[2])
        norm_in, norm_out = self.norms(linear_map.site)
        return NewNeurons(norm_in * incoming, norm_out * outgoing, singular_values=singular.values)

    def gains(
        self,
        linear_map: linear_map_lib.LinearMap,
        singular: singular_vectors.SingularVectors,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        """See `GrowthMethod.gains`: those of incoming weights, exact where epsilon is 0.

        0 beyond the rank of A, where new neurons have no directions of their own.
        """
        del seed
        _, norm_out = self.norms(linear_map.site)
        return tf.square(norm_out * singular.values)
