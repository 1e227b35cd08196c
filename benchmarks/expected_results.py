r"""Compares shipped configurations with what their headers say: gin_configs/expected.csv.

Runs each --gin_file with all seeds of the table, unless a run in --output_dir is done, and prints a
line for each: the mean, and whether it is within the bounds. Status 1 if one is not.

./bazelw run //benchmarks:expected_results -- --output_dir=/tmp/expected --processes=2 \\
    --gin_file=gin_configs/teacher_student/small_{random,gradmax}.gin
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys

from absl import app, flags

from trainer.command import interrupts
from trainer.config import names as config_names
from trainer.sweep import expectations, seeded_run, seeded_runs

_GIN_FILES = flags.DEFINE_multi_string("gin_file", [], "Files of the table; repeat for more.")
_BINDINGS = flags.DEFINE_multi_string("gin_bindings", [], "To see that other settings differ.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder of the runs.", required=True)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Runs at the same time.", lower_bound=1)


def main(argv):
    """Runs what is not done yet, and prints a line for each configuration."""
    del argv
    files = _GIN_FILES.value
    table = expectations.read()
    unknown = [file for file in files if file not in table]
    if unknown or not files:
        sys.exit(f"--gin_file={','.join(unknown)} must be of gin_configs/expected.csv")
    names = config_names.config_names(files)
    runs = {
        file: _runs(name, file, table[file].seeds) for name, file in zip(names, files, strict=True)
    }
    with interrupts.catch() as interrupt:
        todo = [run for some in runs.values() for run in some if run.result() is None]
        seeded_runs.check(runs.values(), interrupt)
        done = seeded_runs.perform(
            seeded_run.train, todo, _PROCESSES.value, interrupt, lambda run: ""
        )
        for _ in done:
            pass
    found = {file: _disagreement(table[file], runs[file]) for file in files}
    for file in files:
        print(f"{file}: {found[file] or 'as expected'}")
    sys.exit(1 if any(found.values()) else 0)


def _runs(name, file, seeds):
    shared = (tuple(_BINDINGS.value), (), _OUTPUT_DIR.value)
    return [seeded_run.SeededRun(name, file, seed, *shared) for seed in range(seeds)]


def _disagreement(expected, runs):
    results = [result for run in runs if (result := run.result())]
    return expected.disagreement(results) if results else "no run has a result"


if __name__ == "__main__":
    app.run(main)
