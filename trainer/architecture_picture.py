"""A picture of how wide a network is at each place that grows."""

import io
from collections.abc import Mapping

import tensorflow as tf
from matplotlib import figure


def draw(before: Mapping[str, int], after: Mapping[str, int]) -> tf.Tensor:
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
    axes = picture.add_axes((0.15, 0.3, 0.82, 0.65))
    names, old = list(after), list(before.values())
    added = [after[name] - before[name] for name in names]
    axes.bar(names, old, color="tab:gray", label="old neurons")
    bars = axes.bar(names, added, bottom=old, color="tab:orange", label="new neurons")
    axes.bar_label(bars, labels=[str(after[name]) for name in names], fontsize=8)
    axes.tick_params("x", rotation=90 if len(names) > 6 else 0, labelsize=8)
    axes.set_ylabel("neurons")
    axes.legend(fontsize=8, loc="lower right")
    encoded = io.BytesIO()
    picture.savefig(encoded, format="png")
    return tf.image.decode_png(encoded.getvalue(), channels=4)[tf.newaxis]
