"""A run as TensorBoard's HParams page sees it: its settings, and how it ended."""

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary

from trainer.logs import summaries


def start(folder: pathlib.Path, settings: Mapping[str, int | float | str | bool]) -> None:
    """Begins a session, whose metrics are the scalars in the folders below.

    Args:
      folder: the model_dir; above `train/` and `eval/`, so that one line shows the metrics of both.
      settings: values of the configuration by name, see `hyperparameters.comparable`.
    """
    with _writer(folder):
        # Without an id of its own, the line has the name of the run, as all other pages do.
        api.hparams(dict(settings), trial_id="")


def finish(folder: pathlib.Path, result: Mapping[str, Any]) -> None:
    """Marks the session as successful, with what came out.

    Args:
      folder: the model_dir.
      result: what result.json holds. Its numbers come first in the table, by their names.
    """
    final = {
        f"{split}_{name}": value
        for split in ("test", "train")
        for name, value in result[split].items()
    }
    final |= {name: result[name] for name in ("parameters", "training_flops", "wall_seconds")}
    end = hparams_summary.session_end_pb(api_pb2.STATUS_SUCCESS)
    with _writer(folder):
        for name, value in final.items():
            tf.summary.scalar(f"final/{name}", value, step=result["steps"])
        tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)


def _writer(folder):
    return summaries.switched_on(tf.summary.create_file_writer(str(folder)))
