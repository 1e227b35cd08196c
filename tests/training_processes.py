"""Runs of the training binary in processes of their own, and what must not depend on kills."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import tensorflow as tf

_MULTI_WORKER = 'Devices.distribution_strategy = "multi_worker_mirrored"'


class Server:
    """A context with a process that runs the training binary; see training_process.py."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.training_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TF_CPP_MIN_LOG_LEVEL": "3"},
            text=True,
        )
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, model_dir, files, bindings, kills=(None,), flags=()):
        """Runs to the end; a worker for each of `kills`, which are arguments of `_arm` or None.

        Returns:
          Exit statuses, -n for signal n. What a worker printed is in `model_dir`.log0, ...
        """
        bindings = [*bindings, *([_MULTI_WORKER] if len(kills) > 1 else [])]
        arguments = [
            f"--model_dir={model_dir}",
            *flags,
            *(f"--gin_file={file}" for file in files),
            *(f"--gin_bindings={binding}" for binding in bindings),
        ]
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(len(kills))]
        workers = []
        for index, kill in enumerate(kills):
            task = {"type": "worker", "index": index}
            cluster = json.dumps({"cluster": {"worker": addresses}, "task": task})
            workers.append(
                {
                    "arguments": arguments,
                    "environment": {"TF_CONFIG": cluster} if len(kills) > 1 else {},
                    "log": f"{model_dir}.log{index}",
                    "kill": kill,
                }
            )
        self.start(workers)
        return self.finish()

    def start(self, workers):
        """Starts processes, described as in training_process.py."""
        print(json.dumps(workers), file=self._process.stdin, flush=True)

    def finish(self):
        """Waits for the end of what was started, and returns the exit statuses."""
        return json.loads(self._process.stdout.readline())


def outcome(model_dir):
    """Result, growths, and the values in the newest checkpoint by name."""
    folder = pathlib.Path(model_dir)
    result = json.loads((folder / "result.json").read_text())
    del result["wall_seconds"]
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    values = {
        name: np.asarray(reader.get_tensor(name)).tolist()
        for name in reader.get_variable_to_shape_map()
        # The clock, and growths with their milliseconds, which are compared below.
        if not name.startswith(("clock/", "growth/", "_CHECKPOINTABLE", "save_counter"))
    }
    return result, growths(model_dir), values


def growths(model_dir):
    """The growths of a run, without the time they took."""
    lines = (pathlib.Path(model_dir) / "growth.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    for event in events:
        del event["milliseconds"]
    return events


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
