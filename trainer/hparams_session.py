"""A run as TensorBoard's HParams page sees it: its settings, and how it ended."""

import pathlib
from collections.abc import Mapping

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary

from trainer import summaries


def start(folder: pathlib.Path, settings: Mapping[str, int | float | str | bool]) -> None:
    """Begins a session, whose metrics are the scalars in the folders below.

    Args:
      folder: the model_dir; above `train/` and `eval/`, so that one line shows the metrics of both.
      settings: values of the configuration by name.
    """
    with _writer(folder):
        api.hparams(dict(settings))


def finish(folder: pathlib.Path) -> None:
    """Marks the session as successful."""
    end = hparams_summary.session_end_pb(api_pb2.STATUS_SUCCESS)
    with _writer(folder):
        tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)


def _writer(folder):
    return summaries.switched_on(tf.summary.create_file_writer(str(folder)))
