"""Figures 2a, 9a and 11a: gradient norms of a new neuron, by method, from the same networks."""

import dataclasses
import statistics

from reproduction import after_growth, bands, claim, figure


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GradientNormAfterGrowth(figure.FigureOfOneVariant):
    """The gradient norm by one new neuron, from checkpoints of Random growth.

    Attributes:
      variant: Random growth, measured by `after_growth`.
    """

    def rows(self, runs):
        """See `Figure.rows`: a row for each new neuron."""
        return [
            {
                "seed": run.seed,
                "growth": number,
                "step": growth["step"],
                "method": method,
                "draw": draw,
                "gradient_norm": norm,
            }
            for run in runs
            for number, growth in enumerate(run.result(), 1)
            for method, norms in growth["norms"].items()
            for draw, norm in enumerate(norms)
        ]

    def draw(self, rows):
        """See `Figure.draw`."""
        picture, (axes,) = bands.panels([self.title])
        for method, style in zip(after_growth.METHODS, bands.styles(), strict=False):
            by_growth = {}
            for row in rows:
                if row["method"] == method:
                    by_growth.setdefault(row["growth"], []).append(row["gradient_norm"])
            bands.line(axes, list(by_growth.items()), method, style, marker="o")
        axes.set_xlabel("growth")
        axes.set_ylabel("gradient norm of the new neuron")
        axes.set_xticks(sorted({row["growth"] for row in rows}))
        axes.legend()
        return picture

    def verdicts(self, rows):
        """See `Figure.verdicts`."""
        norms = {}
        for row in rows:
            by_state = norms.setdefault(row["method"], {})
            by_state.setdefault((row["growth"], row["seed"]), []).append(row["gradient_norm"])
        return [_everywhere_above(norms, other) for other in after_growth.METHODS[1:]] + [
            _optimized_falls_short(norms)
        ]


def _everywhere_above(norms, other):
    """GradMax's norm is above the mean of another method at all growths."""
    ratios = {}
    for (growth, seed), (norm,) in norms["GradMax"].items():
        ratios.setdefault(growth, []).append(norm / statistics.fmean(norms[other][growth, seed]))
    means = [statistics.fmean(values) for values in ratios.values()]
    largest = max(
        value / norm for state, (norm,) in norms["GradMax"].items() for value in norms[other][state]
    )
    return claim.holds(
        f"GradMax's gradient norm after growth is above {other}'s at all {len(means)} growths "
        "(means over draws and seeds)",
        min(means) > 1.0,
        f"ratio {claim.span(means)}; the largest single draw of {other} has {largest:.3g} of "
        "GradMax's norm",
    )


def _optimized_falls_short(norms):
    parts = [
        statistics.fmean(values) / norms["GradMax"][state][0]
        for state, values in norms["GradMaxOpt"].items()
    ]
    return claim.holds(
        "direct optimization does not recover GradMax's solution: GradMaxOpt reaches less than "
        "99 % of its norm in the mean over all growths",
        statistics.fmean(parts) < 0.99,
        f"{statistics.fmean(parts):.1%}",
    )
