"""A training loop that begins with a growth if one is due."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import orbit
import tensorflow as tf

from growth import grower as grower_lib
from growth.records import events
from trainer import task as task_lib


class GrowingTrainer(orbit.AbstractTrainer):
    """Trains a task, and grows its network at the beginning of a loop if a growth is due.

    Args:
      task: trains and counts the steps.
      grower: grows its network; the training step after a growth is part of it.
      growth_batch: maps (step, batch of the training step) to the growth batch.
      on_growth: called with each growth, and with the seconds that a training step took in the
        loop before; None if there was none.
    """

    def __init__(
        self,
        task: task_lib.Task,
        grower: grower_lib.Grower,
        growth_batch: Callable[[int, Any], Any],
        on_growth: Callable[[events.Growth, float | None], None],
    ):
        self._task = task
        self._grower = grower
        self._growth_batch = growth_batch
        self._on_growth = on_growth
        self._seconds_a_step = None

    def train(self, num_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains `num_steps` steps; see orbit.AbstractTrainer."""
        step = int(self._task.global_step.numpy())
        if self._grower.next_growth(step) == step:
            batch = self._task.next_batch()
            with self._growth_named(step):
                growth = self._grower.grow(step, self._growth_batch(step, batch), batch)
            self._on_growth(growth, self._seconds_a_step)
            num_steps -= 1
        start = time.perf_counter()
        output = self._task.train(num_steps)
        if num_steps > 0:
            output["loss"].numpy()  # An accelerator may still be at it.
            self._seconds_a_step = (time.perf_counter() - start) / int(num_steps)
        return output

    @contextlib.contextmanager
    def _growth_named(self, step):
        """Adds to an error in the growth after `step` steps where it arose."""
        try:
            yield
        except Exception as error:
            with contextlib.suppress(Exception):
                planned = [growth for growth in self._grower.plan(step + 1) if growth.step == step]
                sites = ", ".join(growth.site for growth in planned)
                error.add_note(f"in the growth after {step} steps, at {sites or 'no site'}")
            raise
