"""The report of a figure: its picture, its table, and verdicts on the paper's claims."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from reproduction import claim, figure, figures, measured_run
from trainer.model_dir import json_files, strict_json

VERDICTS = "verdicts.json"


def write(
    drawn: figure.Figure,
    runs: Sequence[measured_run.MeasuredRun],
    folder: pathlib.Path,
    processes: int,
) -> list[claim.Verdict]:
    """Writes NAME.png, NAME.csv and the figure's part of verdicts.json.

    Args:
      drawn: the figure.
      runs: of it; all have ended.
      folder: of the files.
      processes: how many runs went on at the same time.

    Returns:
      The verdicts.
    """
    rows = drawn.rows(runs)
    (folder / f"{drawn.name}.csv").write_text(figure.to_csv(rows))
    drawn.draw(rows).savefig(folder / f"{drawn.name}.png", dpi=100)
    verdicts = drawn.verdicts(rows)
    everything = read(folder) | {
        drawn.name: {
            "title": drawn.title,
            "paper": drawn.paper,
            "repeats": len({run.seed for run in runs}),
            "runs": len(runs),
            "seconds": sum(run.seconds() for run in runs) / processes,
            "processes": processes,
            "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
        }
    }
    # In the order of the paper, whatever ended first.
    everything = {name: everything[name] for name in figures.FIGURES if name in everything}
    (folder / VERDICTS).write_text(strict_json.dumps(everything, indent=2) + "\n")
    return verdicts


def read(folder: pathlib.Path) -> dict[str, Any]:
    """The contents of verdicts.json by name of figure, earlier figures included."""
    return json_files.read(folder / VERDICTS) or {}
