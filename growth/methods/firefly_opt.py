"""FireflyOpt (section 4.2 of the paper, "Firefly-Optimized")."""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.methods import inner_optimization, manifolds, method, one_sided, scales
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons


@gin.configurable
class FireflyOpt(one_sided.OneSided):
    """Chooses the directions of new neurons' weights by gradient descent on the training loss.

    Both sides start at random; one has the norm of existing weights, the other a norm of epsilon,
    so that the output hardly changes (with a batch normalization between, 1 / sqrt(its epsilon)
    times as much: use `inverse` there). Descent turns them at these norms, for the new neurons of
    all sites at once: a step costs one forward and backward pass of the grown network.

    Args:
      scale: the norm of one side, from the existing weights on that side.
      epsilon: the norm of the other side; above 0, or the loss would not depend on either.
      inverse: whether the outgoing weights are those of norm epsilon, and not the incoming ones.
      optimizer: of the inner optimization.

    Raises:
      ValueError: epsilon is not above 0.
    """

    uses_gradients = False

    def __init__(
        self,
        scale: Callable[[tf.Tensor], tf.Tensor] = scales.mean_norm,
        epsilon: float = 1e-4,
        inverse: bool = False,
        optimizer: inner_optimization.ProjectedAdam | None = None,
    ):
        if epsilon <= 0:
            raise ValueError(
                f"FireflyOpt.epsilon = {epsilon} must be above 0, e.g. 1e-4: with one side zero "
                "the loss does not depend on the other"
            )
        super().__init__(scale, epsilon, inverse)
        self._optimizer = optimizer or inner_optimization.ProjectedAdam()

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """The random start; see `GrowthMethod.__call__`."""
        fan_out, fan_in = linear_map.shape
        seeds = tf.random.split(seed)
        return NewNeurons(
            method.unit_columns(fan_in, count, seeds[0]),
            method.unit_columns(fan_out, count, seeds[1]),
        )

    def refine(
        self, trial: trial_lib.Trial, neurons: Sequence[NewNeurons], counts: Sequence[tf.Tensor]
    ) -> Sequence[NewNeurons]:
        """The descent; see `GrowthMethod.refine`."""
        del counts
        norms = [self.norms(site) for site in trial.sites]

        def scaled(directions):
            return [
                NewNeurons(norm_in * incoming, norm_out * outgoing)
                for (norm_in, norm_out), (incoming, outgoing) in zip(norms, directions, strict=True)
            ]

        return scaled(
            self._optimizer.minimize(
                lambda directions: trial.gradients(scaled, directions),
                manifolds.UnitColumns(),
                [(new.incoming, new.outgoing) for new in neurons],
            )
        )
