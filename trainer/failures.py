"""Failures of a run that was set up well: full disks and memories, data, workers that die."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from growth import replica_check
from trainer.command import error_reasons, errors, user_code
from trainer.model_dir import checkpoint_files

# What data, files, memory and devices raise; others are bugs, and keep their stack trace.
_OF_A_RUN = (OSError, MemoryError, StopIteration, tf.errors.OpError)


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
            f"checkpoint ({error_reasons.reason(error)})"
        ) from error


@contextlib.contextmanager
def told(checkpoints: pathlib.Path, activity: str = "run") -> Iterator[None]:
    """Raises as RunFailure what ended a run that is no bug of ours, and says what is left of it.

    Args:
      checkpoints: the folder of its checkpoints.
      activity: what broke off, in a word.
    """
    try:
        with lost_workers_told():
            yield
    except (errors.UserError, errors.RunFailure, FloatingPointError, BrokenPipeError):
        raise
    # A stop that was asked for, or one by the user's code.
    except (Exception, SystemExit) as error:
        if not isinstance(error, _OF_A_RUN) and user_code.place(error) is None:
            raise
        steps = checkpoint_files.steps(checkpoints)
        newest = checkpoint_files.path(checkpoints, steps[-1]) if steps else None
        kept = f"the newest checkpoint is {newest}" if newest else "there is no checkpoint yet"
        raise errors.RunFailure(
            f"the {activity} broke off: {_cause(error)}\n  {kept}; once this is mended, the same "
            f"command {'goes on from it' if newest else 'starts anew'}"
        ) from error


def _cause(error: BaseException) -> str:
    """The reason of `error`, with its class where that says more, and what helps."""
    text = error_reasons.reason(error)
    if isinstance(error, StopIteration) or "End of sequence" in text:
        notes = text.partition("\n")[1] + text.partition("\n")[2]
        return (
            "the data have ended before the last step; the training batches of a Dataset must "
            f"never end, e.g. by repeat(){notes}"
        )
    if (
        isinstance(error, tf.errors.ResourceExhaustedError)
        and "OOM" in text
        or (isinstance(error, MemoryError))
    ):
        return f"out of memory: {text}\n  fewer examples in a batch or fewer neurons need less"
    if isinstance(error, (OSError, tf.errors.OpError)):
        return text
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) is called\n  at {user_code.place(error)}"
    return f"{type(error).__name__}: {text}"
