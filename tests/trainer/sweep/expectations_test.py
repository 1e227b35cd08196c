"""The headers of the configurations promise what gin_configs/expected.csv holds."""

import dataclasses
import math
import pathlib
import re

import pytest

from trainer.sweep import expectations

_TABLE = expectations.read()
_METRICS = {"a final training loss": ("train/loss", 1), "a test accuracy": ("test/accuracy", 100)}
_RUNNABLE = [
    str(file)
    for file in sorted(pathlib.Path("gin_configs").rglob("*.gin"))
    # A recipe goes with a task, and does not run by itself.
    if "Grower.method" in file.read_text() and file.name != "recipe.gin"
]


def test_the_table_has_every_configuration_that_runs_and_no_other():
    assert list(_TABLE) == _RUNNABLE


@pytest.mark.parametrize("file", _RUNNABLE)
def test_a_header_says_what_the_table_holds(file):
    header = pathlib.Path(file).read_text().partition("\n\n")[0]
    sentence = header.replace("\n#", "").partition("Expect ")[2]
    row = _TABLE[file]
    subject = next(subject for subject in _METRICS if sentence.startswith(subject))
    metric, unit = _METRICS[subject]
    assert row.metric == metric
    assert row.source == ("paper" if "not run here" in sentence else "measured")
    number = r"(\d[\d.]*\d|\d)"
    if found := re.search(rf"between {number} and {number}", sentence):
        said = (None, float(found[1]) / unit, float(found[2]) / unit)
    elif found := re.search(rf"below {number}", sentence):
        said = (None, None, float(found[1]) / unit)
    else:
        found = re.match(rf"{subject} of (?:about )?{number}", sentence)
        said = (float(found[1]) / unit, row.low, row.high)
        assert row.low <= row.expected <= row.high
    for held, number_ in zip((row.expected, row.low, row.high), said, strict=True):
        assert held == (None if number_ is None else pytest.approx(number_, rel=1e-9))
    if found := re.search(r"over (\d+) seeds", sentence):
        assert row.seeds == int(found[1])
    found = re.search(r"([\d.e]+) training FLOPs", sentence)
    assert row.training_flops == (float(found[1]) if found else None)
    if found := re.search(rf"deviation {number}", sentence):
        half_width = 3 * float(found[1]) / unit / math.sqrt(row.seeds)
        assert row.high - row.expected == pytest.approx(half_width, abs=1.1e-3)


_ROW = expectations.Expectation("a.gin", "train/loss", 1.0, 0.9, 1.1, 2, "measured", 1e9)


def _results(*losses, flops=1.01e9):
    return [{"train": {"loss": loss}, "training_flops": flops} for loss in losses]


@pytest.mark.parametrize(
    ("row", "results", "message"),
    [
        (_ROW, _results(0.95, 1.1), None),
        (_ROW, _results(1.3, 1.0), "train/loss is 1.15, not within 0.9 and 1.1"),
        (_ROW, _results(0.7, 1.0), "train/loss is 0.85"),
        (_ROW, _results(1.0, math.nan), "train/loss is nan"),
        (_ROW, _results(1.0), "1 of 2 seeds have a result"),
        (_ROW, _results(1.0, 1.0, flops=2e9), "training_flops is 2e+09, not 1e+09"),
        (dataclasses.replace(_ROW, low=None), _results(0.1, 0.1), None),
        (dataclasses.replace(_ROW, low=None), _results(1.2, 1.2), "not within -inf and 1.1"),
        (dataclasses.replace(_ROW, high=None), _results(9.0, 9.0), None),
    ],
)
def test_results_out_of_bounds_disagree(row, results, message):
    found = row.disagreement(results)
    assert (found is None) if message is None else (message in found)
