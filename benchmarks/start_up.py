"""CPU seconds of whole programs, from the command to its end: the time that a user waits.

A run of one step ends soon after its first: its time goes into the import of TensorFlow, the
network and its data, the traces of a step and of a growth, and the files of a run. Those of images
need Fashion-MNIST, and are left out without it; the first run on a machine decodes the images as
well. The sweep runs in one process; its line is the time of a run beyond the first.

./bazelw run //benchmarks:start_up
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np
from absl import app, flags

from benchmarks import paired

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Runs of each program.")
_SWEEP = flags.DEFINE_integer("sweep", 6, "Runs in the longer of two sweeps.", lower_bound=2)

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_SMALL = ("teacher_student/small", "methods/gradmax")
_STEP = ("--mode=train", "--gin_bindings=Experiment.steps = 1")
_DEEP = (*_STEP, "--gin_bindings=WideResNet.depth = 28")
# By title: files, and further flags.
_RUNS = {
    "teacher-student small with GradMax, to its end": (_SMALL, ()),
    "Fashion-MNIST MLP with GradMax, to the first step": (
        ("fashion_mnist/mlp", "methods/gradmax"),
        _STEP,
    ),
    "WRN-28-1, to the first step": (("fashion_mnist/wrn", "methods/baseline_small"), _DEEP),
    "... with GradMax": (("fashion_mnist/wrn", "methods/gradmax"), _DEEP),
    "VGG-11 with GradMax, to the first step": (("fashion_mnist/vgg", "methods/gradmax"), _STEP),
}


def _cpu_seconds(program: str, *arguments: str) -> tuple[float, int]:
    """User and system time of a program of the trainer, and its exit status."""

    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
        cwd=_ROOT,
        capture_output=True,
        check=False,
    )
    return spent() - before, done.returncode


def _files(names):
    return [f"--gin_file=gin_configs/{name}.gin" for name in names]


def _run(names, further):
    with tempfile.TemporaryDirectory() as folder:
        return _cpu_seconds("trainer.main", *_files(names), *further, f"--model_dir={folder}/run")


def _sweep(seeds):
    composition = "+".join(f"gin_configs/{name}.gin" for name in _SMALL)
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = _cpu_seconds(
            "trainer.sweep.main",
            *(f"--gin_file={composition}", f"--seeds={seeds}", f"--output_dir={folder}"),
        )
    return seconds


def main(argv):
    """Prints a line for each program."""
    del argv
    for title, arguments in {"--help": ("--help",), "a wrong flag": ("--model_dri=x",)}.items():
        times = [_cpu_seconds("trainer.main", *arguments)[0] for _ in range(_ROUNDS.value)]
        print(f"{title}: {paired.describe(np.array(times), ' s')}", flush=True)
    for title, (names, further) in _RUNS.items():
        _, status = _run(names, further)
        if status:
            print(f"{title}: left out, the program ends with status {status}", flush=True)
            continue
        times = np.array([_run(names, further)[0] for _ in range(_ROUNDS.value)])
        print(f"{title}: {paired.describe(times, ' s')}", flush=True)
    few, many = _sweep(1), _sweep(_SWEEP.value)
    each = (many - few) / (_SWEEP.value - 1)
    print(f"a further run of a sweep of teacher-student small with GradMax: {each:.3g} s")


if __name__ == "__main__":
    app.run(main)
