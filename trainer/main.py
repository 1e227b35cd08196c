"""The training binary: flags, Gin, run."""

import json
import signal

import gin
from absl import flags, logging

from trainer import command_line

_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of checkpoints, logs and results.")
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train", "train_and_eval", "eval", "export"], "What to do."
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "latest", ["latest", "best"], "What --mode=eval and --mode=export take."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what a run would do, and exit.")
_OVERWRITE_CONFIG = flags.DEFINE_bool(
    "overwrite_config", False, "Go on in a model_dir of a run with another configuration."
)
_PROFILE_STEPS = flags.DEFINE_list(
    "profile_steps", None, "first,last: record a TensorBoard profile between these steps."
)


def main(argv: list[str]) -> None:
    """Runs what the flags say; exits with status 2 and one message on a user's mistake."""
    # TensorFlow takes seconds to import: not for --help, nor for a wrong flag.
    from trainer import config, dry_run, errors, experiment, failures, run_directory, strategies
    from trainer import train as train_lib

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Some import has raised it to INFO.
    try:
        with errors.mistakes(), failures.lost_workers_told():
            config.load(*command_line.gin_arguments())
            built = experiment.Experiment()
            if _DRY_RUN.value:
                print(dry_run.report(built))
                return
            directory = run_directory.RunDirectory(
                _MODEL_DIR.value, is_written=strategies.is_chief(built.strategy)
            )
            trains = _MODE.value.startswith("train")
            directory.start(gin.config_str(), _OVERWRITE_CONFIG.value, read_only=not trains)
            run = train_lib.Run(built, directory)
            if trains:
                run.prepare(config.literals())
            elif _CHECKPOINT.value == "best":
                run.restore_best()
        with failures.told(directory.checkpoints):
            if trains:
                run.train(_MODE.value == "train_and_eval", _profiled_steps())
            elif _MODE.value == "export":
                print(*run.export(), sep="\n")
            else:
                print(json.dumps(run.evaluate()))
    except errors.UserError as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 2)
    except (FloatingPointError, errors.RunFailure) as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 1)
    except KeyboardInterrupt:
        command_line.fail("stopped outside of the training loop", 128 + signal.SIGINT)


def _profiled_steps() -> tuple[int, int] | None:
    return _PROFILE_STEPS.value and tuple(int(step) for step in _PROFILE_STEPS.value)


def _check_flags() -> None:
    steps = _PROFILE_STEPS.value or ["0", "1"]
    whole = len(steps) == 2 and all(step.isdecimal() for step in steps)
    if not whole or int(steps[0]) >= int(steps[1]):
        command_line.fail(
            f"--profile_steps={','.join(_PROFILE_STEPS.value)} must be two whole numbers of "
            "training steps, first,last with 0 <= first < last, e.g. --profile_steps=100,110",
            2,
        )
    if _CHECKPOINT.value == "best" and _MODE.value not in ("eval", "export"):
        command_line.fail(
            f"--checkpoint=best is for --mode=eval and --mode=export; --mode={_MODE.value} goes on "
            "from the newest checkpoint",
            2,
        )
    if not _MODEL_DIR.value and not _DRY_RUN.value:
        command_line.fail(
            "--model_dir is missing; name a folder for the results, or give --dry_run", 2
        )


if __name__ == "__main__":
    command_line.run(main, _check_flags)
