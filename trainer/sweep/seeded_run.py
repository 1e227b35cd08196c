"""One run of a sweep: a configuration with a seed, in a folder of its own."""

import contextlib
import dataclasses
import gc
import os
import pathlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from trainer.command import error_reasons, errors, garbage, standard_streams
from trainer.model_dir import json_files, run_directory


@dataclasses.dataclass(frozen=True)
class SeededRun:
    """A configuration with a seed; does what //:train does, in a process that has done others.

    TensorFlow is imported by what needs it: a sweep itself does not.

    Attributes:
      config: name of the configuration.
      gin_files: their paths, in order.
      seed: bound to the macro `seed`, after `bindings`.
      bindings: single bindings, as in a .gin file.
      search_paths: further folders to look for .gin files in.
      output_dir: folder of the sweep.
      point: bindings of a point of a grid, after `bindings`.
    """

    config: str
    gin_files: Sequence[str]
    seed: int
    bindings: Sequence[str]
    search_paths: Sequence[str]
    output_dir: str
    point: Sequence[str] = dataclasses.field(default=(), kw_only=True)

    @property
    def path(self) -> pathlib.Path:
        """The model_dir."""
        return pathlib.Path(self.output_dir) / self.config / f"seed_{self.seed}"

    @property
    def log(self) -> pathlib.Path:
        """The file with what the run had to say."""
        return self.path / "log.txt"

    def result(self) -> dict[str, Any] | None:
        """Reads result.json; None before the end of the run."""
        return json_files.read(self.path / "result.json", ("train", "test"))


def check(runs: Sequence[SeededRun]) -> str | None:
    """Looks for mistakes in the runs of one configuration before any of them starts.

    Args:
      runs: they differ in the seed only.

    Returns:
      A message for the user, or None.
    """
    import gin

    from trainer import experiment
    from trainer.config import reader

    try:
        with errors.mistakes():
            for run in runs:
                load(run)
                run_directory.RunDirectory(run.path).check(gin.config_str())
            if reader.literals().get("Experiment.seed") != "%seed":
                raise errors.UserError(
                    f"{'+'.join(runs[0].gin_files)} must say Experiment.seed = %seed, and use "
                    "%seed for all that is random; otherwise the runs of a sweep would all be alike"
                )
            todo = [run_directory.RunDirectory(run.path) for run in runs if not run.result()]
            if todo:
                resumes = all(directory.has_checkpoint() for directory in todo)
                built = experiment.Experiment(resumes=resumes)
                if not resumes:
                    built.check_first_batch()
                built.try_sites(built.first_batch())
    # Perhaps no mistake of the user: the run itself will fail, and go on record with it.
    except (errors.UnexpectedError, FloatingPointError):
        return None
    except errors.UserError as error:
        return str(error)
    finally:
        gin.clear_config()
    return None


def train(run: SeededRun) -> str | None:
    """Trains, from the newest checkpoint if there is one; what is printed goes to `run.log`.

    Returns:
      What went wrong, in a line, or None.
    """
    from trainer import train as train_lib

    return perform(run, lambda directory: train_lib.train_in(directory, evaluate=True))


def perform(run: SeededRun, action: Callable[[run_directory.RunDirectory], Any]) -> str | None:
    """Calls `action` with the folder of `run`, while Gin holds its configuration.

    What is printed goes to `run.log`.

    Returns:
      What went wrong, in a line, or None.
    """
    import gin

    from trainer import failures

    run.path.mkdir(parents=True, exist_ok=True)
    with _output_to(run.log):
        try:
            with errors.mistakes():
                load(run)
                directory = run_directory.RunDirectory(run.path)
                directory.start(gin.config_str(), overwrite_config=False)
            with failures.told(directory.checkpoints):
                action(directory)
        # Whatever it is, it ends this run only.
        except Exception as error:  # noqa: BLE001
            if type(error) is not errors.UserError:
                traceback.print_exc()  # There is no --verbosity=1 for it.
            told = isinstance(error, (errors.UserError, errors.RunFailure, FloatingPointError))
            text = str(error) if told else error_reasons.reason(error)
            standard_streams.say(f"error: {text}")
            return text.partition("\n")[0]
        finally:
            # While Gin holds a configuration, no module can register what it has.
            gin.clear_config()
    return None


def load(run: SeededRun) -> None:
    """Reads the configuration of `run`, after forgetting all of the run before it."""
    import gin
    import tf_keras
    from absl import logging

    from trainer import train  # noqa: F401  Gin knows what has been imported.
    from trainer.config import reader

    logging.set_verbosity(logging.WARNING)  # As in //:train.
    garbage.keep_modules()
    gin.clear_config()
    tf_keras.backend.clear_session()
    gc.collect()
    bindings = [*run.bindings, f"seed = {run.seed}"]
    reader.load(run.gin_files, bindings, run.search_paths, run.point)
    reader.check_method()


@contextlib.contextmanager
def _output_to(file: pathlib.Path) -> Iterator[None]:
    """Sends standard output and error to the end of `file`, also what TensorFlow's C++ writes."""
    streams = (sys.stdout, sys.stderr)
    usual = [os.dup(stream.fileno()) for stream in streams]
    with open(file, "a") as log:
        for stream in streams:
            os.dup2(log.fileno(), stream.fileno())
    try:
        yield
    finally:
        for stream, descriptor in zip(streams, usual, strict=True):
            stream.flush()
            os.dup2(descriptor, stream.fileno())
            os.close(descriptor)
