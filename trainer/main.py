"""The training binary: flags, Gin, run."""

import os
import signal
import sys
from collections.abc import Callable

import gin
from absl import flags, logging

from trainer.command import command_line, console_text, errors, path_flags, standard_streams
from trainer.config import gin_files

_MODEL_DIR = path_flags.DEFINE_path(
    "model_dir", "Folder of checkpoints, logs and results.", for_tensorflow=True
)
_MODE = flags.DEFINE_enum(
    "mode", "train_and_eval", ["train", "train_and_eval", "eval", "export"], "What to do."
)
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    "latest",
    "What --mode=eval and --mode=export take: latest, best, or training steps.",
)
_FOLLOW = flags.DEFINE_bool(
    "follow", False, "With --mode=eval: evaluate each new checkpoint until the run ends."
)
_FOLLOW_TIMEOUT = flags.DEFINE_float(
    "follow_timeout",
    None,
    "Seconds after which --follow gives up waiting for a new checkpoint; never, unless given.",
    lower_bound=0.0,
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
    from trainer import dry_run, experiment, failures
    from trainer.command import user_code
    from trainer.config import reader
    from trainer.distribution import strategies
    from trainer.model_dir import run_directory

    try:
        with errors.mistakes(), failures.lost_workers_told():
            reader.load(*command_line.gin_arguments())
            reader.check_method()
            is_one_of_several = "TF_CONFIG" in os.environ  # The chief alone speaks, later.
            if _MODE.value.startswith("train") and not (_DRY_RUN.value or is_one_of_several):
                standard_streams.say("building the network and its data set")
            built = experiment.Experiment(resumes=_restores())
            if _DRY_RUN.value:
                built.check_first_batch()
                report = dry_run.report(built)
            else:
                directory = run_directory.RunDirectory(
                    _MODEL_DIR.value, is_written=strategies.is_chief(built.strategy)
                )
                work = _MODES[_MODE.value](built, directory)
        if _DRY_RUN.value:
            print(console_text.escaped_lines(report))
            return
        with failures.told(directory.checkpoints, _ACTIVITIES[_MODE.value]):
            work()
    except errors.UserError as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 2)
    except (FloatingPointError, errors.RunFailure) as error:
        logging.debug("The message below comes from here:", exc_info=True)
        command_line.fail(error, 1)
    # A Ctrl-C ends the program before this; see interrupts.py.
    except KeyboardInterrupt as error:
        place = user_code.place(error)
        where = f" at {place}" if place else ""
        command_line.fail(f"stopped by a KeyboardInterrupt{where}", 128 + signal.SIGINT)


def _restores() -> bool:
    """True if a checkpoint takes the place of the initial weights."""
    from trainer.model_dir import run_directory

    if _DRY_RUN.value or not _MODEL_DIR.value:
        return False
    is_trained = _MODE.value in ("train", "train_and_eval")
    return not is_trained or run_directory.RunDirectory(_MODEL_DIR.value).has_checkpoint()


# Each mode makes an experiment and its directory ready, and returns what is to be done with them.


def _train(built, directory, evaluate=False) -> Callable[[], None]:
    from trainer import run as run_lib
    from trainer import train
    from trainer.config import reader

    if not evaluate and built.loop.patience is not None:
        raise ValueError(
            f"Loop.patience = {built.loop.patience} counts evaluations, which --mode=train leaves "
            "out; give --mode=train_and_eval, or bind None"
        )
    if not evaluate and built.grower.needs_evaluation:
        raise ValueError(
            "Grower.schedule reads evaluations, which --mode=train leaves out; give "
            "--mode=train_and_eval, or bind another schedule"
        )
    directory.start(gin.config_str(), _OVERWRITE_CONFIG.value)
    with directory.starting():
        if directory.is_finished(built.steps):
            return lambda: _say_finished(directory)
        if not directory.has_checkpoint():
            built.check_first_batch()
        batch = built.first_batch()
        built.try_sites(batch)
        run = run_lib.Run(built, directory)
        if run.is_finished(evaluate):
            return lambda: _say_finished(directory)
        training = train.Training(run, reader.literals(), batch)
    steps = _PROFILE_STEPS.value and tuple(int(step) for step in _PROFILE_STEPS.value)
    return lambda: training.train(evaluate, steps)


_OTHER_CONFIG = (
    "It was run with another configuration than this one, which needs another --model_dir\n"
)


def _say_finished(directory) -> None:
    if directory.is_written:
        print(
            f"finished before: {directory.result()['steps']} steps, and nothing is left to do\n"
            + (_OTHER_CONFIG if directory.config_difference(gin.config_str()) else "")
            + f"result: {directory.path}/result.json",
            file=sys.stderr,
        )


def _train_and_eval(built, directory) -> Callable[[], None]:
    return _train(built, directory, evaluate=True)


def _evaluate(built, directory) -> Callable[[], None]:
    from trainer import evaluation, follower
    from trainer.model_dir import checkpoints, strict_json

    if _FOLLOW.value:
        wanted = None if _OVERWRITE_CONFIG.value else gin.config_str()
        return follower.Follower(built, directory, wanted, _FOLLOW_TIMEOUT.value).follow
    directory.start(gin.config_str(), _OVERWRITE_CONFIG.value, read_only=True)
    evaluated = evaluation.Evaluation(built, directory)
    evaluated.restore(checkpoints.find(directory, _CHECKPOINT.value))

    def evaluate():
        metrics = evaluated.evaluate()
        if directory.is_written:
            print(strict_json.dumps({"step": evaluated.step, **metrics}))

    return evaluate


def _export(built, directory) -> Callable[[], None]:
    from trainer import run as run_lib
    from trainer.model_dir import checkpoints

    directory.start(gin.config_str(), _OVERWRITE_CONFIG.value, read_only=True)
    run = run_lib.Run(built, directory, checkpoints.find(directory, _CHECKPOINT.value))
    return lambda: print("".join(f"{path}\n" for path in run.export()), end="")


# What broke off, for the message.
_ACTIVITIES = {"train": "run", "train_and_eval": "run", "eval": "evaluation", "export": "export"}
_MODES = {
    "train": _train,
    "train_and_eval": _train_and_eval,
    "eval": _evaluate,
    "export": _export,
}


def _check_flags() -> None:
    steps = _PROFILE_STEPS.value or ["0", "1"]
    whole = len(steps) == 2 and all(step.isdecimal() for step in steps)
    if not whole or int(steps[0]) >= int(steps[1]):
        command_line.fail(
            f"--profile_steps={','.join(_PROFILE_STEPS.value)} must be two whole numbers of "
            "training steps, first,last with 0 <= first < last, e.g. --profile_steps=100,110",
            2,
        )
    _check_evaluation()
    files, bindings, search_paths = command_line.gin_arguments()
    if not files and not any(map(str.strip, bindings)):
        command_line.fail("--gin_file is missing; name a .gin file, or more", 2)
    try:
        gin_files.find(files, search_paths)
    except errors.UserError as error:
        command_line.fail(error, 2)
    if not _MODEL_DIR.value and not _DRY_RUN.value:
        command_line.fail(
            "--model_dir is missing; name a folder for the results, or give --dry_run", 2
        )


def _check_evaluation() -> None:
    which, mode = _CHECKPOINT.value, _MODE.value
    problem = None
    if which not in ("latest", "best") and not which.isdecimal():
        problem = (
            f"--checkpoint={which} must be latest, best, or the training steps of a checkpoint, "
            "e.g. --checkpoint=1000"
        )
    elif which != "latest" and mode not in ("eval", "export"):
        problem = (
            f"--checkpoint={which} is for --mode=eval and --mode=export; --mode={mode} goes on "
            "from the newest checkpoint"
        )
    elif _FOLLOW.value and mode != "eval":
        problem = f"--follow is for --mode=eval, not for --mode={mode}"
    elif _FOLLOW.value and which != "latest":
        problem = f"--follow takes each new checkpoint; leave --checkpoint={which} away"
    elif _FOLLOW_TIMEOUT.value is not None and not _FOLLOW.value:
        problem = "--follow_timeout is for --follow"
    if problem:
        command_line.fail(problem, 2)


if __name__ == "__main__":
    command_line.run(main, _check_flags)
