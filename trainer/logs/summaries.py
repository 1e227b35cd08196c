"""What TensorBoard shows beside the losses and metrics that Orbit writes itself."""

import contextlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from growth.records import events

# More curves a site than this make the page unreadable; the histogram has them all.
_SINGULAR_VALUES = 5


@contextlib.contextmanager
def switched_on(writer: tf.summary.SummaryWriter) -> Iterator[None]:
    """Within the block summaries go to `writer`, also where they have been switched off."""
    with writer.as_default(), tf.summary.record_if(True):
        yield


def write_config(config: str) -> None:
    """The configuration as a text page."""
    tf.summary.text("config", "```\n" + config + "\n```", step=0)


def write_size(step: int, widths: dict[str, int], parameters: int, flops: int) -> None:
    """The size of the network and what training it has cost so far.

    Args:
      step: training steps done.
      widths: neurons of each site.
      parameters: trainable parameters.
      flops: floating-point operations spent on training so far.
    """
    tf.summary.scalar("size/parameters", parameters, step=step)
    tf.summary.scalar("size/training_flops", flops, step=step)
    for name, width in widths.items():
        tf.summary.scalar(f"width/{name}", width, step=step)


def write_by_flops(metrics: Mapping[str, float], flops: int) -> None:
    """Metrics once more, with the training cost in the place of the step: to compare methods by it.

    Args:
      metrics: by name.
      flops: floating-point operations spent on training so far.
    """
    for name, value in metrics.items():
        tf.summary.scalar(f"vs_training_mflops/{name}", value, step=flops // 10**6)


def write_growth(growth: events.Growth) -> None:
    """A growth: loss, norms, singular values, time, refusal."""
    step = growth.step
    tf.summary.scalar("growth/loss", growth.loss, step=step)
    tf.summary.scalar("growth/milliseconds", growth.milliseconds, step=step)
    if growth.refusal is not None:
        tf.summary.text("growth/refusal", growth.refusal, step=step)
    for name, site in growth.sites.items():
        tf.summary.scalar(f"growth/gradient_norm_new/{name}", site.gradient_norm_new, step=step)
        tf.summary.scalar(f"growth/gradient_norm_old/{name}", site.gradient_norm_old, step=step)
        for rank, value in enumerate(site.singular_values[:_SINGULAR_VALUES], 1):
            tf.summary.scalar(f"growth/singular_value_{rank}/{name}", value, step=step)
        if site.singular_values:
            tf.summary.histogram(f"growth/singular_values/{name}", site.singular_values, step=step)
