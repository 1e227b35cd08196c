"""Curves of one run, read from its event files."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from growth.records import events
from trainer.model_dir import json_files

# Folders of the event files by split, as result.json names the splits. Earlier versions trained in
# `train/`; a run that one of them began goes on in its model_dir.
_FOLDERS = {"train": ("train", "."), "test": ("eval",)}


@dataclasses.dataclass(frozen=True)
class RunCurves:
    """The course of a run.

    Attributes:
      config: name of its configuration.
      seed: its seed.
      metrics: by name, e.g. `train/loss`, the values by training step.
      training_flops: by training step, the floating-point operations spent on training so far.
      growth_steps: training steps before each growth.
    """

    config: str
    seed: int
    metrics: Mapping[str, Mapping[int, float]]
    training_flops: Mapping[int, float]
    growth_steps: Sequence[int]

    def flops(self, step: int) -> float:
        """Floating-point operations spent on the first `step` steps; NaN if they are not logged."""
        return self.training_flops.get(step, math.nan)


def read(config: str, seed: int, model_dir: pathlib.Path) -> RunCurves:
    """Reads the run in `model_dir`: all that training and evaluation log, under plain names.

    Names with a slash are left out, which say what the network is (`size/`, `width/`, `growth/`).
    Files that are missing give no curves.
    """
    metrics, flops = _logged(model_dir)
    growths = json_files.read_lines(model_dir / "growth.jsonl", ("step",))
    steps = [events.Growth.from_json(growth).step for growth in growths]
    return RunCurves(config, seed, metrics, flops, steps)


def metrics(model_dir: pathlib.Path) -> dict[str, dict[int, float]]:
    """The values of each metric by training step, as in `RunCurves`."""
    return _logged(model_dir)[0]


def _logged(model_dir):
    """The metrics, and the training FLOPs by step."""
    metrics, flops = {}, {0: 0.0}
    for split, folders in _FOLDERS.items():
        for folder in folders:
            logged = scalars(model_dir / folder)
            flops |= logged.get("size/training_flops", {})
            for name in (name for name in logged if "/" not in name):
                earlier = metrics.get(f"{split}/{name}", {})
                metrics[f"{split}/{name}"] = dict(sorted((earlier | logged[name]).items()))
    return metrics, flops


def scalars(folder: pathlib.Path) -> dict[str, dict[int, float]]:
    """The values of each scalar by step, in the order of steps.

    A process that goes on after a crash does some steps again, in an event file of its own; what
    was written last stands.
    """
    if not folder.is_dir():
        return {}
    events = event_accumulator.EventAccumulator(
        str(folder), {event_accumulator.TENSORS: 0}
    ).Reload()
    found = {}
    plugins = {
        tag: events.SummaryMetadata(tag).plugin_data.plugin_name
        for tag in events.Tags()[event_accumulator.TENSORS]
    }
    for name in (tag for tag, plugin in plugins.items() if plugin == "scalars"):
        written = sorted(events.Tensors(name), key=lambda event: event.wall_time)
        values = {e.step: float(tensor_util.make_ndarray(e.tensor_proto)) for e in written}
        found[name] = dict(sorted(values.items()))
    return found
