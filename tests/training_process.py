"""Serves runs of the training binary, each in a process of its own that can be killed anywhere.

    python -m tests.training_process

reads a line of JSON for each run, a list of workers to start: their arguments, environment, log and
where to kill them; and answers with a line, the list of their exit statuses, -n for signal n.
TensorFlow is imported once, before processes fork off, and started by each of them.
"""

import contextlib
import functools
import json
import os
import signal
import sys
import threading
import traceback

# Where a run can be killed: functions of the product, by module and name.
_PLACES = {
    "start": ("trainer.model_dir.checkpoints", "Checkpoints.restore"),
    "tracing": ("growth.grower", "Grower.prepare"),
    "training": ("trainer.task", "Task.train"),
    "growth": ("growth.grower", "Grower.grow"),
    "logging of a growth": ("trainer.logs.summaries", "write_growth"),
    "checkpoint": ("trainer.model_dir.checkpoints", "save"),
    "best checkpoint": ("trainer.model_dir.best_checkpoint", "BestCheckpoint.update"),
    "file": ("trainer.model_dir.run_directory", "RunDirectory.write"),
    "result": ("trainer.model_dir.run_directory", "RunDirectory.write_result"),
}
PLACES = tuple(_PLACES)


def _arm(place, number, milliseconds, after, name):
    """Has a signal sent around the `number`-th call: so long after its begin, or at its end."""
    import importlib

    module, path = _PLACES[place]
    owner = importlib.import_module(module)
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    function, calls = getattr(owner, attribute), []

    @functools.wraps(function)
    def armed(*args, **kwargs):
        calls.append(None)
        if len(calls) != number:
            return function(*args, **kwargs)
        kill = functools.partial(os.kill, os.getpid(), signal.Signals[name])
        if after:
            returned = function(*args, **kwargs)
            kill()
            return returned
        threading.Timer(milliseconds / 1000, kill).start()
        return function(*args, **kwargs)

    setattr(owner, attribute, armed)


def _fork(arguments, environment, log, kill):
    """Starts a worker; returns its process id."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.environ.update(environment)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if kill:
            _arm(**kill)
        from trainer import main
        from trainer.command import command_line

        sys.argv = ["main", *arguments]
        command_line.run(main.main, lambda: None)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)


def _serve():
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        processes = [_fork(**worker) for worker in json.loads(line)]
        statuses = [os.waitpid(process, 0)[1] for process in processes]
        print(
            json.dumps([os.waitstatus_to_exitcode(s) for s in statuses]), file=answers, flush=True
        )


if __name__ == "__main__":
    from trainer import dry_run, experiment, train  # noqa: F401

    _serve()
