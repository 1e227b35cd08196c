r"""Compares shipped configurations with what they are expected to reach: gin_configs/expected.csv.

Runs the lines of the table that each --gin_file names, with all seeds, unless a run in --output_dir
is done. Prints whether each mean is within its bounds; status 1 if one is not. A task stands for
all its lines, task.gin+methods/gradmax.gin for those that begin so.

./bazelw run //benchmarks:expected_results -- --output_dir=/tmp/expected --processes=2 \\
    --gin_file=gin_configs/teacher_student/small.gin+gin_configs/methods/{random,gradmax}.gin
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys

from absl import app, flags

from trainer.command import interrupts
from trainer.sweep import configurations, expectations, grid, seeded_run, seeded_runs

_GIN_FILES = flags.DEFINE_multi_string("gin_file", [], "Files of the table; repeat for more.")
_BINDINGS = flags.DEFINE_multi_string("gin_bindings", [], "To see that other settings differ.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder of the runs.", required=True)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Runs at the same time.", lower_bound=1)


def main(argv):
    """Runs what is not done yet, and prints a line for each configuration."""
    del argv
    runs = {configuration.name: _runs(row, configuration) for row, configuration in _chosen()}
    expected = {configuration.name: row for row, configuration in _chosen()}
    with interrupts.catch() as interrupt:
        todo = [run for some in runs.values() for run in some if run.result() is None]
        seeded_runs.check(runs.values(), interrupt)
        done = seeded_runs.perform(
            seeded_run.train, todo, _PROCESSES.value, interrupt, lambda run: ""
        )
        for _ in done:
            pass
    found = {name: _disagreement(expected[name], runs[name]) for name in runs}
    for name, disagreement in found.items():
        print(f"{name}: {disagreement or 'as expected'}")
    sys.exit(1 if any(found.values()) else 0)


def _chosen():
    """The lines of the table that the flags name, each with its configuration."""
    table = expectations.read()
    texts = dict.fromkeys("+".join(row.files) for row in table)
    by_files = {each.files: each for each in configurations.compose(list(texts), grid.points([]))}
    chosen = {}
    for text in _GIN_FILES.value:
        rows = [row for row in table if row.files[: text.count("+") + 1] == tuple(text.split("+"))]
        if not rows:
            sys.exit(f"--gin_file={text} must be of gin_configs/expected.csv")
        chosen |= {(row.files, row.bindings): row for row in rows}
    if not chosen:
        sys.exit("--gin_file is missing; name a file of gin_configs/expected.csv, or more")
    for row in chosen.values():
        (point,) = grid.points([binding.replace(" = ", "=", 1) for binding in row.bindings])
        named = by_files[row.files]
        yield row, configurations.Configuration(named.composition, row.files, point)


def _runs(row, configuration):
    shared = (tuple(_BINDINGS.value), (), _OUTPUT_DIR.value)
    return [
        seeded_run.SeededRun(
            configuration.name, row.files, seed, *shared, point=configuration.point.bindings
        )
        for seed in range(row.seeds)
    ]


def _disagreement(expected, runs):
    results = [result for run in runs if (result := run.result())]
    return expected.disagreement(results) if results else "no run has a result"


if __name__ == "__main__":
    app.run(main)
