"""Pictures of a run, for TensorBoard."""

import io
from collections.abc import Mapping, Sequence

import tensorflow as tf
from matplotlib import colormaps, figure

from growth.records import events
from trainer.logs import axis_scale

# More growths than this have no room in a legend.
_MOST_LABELS = 12


def widths(before: Mapping[str, int], after: Mapping[str, int]) -> tf.Tensor:
    """Bars for the widths of all sites, with what a growth has added on top.

    Args:
      before: neurons of each site, from the inputs to the outputs.
      after: as `before`.

    Returns:
      uint8 `[1, height, width, 4]`.
    """
    # Not pyplot, which keeps every figure, and may want a screen.
    picture = figure.Figure(figsize=(max(4.0, 0.5 * len(after)), 3.5), dpi=100)
    # Fixed margins: a tight layout would take as long again as the drawing.
    axes = picture.add_axes((0.15, 0.3, 0.82, 0.6))
    names, old = list(after), list(before.values())
    added = [after[name] - before[name] for name in names]
    axes.bar(names, old, color="tab:gray", label="old neurons")
    bars = axes.bar(names, added, bottom=old, color="tab:orange", label="new neurons")
    axes.bar_label(bars, labels=[str(after[name]) for name in names], fontsize=8)
    axes.margins(y=0.12)  # Room for the numbers.
    axes.tick_params("x", rotation=90 if len(names) > 6 else 0, labelsize=8)
    axes.set_ylabel("neurons")
    # Above the axes, where no bar is.
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return _image(picture)


def curves(metrics: Mapping[str, Mapping[int, float]], growth_steps: Sequence[int]) -> tf.Tensor:
    """Losses and metrics on their way through training, with a line at each growth.

    Args:
      metrics: values by training step, by split and name, e.g. `train/loss`.
      growth_steps: training steps before each growth.

    Returns:
      uint8 `[1, height, width, 4]`; a panel for each name, the splits together.
    """
    names = list(dict.fromkeys(name.partition("/")[2] for name in metrics))
    picture = figure.Figure(figsize=(6, 1 + 2.5 * len(names)), dpi=100, layout="constrained")
    panels = picture.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for name, axes in zip(names, panels, strict=True):
        shown = {split: metrics[split] for split in metrics if split.partition("/")[2] == name}
        for split, by_step in shown.items():
            marker = "." if len(by_step) == 1 else None  # A single point is no line.
            axes.plot(list(by_step), list(by_step.values()), marker=marker, label=split)
        for step in growth_steps:
            axes.axvline(step, color="tab:gray", linestyle=":", linewidth=1)
        axis_scale.choose(axes, [list(by_step.values()) for by_step in shown.values()])
        axes.set_ylabel(name)
        axes.legend(fontsize=8)
    panels[-1].set_xlabel("training steps; dotted: growths")
    return _image(picture)


def newborns(growths: Sequence[events.Growth]) -> tf.Tensor:
    """The health of the neurons of each growth by age: a line for each, means over sites.

    Args:
      growths: oldest first, at least one of them with looks.

    Returns:
      uint8 `[1, height, width, 4]`.
    """
    picture = figure.Figure(figsize=(6, 6), dpi=100, layout="constrained")
    panels = picture.subplots(2, sharex=True)
    seen = [growth for growth in growths if any(site.looks for site in growth.sites.values())]
    labels = {"dormant": "share of dormant neurons", "log_gradient": "log gradient, new / old"}
    for (name, label), axes in zip(labels.items(), panels, strict=True):
        for i, growth in enumerate(seen):
            ages = _means_by_age(growth, name)
            color = colormaps["viridis"](i / len(seen))
            axes.plot(
                list(ages),
                list(ages.values()),
                marker=".",
                color=color,
                label=f"step {growth.step}",
            )
        axes.set_ylabel(label)
    panels[0].set_ylim(-0.05, 1.05)
    panels[1].axhline(0, color="tab:gray", linestyle=":", linewidth=1)
    panels[1].set_xlabel("training steps since the growth")
    if len(seen) <= _MOST_LABELS:
        panels[0].legend(fontsize=8)
    return _image(picture)


def _means_by_age(growth, name):
    """The mean over the sites of a growth by age, of one attribute of `events.Look`."""
    values = {}
    for site in growth.sites.values():
        for look in site.looks:
            if (value := getattr(look, name)) is not None:
                values.setdefault(look.step - growth.step, []).append(value)
    return {age: sum(of_age) / len(of_age) for age, of_age in values.items()}


def _image(picture):
    encoded = io.BytesIO()
    picture.savefig(encoded, format="png")
    return tf.image.decode_png(encoded.getvalue(), channels=4)[tf.newaxis]
