"""What ends a run that was put together well: a disk that is full, data that vanish."""

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from trainer import errors

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


class RunFailure(Exception):
    """A run that broke off; its text is the whole message that the user sees."""


@contextlib.contextmanager
def told(checkpoints: pathlib.Path) -> Iterator[None]:
    """Raises as RunFailure what files and memory did to a run, and says what is left of it.

    Args:
      checkpoints: the folder of its checkpoints.
    """
    try:
        yield
    except _OF_FILES as error:
        newest = tf.train.latest_checkpoint(str(checkpoints))
        kept = f"the newest checkpoint is {newest}" if newest else "there is no checkpoint yet"
        raise RunFailure(
            f"the run broke off: {errors.reason(error)}\n  {kept}; once this is mended, the same "
            f"command {'goes on from it' if newest else 'starts anew'}"
        ) from error
