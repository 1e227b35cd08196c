"""Pictures of the curves of a sweep: one for each metric and x-axis."""

import itertools
import math
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import figure as figure_lib
from matplotlib import lines

from trainer.logs import axis_scale, run_curves
from trainer.sweep import curves as sweep_curves

# Attributes of a MeanCurve, and what the axis is called.
_X_AXES = {"step": "training steps", "training_flops": "training FLOPs"}
# Ten colors that can be told apart without full color vision; then the same ones dashed.
_COLORS = matplotlib.color_sequences["petroff10"]
_DASHES = ["-", "--", ":", "-."]


def write(
    by_config: Mapping[str, Sequence[run_curves.RunCurves]], folder: pathlib.Path
) -> list[pathlib.Path]:
    """Draws every metric of the test examples, on these and in training.

    What was measured only at the end, as many a test loss, is no curve and is left out.

    Args:
      by_config: the runs of each configuration.
      folder: of the pictures, `SPLIT_METRIC_by_X.png` with X `step` or `training_flops`.

    Returns:
      The files that were written.
    """
    files = []
    logged = {name for runs in by_config.values() for run in runs for name in run.metrics}
    tested = {name.partition("/")[2] for name in logged if name.startswith("test/")}
    for metric in sorted(name for name in logged if name.partition("/")[2] in tested):
        curves = {
            config: sweep_curves.mean_curve(runs, metric) for config, runs in by_config.items()
        }
        if max(len(curve.step) for curve in curves.values()) < 2:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for axis in _X_AXES:
            files.append(folder / f"{metric.replace('/', '_')}_by_{axis}.png")
            draw(curves, metric, axis).savefig(files[-1], dpi=150)
    return files


def draw(curves: Mapping[str, sweep_curves.MeanCurve], metric: str, axis: str) -> figure_lib.Figure:
    """One picture: a line, a band of a standard deviation and growth marks per configuration.

    Args:
      curves: of each configuration; one without points keeps its color, and is left out.
      metric: what they show, e.g. `train/loss`.
      axis: `step` or `training_flops`.
    """
    figure = figure_lib.Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    styles = itertools.cycle(itertools.product(_DASHES, _COLORS))
    for (config, curve), (dashes, color) in zip(curves.items(), styles, strict=False):
        if curve.step:
            _draw_curve(axes, curve, axis, f"{config} ({curve.runs})", color, dashes)
    axis_scale.choose(axes, [curve.mean for curve in curves.values() if curve.step])
    axes.set_xlabel(_X_AXES[axis])
    axes.set_ylabel(metric.replace("/", " "))
    axes.grid(which="both", alpha=0.3)
    handles, _ = axes.get_legend_handles_labels()
    if any(curve.growths["step"] for curve in curves.values()):
        handles.append(lines.Line2D([], [], color="gray", marker="^", ls="", label="growth"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        title="mean over (n) seeds; band: ± standard deviation",
        frameon=False,
    )
    return figure


def _draw_curve(axes, curve, axis, label, color, dashes):
    x, mean = np.array(getattr(curve, axis), float), np.array(curve.mean)
    deviation = np.array(curve.deviation)
    # A single point is no line.
    marker = "." if len(x) == 1 else None
    axes.plot(x, mean, dashes, color=color, marker=marker, label=label, linewidth=1.5)
    if not math.isnan(deviation[0]):
        axes.fill_between(
            x, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0
        )
    growths = curve.growths[axis]
    axes.plot(growths, np.interp(growths, x, mean), "^", color=color, markersize=6)
