"""Summaries for TensorBoard beside the losses and metrics, which Orbit's managers write.

TensorBoard sorts names and opens the first groups: those here come after `loss` and `accuracy`.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

import orbit
import tensorflow as tf
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.scalar import summary_v2 as scalar_summary

from growth.records import events

# More curves a site than this make the page unreadable; the histogram has them all.
_SINGULAR_VALUES = 5
# TensorBoard's default smoothing takes 0.6 of the point before: 0.6 % are left after so many.
_POINTS_OF_A_RISE = 10


def manager(folder: pathlib.Path | None, step: tf.Variable) -> orbit.utils.SummaryManager:
    """A writer of event files, which come with the first summary; summaries count by `step`.

    Args:
      folder: where they go; None to write nothing.
      step: training steps done.
    """
    tf.summary.experimental.set_step(step)
    return orbit.utils.SummaryManager(folder and str(folder), tf.summary.scalar, global_step=step)


@contextlib.contextmanager
def switched_off(writer: tf.summary.SummaryWriter) -> Iterator[None]:
    """Within the block `writer` gets a summary only where a user's code switches them on."""
    with writer.as_default(), tf.summary.record_if(False):
        yield


@contextlib.contextmanager
def switched_on(writer: tf.summary.SummaryWriter) -> Iterator[None]:
    """Within the block summaries go to `writer`, also where they have been switched off."""
    with writer.as_default(), tf.summary.record_if(True):
        yield


def write_config(config: str) -> None:
    """The configuration as a text page."""
    tf.summary.text("config", "```\n" + config + "\n```", step=0)


def write_size(step: int, widths: dict[str, int], parameters: int, flops: int) -> None:
    """Writes the size of the network and what training it has cost so far.

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


def write_rise(grown: int, step: int, widths: Mapping[str, int], parameters: int) -> None:
    """Writes the size of the steps after a growth, which makes its curves stairs and not ramps.

    Args:
      grown: training steps before the growth, at which `write_size` has written the size before it.
      step: training steps done, of which `write_size` is going to write.
      widths: neurons of each site.
      parameters: trainable parameters.
    """
    sizes = {f"width/{name}": width for name, width in widths.items()}
    points = summary_pb2.Summary()
    for name, size in (sizes | {"size/parameters": parameters}).items():
        points.MergeFrom(scalar_summary.scalar_pb(name, size))
    # Each at a step of its own: of several at one step TensorBoard keeps one.
    for each in range(grown + 1, min(grown + _POINTS_OF_A_RISE + 1, step)):
        tf.summary.experimental.write_raw_pb(points.SerializeToString(), step=each)


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
    tf.summary.scalar("per_growth/loss", growth.loss, step=step)
    tf.summary.scalar("per_growth/milliseconds", growth.milliseconds, step=step)
    if growth.refusal is not None:
        tf.summary.text("per_growth/refusal", growth.refusal, step=step)
    for name, site in growth.sites.items():
        tf.summary.scalar(f"per_growth/gradient_norm_new/{name}", site.gradient_norm_new, step=step)
        tf.summary.scalar(f"per_growth/gradient_norm_old/{name}", site.gradient_norm_old, step=step)
        for rank, value in enumerate(site.singular_values[:_SINGULAR_VALUES], 1):
            tf.summary.scalar(f"per_growth/singular_value_{rank}/{name}", value, step=step)
        if site.singular_values:
            tf.summary.histogram(
                f"per_growth/singular_values/{name}", site.singular_values, step=step
            )


def write_decision(decision: events.Decision) -> None:
    """An answer to whether the network grows: what each site would gain, and what it got."""
    step = decision.step
    tf.summary.scalar("decisions/new_neurons", sum(decision.counts.values()), step=step)
    for name, site in decision.sites.items():
        tf.summary.scalar(f"decisions/granted/{name}", site.granted, step=step)
        if site.measured is None:
            continue
        gains, values = site.measured["gains"], site.measured["singular_values"]
        of_site = {
            "gain_of_one": gains[0] if gains else 0.0,
            "gain_per_parameter": gains[0] / site.parameters if gains and site.parameters else 0.0,
            "largest_singular_value": values[0] if values else 0.0,
            "effective_rank": site.measured["effective_rank"],
            "dormant": site.measured["dormant"],
        }
        for key, value in of_site.items():
            tf.summary.scalar(f"decisions/{key}/{name}", value, step=step)


def write_decrease(growth: events.Growth) -> None:
    """The decrease of the loss since a growth, beside the one that was expected of it."""
    for key in ("predicted_decrease", "measured_decrease"):
        if (value := getattr(growth, key)) is not None:
            tf.summary.scalar(f"per_growth/{key}", value, step=growth.step)


def write_look(growth: events.Growth, step: int) -> None:
    """A look at the neurons of a growth, after `step` training steps."""
    for name, site in growth.sites.items():
        for look in site.looks:
            if look.step == step:
                for key, value in dataclasses.asdict(look).items():
                    if key != "step" and value is not None:
                        tf.summary.scalar(f"newborns/{key}/{name}", value, step=step)
