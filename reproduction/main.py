"""The reproduction binary: remakes figures of the paper, and says which of its claims came out."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

from absl import flags

from trainer.command import command_line, errors, interrupts, path_flags
from trainer.sweep import seeded_runs

_FIGURES = flags.DEFINE_multi_string(
    "figure", [], 'A figure of the paper, e.g. 2a, or "all"; repeat for more.'
)
_OUTPUT_DIR = path_flags.DEFINE_path(
    "output_dir",
    "Folder of FIGURE.png, FIGURE.csv, verdicts.json and of the runs.",
    for_tensorflow=True,
)
_PROCESSES = flags.DEFINE_integer("processes", 2, "Runs at the same time.", lower_bound=1)
_REPEATS = flags.DEFINE_integer(
    "repeats",
    None,
    "Seeds of each run; the paper's number for each figure if not given.",
    lower_bound=1,
)
_DATA_DIR = path_flags.DEFINE_path(
    "data_dir",
    "Where fashion_mnist/ is; by default where TensorFlow Datasets looks.",
    of_datasets=True,
)
_DOCUMENT = path_flags.DEFINE_path(
    "document", "A page to write of all figures in --output_dir, e.g. docs/reproduction.md."
)
_EXPECTED = path_flags.DEFINE_path(
    "expected",
    "Verdicts to compare with, docs/reproduction/verdicts.json; status 1 if one is contradicted.",
)


def main(argv: list[str]) -> None:
    """Runs what is not done, and writes the figures; status 1 if a run fails, 2 on a mistake."""
    del argv
    # They bring TensorFlow along.
    from reproduction import document, expected_verdicts, report

    folder = pathlib.Path(_OUTPUT_DIR.value)
    try:
        with errors.mistakes(), interrupts.catch() as interrupt:
            if _DOCUMENT.value:
                document.check_place(pathlib.Path(_DOCUMENT.value))
            expected = _EXPECTED.value and expected_verdicts.read(pathlib.Path(_EXPECTED.value))
            runs = _runs(folder)
            folder.mkdir(parents=True, exist_ok=True)
            # The first run of each figure stands for the others.
            first = dict.fromkeys(its[0] for its in runs.values())
            seeded_runs.check([[run] for run in first], interrupt)
            failures = _make(runs, folder, interrupt)
            if _DOCUMENT.value and (made := report.read(folder)):
                document.write(pathlib.Path(_DOCUMENT.value), made, folder)
    except errors.UserError as error:
        command_line.fail(error, 2)
    if interrupt:
        print(f"stopped by {interrupt.signal.name}; the same command goes on")
        raise SystemExit(128 + interrupt.signal)
    if failures:
        lines = [f"  {run.path}: {why} (see {run.log})" for run, why in failures.items()]
        command_line.fail("\n".join([f"{len(failures)} runs failed:", *lines]), 1)
    if expected:
        found = expected_verdicts.differences(expected, report.read(folder))
        print("\n".join(["verdicts that differ:", *(each.text for each in found)]))
        if any(each.is_contradiction for each in found):
            command_line.fail(f"--expected={_EXPECTED.value} is contradicted", 1)


def _runs(folder: pathlib.Path) -> dict:
    """The runs of each figure that is asked for and can be made."""
    from reproduction import figures, variant

    _, bindings, search_paths = command_line.gin_arguments()
    options = variant.Options(str(folder / "runs"), tuple(bindings), tuple(search_paths))
    runs = {}
    for figure in figures.chosen(_FIGURES.value):
        its = options
        if figure.needs_images:
            try:
                _check_images()
            except ValueError as error:
                if "all" not in _FIGURES.value:
                    raise errors.UserError(f"--figure={figure.name}: {error}") from error
                print(f"figure {figure.name} is left out: {error}\n", flush=True)
                continue
            if _DATA_DIR.value:
                # The folder as a text of Gin.
                data = f"ImageClassification.data_dir = {_DATA_DIR.value!r}"
                its = dataclasses.replace(options, bindings=(data, *options.bindings))
        runs[figure] = figure.runs(_REPEATS.value or figure.repeats, its)
    return runs


def _check_images() -> None:
    """Raises ValueError with the command that prepares Fashion-MNIST, unless it is prepared."""
    from trainer.datasets import tfds_builder

    arguments = ("ImageClassification", "fashion_mnist", _DATA_DIR.value)
    tfds_builder.check_prepared(*arguments, tfds_builder.find(*arguments))


def _make(runs: Mapping, folder: pathlib.Path, interrupt: interrupts.Interrupt) -> dict:
    """Runs what has no result, writes each figure as soon as it can be, and returns failures."""
    from reproduction import measured_run

    every = dict.fromkeys(run for its in runs.values() for run in its)
    todo = [run for run in every if run.result() is None]
    print(f"{len(todo)} of {len(every)} runs to do", flush=True)
    waiting = {figure: set(its) & set(todo) for figure, its in runs.items()}
    for figure in [figure for figure, missing in waiting.items() if not missing]:
        _present(figure, runs[figure], folder)
    failures = {}
    for run, failure in seeded_runs.perform(
        measured_run.measure,
        todo,
        _PROCESSES.value,
        interrupt,
        lambda run: f"{run.seconds():.0f} s",
    ):
        if failure:
            failures[run] = failure
            continue
        for figure, missing in waiting.items():
            if run in missing:
                missing.remove(run)
                if not missing:
                    _present(figure, runs[figure], folder)
    return failures


def _present(figure, runs: Sequence, folder: pathlib.Path) -> None:
    """Writes a figure, and prints what became of its claims."""
    from reproduction import report

    print(f"\nfigure {figure.name}: {figure.title}")
    for verdict in report.write(figure, runs, folder, _PROCESSES.value):
        print(f"  {verdict}")
    print(f"  picture: {folder}/{figure.name}.png\n", flush=True)


def _check_flags() -> None:
    files, _, _ = command_line.gin_arguments()
    if files:
        command_line.fail("--gin_file is not for figures, which name their configurations", 2)
    if not _OUTPUT_DIR.value:
        command_line.fail("--output_dir is missing; name a folder for pictures and runs", 2)
    if not _FIGURES.value:
        command_line.fail("--figure is missing; name a figure of the paper, e.g. 2a, or all", 2)


if __name__ == "__main__":
    command_line.run(main, _check_flags)
