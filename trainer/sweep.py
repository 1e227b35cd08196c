"""The sweep binary: some configurations, each with some seeds, and a table of what came out."""

import pathlib
import time

from absl import flags

from trainer import command_line, errors, interrupts, seeded_run, workers

_SEEDS = flags.DEFINE_integer(
    "seeds", 3, "Runs of each --gin_file: with the seeds 0, 1, 2, ...", lower_bound=1
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Folder of the runs, CONFIG/seed_N, and of table.md and table.csv."
)
_PROCESSES = flags.DEFINE_integer("processes", 1, "Runs at the same time.", lower_bound=1)
_BASELINE = flags.DEFINE_string(
    "baseline", None, "Name of the configuration that the others are compared with by seed."
)
_METRIC = flags.DEFINE_string(
    "metric", "train/loss", "What of result.json the table shows, e.g. test/accuracy."
)


def main(argv: list[str]) -> None:
    """Runs what has no result yet; status 1 if a run fails, 2 on a user's mistake."""
    del argv
    runs = _runs()
    try:
        with interrupts.catch() as interrupt:
            _check(runs, interrupt)
            failures = _train([run for run in runs if run.result() is None], interrupt)
            table = _write_table(runs)
    except errors.UserError as error:
        command_line.fail(error, 2)
    if interrupt:
        print(f"stopped by {interrupt.signal.name}; the same command goes on")
        raise SystemExit(128 + interrupt.signal)
    print(f"\n{table}\ntable: {_OUTPUT_DIR.value}/table.md")
    if failures:
        lines = [f"  {run.path}: {why}" for run, why in failures.items()]
        command_line.fail("\n".join([f"{len(failures)} of {len(runs)} runs failed:", *lines]), 1)


def _runs() -> list[seeded_run.SeededRun]:
    """All runs; seed by seed, so that a sweep that is stopped has pairs to compare."""
    files, bindings, search_paths = command_line.gin_arguments()
    return [
        seeded_run.SeededRun(file, seed, tuple(bindings), tuple(search_paths), _OUTPUT_DIR.value)
        for seed in range(_SEEDS.value)
        for file in files
    ]


def _check(runs: list[seeded_run.SeededRun], interrupt: interrupts.Interrupt) -> None:
    """Raises UserError for the first mistake in a configuration."""
    by_config = {}
    for run in runs:
        by_config.setdefault(run.config, []).append(run)
    checks = list(by_config.values())
    for _, mistake in workers.run_all(seeded_run.check, checks, 1, lambda: interrupt):
        # If the process died here, the runs will say so, and where to read more.
        if isinstance(mistake, str):
            raise errors.UserError(mistake)


def _train(
    runs: list[seeded_run.SeededRun], interrupt: interrupts.Interrupt
) -> dict[seeded_run.SeededRun, str]:
    """Runs `runs`, and returns what went wrong in those that failed."""
    print(f"{len(runs)} runs to do", flush=True)
    failures = {}
    start = time.monotonic()
    done = workers.run_all(seeded_run.train, runs, _PROCESSES.value, lambda: interrupt)
    for count, (run, failure) in enumerate(done, 1):
        if isinstance(failure, workers.Died):
            if interrupt:
                continue  # It has not failed: it has saved a checkpoint to go on from.
            failure = f"its process ended with status {failure.exit_code}"
        if failure:
            failures[run] = f"{failure} (see {run.log})"
            outcome = f"failed: {failure}"
        else:
            result = run.result()
            outcome = " ".join(f"{name}={value:.5g}" for name, value in result["train"].items())
        left = (time.monotonic() - start) / count * (len(runs) - count)
        print(
            f"{count}/{len(runs)}  {run.config} seed {run.seed}  {outcome}  {left:.0f} s left",
            flush=True,
        )
    return failures


def _write_table(runs: list[seeded_run.SeededRun]) -> str:
    """Writes table.md and table.csv from the results there are; returns the former."""
    from trainer import sweep_table  # SciPy takes a second to import.

    results = {run.config: {} for run in runs}
    for run in runs:
        if result := run.result():
            results[run.config][run.seed] = result
    rows = sweep_table.rows(results, _METRIC.value, _BASELINE.value)
    markdown = sweep_table.to_markdown(rows, _METRIC.value, _BASELINE.value)
    folder = pathlib.Path(_OUTPUT_DIR.value)
    with errors.mistakes():
        folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(markdown)
    (folder / "table.csv").write_text(sweep_table.to_csv(rows))
    return markdown


def _check_flags() -> None:
    configs = [run.config for run in _runs() if run.seed == 0]
    if not configs:
        command_line.fail("--gin_file is missing; name a .gin file, or more", 2)
    for config in configs:
        if configs.count(config) > 1:
            command_line.fail(f"more than one --gin_file is named {config}.gin", 2)
    if not _OUTPUT_DIR.value:
        command_line.fail("--output_dir is missing; name a folder for the runs and the table", 2)
    if _BASELINE.value is not None and _BASELINE.value not in configs:
        command_line.fail(
            f"--baseline={_BASELINE.value} must be one of {', '.join(configs)}, the names of the "
            "--gin_files",
            2,
        )


if __name__ == "__main__":
    command_line.run(main, _check_flags)
