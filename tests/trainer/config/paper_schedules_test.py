"""Configurations of section 4.2 at their real sizes: how long, how wide, when they grow."""

import functools
import pathlib
import re

import gin
import pytest
import tensorflow as tf

import trainer.experiment  # noqa: F401  Configurations bind it.
from growth import grower
from trainer.config import reader
from trainer.optimization import optimizers
from trainer.sweep import expectations


def _name(row):
    """Names a row, e.g. `imagenet/mobilenet+gradmax, GradMax.epsilon = 0.0`."""
    task, *others = (pathlib.PurePath(file).with_suffix("") for file in row.files)
    names = "+".join([str(task.relative_to("gin_configs")), *(other.stem for other in others)])
    return ", ".join([names, *row.bindings])


_ROWS = [
    pytest.param(row, id=_name(row))
    for row in expectations.read()
    if re.match("gin_configs/(cifar|imagenet)", row.files[0])
]
_TARGETS = {
    "WideResNet": [16] * 4 + [32] * 4 + [64] * 4,
    "VGG": [64, 128, 256, 256, 512, 512, 512, 512],
    "MobileNet": [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024],
}
# Start, interval and number of growths, and sites in a growth; the first name that fits counts.
_SCHEDULES = {
    "cifar10/wrn_round_robin": (10000, 150, 144),
    "imagenet/mobilenet+gradmax, PeriodicSchedule.interval = 2500": (10000, 2500, 12),
    "imagenet/mobilenet+gradmax, PeriodicSchedule.interval = 10000": (10000, 10000, 12),
    "imagenet/mobilenet+gradmax, PeriodicSchedule.start = 60000": (60000, 5000, 12),
    "imagenet": (10000, 5000, 12),
    "cifar": (10000, 2500, 12),
}
# Examples in an epoch, of a batch, and epochs.
_LENGTHS = {"cifar": (50_000, 128, 200), "imagenet": (1_281_167, 512, 90)}
_RATES = {
    "cifar10/vgg": {0: 0.0, 391: 0.05, 78125 // 2: 0.025, 78125: 0.0},
    "cifar": {0: 0.0, 391: 0.1, 78125 // 2: 0.05, 78125: 0.0},
    "imagenet": {0: 0.0, 12511: 0.2, 67_562: 0.02, 135_124: 0.002, 180_165: 0.0002},
}


def _of(table, row):
    """The value of the first key that the name of `row` begins with."""
    return next(value for key, value in table.items() if _name(row).startswith(key))


@functools.cache
def _network(name, bindings):
    """The network of the configuration that is loaded; `bindings` are all that it depends on."""
    del bindings
    model = gin.get_configurable(name)(output_width=10)
    model(tf.zeros([1, 32, 32, 3]))
    return model


def _load(row):
    """The name of the network's class and the network, which rows share."""
    reader.load(row.files, row.bindings)
    name = gin.query_parameter("Experiment.model").selector.rpartition(".")[2]
    bindings = {
        key: value
        for key, value in reader.literals().items()
        if key.startswith(f"{name}.") or "width" in key
    }
    return name, _network(name, frozenset(bindings.items()))


@pytest.mark.parametrize("row", _ROWS)
def test_sites_grow_on_time_from_a_quarter_to_their_targets(row):
    name, model = _load(row)
    targets = _TARGETS[name]
    seed = targets if "baseline_big" in _name(row) else [width // 4 for width in targets]
    built = grower.Grower(model, loss=None, slots=lambda variable: [], seed=0)
    widths = built.widths()
    assert list(widths.values()) == seed
    plan = built.plan(gin.query_parameter("%steps"))
    start, interval, count = _of(_SCHEDULES, row)
    grows = "baseline" not in _name(row)
    assert sorted({growth.step for growth in plan}) == [
        start + interval * i for i in range(count if grows else 0)
    ]
    widths |= {growth.site: growth.to_width for growth in plan}
    assert list(widths.values()) == (targets if grows else seed)


@pytest.mark.parametrize("row", _ROWS)
def test_runs_take_the_epochs_and_the_learning_rates_of_the_paper(row):
    reader.load(row.files, row.bindings)
    dataset = gin.query_parameter("Experiment.dataset").selector.rpartition(".")[2]
    examples, batch_size, epochs = _of(_LENGTHS, row)
    assert gin.query_parameter(f"{dataset}.batch_size") == batch_size
    assert gin.query_parameter("%steps") == round(epochs * examples / batch_size)
    rate = optimizers.optimizer().learning_rate
    for step, expected in _of(_RATES, row).items():
        assert float(rate(step)) == pytest.approx(expected, rel=1e-3, abs=1e-7)
