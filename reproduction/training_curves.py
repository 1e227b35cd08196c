"""Figures of training curves: the loss on its way, of some configurations side by side."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from reproduction import bands, claim, figure, variant

# Maps rows to a verdict.
Claim = Callable[[Sequence[figure.Row]], claim.Verdict]

_X_AXES = {"step": "training steps", "training_flops": "training FLOPs"}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrainingCurves(figure.Figure):
    """The training loss over steps or FLOPs: mean over seeds with its 80 % interval.

    A point is the mean over the steps since the point before, the last one the loss after the last
    step.

    Attributes:
      panels: by title, what is drawn by label.
      claims: about them.
      axis: `step` or `training_flops`.
    """

    panels: Mapping[str, Mapping[str, variant.Variant]]
    claims: Sequence[Claim]
    axis: str = "step"

    def variants(self):
        """See `Figure.variants`."""
        every = [each for panel in self.panels.values() for each in panel.values()]
        return list(dict.fromkeys(every))

    def rows(self, runs):
        """See `Figure.rows`: a row for each point of each run."""
        curves = {}
        for run in runs:
            curves.setdefault(run.config, []).append((run.seed, run.result()["curve"]))
        return [
            {
                "panel": panel,
                "label": label,
                "seed": seed,
                "step": step,
                "training_flops": flops,
                "training_loss": loss,
            }
            for panel, by_label in self.panels.items()
            for label, each in by_label.items()
            for seed, curve in curves[each.name]
            for step, flops, loss in curve
        ]

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, axes = bands.panels(list(self.panels))
        for panel, each in zip(self.panels, axes, strict=True):
            for label, style in zip(self.panels[panel], bands.styles(), strict=False):
                points = {}
                for row in rows:
                    if (row["panel"], row["label"]) == (panel, label):
                        points.setdefault(row["step"], []).append(row)
                bands.line(each, self._points(points), label, style)
            each.set_xlabel(_X_AXES[self.axis])
            each.set_ylabel("training loss")
            bands.logarithmic(each)
            each.legend(fontsize="small")
        return picture

    def _points(self, by_step):
        """x, the mean over seeds at a step, and the losses at this step."""
        return [
            (sum(row[self.axis] for row in rows) / len(rows), [r["training_loss"] for r in rows])
            for _, rows in sorted(by_step.items())
        ]

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        return [each(rows) for each in self.claims]


@dataclasses.dataclass(frozen=True)
class Lower:
    """`label` has a lower training loss than `other`.

    Attributes:
      panel: where both are.
      label: of the curve that should be lower.
      other: of the one that should be higher.
      part: of the training after which they are compared.
    """

    panel: str
    label: str
    other: str
    part: float = 1.0

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `TrainingCurves.rows`."""
        when = (
            "the final training loss"
            if self.part == 1.0
            else (f"the training loss after {self.part:.0%} of the training")
        )
        text = f"{self.panel}: {when} of {self.label} is below that of {self.other}"
        return claim.below(text, *_compared(rows, self))


@dataclasses.dataclass(frozen=True)
class NotHigher:
    """`label` matches `other`: its final loss is not above that of `other`; see `Lower`."""

    panel: str
    label: str
    other: str
    part: float = 1.0

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `TrainingCurves.rows`."""
        text = (
            f"{self.panel}: {self.label} matches {self.other}: the interval of the difference of "
            "final training losses is not above zero"
        )
        return claim.not_above(text, *_compared(rows, self))


@dataclasses.dataclass(frozen=True)
class Jumpier:
    """The loss of `label` rises more often than that of `other`, by more than `percent`."""

    panel: str
    label: str
    other: str
    percent: float = 5.0

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `TrainingCurves.rows`."""
        text = (
            f"{self.panel}: the training loss of {self.label} jumps up by more than "
            f"{self.percent:g} % from point to point more often than that of {self.other}"
        )
        label, other = (self._jumps(rows, name) for name in (self.label, self.other))
        return claim.above(text, label, other)

    def _jumps(self, rows, label):
        jumps = {}
        for seed, curve in losses(rows, self.panel, label).items():
            values = list(curve.values())
            rises = [b / a - 1.0 for a, b in zip(values, values[1:], strict=False)]
            jumps[seed] = sum(100.0 * rise > self.percent for rise in rises)
        return jumps


@dataclasses.dataclass(frozen=True)
class Cheaper:
    """The whole training of `label` costs at most `percent` of the FLOPs of that of `other`."""

    panel: str
    label: str
    other: str
    percent: float

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `TrainingCurves.rows`."""
        cost, other = (
            max(
                row["training_flops"]
                for row in rows
                if (row["panel"], row["label"]) == (self.panel, label)
            )
            for label in (self.label, self.other)
        )
        text = (
            f"{self.panel}: training {self.label} costs at most {self.percent:g} % of the FLOPs of "
            f"{self.other}"
        )
        part = 100.0 * cost / other
        return claim.holds(text, part <= self.percent, f"{part:.1f} %")


def losses(rows: Sequence[figure.Row], panel: str, label: str) -> dict[int, dict[int, float]]:
    """The training losses by step, by seed."""
    curves = {}
    for row in rows:
        if (row["panel"], row["label"]) == (panel, label):
            curves.setdefault(row["seed"], {})[row["step"]] = row["training_loss"]
    return curves


def _compared(rows, each):
    """By seed the loss of `each.label` and of `each.other` after `each.part` of the training."""
    compared = []
    for label in (each.label, each.other):
        by_seed = {}
        for seed, curve in losses(rows, each.panel, label).items():
            step = min(step for step in curve if step >= each.part * max(curve))
            by_seed[seed] = curve[step]
        compared.append(by_seed)
    return compared
