"""A growth that is tried from many states of a network, by the same traced function."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from growth import growth_step, unspecified_shapes
from growth.methods import method as method_lib
from growth.records import events
from models import site as site_lib
from models.layers import seeds
from trainer import experiment as experiment_lib


class SingleGrowth:
    """Grows the network of an experiment at all its sites, whenever it is called.

    Args:
      experiment: what is grown; its optimizer is gradient descent, which has no slots.
      method: the growth method.
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
        self._grow = unspecified_shapes.UnspecifiedShapes().compiled(step)

    def __call__(
        self, batch: tuple[tf.Tensor, tf.Tensor], draw: int
    ) -> dict[str, events.SiteGrowth]:
        """Grows each site by one neuron.

        Args:
          batch: (inputs, targets) that the gradient is taken from.
          draw: the number of the random stream that the neuron is drawn from.

        Returns:
          The growth of each site, by name.
        """
        site_seeds = [
            seeds.stream(self._seed, "single growth", draw, site.name) for site in self._sites
        ]
        counts = tf.ones([len(self._sites)], tf.int32)
        arguments = counts, tf.stack(site_seeds), tf.convert_to_tensor(self._steps_done)
        widths = {site.name: site.width for site in self._sites}
        outcome = self._grow(batch, batch, *arguments, tf.constant(True))
        return {
            name: outcome.of_site(i, width, width + 1)
            for i, (name, width) in enumerate(widths.items())
        }


@contextlib.contextmanager
def undone(experiment: experiment_lib.Experiment) -> Iterator[None]:
    """Gives network and optimizer the state back that they had before the block."""
    variables = [*experiment.model.variables, *experiment.optimizer.variables()]
    values = [variable.read_value() for variable in variables]
    yield
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
