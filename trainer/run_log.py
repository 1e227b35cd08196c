"""The log of a run: the console, TensorBoard and growth.jsonl."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import gin
import tensorflow as tf

from growth.records import events
from models import cost
from trainer import experiment as experiment_lib
from trainer.config import hyperparameters
from trainer.logs import (
    hparams,
    layout,
    newborn_warning,
    pictures,
    progress,
    run_curves,
    summaries,
)
from trainer.model_dir import run_directory

# A picture takes as long as many training steps of a small network.
_SECONDS_BETWEEN_CURVES = 30


class RunLog:
    """Of several workers only the chief's appears anywhere.

    Args:
      experiment: what is trained.
      directory: where files go.

    Attributes:
      test_summaries: TensorBoard's `eval/`.
    """

    def __init__(
        self,
        experiment: experiment_lib.Experiment,
        directory: run_directory.RunDirectory,
    ):
        self._experiment = experiment
        self._directory = directory
        step = experiment.task.global_step
        folder = directory.path if directory.is_written else None
        self._summaries = summaries.manager(folder, step)
        self.test_summaries = summaries.manager(folder and folder / "eval", step)
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
        self._warned = None  # Training steps before the last growth that a warning was about.
        self._grown = None  # Training steps before a growth whose size has not been written yet.

    def config(self, literals: dict[str, int | float | str | bool]) -> None:
        """The configuration, before training; `literals` are its values by name."""
        self._directory.write_growths(self._experiment.grower.history.events)
        with self._writer():
            summaries.write_config(gin.config_str())
            layout.write(self._experiment.task.metric_names)
            hparams.start(hyperparameters.comparable(literals))

    def training(self) -> contextlib.AbstractContextManager[None]:
        """Within the block a user's code finds the event files, but has to ask for summaries."""
        return summaries.switched_off(self._summaries.summary_writer())

    def loop(self, output: dict[str, tf.Tensor]) -> None:
        """A training loop has ended with `output`.

        Raises:
          RunFailure: the folder of the run is not there any more.
        """
        self._directory.check_claim()
        self._progress(output)
        step = int(self._experiment.task.global_step.numpy())
        flops = self._experiment.training_flops(step)
        widths = self._experiment.grower.widths()
        parameters = cost.parameters(self._experiment.model)
        with self._writer():
            if self._grown is not None:
                summaries.write_rise(self._grown, step, widths, parameters)
                self._grown = None
            summaries.write_size(step, widths, parameters, flops)
            tf.summary.scalar("speed/examples_per_second", self._progress.rate, step=step)
            summaries.write_by_flops(self._add("train", step, output), flops)
        rate = self._progress.rate / self._experiment.dataset.batch_size
        self._summaries.write_summaries(output | {"steps_per_second": rate})
        self._summaries.flush()
        if time.monotonic() - self._drawn > _SECONDS_BETWEEN_CURVES:
            self._draw()

    def growth(self, growth: events.Growth, seconds_a_step: float | None) -> None:
        """A growth.

        Args:
          growth: what happened.
          seconds_a_step: what a training step took before it, if one was timed.
        """
        grower = self._experiment.grower
        self._directory.write_growths(grower.history.events)
        self._progress.growth(growth)
        self._grown = growth.step
        after = grower.widths()
        before = after | {name: site.from_width for name, site in growth.sites.items()}
        with self._writer():
            summaries.write_growth(growth)
            if seconds_a_step is not None:
                steps = growth.milliseconds / 1000 / seconds_a_step
                tf.summary.scalar("per_growth/training_steps", steps, step=growth.step)
            if self._directory.is_written:
                picture = pictures.widths(before, after)
                tf.summary.image("pictures/widths", picture, step=growth.step)

    def decision(self, decision: events.Decision) -> None:
        """An answer to whether the network grows now."""
        with self._writer():
            summaries.write_decision(decision)

    def decrease(self, growth: events.Growth) -> None:
        """By how much the loss has fallen since the last growth has become known."""
        self._directory.write_growths(self._experiment.grower.history.events)
        with self._writer():
            summaries.write_decrease(growth)

    def look(self, step: int, dormant: Mapping[str, float]) -> None:
        """A look at the neurons of the last growth.

        Args:
          step: training steps done.
          dormant: the sites with too many dormant neurons, and the share of them.
        """
        growths = self._experiment.grower.history.events
        self._directory.write_growths(growths)
        with self._writer():
            summaries.write_look(growths[-1], step)
        if dormant and growths[-1].step != self._warned:
            self._warned = growths[-1].step
            self.say(newborn_warning.text(growths[-1], step, dormant))

    def recycling(self, step: int, counts: Mapping[str, int]) -> None:
        """Dormant neurons have been recycled.

        Args:
          step: training steps done.
          counts: how many, of each site.
        """
        with self._writer():
            for name, count in counts.items():
                tf.summary.scalar(f"recycled/{name}", count, step=step)
        if found := [f"{count} of {name}" for name, count in counts.items() if count]:
            self.say(f"step {step}  recycled dormant neurons: {', '.join(found)}")

    def evaluation(self, metrics: dict[str, float], step: int) -> None:
        """The metrics of an evaluation after `step` training steps."""
        self._add("test", step, metrics)
        self.say(f"step {step}  test {_in_words(metrics)}")

    def finish(self, result: Mapping[str, Any], best_metric: str) -> None:
        """The run is done.

        Args:
          result: the content of result.json.
          best_metric: the one that decides which evaluation is the best.
        """
        with self._writer():
            hparams.finish()
        self._summaries.flush()
        if early := result.get("stopped_early"):
            self.say(f"stopped early: {early['reason']}")
        if ended := result.get("growth_ended"):
            self.say(f"growth ended: {ended}")
        test = f", test {_in_words(result['test'])}" if result["test"] else ""
        self.say(f"finished {result['steps']} steps: train {_in_words(result['train'])}{test}")
        if best := result["best"]:
            self.say(f"best: {best_metric}={best[best_metric]:.5g} at step {best['step']}")
        path = self._directory.path
        self.say(f"result: {path}/result.json\nTensorBoard: tensorboard --logdir={path}")

    def say(self, line: str) -> None:
        """Writes a line on the console."""
        self._progress.say(line)

    def close(self) -> None:
        """Leaves the console as it is, and in TensorBoard a last picture."""
        self._progress.close()
        self._draw()

    def _add(self, split, step, values):
        """Adds to the curves those of `values` that are metrics, and returns them."""
        metrics = {name: float(values[name]) for name in self._experiment.task.metric_names}
        for name, value in metrics.items():
            self._curves.setdefault(f"{split}/{name}", {})[step] = value
        return metrics

    def _draw(self):
        names = self._experiment.task.metric_names
        shown = {k: v for k, v in self._curves.items() if v and k.partition("/")[2] in names}
        growths = self._experiment.grower.history.events
        if shown and self._directory.is_written:
            step = max(map(max, shown.values()))
            with self._writer():
                picture = pictures.curves(shown, [growth.step for growth in growths])
                tf.summary.image("pictures/curves", picture, step=step)
                if any(site.looks for growth in growths for site in growth.sites.values()):
                    tf.summary.image("pictures/newborns", pictures.newborns(growths), step=step)
        self._drawn = time.monotonic()

    def _writer(self):
        # They are off while it trains, also for a growth.
        return summaries.switched_on(self._summaries.summary_writer())


def _in_words(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.5g}" for name, value in metrics.items())
