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


def main(argv: list[str]) -> None:
    """Runs what the flags say; exits with status 2 and one message on a user's mistake."""
    # TensorFlow takes seconds to import: not for --help, nor for a wrong flag.
    from trainer import config, dry_run, errors, experiment, failures, run_directory, train

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Some import has raised it to INFO.
    try:
        with errors.mistakes():
            config.load(*command_line.gin_arguments())
            built = experiment.Experiment()
            if _DRY_RUN.value:
                print(dry_run.report(built))
                return
            directory = run_directory.RunDirectory(_MODEL_DIR.value)
            trains = _MODE.value.startswith("train")
            directory.start(gin.config_str(), _OVERWRITE_CONFIG.value, read_only=not trains)
            run = train.Run(built, directory)
            if trains:
                run.prepare(config.literals())
            elif _CHECKPOINT.value == "best":
                run.restore_best()
        with failures.told(directory.checkpoints):
            if trains:
                run.train(evaluate=_MODE.value == "train_and_eval")
            else:
                print(run.export() if _MODE.value == "export" else json.dumps(run.evaluate()))
    except errors.UserError as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 2)
    except (FloatingPointError, failures.RunFailure) as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 1)
    except KeyboardInterrupt:
        command_line.fail("stopped outside of the training loop", 128 + signal.SIGINT)


def _check_flags() -> None:
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
