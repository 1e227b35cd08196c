"""The length of a run that costs as much as training the big network from the start."""

import itertools
import math

import tf_keras

from growth import grower as grower_lib
from models import cost


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
    spent, last, rate = 0, 0, cost.forward_flops(model)
    for step, growths in itertools.groupby(grower.plan(steps), key=lambda growth: growth.step):
        spent += rate * (step - last)
        grower.rehearse({growth.site: growth.to_width for growth in growths})
        last, rate = step, cost.forward_flops(model)
    grower.rehearse({site.name: max(site.width, site.target_width or 0) for site in model.sites})
    return last + math.ceil((steps * cost.forward_flops(model) - spent) / rate)
