"""The effect of one more neuron, grown by several methods from the same states of a network."""

import gin
import tensorflow as tf

from growth.methods import gradmax, gradmax_opt, random
from reproduction import checkpointed_run, single_growth
from trainer.model_dir import run_directory

METHODS = ("GradMax", "GradMaxOpt", "Random")
# Of which training goes on.
TRAINED = ("GradMax", "Random")


@gin.configurable
def after_growth(
    directory: run_directory.RunDirectory,
    draws: int = 10,
    steps: int = 500,
    interval: int = 10,
) -> list[dict]:
    """Trains, and grows a neuron from the checkpoint before each growth, by each of the methods.

    Args:
      directory: of a run with a checkpoint at the step of each growth.
      draws: how often a method that is random is repeated.
      steps: training steps after a growth by the first draw.
      interval: steps between two losses; each is the mean over these steps.

    Returns:
      For each growth its `step`, the gradient `norms` by the neuron's weights, a list by method,
      and the `losses` after the growth by method, as [steps after the growth, loss].
    """
    run = checkpointed_run.CheckpointedRun(directory)
    task = run.experiment.task
    task.train_dataset = run.experiment.batches(0)  # Full batch: the same at every step.
    batch = task.next_batch()
    methods = {
        "GradMax": (gradmax.GradMax(), 1),
        "GradMaxOpt": (gradmax_opt.GradMaxOpt(), draws),
        "Random": (random.Random(), draws),
    }
    grow = {
        name: single_growth.SingleGrowth(run.experiment, method)
        for name, (method, _) in methods.items()
    }
    found = []
    for growth in list(run.experiment.grower.history.events):
        run.restore(growth.step)
        norms, losses = {}, {}
        for name, (_, repeats) in methods.items():
            norms[name] = []
            for draw in range(repeats):
                with single_growth.undone(run.experiment):
                    (site,) = grow[name](batch, draw).values()
                    norms[name].append(site.gradient_norm_new)
                    if draw == 0 and name in TRAINED:
                        losses[name] = _losses(task, steps, interval)
        found.append({"step": growth.step, "norms": norms, "losses": losses})
    return found


def _losses(task, steps, interval):
    """[steps done, mean loss over the `interval` steps before], for each interval."""
    chunk = tf.constant(interval)
    return [
        [step + interval, float(task.train(chunk)["loss"])] for step in range(0, steps, interval)
    ]
