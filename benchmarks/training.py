"""A network in training on random numbers, for benchmarks of steps and growths."""

from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras

from growth import grower, static_shapes, unspecified_shapes
from growth.decisions import policies, schedules
from growth.methods import method as method_lib
from growth.newborns import cohorts, rates, update_factors
from growth.surgery import surgery
from trainer import objectives, task
from trainer.datasets import dataset
from trainer.optimization import optimizers, scaled_updates


class RandomPictures(dataset.Dataset):
    """The same batch of random pictures and labels at every step.

    Args:
      batch_size: examples in the batch.
      shape: of an example.
      classes: number of labels.
    """

    def __init__(self, batch_size: int, shape: Sequence[int] = (32, 32, 3), classes: int = 10):
        self.batch_size = batch_size
        self.output_width = classes
        self._pictures = tf.random.stateless_normal([batch_size, *shape], [0, 1])
        self._labels = tf.random.stateless_uniform([batch_size], [0, 2], 0, classes, tf.int64)

    def train(self, first_step: int) -> tf.data.Dataset:
        """See `Dataset.train`."""
        del first_step
        return tf.data.Dataset.from_tensors((self._pictures, self._labels)).repeat()

    def test(self) -> tf.data.Dataset:
        """See `Dataset.test`."""
        return self.train(0).take(1)


def loop(
    model: tf_keras.Model,
    data: dataset.Dataset,
    objective: objectives.Objective,
    steps: int,
    growable: bool,
    jit_compile: bool = False,
    newborn_rate: rates.NewbornRate | None = None,
) -> Callable[[], object]:
    """A function that trains `steps` steps in one in-graph loop of Orbit, with momentum.

    Args:
      model: a network of this project, or a plain one of tf_keras; its variables exist.
      data: what it is trained on.
      objective: what it is trained for.
      steps: training steps of a call.
      growable: whether the optimizer's slots are made so that they can grow.
      jit_compile: as in `task.Task`.
      newborn_rate: of all neurons but the first quarter of each site, which are born at step 0.
    """
    optimizer = tf_keras.optimizers.legacy.SGD(1e-3, momentum=0.9)
    if growable:
        optimizers.GrowableSlots(optimizer, model.trainable_variables)
    if newborn_rate is not None:
        births = cohorts.Cohorts(model.sites)
        quarters = {site.name: site.width // 4 for site in model.sites}
        grown = {site.name: {"from": site.width // 4, "to": site.width} for site in model.sites}
        surgery.assign(births.recalled(quarters, [{"step": 0, "sites": grown}]))
        factors = update_factors.UpdateFactors(births, newborn_rate)
        scaled_updates.scale(optimizer, factors)
    strategy = tf.distribute.get_strategy()
    trainer = task.Task(model, optimizer, objective, data, strategy, jit_compile=jit_compile)
    trainer.train_dataset = data.train(0)
    count = tf.constant(steps)
    return lambda: trainer.train(count)


class Training:
    """A network with all that a run has: Orbit's loop, momentum, growth; traced.

    Args:
      model: the network; its variables are created here.
      data: what it is trained on.
      method: how it grows.
      policy: where it grows.
      static: whether variables have static shapes.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        data: dataset.Dataset,
        method: method_lib.GrowthMethod,
        policy: policies.Policy,
        static: bool = False,
    ):
        self.batch = next(iter(data.train(0)))
        model(self.batch[0][:1])
        optimizer = tf_keras.optimizers.legacy.SGD(1e-3, momentum=0.9)
        slots = optimizers.GrowableSlots(optimizer, model.trainable_variables)
        strategy = tf.distribute.get_strategy()
        self._task = task.Task(model, optimizer, objectives.Classification(), data, strategy)
        self._task.train_dataset = data.train(0)
        shapes = unspecified_shapes.UnspecifiedShapes()
        if static:
            shapes = static_shapes.StaticShapes(model.variables, slots, [self._task.trace_anew])
        self.grower = grower.Grower(
            model,
            self._task.loss,
            slots,
            seed=0,
            train_step=self._task.step,
            shapes=shapes,
            schedule=schedules.PeriodicSchedule(0, 1, 10**6),
            policy=policy,
            method=method,
        )
        self._one = tf.constant(1)
        self.step()

    def step(self) -> None:
        """One training step, in the in-graph loop."""
        self._task.train(self._one)

    def grow(self) -> None:
        """One growth, and the training step after it."""
        self.grower.grow(len(self.grower.history), self.batch)
