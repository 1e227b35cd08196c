import csv

import pytest

from trainer import errors, sweep_table


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
    rows = sweep_table.rows(RESULTS, "train/loss", None)
    assert [row["config"] for row in rows] == ["plain", "better"]
    assert rows[0]["train/loss"] == 2.0
    assert rows[0]["deviation"] == pytest.approx(2**0.5)
    assert "difference" not in rows[0]


def test_differences_are_to_the_baseline():
    plain, better = sweep_table.rows(RESULTS, "train/loss", "plain")
    assert plain["difference"] is None
    assert (better["difference"], better["lower_on"], better["pairs"]) == (-0.75, 2, 2)


def test_markdown_has_the_same_columns_in_every_line():
    rows = sweep_table.rows(RESULTS, "test/accuracy", "plain")
    lines = sweep_table.to_markdown(rows, "test/accuracy", "plain").splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {10}
    assert lines[3].startswith("| better | 2 | 0.6 |")


def test_csv_is_read_back():
    rows = sweep_table.rows(RESULTS, "train/loss", "plain")
    read = list(csv.DictReader(sweep_table.to_csv(rows).splitlines()))
    assert [float(row["train/loss"]) for row in read] == [2.0, 1.25]


def test_an_unknown_metric_names_the_known_ones():
    with pytest.raises(errors.UserError, match="test/acuracy must be one of .*test/accuracy"):
        sweep_table.rows(RESULTS, "test/acuracy", None)
