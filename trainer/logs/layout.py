"""The layout of TensorBoard's page of custom scalars."""

from collections.abc import Sequence

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar

# Titles of charts, and patterns of the curves in each.
_GROWTH = {
    "loss at each growth": ["per_growth/loss"],
    "neurons of each site": ["width/.*"],
    "trainable parameters": ["size/parameters"],
    "gradient norm of new neurons": ["per_growth/gradient_norm_new/.*"],
    "gradient norm of old neurons": ["per_growth/gradient_norm_old/.*"],
    "largest singular value": ["per_growth/singular_value_1/.*"],
    "cost of a growth in training steps": ["per_growth/training_steps"],
}


def write(metrics: Sequence[str]) -> None:
    """Writes the layout; once for a run.

    Args:
      metrics: names of what training and evaluation report; each has a chart by step and one by
        training FLOPs.
    """
    training = {name: [name] for name in metrics}
    training |= {f"{name} by training MFLOPs": [f"vs_training_mflops/{name}"] for name in metrics}
    layout = layout_pb2.Layout(category=[_page("Training", training), _page("Growth", _GROWTH)])
    summary = custom_scalar.pb(layout)
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)


def _page(title, charts):
    return layout_pb2.Category(
        title=title,
        chart=[
            layout_pb2.Chart(
                # Names are whole: `loss` is not also `per_growth/loss`.
                title=title,
                multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$" for tag in tags]),
            )
            for title, tags in charts.items()
        ],
    )
