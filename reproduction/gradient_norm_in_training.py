"""Figures 2b, 9b and 11b: the gradient norm of all parameters throughout training."""

import dataclasses
import statistics
from collections.abc import Mapping

import tensorflow as tf

from reproduction import bands, checkpointed_run, claim, figure, variant
from trainer.model_dir import run_directory


def gradient_norms(directory: run_directory.RunDirectory) -> list[list[float]]:
    """Trains, and measures the gradient on a training batch at each checkpoint.

    Returns:
      [step, loss, norm of its gradient by all parameters] for each checkpoint.
    """
    run = checkpointed_run.CheckpointedRun(directory)
    task, model = run.experiment.task, run.experiment.model
    task.train_dataset = run.experiment.batches(0)  # Full batch: the same at every step.
    inputs, targets = task.next_batch()

    @tf.function
    def measure():
        with tf.GradientTape() as tape:
            loss = task.loss(targets, model(inputs, training=True))
        return loss, tf.linalg.global_norm(tape.gradient(loss, model.trainable_variables))

    found = []
    for step in run.steps:
        run.restore(step)
        found.append([step, *(float(value) for value in measure())])
    return found


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GradientNormInTraining(figure.Figure):
    """The gradient norm over the training loss, which scales it, throughout training.

    Attributes:
      by_label: configurations measured by `gradient_norms`, by label; among them GradMax and
        Random.
    """

    by_label: Mapping[str, variant.Variant]

    def variants(self):
        """See `Figure.variants`."""
        return list(self.by_label.values())

    def rows(self, runs):
        """See `Figure.rows`: a row for each point of each run."""
        labels = {each.name: label for label, each in self.by_label.items()}
        return [
            {
                "label": labels[run.config],
                "seed": run.seed,
                "step": step,
                "training_loss": loss,
                "gradient_norm": norm,
                "gradient_norm_over_loss": norm / loss,
            }
            for run in runs
            for step, loss, norm in run.result()
        ]

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, (axes,) = bands.panels([self.title])
        for label, style in zip(self.by_label, bands.styles(), strict=False):
            points = {}
            for row in rows:
                if row["label"] == label:
                    points.setdefault(row["step"], []).append(row["gradient_norm_over_loss"])
            bands.line(axes, sorted(points.items()), label, style)
        axes.set_xlabel("training steps")
        axes.set_ylabel("gradient norm / training loss")
        bands.logarithmic(axes)
        axes.legend()
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        return [
            claim.above(
                "the larger gradient norm persists: over the training loss, in the geometric mean "
                "over the training, it is larger with GradMax than with Random",
                _means(rows, "GradMax"),
                _means(rows, "Random"),
            )
        ]


def _means(rows, label):
    """The geometric mean over a run, by seed."""
    by_seed = {}
    for row in rows:
        if row["label"] == label:
            by_seed.setdefault(row["seed"], []).append(row["gradient_norm_over_loss"])
    return {seed: statistics.geometric_mean(values) for seed, values in by_seed.items()}
