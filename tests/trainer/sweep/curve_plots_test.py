import numpy as np
import pytest

from trainer.logs import run_curves
from trainer.sweep import curves as sweep_curves
from trainer.sweep import plots


def _runs(config, metrics, growth_steps=(), seeds=2):
    flops = {step: 100.0 * step for step in (0, 10, 15, 20, 30)}
    return [
        run_curves.RunCurves(config, seed, metrics, flops, growth_steps) for seed in range(seeds)
    ]


def _draw(by_config, metric, axis):
    curves = {c: sweep_curves.mean_curve(runs, metric) for c, runs in by_config.items()}
    figure = plots.draw(curves, metric, axis)
    return figure.axes[0], [text.get_text() for text in figure.legends[0].get_texts()]


FALLING = {"train/loss": {10: 4.0, 20: 2.0, 30: 1.0}}


def test_a_picture_for_each_metric_of_the_test_examples_and_each_axis(tmp_path):
    metrics = FALLING | {
        "train/learning_rate": {10: 0.1, 20: 0.1},
        "train/accuracy": {10: 0.1, 20: 0.2},
        "test/loss": {30: 1.0},
        "test/accuracy": {20: 0.5, 30: 0.6},
    }
    files = plots.write({"a": _runs("a", metrics), "b": []}, tmp_path / "curves")
    assert {file.name for file in files} == {
        f"{metric}_by_{axis}.png"
        for metric in ("train_loss", "train_accuracy", "test_accuracy")
        for axis in ("step", "training_flops")
    }
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_nothing_finished_draws_nothing(tmp_path):
    assert plots.write({"a": [], "b": []}, tmp_path) == []


@pytest.mark.parametrize(
    "axis, label, x, marks",
    [
        ("step", "training steps", [10, 20, 30], [15, 20]),
        ("training_flops", "training FLOPs", [1000, 2000, 3000], [1500, 2000]),
    ],
)
def test_growths_are_marked_on_the_line(axis, label, x, marks):
    axes, names = _draw({"grown": _runs("grown", FALLING, [15, 20])}, "train/loss", axis)
    line, growths = axes.lines
    np.testing.assert_array_equal(line.get_xydata().T, [x, [4.0, 2.0, 1.0]])
    np.testing.assert_array_equal(growths.get_xydata().T, [marks, [3.0, 2.0]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == (label, "train loss")
    assert names == ["grown (2)", "growth"]


def test_the_band_is_a_deviation_wide():
    runs = [
        run_curves.RunCurves("a", seed, {"test/loss": {10: value, 20: value}}, {}, [])
        for seed, value in enumerate([1.0, 2.0, 3.0])
    ]
    axes, names = _draw({"a": runs}, "test/loss", "step")
    (band,) = axes.collections
    assert set(band.get_paths()[0].vertices[:, 1]) == {1.0, 3.0}
    assert names == ["a (3)"]


def test_a_single_seed_has_no_band():
    axes, _ = _draw({"a": _runs("a", FALLING, seeds=1)}, "train/loss", "step")
    assert len(axes.collections) == 0


def test_a_configuration_keeps_its_color_where_another_is_missing():
    other = _runs("b", FALLING)
    both, _ = _draw({"a": _runs("a", FALLING), "b": other}, "train/loss", "step")
    alone, names = _draw({"a": [], "b": other}, "train/loss", "step")
    assert names == ["b (2)"]
    assert both.lines[2].get_color() == alone.lines[0].get_color()


def test_many_configurations_all_look_different():
    axes, _ = _draw({f"c{n}": _runs(f"c{n}", FALLING) for n in range(25)}, "train/loss", "step")
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 25


@pytest.mark.parametrize(
    "values, scale",
    [
        ([2.0, 0.5, 0.3], "linear"),
        ([10.0, 1.0, 0.03], "log"),
        ([0.001, 0.3, 0.7], "linear"),  # An accuracy.
        ([10.0, 0.0, 0.0], "linear"),
    ],
)
def test_the_axis_is_logarithmic_where_the_end_would_be_lost(values, scale):
    metrics = {"test/loss": dict(zip([10, 20, 30], values, strict=True))}
    axes, _ = _draw({"a": _runs("a", metrics)}, "test/loss", "step")
    assert axes.get_yscale() == scale
