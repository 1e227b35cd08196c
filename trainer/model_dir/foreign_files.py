"""Finds files in a model_dir that a run would replace, but that no run has written."""

import pathlib
import re

from trainer.command import errors
from trainer.model_dir import checkpoint_files


def check(model_dir: pathlib.Path, config: str) -> None:
    """Raises UserError if a run in `model_dir` would replace or remove files that are not of runs.

    Args:
      model_dir: the folder; need not exist.
      config: what a run would write into config.gin.
    """
    lock = model_dir / ".lock"
    if lock.is_file() and not re.fullmatch(
        r"(process [0-9]+ on .*)?", lock.read_text(errors="replace").strip()
    ):
        _refuse(model_dir, [lock.name])
    file = model_dir / "config.gin"
    # A run from before there were formats has a configuration, and checkpoints.
    if (model_dir / "format.json").exists() or (file.is_file() and _checkpoints(model_dir)):
        return
    others = ["config.gin"] if file.is_file() else []
    if others and file.read_text(errors="replace") == config:
        return
    names = ("result.json", "run.json", "growth.jsonl")
    others += [name for name in names if (model_dir / name).exists()]
    if others := others + _checkpoints(model_dir):
        _refuse(model_dir, others)


def _checkpoints(model_dir: pathlib.Path) -> list[str]:
    return [
        f"{folder}/ckpt-{step}"
        for folder in ("checkpoints", "best")
        for step in checkpoint_files.steps(model_dir / folder)
    ]


def _refuse(model_dir: pathlib.Path, names: list[str]) -> None:
    raise errors.UserError(
        f"--model_dir={model_dir} is not the folder of a run, but has {', '.join(names)}, which a "
        f"run would replace. Choose another folder, e.g. {model_dir / 'run'}"
    )
