"""The tables that the benchmark makes: digits, and a regression with one output."""

import pathlib

import numpy as np

from trainer.model_dir import unfinished


def write(folder: pathlib.Path) -> dict[str, str]:
    """Writes what is not there yet.

    Args:
      folder: of the tables.

    Returns:
      The binding of its table for each task that has one.
    """
    paths = {name: folder / f"{name}.csv" for name in ("digits", "friedman")}
    if not all(path.exists() for path in paths.values()):
        from sklearn import datasets  # Takes a second to import.

        folder.mkdir(parents=True, exist_ok=True)
        pixels, digits = datasets.load_digits(return_X_y=True)
        _write(paths["digits"], pixels / 16.0, digits, "digit")
        inputs, outputs = datasets.make_friedman1(n_samples=2000, noise=1.0, random_state=0)
        # Of about unit variance, as a rate that suits the weights suits the outputs then.
        _write(paths["friedman"], inputs, outputs / 5.0, "y")
    return {name: f"CsvTable.path = '{path}'" for name, path in paths.items()}


def _write(path: pathlib.Path, inputs: np.ndarray, targets: np.ndarray, label: str) -> None:
    names = [f"x{i}" for i in range(inputs.shape[1])]
    lines = [",".join([*names, label])]
    for row, target in zip(inputs, targets, strict=True):
        lines.append(",".join([*(f"{value:.6g}" for value in row), f"{target:.6g}"]))
    unfinished.write(path, "\n".join([*lines, ""]))
