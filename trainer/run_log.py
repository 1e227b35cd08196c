"""What a run tells while it trains: on the console, in TensorBoard and in growth.jsonl."""

import os
import sys
import time
from typing import Any

import gin
import orbit
import tensorflow as tf

from models import cost
from trainer import experiment as experiment_lib
from trainer.config import hyperparameters
from trainer.logs import hparams, layout, pictures, progress, run_curves, summaries
from trainer.model_dir import run_directory

# A picture takes as long as many training steps of a small network.
_SECONDS_BETWEEN_CURVES = 30


class RunLog:
    """Of several workers only the chief's appears anywhere.

    Args:
      experiment: what is trained.
      directory: where files go.
      controller: whose event files get what is added to them here.
    """

    def __init__(
        self,
        experiment: experiment_lib.Experiment,
        directory: run_directory.RunDirectory,
        controller: orbit.Controller,
    ):
        self._experiment = experiment
        self._directory = directory
        self._controller = controller
        self._progress = progress.Progress(
            experiment.task.global_step,
            experiment.steps,
            experiment.dataset.batch_size,
            sys.stderr if directory.is_written else open(os.devnull, "w"),
        )
        # What an earlier process logged is a part of the picture, unless its steps are done again.
        step = int(experiment.task.global_step.numpy())
        self._curves = {
            name: {at: value for at, value in by_step.items() if at <= step}
            for name, by_step in run_curves.metrics(directory.path).items()
        }
        self._drawn = time.monotonic()
        self._grown = None  # Training steps before a growth whose size has not been written yet.

    def config(self, literals: dict[str, int | float | str | bool]) -> None:
        """The configuration, before training; `literals` are its values by name."""
        self._directory.write_growths(self._experiment.grower.history.events)
        with self._writer(self._controller.summary_manager):
            summaries.write_config(gin.config_str())
            layout.write(self._experiment.task.metric_names)
            hparams.start(hyperparameters.comparable(literals))

    def loop(self, output: dict[str, tf.Tensor]) -> None:
        """A training loop has ended with `output`; an Orbit train action."""
        self._progress(output)
        step = int(self._experiment.task.global_step.numpy())
        flops = self._experiment.training_flops(step)
        widths = self._experiment.grower.widths()
        parameters = cost.parameters(self._experiment.model)
        with self._writer(self._controller.summary_manager):
            if self._grown is not None:
                summaries.write_rise(self._grown, step, widths, parameters)
                self._grown = None
            summaries.write_size(step, widths, parameters, flops)
            tf.summary.scalar("speed/examples_per_second", self._progress.rate, step=step)
            summaries.write_by_flops(self._add("train", step, output), flops)
        if time.monotonic() - self._drawn > _SECONDS_BETWEEN_CURVES:
            self._draw_curves()

    def growth(self, event: dict[str, Any], seconds_a_step: float | None) -> None:
        """A growth; `event` as in growth/history.py.

        Args:
          event: the growth.
          seconds_a_step: what a training step took before it, if one was timed.
        """
        grower = self._experiment.grower
        self._directory.write_growths(grower.history.events)
        self._progress.growth(event)
        self._grown = event["step"]
        after = grower.widths()
        before = after | {name: site["from"] for name, site in event["sites"].items()}
        with self._writer(self._controller.summary_manager):
            summaries.write_growth(event)
            if seconds_a_step is not None:
                steps = event["milliseconds"] / 1000 / seconds_a_step
                tf.summary.scalar("per_growth/training_steps", steps, step=event["step"])
            if self._directory.is_written:
                picture = pictures.widths(before, after)
                tf.summary.image("pictures/widths", picture, step=event["step"])

    def evaluation(self, metrics: dict[str, float], step: int) -> None:
        """The metrics of an evaluation after `step` training steps."""
        with self._writer(self._controller.eval_summary_manager):
            summaries.write_by_flops(metrics, self._experiment.training_flops(step))
        self._add("test", step, metrics)

    def finish(self) -> None:
        """The run is done."""
        with self._writer(self._controller.summary_manager):
            hparams.finish()
        self._controller.summary_manager.flush()

    def say(self, line: str) -> None:
        """Writes a line on the console."""
        self._progress.say(line)

    def close(self) -> None:
        """Leaves the console as it is, and in TensorBoard a last picture."""
        self._progress.close()
        self._draw_curves()

    def _add(self, split, step, values):
        """Adds to the curves those of `values` that are metrics, and returns them."""
        metrics = {name: float(values[name]) for name in self._experiment.task.metric_names}
        for name, value in metrics.items():
            self._curves.setdefault(f"{split}/{name}", {})[step] = value
        return metrics

    def _draw_curves(self):
        names = self._experiment.task.metric_names
        shown = {k: v for k, v in self._curves.items() if v and k.partition("/")[2] in names}
        if shown and self._directory.is_written:
            growths = [event["step"] for event in self._experiment.grower.history.events]
            step = max(map(max, shown.values()))
            with self._writer(self._controller.summary_manager):
                tf.summary.image("pictures/curves", pictures.curves(shown, growths), step=step)
        self._drawn = time.monotonic()

    def _writer(self, manager):
        # Orbit switches summaries off inside its loops.
        return summaries.switched_on(manager.summary_writer())
