"""The length of a run that costs as much as training the big network from the start."""

import inspect
import itertools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth.records import events
from growth.surgery import surgery
from models import cost
from trainer.warm_start import warm_start as warm_start_lib


class NoSlots:
    """The slots of a network that is grown without an optimizer, to find out what it costs."""

    def __call__(self, variable: tf.Variable) -> Sequence[surgery.Slot]:
        """None at all."""
        del variable
        return []

    def bias_correction(self, steps: tf.Tensor) -> tf.Tensor:
        """1, see `GrowableSlots.bias_correction`."""
        return tf.ones_like(steps)


def matched_steps(steps: int, model: tf_keras.Model, grower: grower_lib.Grower) -> int:
    """The number of steps in which a run costs what the big network costs in `steps`.

    The big network has the target width at each site, or the width that the site is planned to
    have in the end where the architecture foresees none. Growths stay at the steps where they are
    planned; what is saved up to the last one is spent after it.

    Args:
      steps: training steps of the big network, after the last growth.
      model: the seed network; it is grown here, by neurons without weights.
      grower: plans its growths.

    Returns:
      The smallest number of steps with as many training FLOPs, at least `steps`.
    """
    spent, last, rate = _grown(steps, model, grower)
    grower.rehearse({site.name: max(site.width, site.target_width or 0) for site in model.sites})
    return last + math.ceil((steps * cost.forward_flops(model) - spent) / rate)


def planned_forward_flops(steps: int, model: tf_keras.Model, grower: grower_lib.Grower) -> int:
    """Floating-point operations of the forward passes of one example in a run that is to come.

    Args:
      steps: training steps of the run.
      model: the seed network; it is grown here, by neurons without weights.
      grower: plans its growths.
    """
    spent, last, rate = _grown(steps, model, grower)
    return spent + rate * (steps - last)


def _grown(steps, model, grower):
    """Grows as planned: FLOPs until the last growth, its step, and FLOPs of a step after it."""
    spent, last, rate = 0, 0, cost.forward_flops(model)
    for step, growths in itertools.groupby(grower.plan(steps), key=lambda growth: growth.step):
        spent += rate * (step - last)
        grower.rehearse({growth.site: growth.to_width for growth in growths})
        last, rate = step, cost.forward_flops(model)
    return spent, last, rate


def check_parts(
    optimizer: Callable[..., tf_keras.optimizers.Optimizer],
    warm_start: warm_start_lib.WarmStart | None,
) -> None:
    """Raises ValueError if the parts of an experiment cannot be in a matched run."""
    if warm_start is not None:
        raise ValueError(
            "Experiment.match_flops = True compares with a big network that is trained from its "
            "beginning; it cannot be with Experiment.warm_start, which begins with what was "
            "trained elsewhere"
        )
    try:
        inspect.signature(optimizer).bind_partial(stretch=1.0)
    except TypeError:
        raise ValueError(
            "Experiment.match_flops = True calls Experiment.optimizer with `stretch`, how much "
            f"longer its learning rate has to take; {optimizer.__name__} has no such argument: add "
            "it, or use @optimizer"
        ) from None


def check_planned(grower: grower_lib.Grower) -> None:
    """Raises ValueError if the growths of a run are not known before it."""
    if grower.decides:
        raise ValueError(
            "Experiment.match_flops = True needs growths that are known before training; here they "
            f"depend on it ({'; '.join(grower.outlook())}). Leave it False, and compare with a run "
            "of as many training FLOPs (result.json has them)"
        )


def check_end_of_growth(plan: Sequence[events.PlannedGrowth], steps: int) -> None:
    """Raises ValueError if a growth comes after `steps`, which a matched run may go beyond."""
    late = [growth.step for growth in plan if growth.step >= steps]
    if late:
        raise ValueError(
            f"Experiment.match_flops = True needs all growths before step {steps}, the end of the "
            f"big network's run; one is planned for step {late[0]}. Let the schedule end earlier, "
            "e.g. PeriodicSchedule.count"
        )
