"""A run as TensorBoard's HParams page sees it: its settings, and whether it has ended.

Written into the event files of the run, from which the page takes its name and the metrics, those
of the folders below (`eval/`) as well.
"""

from collections.abc import Mapping

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary


def start(settings: Mapping[str, int | float | str | bool]) -> None:
    """Writes the beginning of a session.

    Args:
      settings: values of the configuration by name, see `hyperparameters.comparable`.
    """
    # Without an id of its own, the line has the name of the run, as all other pages do.
    api.hparams(dict(settings), trial_id="")


def finish() -> None:
    """Writes the successful end of the session."""
    end = hparams_summary.session_end_pb(api_pb2.STATUS_SUCCESS)
    tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)
