"""Figure 8: what growing along one singular vector or another does to the loss in the long run."""

import dataclasses
import itertools
import statistics

import gin
import matplotlib
import numpy as np
import tensorflow as tf

from growth.linear_map import linear_map as linear_map_lib
from growth.linear_map import singular_vectors
from growth.methods import one_sided, signs
from growth.surgery.neurons import NewNeurons
from reproduction import bands, claim, figure, single_growth
from trainer import experiment
from trainer.model_dir import run_directory


class OneSingularVector(one_sided.OneSided):
    """GradMax with one singular vector of choice in the place of the top one.

    Attributes:
      number: of the vector, 0 for the top one; an int32 variable, read at each growth.
    """

    def __init__(self):
        super().__init__()
        self.number = tf.Variable(0)

    def __call__(
        self, linear_map: linear_map_lib.LinearMap, count: tf.Tensor, seed: tf.Tensor
    ) -> NewNeurons:
        """See `GrowthMethod.__call__`; `count` is 1."""
        seeds = tf.random.split(seed)
        top = singular_vectors.top(linear_map, self.number + count, seeds[0])
        left, right, values = (x[..., self.number :] for x in top)
        sign = signs.descending(linear_map, left, right, seeds[1])
        norm_in, norm_out = self.norms(linear_map.site)
        return NewNeurons(
            norm_in * tf.zeros_like(right), norm_out * sign * left, singular_values=values
        )


@gin.configurable
def growths_by_singular_vector(
    directory: run_directory.RunDirectory,
    starts: tuple[int, ...] = (20, 50, 100, 500, 1000),
    vectors: int = 5,
    steps: int = 1500,
    interval: int = 10,
) -> dict:
    """Trains without growth, and from some of its states on with a neuron of one singular vector.

    Args:
      directory: of the run; nothing is written to it.
      starts: training steps before the one growth, ascending.
      vectors: how many singular vectors are tried, the top one first.
      steps: training steps in all.
      interval: steps between two losses.

    Returns:
      `without`: [step, training loss] without growth; `growths`: for each start and vector
      `start`, `number` (from 1), `singular_value` and `losses` as [steps after the growth, loss].
    """
    del directory
    built = experiment.Experiment()
    task, method = built.task, OneSingularVector()
    task.train_dataset = built.batches(0)  # Full batch: the same at every step.
    batch = task.next_batch()
    grow = single_growth.SingleGrowth(built, method)
    without, growths = [], []
    for step in range(0, steps + 1, interval):
        if step:
            task.train(tf.constant(interval))
        without.append([step, task.evaluate_batch(batch)["loss"]])
        if step not in starts:
            continue
        for number in range(vectors):
            method.number.assign(number)
            with single_growth.undone(built):
                (site,) = grow(batch, 0).values()
                growths.append(
                    {
                        "start": step,
                        "number": number + 1,
                        "singular_value": float(site["singular_values"][0]),
                        "losses": _losses(task, batch, steps - step, interval),
                    }
                )
    return {"without": without, "growths": growths}


def _losses(task, batch, steps, interval):
    found = []
    for step in range(interval, steps + 1, interval):
        task.train(tf.constant(interval))
        found.append([step, task.evaluate_batch(batch)["loss"]])
    return found


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SingularValuesAndLoss(figure.FigureOfOneVariant):
    """Loss curves after one growth (left, first seed), and Pearson correlations (right).

    Attributes:
      variant: measured by `growths_by_singular_vector`.
    """

    def rows(self, runs):
        """See `Figure.rows`: a row for each point; without growth the number is 0."""
        rows = []
        for run in runs:
            result = run.result()
            for step, loss in result["without"]:
                rows.append(_row(run.seed, "", 0, "", step, "", loss, ""))
            for start, group in itertools.groupby(result["growths"], lambda g: g["start"]):
                growths = list(group)
                values = [growth["singular_value"] for growth in growths]
                for points in zip(*(growth["losses"] for growth in growths), strict=True):
                    after, losses = points[0][0], [loss for _, loss in points]
                    correlation = float(np.corrcoef(values, losses)[0, 1])
                    for number, (value, loss) in enumerate(zip(values, losses, strict=True), 1):
                        step = start + after
                        rows.append(
                            _row(run.seed, start, number, value, step, after, loss, correlation)
                        )
        return rows

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, (top, bottom) = bands.panels(
            ["growth once by one singular vector (seed 0)", "correlation over seeds"]
        )
        starts = sorted({row["start"] for row in rows if row["number"]})
        greys = matplotlib.colormaps["Greys_r"]
        numbers = max(row["number"] for row in rows)
        for start, number in itertools.product(starts, range(1, numbers + 1)):
            points = [
                (row["step"], row["training_loss"])
                for row in rows
                if (row["seed"], row["start"], row["number"]) == (0, start, number)
            ]
            top.plot(*zip(*points, strict=True), color=greys(0.7 * (number - 1) / numbers), lw=1)
        without = [r for r in rows if (r["seed"], r["number"]) == (0, 0)]
        top.plot(
            [row["step"] for row in without],
            [row["training_loss"] for row in without],
            color="tab:blue",
            label="no growth; darker: larger singular value",
        )
        top.set_yscale("log")
        top.set_xlabel("training steps")
        top.set_ylabel("training loss")
        top.legend(fontsize="small")
        for start, style in zip(starts, bands.styles(), strict=False):
            points = [(after, list(v.values())) for after, v in correlations(rows, start).items()]
            bands.line(bottom, points, f"growth at step {start}", style)
        bottom.axhline(0.0, color="black", linewidth=0.8)
        bottom.set_xscale("log")
        bottom.set_ylim(-1.05, 1.05)
        bottom.set_xlabel("training steps after the growth")
        bottom.set_ylabel("Pearson correlation of singular value and loss")
        bottom.legend(fontsize="small")
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        starts = sorted({row["start"] for row in rows if row["number"]})
        means = {
            start: [statistics.fmean(v.values()) for v in correlations(rows, start).values()]
            for start in starts
        }
        every = [mean for values in means.values() for mean in values]
        return [
            claim.holds(
                "the mean correlation of singular values and loss is negative at all steps after "
                "all growths",
                max(every) < 0.0,
                f"{claim.span(every)}, negative at {sum(m < 0.0 for m in every)} of {len(every)}",
            ),
            *(_gets_worse(rows, start) for start in starts),
            _holds_longer(means),
        ]


def _row(seed, start, number, value, step, after, loss, correlation):
    return {
        "seed": seed,
        "start": start,
        "number": number,
        "singular_value": value,
        "step": step,
        "steps_after_growth": after,
        "training_loss": loss,
        "correlation": correlation,
    }


def correlations(rows, start: int) -> dict[int, dict[int, float]]:
    """The correlations after a growth at `start`, by seed, by steps after the growth."""
    by_step = {}
    for row in rows:
        if row["start"] == start and row["number"]:
            by_step.setdefault(row["steps_after_growth"], {})[row["seed"]] = row["correlation"]
    return by_step


def _gets_worse(rows, start):
    by_step = correlations(rows, start)
    first, last = min(by_step), max(by_step)
    return claim.above(
        f"after a growth at step {start} the correlation gets weaker: it is less negative after "
        f"{last} steps than after {first}",
        by_step[last],
        by_step[first],
    )


def _holds_longer(means):
    """Steps until the mean correlation is above -0.5 for the first time."""
    first, *_, last = means
    held = {
        start: next((i for i, mean in enumerate(values) if mean > -0.5), len(values))
        for start, values in means.items()
    }
    return claim.holds(
        f"close to convergence the correlation holds for longer: below -0.5 for more steps after a "
        f"growth at step {last} than after one at step {first}",
        held[last] > held[first],
        f"{held[last]} and {held[first]} points",
    )
