# ruff: noqa: E501  A line is a case.
import itertools
import re

import numpy as np
import pytest

from trainer.datasets import csv_table

_HEAD = "age,city,income"
_ROWS = [f"{20 + i},{'Bonn' if i % 3 else 'Rome'},{'high' if i % 2 else 'low'}" for i in range(20)]


def _write(path, lines, encoding="utf-8"):
    path.write_bytes("\n".join([*lines, ""]).encode(encoding))
    return str(path)


@pytest.fixture
def path(tmp_path):
    return _write(tmp_path / "people.csv", [_HEAD, *_ROWS])


def _table(path, **arguments):
    defaults = {"label": "income", "categorical": ["city"], "batch_size": 6}
    if "test_path" not in arguments:
        defaults["test_fraction"] = 0.2
    return csv_table.CsvTable(path, **defaults | arguments)


def _batches(data, first_step, count):
    return list(itertools.islice(data.train(first_step).as_numpy_iterator(), count))


def _examples(data):
    return [np.concatenate(parts) for parts in zip(*data.test().as_numpy_iterator(), strict=True)]


def test_every_example_is_for_training_or_for_testing(path):
    data = _table(path, normalize=False, batch_size=16, test_batch_size=3)
    ((inputs, labels),) = _batches(data, 0, 1)
    tested, test_labels = _examples(data)
    assert (len(inputs), len(tested)) == (16, 4)
    ages = np.concatenate([inputs, tested])[:, 0]
    np.testing.assert_array_equal(np.sort(ages), np.arange(20, 40))
    # Classes by alphabet: high, low. Categories likewise: Bonn, Rome.
    np.testing.assert_array_equal(np.concatenate([labels, test_labels]), 1 - ages % 2)
    cities = np.concatenate([inputs, tested])[:, 1:]
    np.testing.assert_array_equal(cities[:, 1], (ages - 20) % 3 == 0)
    np.testing.assert_array_equal(cities.sum(axis=1), 1)
    assert (data.classes, data.output_width) == (["high", "low"], 2)


def test_the_batch_of_a_step_is_a_function_of_seed_and_step(path):
    batches = _batches(_table(path, seed=1), 0, 5)
    again = _batches(_table(path, seed=1), 3, 2)
    for one, other in zip(batches[3:], again, strict=True):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)
    other_seed = _table(path, seed=2)
    assert not np.array_equal(batches[0][0], _batches(other_seed, 0, 1)[0][0])
    # Other seeds are tested on the same examples; another split is not.
    np.testing.assert_array_equal(_examples(_table(path, seed=1))[0], _examples(other_seed)[0])
    other_split = _examples(_table(path, split_seed=1, normalize=False))[0]
    assert not np.array_equal(other_split, _examples(_table(path, normalize=False))[0])


def test_numbers_are_normalized_by_the_training_examples_alone(path, tmp_path):
    test_path = _write(tmp_path / "test.csv", ["income,age,city", "low,129.5,Oslo"])
    data = _table(path, test_path=test_path, batch_size=20)
    ((inputs, _),) = _batches(data, 0, 1)
    np.testing.assert_allclose([inputs[:, 0].mean(), inputs[:, 0].std()], [0, 1], atol=1e-6)
    # Columns in another order, and a category that training has not seen.
    (row,), labels = _examples(data)
    np.testing.assert_allclose(row, [100 / np.std(np.arange(20)), 0, 0], rtol=1e-6)
    assert labels == [1]


def test_a_regression_has_numbers_for_targets(path):
    data = _table(path, label="age", categorical=["city", "income"], regression=True)
    _, targets = _examples(data)
    assert (targets.dtype, targets.shape, data.output_width) == (np.float32, (4, 1), 1)
    assert 20 <= targets.min() and targets.max() < 40


def test_labels_that_are_numbers_are_in_their_order(tmp_path):
    path = _write(tmp_path / "t.csv", ["x,y", *(f"{i},{10 - i % 3}" for i in range(9))])
    data = _table(path, label="y", categorical=[])
    assert data.classes == ["8", "9", "10"]


def test_a_table_with_one_logit_has_the_second_class_as_1(path):
    data = _table(path, one_logit=True)
    assert (data.output_width, data.classes) == (1, ["high", "low"])
    assert set(_examples(data)[1]) <= {0, 1}


def test_an_exported_network_takes_columns(path):
    data = _table(path)
    served = data.served_spec()
    assert {name: spec.dtype.name for name, spec in served.items()} == {
        "age": "float32",
        "city": "string",
    }
    inputs = data.preprocess({"age": np.array([30.0], np.float32), "city": np.array(["Rome"])})
    assert inputs.shape == (1, 3)
    np.testing.assert_array_equal(inputs[0, 1:], [0, 1])


def test_spreadsheets_write_a_mark_semicolons_quotes_and_spaces(tmp_path):
    lines = [
        '"age"; "city";income',
        *(f'{i}; "Bonn; am Rhein";{"ab"[i % 2]}' for i in range(8)),
        "",
    ]
    data = _table(_write(tmp_path / "t.csv", lines, "utf-8-sig"), delimiter=";", batch_size=2)
    assert data.served_spec().keys() == {"age", "city"}
    assert data.classes == ["a", "b"]


_FAULTS = {
    "empty file": ([], {}, r"people.csv' is empty; its first line must name the columns"),
    "no examples": ([_HEAD], {}, r"people.csv' has no examples"),
    "number": ([_HEAD, *_ROWS, "x1,Bonn,low"], {}, r"people.csv', line 22: age = 'x1' must be a"),
    "not finite": ([_HEAD, *_ROWS, "nan,Bonn,low"], {}, r"line 22: age = 'nan' must be"),
    "too large": ([_HEAD, *_ROWS, "1e39,Bonn,low"], {}, r"line 22: age = '1e39' must be"),
    "empty cell": ([_HEAD, *_ROWS[:2], ",Bonn,low"], {}, r"line 4: age is empty; fill it"),
    "cells": ([_HEAD, *_ROWS, "1,low"], {}, r"line 22: 2 cells, and the first line names 3"),
    "delimiter": ([_HEAD, *_ROWS], {"delimiter": ";"}, r"CsvTable.label names the column 'income'"),
    "same name": (["age,age,income", "1,2,low"], {}, r"column 2 has the name 'age' of another"),
    "no name": (["age,,income", "1,2,low"], {}, r"column 2 has no name"),
    "label": ([_HEAD, *_ROWS], {"label": "incme"}, r"label names.* 'incme'.*mean 'income'\?"),
    "twice": ([_HEAD, *_ROWS], {"ignored": ["city"]}, r"'city' is named more than once"),
    "nothing": ([_HEAD, *_ROWS], {"categorical": [], "ignored": ["age", "city"]}, r"no column for"),
    "one class": ([_HEAD, *_ROWS[::2]], {}, r"label = 'income' has 1 different labels .*: low;"),
    "one logit": (["x,y", "1,a", "2,b", "3,c"], dict(label="y", categorical=[], one_logit=True),
                  r"has 3 different labels .*: a, b, c; CsvTable.one_logit = True is for two"),
    "batch": ([_HEAD, *_ROWS], {"batch_size": 17}, r"batch_size = 17 must be between 1 and the 16"),
    "fraction": ([_HEAD, *_ROWS], {"test_fraction": 1.0}, r"test_fraction = 1.0 must be between 0"),
    "no test": ([_HEAD, *_ROWS], {"test_fraction": None}, r"and neither is bound"),
    "both": ([_HEAD, *_ROWS], {"test_path": "x", "test_fraction": 0.1}, r"and both are bound"),
    "regression": ([_HEAD, *_ROWS], {"regression": True}, r"line 2: income = 'low' must be"),
}  # fmt: skip


@pytest.mark.parametrize("fault", _FAULTS)
def test_a_fault_is_named_with_its_place(tmp_path, fault):
    lines, arguments, message = _FAULTS[fault]
    path = tmp_path / "people.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(ValueError, match=message):
        _table(str(path), **arguments)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [_HEAD, "30,Bonn,hihg"],
            r"test.csv', line 2: income = 'hihg' .* mean 'high'\?.*high, low",
        ),
        (["age,town,income", "30,Bonn,high"], r"column 'city', which .*test.csv' has not"),
    ],
)
def test_a_fault_of_the_test_file_is_named(path, tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        _table(path, test_path=_write(tmp_path / "test.csv", lines))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=re.escape(f"CsvTable.path = '{tmp_path}' cannot be read")):
        _table(str(tmp_path))
    with pytest.raises(ValueError, match="must be text in UTF-8"):
        _table(_write(tmp_path / "t.csv", [_HEAD, *_ROWS], "utf-16"))
