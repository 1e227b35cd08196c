"""Builds what Gin binds: dataset, model, optimizer and grower, under a distribution strategy."""

import functools
from collections.abc import Callable

import gin
import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth.decisions import decider
from growth.records import spent_flops
from models import cost
from trainer import loop as loop_lib
from trainer import matched_flops, objectives, random_state, task
from trainer.config import messages
from trainer.datasets import dataset as dataset_lib
from trainer.datasets import promises
from trainer.distribution import devices as devices_lib
from trainer.distribution import distributed_batches
from trainer.objectives import data_faults, fit_check
from trainer.optimization import mixed_precision as precision
from trainer.optimization import optimizers, scaled_updates
from trainer.warm_start import warm_start as warm_start_lib


# Whoever makes it knows whether there is a checkpoint.
@gin.configurable(denylist=["resumes"])
class Experiment:
    """A network, what it is trained on, and how.

    The four parts are injected as references that are called here, in this order and under the
    distribution strategy: `Experiment.model = @MLP`, without parentheses.

    Args:
      dataset: gives the dataset.
      model: gives the network; called with `output_width`, of the dataset.
      objective: the loss and the metrics.
      optimizer: gives a tf_keras optimizer.
      steps: training steps.
      match_flops: whether the run is lengthened beyond `steps` so that it costs as many training
        FLOPs as the big network in `steps`; see matched_flops.py. The learning rate's schedule is
        stretched accordingly: the optimizer is called with `stretch`.
      seed: of growth, of what draws without a seed of its own (layers of tf_keras, code of yours),
        and in the result; datasets and models have seeds of their own, which the shipped
        configurations bind to the same macro.
      grower: gives the grower; see growth/grower.py for what it is called with.
      growth_batch_size: examples in the batch that a growth takes its gradient from: those that
        training sees next; None for as many as in a training batch.
      warm_start: gives the weights that the run begins with, of a network that was trained
        elsewhere, and the widths of its sites; None for those of the model.
      loop: gives the intervals of the training loop.
      devices: gives what the run computes on.
      resumes: whether a checkpoint is restored next, so that `warm_start` is not loaded.

    Attributes:
      strategy: distributes training.
      best_metric: the metric of evaluation that tells which checkpoint is the best.
      shapes: assigns bigger values to variables.
      lacks_weights: true if `warm_start` was left to a checkpoint.

    Raises:
      ValueError: an argument is out of range, or the parts do not fit.
    """

    def __init__(
        self,
        dataset: Callable[[], dataset_lib.Dataset] = gin.REQUIRED,
        model: Callable[..., tf_keras.Model] = gin.REQUIRED,
        objective: objectives.Objective = gin.REQUIRED,
        optimizer: Callable[..., tf_keras.optimizers.Optimizer] = gin.REQUIRED,
        steps: int = gin.REQUIRED,
        match_flops: bool = False,
        seed: int = 0,
        grower: Callable[..., grower_lib.Grower] = grower_lib.Grower,
        growth_batch_size: int | None = None,
        warm_start: warm_start_lib.WarmStart | None = None,
        loop: Callable[[], loop_lib.Loop] = loop_lib.Loop,
        devices: Callable[[], devices_lib.Devices] = devices_lib.Devices,
        resumes: bool = False,
    ):
        _check_numbers(steps, growth_batch_size, seed)
        self.seed, self.objective, self.loop = seed, objective, loop()
        used = devices()
        self.strategy = used.strategy
        _check_growth_batch_size(growth_batch_size, self.strategy.num_replicas_in_sync)
        self._growth_batch_size = growth_batch_size
        with self.strategy.scope():
            random_state.seed(seed)
            self.dataset = dataset()
            self._train_batches = promises.train_batches(self.dataset)
            distributed_batches.check(self.strategy, self.dataset.batch_size)
            self.model, outputs = self._built(model)
            self.steps = steps
            if match_flops:
                self.steps = self._matched_steps(steps, model, optimizer, grower, warm_start)
                optimizer = functools.partial(optimizer, stretch=self.steps / steps)
            promises.check_length(self.dataset, self._train_batches, self.steps)
            self.optimizer = precision.for_policy(optimizer())
            slots = optimizers.GrowableSlots(self.optimizer, self.model.trainable_variables)
            self.task = self._task(slots, used.jit_compile, outputs)
            self.shapes = used.shapes(
                self.model.variables, slots, [self.task.trace_anew, slots.trace_anew]
            )
            self.grower = self._grower(grower, slots)
            self.lacks_weights = warm_start is not None and resumes
            if warm_start is not None and not resumes:
                self.shapes.assign(warm_start.values(self.model, slots))
                self.grower.record_seed_network()
        self.grower.run = decider.RunLength(self.steps, self.dataset.batch_size)
        _check_evaluations(self.loop, self.grower)
        # A policy's mistake shows now, not at the first growth.
        matched_flops.check_end_of_growth(self.grower.plan(self.steps), steps)
        self.best_metric = _checked_best_metric(self.loop, objective)
        width = outputs[-1] if outputs.rank > 1 else None
        self.data_faults = data_faults.DataFaults(self.dataset, objective, width)

    def check_first_batch(self) -> None:
        """Reads the first training batch, and looks at its values.

        Raises:
          ValueError: something is wrong with it.
        """
        self.data_faults.check_first(self._train_batches)

    def first_batch(self) -> tuple[tf.Tensor, ...]:
        """Reads the training batch of step 0, distributed over replicas; it may be large.

        Raises:
          ValueError: it cannot be read.
        """
        try:
            return next(iter(self.batches(0)))
        except tf.errors.OpError as error:
            if fault := self.data_faults.unreadable(1):
                raise ValueError(fault) from error
            raise

    def try_sites(self, batch: tuple) -> None:
        """Tries the growth of each site on a training batch, e.g. the first.

        Raises:
          ValueError: a site cannot grow as it says.
        """
        with self.strategy.scope(), self.task.random_state.preserved():
            self.grower.try_sites(batch)

    def batches(self, step: int) -> tf.distribute.DistributedDataset:
        """The training batches after `step` training steps, distributed over replicas."""
        return distributed_batches.train(self.strategy, self.dataset, step)

    @property
    def batches_of_growth(self) -> int:
        """The training batches that the growth batch is made of."""
        examples = self._growth_batch_size or self.dataset.batch_size
        return -(-examples // self.dataset.batch_size)

    def growth_batch(self, step: int, batch: tuple) -> tuple:
        """The batch that a growth after `step` training steps takes its gradient from.

        `batch`, that of the next training step, unless `growth_batch_size` says how many examples;
        distributed over replicas, as training batches are.
        """
        if self._growth_batch_size is None:
            return batch
        examples = self.dataset.train(step).unbatch()
        # There is no remainder, but only so is the size of the batch known.
        batches = examples.batch(self._growth_batch_size, drop_remainder=True)
        return next(iter(self.strategy.experimental_distribute_dataset(batches)))

    def training_flops(self, steps: int) -> int:
        """Floating-point operations spent on the first `steps` training steps."""
        forward = self.grower.forward_flops(steps)
        return spent_flops.training_flops(forward, self.dataset.batch_size)

    def saved_flops(self, steps: int) -> float:
        """The share of training FLOPs that growing saved in `steps` steps.

        Over what the network, as wide as it is now, would have cost in them from the start; 0 for
        one that never grew.
        """
        whole = spent_flops.training_flops(
            steps * cost.forward_flops(self.model), self.dataset.batch_size
        )
        return 1.0 - self.training_flops(steps) / whole if whole else 0.0

    def _built(self, make):
        """A network with its variables, and the shape of outputs that fit the loss."""
        model = make(output_width=self.dataset.output_width)
        return model, fit_check.outputs(model, self.objective, self._train_batches.element_spec)

    def _matched_steps(self, steps, model, optimizer, grower, warm_start):
        """The steps in which the run costs what the big network costs in `steps`."""
        matched_flops.check_parts(optimizer, warm_start)
        rehearsed, _ = self._built(model)
        planner = grower(rehearsed, None, matched_flops.NoSlots(), self.seed, None)
        planner.run = decider.RunLength(steps, self.dataset.batch_size)
        matched_flops.check_planned(planner)
        return matched_flops.matched_steps(steps, rehearsed, planner)

    def _task(self, slots, jit_compile, outputs):
        made = task.Task(
            *(self.model, self.optimizer, self.objective, self.dataset, self.strategy),
            averages=slots.averages(self.model),
            jit_compile=jit_compile,
        )
        promises.check_alike(self.dataset, self._train_batches.element_spec, made.test_spec)
        fit_check.check_targets(self.objective, made.test_spec, outputs)
        return made

    def _grower(self, make, slots):
        grower = make(self.model, self.task.loss, slots, self.seed, self.task.step, self.shapes)
        if grower.update_factors is not None:
            scaled_updates.scale(self.optimizer, grower.update_factors)
        return grower


def _check_numbers(steps: int, growth_batch_size: int | None, seed: int) -> None:
    for name, value in [("steps", steps), ("growth_batch_size", growth_batch_size)]:
        if value is not None and value < 1:
            raise ValueError(f"Experiment.{name} = {value} must be at least 1")
    if seed < 0:
        raise ValueError(f"Experiment.seed = {seed} must be at least 0")


def _check_evaluations(loop: loop_lib.Loop, grower: grower_lib.Grower) -> None:
    if grower.needs_evaluation and loop.eval_interval is None:
        raise ValueError(
            "Grower.schedule reads evaluations, and Loop.eval_interval = None; bind it, the "
            "training steps between two of them"
        )


def _check_growth_batch_size(growth_batch_size: int | None, replicas: int) -> None:
    if growth_batch_size is not None and growth_batch_size < replicas:
        raise ValueError(
            f"Experiment.growth_batch_size = {growth_batch_size} must be at least {replicas}, an "
            "example for each replica"
        )


def _checked_best_metric(loop: loop_lib.Loop, objective: objectives.Objective) -> str:
    known = ["loss", *(metric.name for metric in objective.metrics())]
    wanted, where = loop.best_metric, "Loop"
    if wanted is None:
        wanted, where = objective.best_metric, type(objective).__name__
    if wanted not in known:
        raise ValueError(
            f"{where}.best_metric = {wanted!r} must be one of {', '.join(known)}"
            + messages.did_you_mean(wanted, known)
        )
    return wanted
