"""A configuration that a figure runs, and what the command line says about all of them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from reproduction import measured_run, training
from trainer.model_dir import run_directory


@dataclasses.dataclass(frozen=True)
class Options:
    """The command line's choices about the runs.

    Attributes:
      folder: of the runs.
      bindings: set after all others.
      search_paths: further folders to look for .gin files in.
    """

    folder: str
    bindings: Sequence[str] = ()
    search_paths: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Variant:
    """A configuration; figures that give a variant the same name share its runs.

    Attributes:
      name: of its folder.
      files: paths of the .gin files that compose, below gin_configs/, without their endings.
      bindings: set after the files.
      measure: see `MeasuredRun`.
    """

    name: str
    files: tuple[str, ...]
    bindings: tuple[str, ...] = ()
    measure: Callable[[run_directory.RunDirectory], Any] = training.train

    def run(self, seed: int, options: Options) -> measured_run.MeasuredRun:
        """Its run with a seed."""
        return measured_run.MeasuredRun(
            config=self.name,
            gin_files=tuple(f"gin_configs/{file}.gin" for file in self.files),
            seed=seed,
            bindings=(*self.bindings, *options.bindings),
            search_paths=tuple(options.search_paths),
            output_dir=options.folder,
            measure=self.measure,
        )
