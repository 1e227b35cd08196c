"""Builds what Gin binds: dataset, model, optimizer and grower, under a distribution strategy."""

import functools
import inspect
from collections.abc import Callable, Sequence

import gin
import tensorflow as tf
import tf_keras

from growth import grower as grower_lib
from growth import static_shapes as static_shapes_lib
from growth import unspecified_shapes
from growth.records import events, spent_flops
from trainer import matched_flops, objectives, random_state, task
from trainer.datasets import dataset as dataset_lib
from trainer.datasets import promises
from trainer.distribution import distributed_batches, strategies
from trainer.objectives import data_faults, fit_check
from trainer.optimization import mixed_precision as precision
from trainer.optimization import optimizers, scaled_updates
from trainer.warm_start import warm_start as warm_start_lib


@gin.configurable
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
      log_interval: training steps between two points in the logs, run as one in-graph loop; there
        is a point at each growth, evaluation and checkpoint as well.
      eval_interval: training steps between two evaluations; None for one at the end.
      checkpoint_interval: training steps between two checkpoints.
      checkpoints_kept: how many of the newest checkpoints are kept.
      mixed_precision: "bfloat16" or "float16" for layers that compute in that type in training and
        evaluation; parameters, losses and all of a growth stay in float32. Gradients in float16
        are those of a scaled loss, see mixed_precision.py. None for float32 throughout.
      jit_compile: whether XLA compiles the forward and backward pass of a training step; anew for
        each new width, which takes seconds.
      deterministic: whether two runs give the same numbers to the bit wherever TensorFlow can,
        see `tf.config.experimental.enable_op_determinism`. On CPUs ours are the same without it.
        Holds for the process from then on, so also for later runs of a sweep in it.
      distribution_strategy: "off" (one device), "mirrored", "multi_worker_mirrored", "tpu"; see
        strategies.py.
      logical_cpus: devices that this machine's CPU is divided into, to try "mirrored" without GPUs.
      tpu_address: of a TPU, its name or "local" for that of this machine.
      static_shapes: whether variables have fully defined shapes, so that a growth compiles anew;
        None for only where that has to be, on a TPU. See growth/static_shapes.py.
      warm_start: gives the weights that the run begins with, of a network that was trained
        elsewhere, and the widths of its sites; None for those of the model.

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
        log_interval: int = 100,
        eval_interval: int | None = None,
        checkpoint_interval: int = 1000,
        checkpoints_kept: int = 3,
        mixed_precision: str | None = None,
        jit_compile: bool = False,
        deterministic: bool = False,
        distribution_strategy: str = "off",
        logical_cpus: int = 1,
        tpu_address: str = "local",
        static_shapes: bool | None = None,
        warm_start: warm_start_lib.WarmStart | None = None,
    ):
        for name, value in [
            ("steps", steps),
            ("growth_batch_size", growth_batch_size),
            ("log_interval", log_interval),
            ("eval_interval", eval_interval),
            ("checkpoint_interval", checkpoint_interval),
            ("checkpoints_kept", checkpoints_kept),
            ("logical_cpus", logical_cpus),
        ]:
            if value is not None and value < 1:
                raise ValueError(f"Experiment.{name} = {value} must be at least 1")
        if seed < 0:
            raise ValueError(f"Experiment.seed = {seed} must be at least 0")
        self.seed = seed
        self.objective = objective
        self.log_interval = log_interval
        self.eval_interval = eval_interval
        self.checkpoint_interval = checkpoint_interval
        self.checkpoints_kept = checkpoints_kept
        precision.set_policy(mixed_precision)
        if deterministic:
            tf.config.experimental.enable_op_determinism()
        self.strategy = strategies.make(distribution_strategy, logical_cpus, tpu_address)
        _check_growth_batch_size(growth_batch_size, self.strategy.num_replicas_in_sync)
        self._growth_batch_size = growth_batch_size
        with self.strategy.scope():
            random_state.seed(seed)
            self.dataset = dataset()
            self._first_batches = promises.train_batches(self.dataset)
            distributed_batches.check(self.strategy, self.dataset.batch_size)
            self.model = self._model(model, objective)
            self.steps, stretch = steps, {}
            if match_flops:
                _check_can_match(optimizer, warm_start)
                rehearsed = self._model(model, objective)
                self.steps = matched_flops.matched_steps(
                    steps, rehearsed, grower(rehearsed, None, lambda variable: [], seed, None)
                )
                stretch = {"stretch": self.steps / steps}
            promises.check_length(self.dataset, self._first_batches, self.steps)
            self.optimizer = precision.for_policy(optimizer(**stretch))
            slots = optimizers.GrowableSlots(self.optimizer, self.model.trainable_variables)
            self._warm_start, self._slots = warm_start, slots
            self.task = task.Task(
                *(self.model, self.optimizer, objective, self.dataset, self.strategy),
                averages=slots.averages(self.model),
                jit_compile=jit_compile,
            )
            self._check_test_batches()
            self.shapes = self._shapes(static_shapes, slots)
            self.grower = grower(
                self.model, self.task.loss, slots, seed, self.task.step, self.shapes
            )
            if self.grower.update_factors is not None:
                scaled_updates.scale(self.optimizer, self.grower.update_factors)
        # A policy's mistake shows now, not at the first growth.
        _check_end_of_growth(self.grower.plan(self.steps), steps)
        self.best_metric = _checked_best_metric(objective)
        self.data_faults = data_faults.DataFaults(
            self.dataset, objective, self._outputs[-1] if self._outputs.rank > 1 else None
        )

    def check_first_batch(self) -> None:
        """Reads the first training batch, and looks at its values.

        Raises:
          ValueError: something is wrong with it.
        """
        self.data_faults.check_first(self._first_batches)

    def start_warm(self) -> None:
        """Loads the weights that a run begins with, if `warm_start` says so; once.

        Raises:
          ValueError: they do not fit.
        """
        if self._warm_start is None:
            return
        with self.strategy.scope():
            self.shapes.assign(self._warm_start.values(self.model, self._slots))
        self._warm_start = None
        self.grower.record_seed_network()
        self.grower.plan(self.steps)  # A policy may not like these widths.

    def try_sites(self) -> None:
        """Tries the growth of each site on the first training batch.

        Raises:
          ValueError: a site cannot grow as it says.
        """
        with self.strategy.scope(), self.task.random_state.preserved():
            self.grower.try_sites(self._first_batch)

    def take_first_batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The training batch of step 0, distributed over replicas; it may be large."""
        batch = self._first_batch
        del self._first_batch
        return batch

    @functools.cached_property
    def _first_batch(self):
        try:
            return next(iter(self.batches(0)))
        except tf.errors.OpError as error:
            if fault := self.data_faults.unreadable(1):
                raise ValueError(fault) from error
            raise

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

    def _model(self, make, objective):
        """A network with its variables, after a try whether inputs, outputs and loss fit."""
        model = make(output_width=self.dataset.output_width)
        self._outputs = fit_check.outputs(model, objective, self._first_batches.element_spec)
        return model

    def _check_test_batches(self):
        train, test = self._first_batches.element_spec, self.task.test_spec
        promises.check_alike(self.dataset, train, test)
        fit_check.check_targets(self.objective, test, self._outputs)

    def _shapes(self, static, slots):
        """The backend's way of assigning bigger values to variables."""
        if static is None:
            static = isinstance(self.strategy, tf.distribute.TPUStrategy)
        if not static:
            return unspecified_shapes.UnspecifiedShapes()
        return static_shapes_lib.StaticShapes(
            self.model.variables, slots, [self.task.trace_anew, slots.trace_anew]
        )


def _check_can_match(
    optimizer: Callable[..., tf_keras.optimizers.Optimizer],
    warm_start: warm_start_lib.WarmStart | None,
) -> None:
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


def _check_growth_batch_size(growth_batch_size: int | None, replicas: int) -> None:
    if growth_batch_size is not None and growth_batch_size < replicas:
        raise ValueError(
            f"Experiment.growth_batch_size = {growth_batch_size} must be at least {replicas}, an "
            "example for each replica"
        )


def _check_end_of_growth(plan: Sequence[events.PlannedGrowth], steps: int) -> None:
    """Raises ValueError if a growth comes after `steps`, which a matched run may go beyond."""
    late = [growth.step for growth in plan if growth.step >= steps]
    if late:
        raise ValueError(
            f"Experiment.match_flops = True needs all growths before step {steps}, the end of the "
            f"big network's run; one is planned for step {late[0]}. Let the schedule end earlier, "
            "e.g. PeriodicSchedule.count"
        )


def _checked_best_metric(objective: objectives.Objective) -> str:
    known = ["loss", *(metric.name for metric in objective.metrics())]
    if objective.best_metric not in known:
        raise ValueError(
            f"{type(objective).__name__}.best_metric = {objective.best_metric!r} must be one of "
            f"{', '.join(known)}"
        )
    return objective.best_metric
