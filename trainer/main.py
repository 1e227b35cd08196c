"""The training binary: flags, Gin, run."""

import json
import os
import sys
from typing import NoReturn

# Before TensorFlow is imported: its start-up notes would drown the one message that matters.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gin  # noqa: E402
from absl import app, flags, logging  # noqa: E402

_GIN_FILE = flags.DEFINE_multi_string("gin_file", [], "A .gin file; repeat for more.")
_GIN_BINDINGS = flags.DEFINE_multi_string("gin_bindings", [], "A binding; repeat for more.")
_SEARCH_PATHS = flags.DEFINE_multi_string(
    "gin_search_paths", [], "A folder to look for .gin files in; repeat for more."
)
_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of checkpoints, logs and results.")
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train", "train_and_eval", "eval"], "What to do."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what a run would do, and exit.")
_OVERWRITE_CONFIG = flags.DEFINE_bool(
    "overwrite_config", False, "Go on in a model_dir of a run with another configuration."
)


def main(argv: list[str]) -> None:
    """Runs what the flags say; exits with status 2 and one message on a user's mistake."""
    # TensorFlow takes seconds to import: not for --help, nor for a wrong flag.
    from trainer import config, dry_run, errors, experiment, run_directory, train

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Some import has raised it to INFO.
    try:
        with errors.mistakes():
            config.load(_GIN_FILE.value, _GIN_BINDINGS.value, _SEARCH_PATHS.value)
            built = experiment.Experiment()
            if _DRY_RUN.value:
                print(dry_run.report(built))
                return
            directory = run_directory.RunDirectory(_MODEL_DIR.value)
            directory.start(gin.config_str(), _OVERWRITE_CONFIG.value)
            run = train.Run(built, directory)
        if _MODE.value == "eval":
            print(json.dumps(run.evaluate()))
        else:
            run.train(config.literals(), evaluate=_MODE.value == "train_and_eval")
    except errors.UserError as error:
        logging.debug("The message below comes from here:", exc_info=True)
        _fail(error, 2)
    except FloatingPointError as error:
        _fail(error, 1)


def _parse_flags(argv: list[str]) -> list[str]:
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        _fail(error, 2)
    if len(rest) > 1:
        _fail(f"unexpected argument {rest[1]!r}; all options are flags, see --help", 2)
    if not _MODEL_DIR.value and not _DRY_RUN.value:
        _fail("--model_dir is missing; name a folder for the results, or give --dry_run", 2)
    return rest


def _fail(message: object, status: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    # `bazel run` starts the program in a folder of its own; paths are the caller's.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    app.run(main, flags_parser=_parse_flags)
