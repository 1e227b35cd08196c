"""The sweep binary: some configurations, each with some seeds; a table and curves of them.

Each --gin_file is a configuration: a file, or files that compose, with a plus between. With --grid
it is one for each point of the grid.
"""

import pathlib

from absl import flags

from trainer.command import command_line, errors, interrupts, path_flags
from trainer.sweep import configurations as configurations_lib
from trainer.sweep import grid as grid_lib
from trainer.sweep import seeded_run, seeded_runs

_SEEDS = flags.DEFINE_integer(
    "seeds", 3, "Runs of each --gin_file: with the seeds 0, 1, 2, ...", lower_bound=1
)
_GRID = flags.DEFINE_multi_string(
    "grid",
    [],
    "Values of a parameter, name.parameter=value,value: each --gin_file runs with each of them. "
    "Repeat for more parameters, and all their combinations.",
)
_OUTPUT_DIR = path_flags.DEFINE_path(
    "output_dir",
    "Folder of the runs, CONFIG/seed_N, of the table and of the curves.",
    for_tensorflow=True,
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Runs at the same time.", lower_bound=1)
_BASELINE = flags.DEFINE_string(
    "baseline",
    None,
    "Name of the configuration that the others are compared with by seed; with --grid also of a "
    "--gin_file, of which the same point is meant.",
)
_METRICS = flags.DEFINE_multi_string(
    "metric",
    ["train/loss"],
    "What of result.json the table shows, e.g. test/accuracy; repeat for more. The first one is "
    "compared with the baseline, and chooses the best point of a grid.",
)


# What is written beside the runs, and how it begins.
_TABLES = {
    "table.md": "| config | runs |",
    "table.csv": "config,runs,",
    "curves.csv": "config,seed,",
}


def main(argv: list[str]) -> None:
    """Runs what has no result yet; status 1 if a run fails, 2 on a user's mistake."""
    del argv
    runs = _runs()
    try:
        with interrupts.catch() as interrupt:
            _check_tables()
            _check(runs, interrupt)
            failures = _train([run for run in runs if run.result() is None], interrupt)
            table = _write_table(runs)
            pictures = _write_curves(runs)
    except errors.UserError as error:
        command_line.fail(error, 2)
    if interrupt:
        print(f"stopped by {interrupt.signal.name}; the same command goes on")
        raise SystemExit(128 + interrupt.signal)
    print(f"\n{table}\ntable: {_OUTPUT_DIR.value}/table.md")
    for picture in pictures:
        print(f"curves: {picture}")
    if failures:
        lines = [f"  {run.path}: {why}" for run, why in failures.items()]
        command_line.fail("\n".join([f"{len(failures)} of {len(runs)} runs failed:", *lines]), 1)


def _configurations() -> list[configurations_lib.Configuration]:
    """The configurations and runs that the flags name.

    Raises:
      UserError: --gin_file, --grid or --baseline is wrong.
    """
    files, bindings, search_paths = command_line.gin_arguments()
    points = grid_lib.points(_GRID.value, bindings)
    found = configurations_lib.compose(files, points, search_paths)
    configurations_lib.baselines(found, _BASELINE.value)
    return found


def _runs() -> list[seeded_run.SeededRun]:
    """All runs; seed by seed, so that a sweep that is stopped has pairs to compare."""
    _, bindings, search_paths = command_line.gin_arguments()
    shared = (tuple(bindings), tuple(search_paths), _OUTPUT_DIR.value)
    return [
        seeded_run.SeededRun(each.name, each.files, seed, *shared, point=each.point.bindings)
        for seed in range(_SEEDS.value)
        for each in _configurations()
    ]


def _check_tables() -> None:
    """Raises UserError if a sweep would replace a table that is not of a sweep."""
    for name, first in _TABLES.items():
        file = pathlib.Path(_OUTPUT_DIR.value) / name
        text = file.read_text(errors="replace") if file.is_file() else ""
        if text.strip() and not text.startswith(first):
            raise errors.UserError(
                f"--output_dir={_OUTPUT_DIR.value} has a {name} that is not of a sweep, and would "
                "be replaced; choose another folder"
            )


def _check(runs: list[seeded_run.SeededRun], interrupt: interrupts.Interrupt) -> None:
    """Raises UserError for the first mistake in a configuration."""
    by_config = {}
    print("checking the configurations", flush=True)
    for run in runs:
        by_config.setdefault(run.config, []).append(run)
    seeded_runs.check(by_config.values(), interrupt)


def _train(
    runs: list[seeded_run.SeededRun], interrupt: interrupts.Interrupt
) -> dict[seeded_run.SeededRun, str]:
    """Runs `runs`, and returns what went wrong in those that failed."""
    print(f"{len(runs)} runs to do", flush=True)
    done = seeded_runs.perform(seeded_run.train, runs, _PROCESSES.value, interrupt, _outcome)
    return {run: f"{failure} (see {run.log})" for run, failure in done if failure}


def _outcome(run: seeded_run.SeededRun) -> str:
    return " ".join(f"{name}={value:.5g}" for name, value in run.result()["train"].items())


def _write_table(runs: list[seeded_run.SeededRun]) -> str:
    """Writes table.md and table.csv from the results there are; returns the former."""
    from trainer.sweep import best_points  # SciPy takes a second to import.
    from trainer.sweep import table as sweep_table

    results = {run.config: {} for run in runs}
    for run in runs:
        if result := run.result():
            results[run.config][run.seed] = result
    metrics, baseline, configurations = _METRICS.value, _BASELINE.value, _configurations()
    baselines = configurations_lib.baselines(configurations, baseline)
    rows = sweep_table.rows(results, metrics, baseline, baselines)
    markdown = sweep_table.to_markdown(rows, metrics, baseline)
    if _GRID.value:
        best = best_points.choose(results, configurations, metrics[0])
        markdown += f"\n{best_points.to_markdown(results, best, metrics, baseline)}"
        for row in rows:
            row["is_best_point"] = row["config"] in best.values()
    folder = pathlib.Path(_OUTPUT_DIR.value)
    with errors.mistakes():
        folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(markdown)
    (folder / "table.csv").write_text(sweep_table.to_csv(rows))
    return markdown


def _write_curves(runs: list[seeded_run.SeededRun]) -> list[pathlib.Path]:
    """Writes curves.csv and the pictures of the finished runs; returns the latter."""
    # TensorBoard's reader brings TensorFlow along.
    from trainer.logs import run_curves
    from trainer.sweep import curves, plots

    by_config = {run.config: [] for run in runs}
    for run in runs:
        if run.result():
            by_config[run.config].append(run_curves.read(run.config, run.seed, run.path))
    folder = pathlib.Path(_OUTPUT_DIR.value)
    (folder / "curves.csv").write_text(curves.to_csv(sum(by_config.values(), [])))
    return plots.write(by_config, folder / "curves")


def _check_flags() -> None:
    files, _, _ = command_line.gin_arguments()
    if not files:
        command_line.fail("--gin_file is missing; name a .gin file, or more", 2)
    try:
        _configurations()
    except errors.UserError as error:
        command_line.fail(error, 2)
    if not _OUTPUT_DIR.value:
        command_line.fail("--output_dir is missing; name a folder for the runs and the table", 2)


if __name__ == "__main__":
    command_line.run(main, _check_flags)
