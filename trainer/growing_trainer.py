"""A training loop that begins with a growth if one is due."""

from collections.abc import Callable
from typing import Any

import orbit
import tensorflow as tf

from growth import grower as grower_lib
from trainer import task as task_lib


class GrowingTrainer(orbit.AbstractTrainer):
    """Trains a task, and grows its network at the beginning of a loop if a growth is due.

    Args:
      task: trains and counts the steps.
      grower: grows its network; the training step after a growth is part of it.
      growth_batch: maps (step, batch of the training step) to the growth batch.
      on_growth: called with the event of each growth, see growth/history.py.
    """

    def __init__(
        self,
        task: task_lib.Task,
        grower: grower_lib.Grower,
        growth_batch: Callable[[int, Any], Any],
        on_growth: Callable[[dict[str, Any]], None],
    ):
        self._task = task
        self._grower = grower
        self._growth_batch = growth_batch
        self._on_growth = on_growth

    def train(self, num_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains `num_steps` steps; see orbit.AbstractTrainer."""
        step = int(self._task.global_step.numpy())
        if self._grower.next_growth(step) == step:
            batch = self._task.next_batch()
            self._on_growth(self._grower.grow(step, self._growth_batch(step, batch), batch))
            num_steps -= 1
        return self._task.train(num_steps)
