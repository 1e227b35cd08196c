"""Figures 2c, 9c and 11c: how much lower the loss is after GradMax's growth than after Random's."""

import dataclasses
import statistics

from reproduction import bands, claim, figure


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LossAfterGrowth(figure.FigureOfOneVariant):
    """L(Random) - L(GradMax) in the training after one growth from the same checkpoint.

    Attributes:
      variant: Random growth, measured by `after_growth`.
    """

    def rows(self, runs):
        """See `Figure.rows`: a row for each point."""
        return [
            {
                "seed": run.seed,
                "growth": number,
                "step": growth["step"],
                "steps_after_growth": step,
                "loss_gradmax": gradmax,
                "loss_random": random,
                "difference": random - gradmax,
            }
            for run in runs
            for number, growth in enumerate(run.result(), 1)
            for (step, gradmax), (_, random) in zip(
                growth["losses"]["GradMax"], growth["losses"]["Random"], strict=True
            )
        ]

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, (axes,) = bands.panels([self.title])
        growths = sorted({row["growth"] for row in rows})
        for growth, style in zip(growths, bands.styles(), strict=False):
            points = {}
            for row in rows:
                if row["growth"] == growth:
                    points.setdefault(row["steps_after_growth"], []).append(row["difference"])
            bands.line(axes, list(points.items()), f"growth {growth}", style)
        axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set_xlabel("training steps after the growth")
        axes.set_ylabel("training loss: Random - GradMax")
        axes.legend()
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        last = max(row["steps_after_growth"] for row in rows)
        found = [
            self._ahead(
                [row for row in rows if row["growth"] == growth],
                f"after growth {growth} the training loss is lower with GradMax than with Random, "
                f"in the mean over {last} steps",
            )
            for growth in sorted({row["growth"] for row in rows})
        ]
        end = [row for row in rows if row["steps_after_growth"] == last]
        text = f"the lead lasts: after {last} steps GradMax is still below Random (all growths)"
        return [*found, self._ahead(end, text)]

    def _ahead(self, rows, text):
        """Compares the means over `rows` by seed."""
        means = []
        for column in ("loss_gradmax", "loss_random"):
            by_seed = {}
            for row in rows:
                by_seed.setdefault(row["seed"], []).append(row[column])
            means.append({seed: statistics.fmean(v) for seed, v in by_seed.items()})
        return claim.below(text, *means)
