"""The train loop of figure 3's small setting: 1500 steps with five growths, without start-up.

Everything between the first step and result.json: growths, checkpoints, TensorBoard, evaluation.

./bazelw run //benchmarks:small_run
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import contextlib
import tempfile

import gin
import numpy as np
from absl import app, flags, logging

from benchmarks import paired
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.model_dir import run_directory

_ROUNDS = flags.DEFINE_integer("rounds", 7, "Runs.")


def _seconds(method: str) -> float:
    """Wall time of one run."""
    gin.clear_config()
    files = ["gin_configs/teacher_student/small.gin", f"gin_configs/methods/{method}.gin"]
    reader.load(files, [])
    with tempfile.TemporaryDirectory() as folder:
        run = run_lib.Run(experiment.Experiment(), run_directory.RunDirectory(folder))
        training = train.Training(run, reader.literals())
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            return paired.seconds(lambda: training.train(evaluate=True))


def main(argv):
    """Prints one line for each method."""
    del argv
    logging.set_verbosity(logging.ERROR)
    for method in ("baseline_big", "random", "gradmax"):
        times = np.array([_seconds(method) for _ in range(_ROUNDS.value)])
        print(f"{method}: 1500 steps in {paired.describe(times, ' s')}", flush=True)


if __name__ == "__main__":
    app.run(main)
