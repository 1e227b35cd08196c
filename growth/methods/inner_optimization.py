"""Gradient descent along a manifold, for methods that optimize the weights of new neurons."""

from collections.abc import Callable
from typing import Any

import gin
import tensorflow as tf

from growth.linear_map import vector_norms
from growth.methods import manifolds

# Far below any gradient, once gradients are divided by the power of two of the first.
_EPSILON = 1e-20


@gin.configurable
class ProjectedAdam:
    """Adam (Kingma and Ba 2015) along a manifold; one loop in the graph, traced once.

    Each step follows the tangent part of the gradient, and then returns to the manifold. Adam on
    the whole gradient would stop elsewhere than at a maximum: it scales each axis by itself, and
    the part of the gradient that leads off the manifold never vanishes. The learning rate falls to
    zero along a straight line. Scaling the loss changes nothing.

    Args:
      steps: of the optimization.
      learning_rate: at the start; the length of a step along each axis of the space of weights,
        where neurons are vectors of norm 1.
      beta_1: decay of the mean of gradients.
      beta_2: decay of the mean of squared gradients.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        steps: int = 100,
        learning_rate: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
    ):
        if steps < 1:
            raise ValueError(f"ProjectedAdam.steps = {steps} must be at least 1")
        if learning_rate <= 0:
            raise ValueError(
                f"ProjectedAdam.learning_rate = {learning_rate} must be above 0, e.g. 0.01"
            )
        for name, beta in [("beta_1", beta_1), ("beta_2", beta_2)]:
            if not 0 <= beta < 1:
                raise ValueError(f"ProjectedAdam.{name} = {beta} must be in [0, 1), e.g. 0.9")
        self._steps = steps
        self._learning_rate = learning_rate
        self._beta_1 = beta_1
        self._beta_2 = beta_2

    def minimize(
        self, gradient: Callable[[Any], Any], manifold: manifolds.Manifold, weights: Any
    ) -> Any:
        """Weights after all steps.

        Args:
          gradient: maps weights to the gradient of what is minimized, nested as they are.
          manifold: where each of the weights stays.
          weights: nested float32 matrices, the start.

        Returns:
          Weights, nested as they were.
        """
        structure = weights
        flat = [manifold.nearest(weight) for weight in tf.nest.flatten(weights)]
        zeros = [tf.zeros_like(weight) for weight in flat]
        # Without any weights, as when a growth is only traced, there is nothing to do.
        steps = tf.where(tf.add_n([tf.size(weight) for weight in flat]) > 0, self._steps, 0)

        def step(i, flat, means, squares, power):
            weights = tf.nest.pack_sequence_as(structure, flat)
            gradients = [
                manifold.tangent(*pair)
                for pair in zip(flat, tf.nest.flatten(gradient(weights)), strict=True)
            ]
            power = tf.where(i == 0, vector_norms.power_of_all(gradients), power)
            gradients = [g / power for g in gradients]
            means = _average(self._beta_1, means, gradients)
            squares = _average(self._beta_2, squares, [tf.square(g) for g in gradients])
            done = tf.cast(i, tf.float32)
            rate = self._learning_rate * (1.0 - done / self._steps)
            rate *= tf.sqrt(1.0 - self._beta_2 ** (done + 1.0)) / (
                1.0 - self._beta_1 ** (done + 1.0)
            )
            moved = [
                manifold.nearest(weight - rate * mean / (tf.sqrt(square) + _EPSILON))
                for weight, mean, square in zip(flat, means, squares, strict=True)
            ]
            return i + 1, moved, means, squares, power

        shapes = [tf.TensorShape([None] * weight.shape.rank) for weight in flat]
        _, flat, *_ = tf.while_loop(
            lambda i, *_: i < steps,
            step,
            (0, flat, zeros, zeros, 1.0),
            shape_invariants=(tf.TensorShape([]), shapes, shapes, shapes, tf.TensorShape([])),
            parallel_iterations=1,  # Less memory; each step needs the one before anyway.
        )
        return tf.nest.pack_sequence_as(structure, flat)


def _average(beta, averages, values):
    return [beta * a + (1.0 - beta) * v for a, v in zip(averages, values, strict=True)]
