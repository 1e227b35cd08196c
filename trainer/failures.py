"""What ends a run that was put together well: a full disk, data that vanish, workers that die."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from growth import replica_check
from trainer import checkpoint_files, errors

# What TensorFlow makes of the errors of a file system; others are bugs, and keep their stack trace.
_OF_FILES = (
    OSError,
    tf.errors.DataLossError,
    tf.errors.FailedPreconditionError,
    tf.errors.NotFoundError,
    tf.errors.OutOfRangeError,  # A file that is too large.
    tf.errors.PermissionDeniedError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@contextlib.contextmanager
def lost_workers_told() -> Iterator[None]:
    """Raises as RunFailure that another worker has died, or has come to other weights."""
    try:
        yield
    except replica_check.ReplicasDiffer as error:
        raise errors.RunFailure(str(error)) from error
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        if "TF_CONFIG" not in os.environ:
            raise
        raise errors.RunFailure(
            "another worker is gone; start all workers again, and they go on from the newest "
            f"checkpoint ({errors.reason(error)})"
        ) from error


@contextlib.contextmanager
def told(checkpoints: pathlib.Path) -> Iterator[None]:
    """Raises as RunFailure what files and memory did to a run, and says what is left of it.

    Args:
      checkpoints: the folder of its checkpoints.
    """
    try:
        with lost_workers_told():
            yield
    except _OF_FILES as error:
        steps = checkpoint_files.steps(checkpoints)
        newest = checkpoint_files.path(checkpoints, steps[-1]) if steps else None
        kept = f"the newest checkpoint is {newest}" if newest else "there is no checkpoint yet"
        raise errors.RunFailure(
            f"the run broke off: {errors.reason(error)}\n  {kept}; once this is mended, the same "
            f"command {'goes on from it' if newest else 'starts anew'}"
        ) from error
