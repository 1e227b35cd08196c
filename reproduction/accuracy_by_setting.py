"""Like figure 5, on a small network: test accuracy over settings of GradMax."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence

from reproduction import bands, claim, figure, variant


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AccuracyBySetting(figure.Figure):
    """Test accuracy at the end of training, a point for each setting.

    Attributes:
      panels: by title, configurations by the name of the setting.
      claims: map rows to verdicts.
    """

    panels: Mapping[str, Mapping[str, variant.Variant]]
    claims: Sequence[Callable[[Sequence[figure.Row]], claim.Verdict]]

    def variants(self):
        """See `Figure.variants`."""
        every = [each for panel in self.panels.values() for each in panel.values()]
        return list(dict.fromkeys(every))

    def rows(self, runs):
        """See `Figure.rows`: a row for each run in each panel."""
        by_config = {}
        for run in runs:
            by_config.setdefault(run.config, []).append((run.seed, run.result()))
        return [
            {
                "panel": panel,
                "setting": setting,
                "seed": seed,
                "test_accuracy": result["test"]["accuracy"],
            }
            for panel, by_setting in self.panels.items()
            for setting, each in by_setting.items()
            for seed, result in by_config[each.name]
        ]

    def draw(self, rows):
        """See `Figure.draw`: means and 95 % intervals."""
        picture, axes = bands.panels(list(self.panels))
        for (panel, by_setting), each in zip(self.panels.items(), axes, strict=True):
            accuracies = [list(accuracy(rows, panel, setting).values()) for setting in by_setting]
            each.errorbar(
                range(len(accuracies)),
                [statistics.fmean(values) for values in accuracies],
                [bands.half_width(values, 0.95) for values in accuracies],
                fmt="o",
                capsize=4,
            )
            each.set_xticks(range(len(accuracies)), by_setting, rotation=30, ha="right")
            each.set_ylabel("test accuracy")
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        return [each(rows) for each in self.claims]


@dataclasses.dataclass(frozen=True)
class Better:
    """A setting has a higher test accuracy than another one of the same panel."""

    panel: str
    setting: str
    other: str

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `AccuracyBySetting.rows`."""
        return claim.above(
            f"{self.panel}: the test accuracy with {self.setting} is above that with {self.other}",
            accuracy(rows, self.panel, self.setting),
            accuracy(rows, self.panel, self.other),
        )


@dataclasses.dataclass(frozen=True)
class Robust:
    """The mean accuracies of some settings are within `points` percentage points."""

    panel: str
    settings: tuple[str, ...]
    points: float

    def __call__(self, rows: Sequence[figure.Row]) -> claim.Verdict:
        """The verdict on the rows of `AccuracyBySetting.rows`."""
        means = [
            100.0 * statistics.fmean(accuracy(rows, self.panel, setting).values())
            for setting in self.settings
        ]
        return claim.holds(
            f"{self.panel}: the mean test accuracies with {', '.join(self.settings)} differ by at "
            f"most {self.points:g} percentage points",
            max(means) - min(means) <= self.points,
            f"{min(means):.2f} to {max(means):.2f} %",
        )


def accuracy(rows: Sequence[figure.Row], panel: str, setting: str) -> dict[int, float]:
    """The test accuracies of a setting by seed."""
    return {
        row["seed"]: row["test_accuracy"]
        for row in rows
        if (row["panel"], row["setting"]) == (panel, setting)
    }
