"""Figure 6: how well the singular vectors of a minibatch's gradient stand for the full ones."""

import dataclasses
import statistics
from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf

from growth import growth_step
from growth.linear_map import full_precision
from growth.methods import gradmax
from models import site as site_lib
from reproduction import bands, claim, figure
from trainer import experiment
from trainer.model_dir import run_directory

_PARTS = {"start": 0.0, "middle": 0.5, "end": 1.0}  # Of the training.


@gin.configurable
def alignments(
    directory: run_directory.RunDirectory,
    examples: int = 4096,
    smallest_batch: int = 64,
    counts: Sequence[int] = (1, 4),
) -> list[dict]:
    """Trains without growth, and compares top k left singular vectors in parts of the training.

    The map A of a batch is the sum of those of its parts, so that a minibatch is a random choice of
    parts.

    Args:
      directory: of the run; nothing is written to it.
      examples: training examples that the full gradient is taken from.
      smallest_batch: examples in a part; minibatches have 1, 2, 4, ... parts.
      counts: the numbers k of singular vectors.

    Returns:
      For each part of the training, site, k and batch size the `alignment`.
    """
    del directory
    built = experiment.Experiment()
    built.task.train_dataset = built.batches(0)
    matrices = _matrices(built)
    parts = built.dataset.train(0).unbatch().batch(smallest_batch, drop_remainder=True)
    parts = parts.take(examples // smallest_batch)
    found, step = [], 0
    for name, part in _PARTS.items():
        until = round(part * built.steps)
        built.task.train(tf.constant(until - step))
        step = until
        of_parts = [matrices(batch) for batch in parts]
        for site, site_matrices in zip(built.model.sites, zip(*of_parts, strict=True), strict=True):
            aligned = _by_batch_size(np.stack(site_matrices), counts, built.seed)
            for (count, size), alignment in aligned.items():
                found.append(
                    {
                        "part": name,
                        "step": step,
                        "site": site.name,
                        "k": count,
                        "batch_size": size * smallest_batch,
                        "alignment": alignment,
                    }
                )
    return found


def _matrices(built):
    """A function from a batch to the map A of each site."""
    step = growth_step.GrowthStep(
        built.model,
        site_lib.sites_of(built.model, required=True),
        built.task.loss,
        step=None,
        method=gradmax.GradMax(),
        slots=lambda variable: [],
        carry_slots=True,
    )

    @tf.function
    def of_batch(batch):
        with full_precision.full_precision(built.model):
            return [
                each.matrix()
                if each.has_matrix
                else tf.transpose(each.to_incoming(tf.eye(each.shape[0])))
                for each in step.maps(batch)
            ]

    return lambda batch: [matrix.numpy() for matrix in of_batch(batch)]


def _by_batch_size(matrices, counts, seed):
    """The alignment by k and the number of parts in a minibatch; `matrices` is `[parts, m, n]`."""
    order = np.random.default_rng(seed).permutation(len(matrices))
    most = max(counts)
    full = _left(matrices.sum(axis=0), most)
    aligned, size = {}, 1
    while size < len(matrices):
        some = _left(matrices[order[:size]].sum(axis=0), most)
        for count in counts:
            aligned[count, size] = alignment(full[:, :count], some[:, :count])
        size *= 2
    return aligned


def _left(matrix, count):
    return np.linalg.svd(matrix, full_matrices=False)[0][:, :count]


def alignment(left: np.ndarray, other: np.ndarray) -> float:
    """|trace(U^T V)| / k, of singular vectors `[m, k]` each.

    A singular vector has no sign: each pair takes signs that agree.
    """
    return float(np.abs(np.sum(left * other, axis=0)).mean())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SingularVectorAlignment(figure.FigureOfOneVariant):
    """Alignment over batch sizes, mean over sites: a panel for each k, 95 % intervals.

    Attributes:
      variant: measured by `alignments`.
    """

    def rows(self, runs):
        """See `Figure.rows`: a row for each alignment."""
        return [{"seed": run.seed} | found for run in runs for found in run.result()]

    def draw(self, rows):
        """See `Figure.draw`."""
        counts = sorted({row["k"] for row in rows})
        picture, axes = bands.panels([f"top {k} left singular vectors" for k in counts])
        for count, each in zip(counts, axes, strict=True):
            for part, style in zip(_PARTS, bands.styles(), strict=False):
                points = [
                    (size, list(by_seed.values()))
                    for size, by_seed in _means(rows, part, count).items()
                ]
                label = f"{part} of training"
                bands.line(each, points, label, style, confidence=0.95, marker="o")
            each.set_xscale("log", base=2)
            each.set_ylim(0.0, 1.05)
            each.set_xlabel("examples in the minibatch")
            each.set_ylabel("alignment with the full gradient")
            each.legend()
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        found = []
        for count in sorted({row["k"] for row in rows}):
            start, end = (_means(rows, part, count) for part in ("start", "end"))
            size = min(start, key=lambda size: abs(size - 128))
            value = statistics.fmean(start[size].values())
            found += [
                claim.holds(
                    f"k = {count}: at the start of training the alignment with {size} examples is "
                    "strong, at least 0.8 in the mean",
                    value >= 0.8,
                    f"{value:.3f}",
                ),
                claim.below(
                    f"k = {count}: at the end of training the alignment with {size} examples is "
                    "lower than at the start",
                    end[size],
                    start[size],
                ),
                claim.above(
                    f"k = {count}: at the end the alignment grows with the minibatch: larger with "
                    f"{max(end)} examples than with {min(end)}",
                    end[max(end)],
                    end[min(end)],
                ),
            ]
        return found


def _means(rows, part, count):
    """The mean over sites, by seed, by batch size."""
    values = {}
    for row in rows:
        if (row["part"], row["k"]) == (part, count):
            by_seed = values.setdefault(row["batch_size"], {})
            by_seed.setdefault(row["seed"], []).append(row["alignment"])
    return {
        size: {seed: statistics.fmean(each) for seed, each in by_seed.items()}
        for size, by_seed in sorted(values.items())
    }
