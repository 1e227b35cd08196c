"""A growth that is tried from many states of a network, by the same traced function."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from growth import growth_step
from growth.methods import method as method_lib
from models import site as site_lib
from models.layers import seeds
from trainer import experiment as experiment_lib


class SingleGrowth:
    """Grows the network of an experiment at all its sites, whenever it is called.

    Args:
      experiment: what is grown; its optimizer is gradient descent, which has no slots.
      method: how new neurons start.
    """

    def __init__(self, experiment: experiment_lib.Experiment, method: method_lib.GrowthMethod):
        self._seed = experiment.seed
        self._steps_done = experiment.task.global_step
        self._sites = site_lib.sites_of(experiment.model, required=True)
        step = growth_step.GrowthStep(
            experiment.model,
            self._sites,
            experiment.task.loss,
            step=None,
            method=method,
            slots=lambda variable: [],
            carry_slots=True,
        )
        self._grow = tf.function(step.run, autograph=False)

    def __call__(
        self, batch: tuple[tf.Tensor, tf.Tensor], draw: int
    ) -> dict[str, dict[str, tf.Tensor]]:
        """Grows each site by one neuron.

        Args:
          batch: (inputs, targets) that the gradient is taken from.
          draw: the number of the random stream that the neuron is drawn from.

        Returns:
          For each site, by name, what growth/history.py tells of it.
        """
        site_seeds = [
            seeds.stream(self._seed, "single growth", draw, site.name) for site in self._sites
        ]
        counts = tf.ones([len(self._sites)], tf.int32)
        arguments = counts, tf.stack(site_seeds), tf.convert_to_tensor(self._steps_done)
        _, measures, _ = self._grow(batch, batch, *arguments, tf.constant(True))
        return dict(zip([site.name for site in self._sites], measures, strict=True))


@contextlib.contextmanager
def undone(experiment: experiment_lib.Experiment) -> Iterator[None]:
    """Gives network and optimizer the state back that they had before the block."""
    variables = [*experiment.model.variables, *experiment.optimizer.variables()]
    values = [variable.read_value() for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
