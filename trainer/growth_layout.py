"""How TensorBoard's page of custom scalars puts the charts of growth together."""

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar

# Title of a page, titles of its charts, and patterns of the curves in each.
_PAGES = {
    "Training": {
        "loss": ["loss"],
        "accuracy": ["accuracy", "top_5_accuracy"],
        "loss by training MFLOPs": ["by_training_mflops/loss"],
        "accuracy by training MFLOPs": ["by_training_mflops/accuracy"],
    },
    "Growth": {
        "neurons of each site": ["width/.*"],
        "trainable parameters": ["size/parameters"],
        "gradient norm of new neurons": ["growth/gradient_norm_new/.*"],
        "gradient norm of old neurons": ["growth/gradient_norm_old/.*"],
        "largest singular value": ["growth/singular_value_1/.*"],
        "cost of a growth in training steps": ["growth/training_steps"],
    },
}


def write() -> None:
    """Writes the layout; once for a run."""
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=page,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=patterns)
                    )
                    for title, patterns in charts.items()
                ],
            )
            for page, charts in _PAGES.items()
        ]
    )
    summary = custom_scalar.pb(layout)
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)
