"""The state of a run as its files tell it, also while it runs; mostly without TensorFlow."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from growth.records import events, spent_flops
from trainer.command import errors
from trainer.model_dir import checkpoint_files, json_files, run_directory, strict_json


def read(model_dir: str) -> dict[str, Any]:
    """Reads a model_dir; what holds at a step holds at that of the newest checkpoint.

    Returns:
      `state` ("finished", "running", "stopped" or "no checkpoint"), `step` of `steps`,
      `stopped_early` (why a finished run did fewer, see result.json; None if not), `growth_ended`
      (why a network whose growth depends on training is not larger; None if it does not), `seed`,
      `checkpoints` (steps of those kept); by "initial" and "now": `widths` by site, `parameters`,
      `forward_flops` of an example; `training_flops` so far, `best` (evaluation, see result.json),
      `growths` (growth.jsonl; of a run that goes on, also those after the newest checkpoint) and
      `versions`. None where a run of an earlier version of this program did not say.

    Raises:
      UserError: the folder is not that of a run, or a file in it is damaged.
    """
    directory = run_directory.RunDirectory(model_dir)
    if not (directory.path / "config.gin").exists():
        what = "is no folder of a run" if directory.path.is_dir() else "is no folder"
        raise errors.UserError(
            f"--model_dir={model_dir} {what}: there is no config.gin in it. Give what was "
            "--model_dir of //:train"
        )
    directory.check(config=None)
    result = json_files.read(directory.path / "result.json") or {}
    about = json_files.read(directory.path / "run.json") or {}
    lines = json_files.read_lines(directory.path / "growth.jsonl", ("step", "sites"))
    growths = [events.Growth.from_json(line) for line in lines]
    kept = checkpoint_files.steps(directory.checkpoints)
    step = result["steps"] if "steps" in result else _newest_step(directory.checkpoints)
    known = result | about
    return {
        "model_dir": str(directory.path),
        "state": _state(directory, bool(result), bool(kept)),
        "step": step,
        "steps": known.get("steps"),
        "stopped_early": result.get("stopped_early"),
        "growth_ended": result.get("growth_ended"),
        "seed": known.get("seed"),
        "checkpoints": kept,
        # Former versions called it birth.
        **_sizes(
            about.get("seed_network", about.get("birth")),
            about.get("batch_size"),
            growths,
            step,
            result,
        ),
        "best": result.get("best", {}) if result else _best(directory.best),
        "growths": lines,
        "versions": known.get("versions"),
    }


def _state(directory: run_directory.RunDirectory, finished: bool, kept: bool) -> str:
    if finished:
        return "finished"
    if directory.is_in_use():
        return "running"
    return "stopped" if kept else "no checkpoint"


def _sizes(
    seed_network: Mapping[str, Any] | None,
    batch_size: int | None,
    growths: Sequence[events.Growth],
    step: int,
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """The seed network and the network after `step` steps, and what they have cost."""
    # A growth is a part of the step after it.
    done = [growth for growth in growths if growth.step < step]
    sites = [site for growth in done for site in growth.sites.items()]
    seed = events.NetworkSize({name: site.from_width for name, site in reversed(sites)})
    last = done[-1] if done else seed
    now = events.NetworkSize({}, last.parameters, last.forward_flops)
    training = result.get("training_flops")
    if seed_network is None:
        now.parameters = result.get("parameters", now.parameters)
    else:
        seed = events.NetworkSize.from_json(seed_network)
        now = now if done else seed
        forward = spent_flops.forward_flops(seed.forward_flops, done, step)
        training = spent_flops.training_flops(forward, batch_size)
    return {
        "widths": {"initial": seed.widths, "now": events.widths_after(done, seed.widths)},
        "parameters": {"initial": seed.parameters, "now": now.parameters},
        "forward_flops": {"initial": seed.forward_flops, "now": now.forward_flops},
        "training_flops": training,
    }


def _best(folder: pathlib.Path) -> dict[str, float]:
    """The best evaluation of a run without a result, which its checkpoint remembers."""
    for step in reversed(checkpoint_files.steps(folder)):
        import tensorflow as tf

        try:
            reader = tf.train.load_checkpoint(str(checkpoint_files.path(folder, step)))
            return strict_json.loads(reader.get_tensor("best/.ATTRIBUTES/py_state"))
        # A better one may just have taken its place.
        except (tf.errors.OpError, IndexError, OSError, RuntimeError, ValueError):
            continue
    return {}


def _newest_step(folder: pathlib.Path) -> int:
    """Of the checkpoint that a run goes on from, which can be read; 0 if it begins anew."""
    if not checkpoint_files.steps(folder):
        return 0
    from trainer.model_dir import recovery  # It brings TensorFlow along.

    found = recovery.find(folder)
    recovery.say(folder, found)
    return found.step or 0
