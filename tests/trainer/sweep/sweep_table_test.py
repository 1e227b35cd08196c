import csv

import pytest

from trainer.command import errors
from trainer.sweep import table as sweep_table


def _result(loss, accuracy):
    return {
        "train": {"loss": loss},
        "test": {"accuracy": accuracy},
        "parameters": 300,
        "training_flops": 2e9,
        "wall_seconds": 4.0,
    }


RESULTS = {
    "plain": {0: _result(1.0, 0.5), 1: _result(3.0, 0.7)},
    "better": {0: _result(0.5, 0.6), 1: _result(2.0, 0.6)},
    "unfinished": {},
}


def test_a_row_for_each_configuration_with_results():
    rows = sweep_table.rows(RESULTS, ["train/loss"], None)
    assert [row["config"] for row in rows] == ["plain", "better"]
    assert rows[0]["train/loss"] == 2.0
    assert rows[0]["train/loss_deviation"] == pytest.approx(2**0.5)
    assert "difference" not in rows[0]


def test_differences_are_to_the_baseline_in_the_first_metric():
    plain, better = sweep_table.rows(RESULTS, ["train/loss", "test/accuracy"], "plain")
    assert plain["difference"] is None
    assert (better["difference"], better["lower_on"], better["pairs"]) == (-0.75, 2, 2)


@pytest.mark.parametrize(
    "metrics, baseline, expected",
    [
        (["test/accuracy"], None, "| better | 2 | 0.6000 (0.0) | 300 | 2e+09 | 4.0 |"),
        (
            ["train/loss", "test/accuracy"],
            "plain",
            "| better | 2 | 1.250 (1.1) | 0.6000 (0.0) | 300 | 2e+09 | 4.0 "
            "| -0.750 ± 3.2 | 2 of 2 |",
        ),
    ],
)
def test_markdown_has_the_same_columns_in_every_line(metrics, baseline, expected):
    rows = sweep_table.rows(RESULTS, metrics, baseline)
    lines = sweep_table.to_markdown(rows, metrics, baseline).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert lines[3] == expected


def test_names_cannot_break_the_table_or_command_the_terminal():
    rows = sweep_table.rows({"a|b\n\x1b[2J": RESULTS["plain"]}, ["train/loss"], None)
    table = sweep_table.to_markdown(rows, ["train/loss"], None)
    assert table.splitlines()[2].startswith(r"| a\|b\n\x1b[2J | 2 |") and table.count("\n") == 3


def test_a_single_run_has_no_deviation_and_no_interval():
    single = {config: {0: by_seed[0]} for config, by_seed in RESULTS.items() if by_seed}
    rows = sweep_table.rows(single, ["train/loss"], "plain")
    line = sweep_table.to_markdown(rows, ["train/loss"], "plain").splitlines()[3]
    assert line == "| better | 1 | 0.5000 | 300 | 2e+09 | 4.0 | -0.500 | 1 of 1 |"


def test_csv_is_read_back():
    rows = sweep_table.rows(RESULTS, ["train/loss", "test/accuracy"], "plain")
    read = list(csv.DictReader(sweep_table.to_csv(rows).splitlines()))
    assert [float(row["train/loss"]) for row in read] == [2.0, 1.25]
    assert [float(row["test/accuracy"]) for row in read] == pytest.approx([0.6, 0.6])


def test_an_unknown_metric_names_the_known_ones():
    with pytest.raises(errors.UserError, match="test/acuracy must be one of .*test/accuracy"):
        sweep_table.rows(RESULTS, ["test/acuracy"], None)
