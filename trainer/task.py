"""The inner loops: a training step, an evaluation step and their metrics."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import orbit
import tensorflow as tf
import tf_keras

from trainer import objectives, random_state
from trainer.datasets import dataset as dataset_lib
from trainer.datasets import promises
from trainer.optimization import finite_steps, mixed_precision


class Task(orbit.StandardTrainer, orbit.StandardEvaluator):
    """Trains and evaluates a model by Orbit's standard loops, each traced once for the run.

    Set `train_dataset` before training, to distributed batches without end. The global step is the
    optimizer's count of iterations.

    Args:
      model: the network, with its variables.
      optimizer: with its slots.
      objective: the loss and the metrics.
      dataset: its test batches.
      strategy: distributes a step over replicas.
      averages: variables and their moving averages, which evaluation uses in their place.
      jit_compile: whether XLA compiles the forward and backward pass of a training step. It does
        so anew for each new shape, of which Python notices nothing.

    Attributes:
      random_state: of the model; evaluation leaves it as it is.
      metric_names: of the loss and the objective's metrics.
      test_spec: the types of a test batch.

    Raises:
      ValueError: there are no test batches, or they have no end.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        objective: objectives.Objective,
        dataset: dataset_lib.Dataset,
        strategy: tf.distribute.Strategy,
        averages: Sequence[tuple[tf.Variable, tf.Variable]] = (),
        jit_compile: bool = False,
    ):
        # The batches depend on the step, which a checkpoint may still set.
        orbit.StandardTrainer.__init__(self, train_dataset=None)
        test = promises.test_batches(dataset)
        self.test_spec = test.element_spec
        orbit.StandardEvaluator.__init__(self, strategy.experimental_distribute_dataset(test))
        self._model = model
        self._optimizer = optimizer
        self._objective = objective
        self._strategy = strategy
        self.random_state = random_state.RandomState(model)
        self._averages = list(averages)
        self._jit_compile = jit_compile
        self._make_functions()
        self._train_metrics = [tf_keras.metrics.Mean("loss"), *objective.metrics()]
        self._finite_steps = finite_steps.FiniteSteps()
        self._test_metrics = [tf_keras.metrics.Mean("loss"), *objective.metrics()]
        self._not_finite = tf_keras.metrics.Sum("not_finite")
        self.metric_names = [metric.name for metric in self._test_metrics]

    @property
    def global_step(self) -> tf.Variable:
        """Training steps done."""
        return self._optimizer.iterations

    def loss(
        self,
        targets: tf.Tensor,
        outputs: tf.Tensor,
        weights: tf.Tensor | None = None,
        batch_size: int | tf.Tensor | None = None,
    ) -> tf.Tensor:
        """This replica's share of the mean loss, with the model's regularization.

        Args:
          targets: of this replica's examples.
          outputs: of the network, float32.
          weights: of these examples, `[batch]`, factors of their losses; None for 1.
          batch_size: examples over all replicas; counted if None.

        Returns:
          A scalar: the sum of weighted losses over the number of examples, not of weights.
        """
        losses = _weighted(self._objective.losses(targets, outputs), weights)
        if batch_size is None:
            batch_size = self._examples(losses)
        loss = tf.reduce_sum(losses) / tf.cast(batch_size, losses.dtype)
        if self._model.losses:
            loss += tf.nn.scale_regularization_loss(tf.add_n(self._model.losses))
        return loss

    def _examples(self, array: tf.Tensor) -> int | tf.Tensor:
        """The examples over all replicas, where `array` `[batch, ...]` is of this replica."""
        replicas = self._strategy.num_replicas_in_sync
        if array.shape[0] is not None:  # Only batches of one size are of known shape.
            return array.shape[0] * replicas
        examples = tf.shape(array)[0]
        if replicas == 1:
            return examples
        return tf.distribute.get_replica_context().all_reduce("SUM", examples)

    def next_batch(self) -> tuple:
        """Takes the batch of the next training step, to train on it by `step`."""
        if self._train_iter is None:
            self._train_iter = iter(self.train_dataset)
        return next(self._train_iter)

    # Orbit's loops need AutoGraph. The steps do without, as in a growth: converting all that they
    # call takes longer than tracing it.
    @tf.autograph.experimental.do_not_convert
    def train_step(self, iterator: tf.data.Iterator) -> None:
        """See orbit.StandardTrainer."""
        self.step(next(iterator))

    def step(self, batch: tuple) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step of the optimizer.

        Args:
          batch: (inputs, targets) or (inputs, targets, weights), distributed.

        Returns:
          The loss and its gradients by the trainable variables, in each replica its share;
          gradients of zero if the optimizer skips the step, see mixed_precision.py.
        """
        return self._strategy.run(self._replica_step, args=(batch,))

    def _differentiate(self, batch, batch_size):
        """The outputs, the loss and its gradients by the trainable variables."""
        inputs, targets, *weights = batch
        with tf.GradientTape() as tape:
            outputs = tf.cast(self._model(inputs, training=True), tf.float32)
            loss = self.loss(targets, outputs, *weights, batch_size=batch_size)
            scaled = mixed_precision.scaled(self._optimizer, loss)
        gradients = tape.gradient(scaled, self._model.trainable_variables)
        return outputs, loss, mixed_precision.unscaled(self._optimizer, gradients)

    def _replica_step(self, batch):
        # Before the passes, which XLA may compile: replicas may have to add up their examples.
        batch_size = self._examples(tf.nest.flatten(batch)[0])
        outputs, loss, gradients = self._passes(batch, batch_size)
        variables = self._model.trainable_variables
        gradients = mixed_precision.apply(self._optimizer, gradients, variables)
        # The mean over replicas of n times a share of the mean is the mean.
        self._train_metrics[0].update_state(loss * self._strategy.num_replicas_in_sync)
        self._finite_steps.update_state(loss)
        _, *targets_and_weights = batch
        _update(self._train_metrics[1:], outputs, *targets_and_weights)
        return loss, gradients

    @property
    def traced_loop(self) -> tf.types.experimental.ConcreteFunction:
        """The graph of `train`, which has been called."""
        return self._train_loop_fn.get_concrete_function(self._train_iter, tf.constant(0))

    @property
    def metric_variables(self) -> list[tf.Variable]:
        """The variables in which `train` collects its outputs, during a call."""
        metrics = [*self._train_metrics, self._finite_steps]
        return [variable for metric in metrics for variable in metric.variables]

    def trace_anew(self) -> None:
        """Forgets what has been traced, because variables have got other storage."""
        # Deleted first: a tf.Module remembers a function that it had, even if it is None now.
        del self._train_loop_fn, self._eval_loop_fn, self._passes, self._evaluate_batch
        self._train_loop_fn = self._eval_loop_fn = None
        self._make_functions()

    def _make_functions(self):
        # The optimizer stays outside, as its slots change shape, and so does what it all-reduces.
        self._passes = (
            tf.function(self._differentiate, jit_compile=True, autograph=False)
            if self._jit_compile
            else self._differentiate
        )
        self._evaluate_batch = tf.function(self._replicas_eval, autograph=False)

    def train_loop_end(self) -> dict[str, tf.Tensor]:
        """Means over the steps since the last call, and the learning rate now.

        Raises:
          NotFiniteError: the loss was not finite at one of these steps.
        """
        self._check_finite()
        rate = self._optimizer.learning_rate
        means = {metric.name: metric.result() for metric in self._train_metrics}
        for metric in self._train_metrics:
            metric.reset_state()
        self._unite_replicas()
        rate = rate(self.global_step) if callable(rate) else tf.convert_to_tensor(rate)
        return means | {"optimizer/learning_rate": rate}

    def _check_finite(self):
        replicas = self._strategy.num_replicas_in_sync
        with self._strategy.scope():  # Sums over replicas.
            steps = int(self._train_metrics[0].count.read_value()) // replicas
            # Where one replica ends, the others end with it or a step later.
            finite = int(self._finite_steps.result()) // replicas
        self._finite_steps.reset_state()
        if finite < steps:
            first = int(self.global_step.numpy()) - steps + finite + 1
            raise finite_steps.NotFiniteError(
                f"the loss is not finite from training step {first} on", first
            )

    def check_weights(self) -> None:
        """Raises NotFiniteError if a weight is not finite: a checkpoint would be of no use.

        The loss of the next step would tell, but may come after the checkpoint.
        """
        variables = [v for v in self._model.variables if v.dtype.is_floating]
        bad = [v for v in variables if not tf.reduce_all(tf.math.is_finite(v.read_value()))]
        if bad:
            step = int(self.global_step.numpy())
            raise finite_steps.NotFiniteError(
                f"after training step {step} the weights {bad[0].name} are not finite", step
            )

    def _unite_replicas(self):
        # Moving statistics are of each replica, and a checkpoint holds their mean: without this a
        # run that is resumed would evaluate to other numbers than one that is not.
        if self._strategy.num_replicas_in_sync > 1:
            for variable in self._model.non_trainable_variables:
                variable.assign(variable.read_value())

    def evaluate(self, num_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Evaluates the averaged weights; see orbit.AbstractEvaluator."""
        with self.averaged(), self.random_state.preserved():
            return super().evaluate(num_steps)

    def eval_begin(self) -> None:
        """See orbit.StandardEvaluator."""
        for metric in (*self._test_metrics, self._not_finite):
            metric.reset_state()

    @tf.autograph.experimental.do_not_convert
    def eval_step(self, iterator: tf.data.Iterator) -> None:
        """Updates the metrics with the next batch."""
        self._replicas_eval(next(iterator))

    def eval_end(self) -> dict[str, tf.Tensor]:
        """Means over all examples."""
        return {metric.name: metric.result() for metric in self._test_metrics}

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The model has its averaged weights within the block, if the optimizer keeps them."""
        # Not the optimizer's `swap_weights`, which adds and subtracts, and so rounds.
        weights = [(variable, variable.read_value()) for variable, _ in self._averages]
        try:
            for variable, average in self._averages:
                variable.assign(average.read_value())
            yield
        finally:  # Without reading: of several workers another one may have failed.
            for variable, value in weights:
                variable.assign(value)

    def _replicas_eval(self, batch) -> None:
        self._strategy.run(self._replica_eval, args=(batch,))

    @property
    def inputs_were_finite(self) -> bool:
        """True if all inputs of the last evaluation were finite."""
        return float(self._not_finite.result()) == 0

    def evaluate_batch(self, batch) -> dict[str, float]:
        """Metrics of one distributed batch, without an update."""
        with self.averaged(), self.random_state.preserved():
            self.eval_begin()
            self._evaluate_batch(batch)
            return {name: float(value) for name, value in self.eval_end().items()}

    def _replica_eval(self, batch) -> None:
        inputs, targets, *weights = batch
        outputs = tf.cast(self._model(inputs, training=False), tf.float32)
        losses = _weighted(self._objective.losses(targets, outputs), *weights)
        self._test_metrics[0].update_state(losses)
        self._not_finite.update_state(_not_finite(inputs))
        _update(self._test_metrics[1:], outputs, targets, *weights)


def _not_finite(inputs) -> list[tf.Tensor]:
    """The values of `inputs` that are not finite, of which a ReLU may make 0."""
    floating = [part for part in tf.nest.flatten(inputs) if part.dtype.is_floating]
    return [tf.reduce_sum(tf.cast(~tf.math.is_finite(part), tf.float32)) for part in floating]


def _weighted(losses, weights=None):
    """Losses times the weights of examples; NaN where one is below 0, which ends the run."""
    if weights is None:
        return losses
    weights = tf.cast(weights, losses.dtype)
    return losses * tf.where(weights < 0, np.nan, weights)


def _update(metrics, outputs, targets, weights=None):
    for metric in metrics:
        # A metric of a user's own need not know of weights.
        metric.update_state(targets, outputs, *([] if weights is None else [weights]))
