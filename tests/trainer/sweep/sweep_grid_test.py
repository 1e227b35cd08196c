"""Configurations of a sweep: compositions of files at the points of a grid."""

import pytest

from trainer.command import errors
from trainer.sweep import best_points, configurations, grid


def _labels(*grids):
    return [point.label for point in grid.points(grids)]


def test_a_grid_is_the_product_of_its_axes():
    points = grid.points(["A.rate=0.1, 0.2", "B.count = 3,4"])
    assert [point.bindings for point in points] == [
        ("A.rate = 0.1", "B.count = 3"),
        ("A.rate = 0.1", "B.count = 4"),
        ("A.rate = 0.2", "B.count = 3"),
        ("A.rate = 0.2", "B.count = 4"),
    ]
    assert points[0].label == "rate=0.1,count=3"
    assert grid.points([]) == [grid.Point((), "")]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("M.widths=(5, 8),(4,)", ["(5, 8)", "(4,)"]),
        ("M.x=[1,[2,3]],{'a': 1, 'b': 2}", ["[1,[2,3]]", "{'a': 1, 'b': 2}"]),
        ("""M.x="a,b",'c)','it\\'s, it'""", ['"a,b"', "'c)'", "'it\\'s, it'"]),
        ("steps=10,20", ["10", "20"]),
        ("a/b/M.x=@Random(),@f/g,%steps", ["@Random()", "@f/g", "%steps"]),
        ("M.x=a=b", ["a=b"]),
    ],
)
def test_values_may_have_commas_in_brackets_and_quotes(text, values):
    name = text.partition("=")[0]
    assert [point.bindings for point in grid.points([text])] == [(f"{name} = {v}",) for v in values]


def test_labels_are_names_of_folders_that_tell_all_points_apart():
    assert _labels("A.rate=1,2", "B.rate=3") == ["A.rate=1,B.rate=3", "A.rate=2,B.rate=3"]
    odd = _labels("M.x='a/b','a_b',\"a/b\",[1],*,(5, 8),\u00e9")
    assert len(set(odd)) == 7 and odd[5] == "x=(5,8)"
    assert not [label for label in odd if set(label) & set("/*?[]\\\"'\u00e9 ")]
    long = _labels(*(f"A.x{i}={'1' * 30},{'2' * 30}" for i in range(8)))
    assert len(set(long)) == 256 and max(map(len, long)) <= 100
    # A value more does not rename the points that are there.
    assert set(_labels("A.x=1,2")) < set(_labels("A.x=1,3,2"))


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        (["A.x"], "--grid=A.x must be name.parameter=value,value,..., e.g."),
        (["=1"], "must be name.parameter=value"),
        (["A x=1"], "must be name.parameter=value"),
        (["A.x="], "--grid=A.x= has an empty value"),
        (["A.x=1,"], "has an empty value"),
        (["A.x=1,1"], "must not have 1 more than once"),
        (["A.x=(1,2"], r"must have another \) at its end"),
        (["A.x='a"], "must have another ' at its end"),
        (["A.x=1)"], r"has a \) that closes nothing"),
        (["A.x=1", "A.x=2"], "give A.x in one --grid"),
        (["seed=0,1"], "must not bind seed; give --seeds=N"),
        (["A.y=1"], "and --gin_bindings both bind A.y"),
    ],
)
def test_a_wrong_grid_is_one_message(grids, message):
    with pytest.raises(errors.UserError, match=message):
        grid.points(grids, ["A.y = 3"])


def _names(*files, grids=(), folders=()):
    return [each.name for each in configurations.compose(files, grid.points(grids), folders)]


def test_names_are_those_of_the_files_and_the_point():
    assert _names("t/small.gin", "m/random.gin") == ["small", "random"]
    assert _names("t/small.gin+m/a.gin", "t/small.gin+m/b.gin") == ["small+a", "small+b"]
    assert _names("t/small.gin+m/a.gin", "c/small.gin+m/a.gin") == ["t/small+a", "c/small+a"]
    assert _names("s.gin+a.gin", grids=["A.x=1,2"]) == ["s+a/x=1", "s+a/x=2"]


def test_files_compose_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    (one,) = configurations.compose(["a.gin + ~/b.gin"], grid.points([]))
    assert one.files == ("a.gin", "/home/me/b.gin")
    # A file that has a plus in its name is one, as it was before files composed.
    (tmp_path / "a+b.gin").touch()
    (one,) = configurations.compose([f"{tmp_path}/a+b.gin"], grid.points([]))
    assert one.files == (f"{tmp_path}/a+b.gin",)
    assert _names("a+b.gin", folders=[str(tmp_path)]) == ["a+b"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.gin+"], r"--gin_file=a.gin\+: each path must be a path, but is empty; compose"),
        (["a.gin+b.gin", "./a.gin+b.gin"], r"a.gin\+b.gin must not be given more than once"),
        (["a.gin", "./a.gin"], "--gin_file=a.gin must not be given more than once"),
    ],
)
def test_a_wrong_composition_is_one_message(files, message):
    with pytest.raises(errors.UserError, match=message):
        _names(*files)


def test_a_baseline_is_a_configuration_or_the_same_point_of_a_composition():
    found = configurations.compose(["s.gin+a.gin", "s.gin+b.gin"], grid.points(["A.x=1,2"]))
    assert configurations.baselines(found, None) == {}
    assert set(configurations.baselines(found, "s+b/x=2").values()) == {"s+b/x=2"}
    assert configurations.baselines(found, "s+b") == {
        "s+a/x=1": "s+b/x=1",
        "s+a/x=2": "s+b/x=2",
        "s+b/x=1": "s+b/x=1",
        "s+b/x=2": "s+b/x=2",
    }
    with pytest.raises(errors.UserError, match=r"--baseline=b must be one of s\+a, s\+b, s\+a/x"):
        configurations.baselines(found, "b")


def _result(loss, accuracy):
    costs = {"parameters": 300, "training_flops": 2e9, "wall_seconds": 4.0}
    return {"train": {"loss": loss}, "test": {"accuracy": accuracy}, **costs}


_RESULTS = {
    "a/x=1": {0: _result(1.0, 0.7), 1: _result(3.0, 0.7)},
    "a/x=2": {0: _result(1.5, 0.9), 1: _result(2.0, 0.3)},
    "b/x=1": {0: _result(float("nan"), 0.5), 1: _result(0.0, 0.5)},
    "b/x=2": {0: _result(9.0, 0.4), 1: _result(9.0, 0.4)},
    "c/x=1": {},
}


@pytest.mark.parametrize(
    ("metric", "chosen", "caption"),
    [
        (
            "train/loss",
            {"a": "a/x=2", "b": "b/x=2"},
            "the lowest mean train/loss over seeds, on the",
        ),
        (
            "test/accuracy",
            {"a": "a/x=1", "b": "b/x=1"},
            "the highest mean test/accuracy over seeds",
        ),
        (
            "wall_seconds",
            {"a": "a/x=1", "b": "b/x=1"},
            "the lowest mean wall_seconds over seeds.\n",
        ),
    ],
)
def test_the_best_point_is_chosen_by_the_metric(metric, chosen, caption):
    files = ["a.gin", "b.gin", "c.gin"]
    all_points = configurations.compose(files, grid.points(["A.x=1,2"]))
    assert best_points.choose(_RESULTS, all_points, metric) == chosen
    table = best_points.to_markdown(_RESULTS, chosen, [metric], "b")
    assert caption in table
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0][2:] for line in lines[2:]] == list(chosen.values())
    # Compared with the best point of the baseline.
    assert lines[2].endswith(" of 2 |") and lines[3].endswith("|  |  |")
    if metric == "test/accuracy":
        assert "on the test examples. What a point was chosen by is better there" in table
