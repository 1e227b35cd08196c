"""The headers of the tasks promise what gin_configs/expected.csv holds."""

import dataclasses
import math
import pathlib
import re

import pytest

from trainer.sweep import expectations

_TABLE = expectations.read()
_METRICS = {"Final training loss": ("train/loss", 1), "Test accuracy in %": ("test/accuracy", 100)}
_TASKS = sorted({row.files[0] for row in _TABLE})
_NUMBER = r"(\d[\d.]*\d|\d)"
_LINE = re.compile(
    rf"#   (?P<label>.*): ((?P<low>{_NUMBER}) to |(?P<below>below )|about )?(?P<value>{_NUMBER})"
    rf"( \((?P<deviation>{_NUMBER})\))?(, (?P<flops>\S+) FLOPs)?"
)


def _label(row):
    names = " + ".join(pathlib.PurePath(file).stem for file in row.files[1:])
    return ", ".join([names, *filter(None, ["; ".join(row.bindings)])])


def _header(task):
    return pathlib.Path(task).read_text().partition("\n\n")[0]


def test_the_files_of_the_table_exist_and_no_line_is_there_twice():
    files = {file for row in _TABLE for file in row.files}
    assert [file for file in files if not pathlib.Path(file).is_file()] == []
    assert len({(row.files, row.bindings) for row in _TABLE}) == len(_TABLE) == 109
    promising = {
        str(file)
        for file in pathlib.Path("gin_configs").rglob("*.gin")
        if any(subject in _header(file) for subject in _METRICS)
    }
    assert promising == set(_TASKS)


@pytest.mark.parametrize("task", _TASKS)
def test_a_header_says_what_the_table_holds(task):
    header = _header(task)
    rows = {_label(row): row for row in _TABLE if row.files[0] == task}
    found = [match for line in header.splitlines() if (match := _LINE.fullmatch(line))]
    assert sorted(match["label"] for match in found) == sorted(rows)
    (subject,) = (subject for subject in _METRICS if f"# {subject}" in header)
    metric, unit = _METRICS[subject]
    seeds = {int(number) for number in re.findall(r"over (\d+) seeds", header)} or {3}
    for match in found:
        row = rows[match["label"]]
        assert row.metric == metric
        assert row.source == ("paper" if "not run here" in header else "measured")
        only = re.search(rf"\((\d+) for {re.escape(match['label'])}\)", header)
        assert {row.seeds} == ({int(only[1])} if only else seeds)
        value = float(match["value"]) / unit
        if match["low"]:
            said = (None, float(match["low"]) / unit, value)
        elif match["below"]:
            said = (None, None, value)
        else:
            said = (value, row.low, row.high)
            assert row.low <= row.expected <= row.high
        for held, number in zip((row.expected, row.low, row.high), said, strict=True):
            assert held == (None if number is None else pytest.approx(number, rel=1e-9))
        assert row.training_flops == (float(match["flops"]) if match["flops"] else None)
        if match["deviation"]:
            half_width = 3 * float(match["deviation"]) / unit / math.sqrt(row.seeds)
            assert row.high - row.expected == pytest.approx(half_width, abs=1.1e-3)


_ROW = expectations.Expectation(("a.gin",), (), "train/loss", 1.0, 0.9, 1.1, 2, "measured", 1e9)


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
