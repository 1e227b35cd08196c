"""Figure 3c: how long the growing algorithms take, beside a training step."""

import dataclasses
import statistics
from collections.abc import Mapping

from reproduction import bands, claim, figure, variant


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GrowthRunTimes(figure.Figure):
    """Milliseconds of each growth without the training step in it, and of a training step.

    The first growth of a run is left out, because what happens only once is in it.

    Attributes:
      panels: by title, configurations by label.
    """

    panels: Mapping[str, Mapping[str, variant.Variant]]

    def variants(self):
        """See `Figure.variants`."""
        return [each for panel in self.panels.values() for each in panel.values()]

    def rows(self, runs):
        """See `Figure.rows`: a row for each growth."""
        labels = {
            each.name: (panel, label)
            for panel, by_label in self.panels.items()
            for label, each in by_label.items()
        }
        return [
            {
                "panel": labels[run.config][0],
                "label": labels[run.config][1],
                "seed": run.seed,
                "step": growth["step"],
                "growth_milliseconds": growth["milliseconds"] - growth["step_milliseconds"],
                "step_milliseconds": growth["step_milliseconds"],
            }
            for run in runs
            for growth in run.result()["growths"][1:]
        ]

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, axes = bands.panels(list(self.panels))
        for (panel, by_label), each in zip(self.panels.items(), axes, strict=True):
            times = {
                label: _median(rows, panel, label, "growth_milliseconds") for label in by_label
            }
            times["training step"] = _step(rows, panel)
            each.bar(list(times), list(times.values()))
            each.set_yscale("log")
            each.set_ylabel("milliseconds (median)")
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        return [each for panel in self.panels for each in _negligible(rows, panel)]


def _negligible(rows, panel):
    growth, random = (
        _median(rows, panel, label, "growth_milliseconds") for label in ("GradMax", "Random")
    )
    step = _step(rows, panel)
    detail = f"{growth:.3g} ms, Random {random:.3g} ms, a training step {step:.3g} ms"
    return [
        claim.holds(
            f"{panel}: a growth by GradMax takes less time than a training step (medians)",
            growth < step,
            detail,
        ),
        claim.holds(
            f"{panel}: what a growth by GradMax takes beyond one by Random is less than a training "
            "step (medians)",
            growth - random < step,
            detail,
        ),
    ]


def _median(rows, panel, label, column):
    return statistics.median(
        row[column] for row in rows if (row["panel"], row["label"]) == (panel, label)
    )


def _step(rows, panel):
    return statistics.median(row["step_milliseconds"] for row in rows if row["panel"] == panel)
