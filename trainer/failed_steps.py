"""Says of a training step, a growth or an evaluation that failed whether its data are at fault."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from growth import grower as grower_lib
from trainer import experiment as experiment_lib
from trainer.command import errors
from trainer.model_dir import checkpoints as checkpoints_lib
from trainer.optimization import finite_steps

# What TensorFlow makes of values that are wrong, and of files that are damaged or cut off.
_OF_DATA = (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
)


@contextlib.contextmanager
def explained(
    experiment: experiment_lib.Experiment, checkpoints: checkpoints_lib.Checkpoints
) -> Iterator[None]:
    """Adds to an error of training within the block what is wrong with the data, if anything is.

    Raises:
      FloatingPointError: a loss or a growth was not finite; with the newest checkpoint.
      RunFailure: a step failed because of its data.
    """
    start = int(experiment.task.global_step.numpy())
    kept = f"the newest checkpoint is {checkpoints.newest}"
    try:
        with _located(experiment, "in training step", 1):
            yield
    except finite_steps.NotFiniteError as error:
        # An infinite input may show in the loss of the step after it only.
        fault = _of_steps(experiment, error.step - 1, error.step)
        cause = fault or "does a lower learning rate help?"
        raise FloatingPointError(f"{error}: {cause}; {kept}") from error
    except FloatingPointError as error:
        fault = _of_steps(experiment, start + 1, start + experiment.batches_of_growth)
        cause = f": {fault}" if fault else ""
        raise FloatingPointError(f"{error}{cause}; {kept}") from error
    except (*_OF_DATA, tf.errors.OutOfRangeError, StopIteration) as error:
        step = int(experiment.task.global_step.numpy()) + 1
        fault = _of_steps(experiment, step, step) or experiment.data_faults.unreadable(step)
        if fault is None:
            raise
        raise errors.RunFailure(f"the run broke off: {fault}\n  {kept}") from error


@contextlib.contextmanager
def growth_explained(grower: grower_lib.Grower, step: int) -> Iterator[None]:
    """Adds to an error within the block the growth after `step` training steps, and its sites."""
    try:
        yield
    except Exception as error:
        with contextlib.suppress(Exception):
            planned = [growth for growth in grower.plan(step + 1) if growth.step == step]
            last = grower.observations.last
            decided = list(last.counts) if last is not None and last.step == step else []
            sites = ", ".join(decided or [growth.site for growth in planned])
            error.add_note(f"in the growth after {step} steps, at {sites or 'no site'}")
        raise


@contextlib.contextmanager
def evaluation_explained(experiment: experiment_lib.Experiment) -> Iterator[None]:
    """Raises RunFailure if an evaluation within the block fails because of the test examples."""
    try:
        with _located(experiment, "in the evaluation after training step", 0):
            yield
    except _OF_DATA as error:
        fault = None
        with _unless_unreadable():
            fault = experiment.data_faults.of_test()
        fault = fault or experiment.data_faults.unreadable(None)
        if fault is None:
            raise
        raise errors.RunFailure(f"the evaluation broke off: {fault}") from error


@contextlib.contextmanager
def _located(experiment, where, offset):
    """Adds to an error within the block the number of the step that it happened in."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{where} {int(experiment.task.global_step.numpy()) + offset}")
        raise


def _of_steps(experiment, first, last):
    with _unless_unreadable():
        return experiment.data_faults.of_steps(first, last)


def _unless_unreadable():
    # The error that is being told of may be that of the data, which comes again.
    return contextlib.suppress(tf.errors.OpError)
