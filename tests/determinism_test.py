"""The same bits in every run, and random streams that do not disturb each other."""

import json
import os
import subprocess
import sys

import gin
import numpy as np
import pytest
import tensorflow as tf

from tests import compositions
from trainer import experiment
from trainer.config import reader as config
from trainer.distribution import devices

_SCHEDULE = {"start": 2, "interval": 2, "count": 2}
_NORMALIZED = (
    "import models.normalization",
    "ConvNet.normalization = @BatchNormalization",
    "ConvTeacherStudent.examples = 50",
    "ConvTeacherStudent.batch_size = 20",
    "Devices.mixed_precision = 'float16'",
    "Experiment.steps = 8",
    "Devices.deterministic = True",
)


def _schedule(**changes):
    return [f"PeriodicSchedule.{name} = {n}" for name, n in (_SCHEDULE | changes).items()]


def _train(folder, *bindings):
    flags = [f"--gin_bindings={binding}" for binding in bindings]
    subprocess.run(
        [
            *(sys.executable, "-m", "trainer.main", f"--model_dir={folder}"),
            *(*compositions.flags("convolution/small+gradmax"), *flags),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        check=True,
    )


def _numbers(folder):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    names = sorted(reader.get_variable_to_shape_map())
    values = {name: reader.get_tensor(name) for name in names}
    # The clock and the history, which tells how long growths took.
    numbers = {name: v for name, v in values.items() if not isinstance(v, bytes | str)}
    events = [json.loads(line) for line in (folder / "growth.jsonl").read_text().splitlines()]
    return numbers, [{**event, "milliseconds": None} for event in events]


def test_two_processes_give_the_same_bits(tmp_path):
    for name in ("first", "second"):
        _train(tmp_path / name, *_schedule(), *_NORMALIZED)
    (first, events), (second, events_of_second) = map(
        _numbers, (tmp_path / "first", tmp_path / "second")
    )
    assert first.keys() == second.keys() and len(first) > 10
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert events == events_of_second and len(events) == 2


def test_determinism_is_asked_for_before_anything_is_built(monkeypatch):
    calls = []
    monkeypatch.setattr(
        tf.config.experimental, "enable_op_determinism", lambda: calls.append("determinism")
    )
    monkeypatch.setattr(devices.strategies, "make", _stop)
    for deterministic, expected in [("False", []), ("True", ["determinism"])]:
        with pytest.raises(_Stop):
            _built(f"Devices.deterministic = {deterministic}")
        assert calls == expected


class _Stop(Exception):
    pass


def _stop(*args, **kwargs):
    raise _Stop


def _built(*bindings):
    gin.clear_config()
    config.load(compositions.files("small+gradmax"), bindings)
    return experiment.Experiment()


def _data_and_weights(*bindings):
    """Initial weights, and the batches that 6 training steps with growths take and leave."""
    batch_size = ("TeacherStudent.batch_size = 8", "TeacherStudent.examples = 40")
    built = _built(*batch_size, *bindings)
    found = [v.numpy() for v in built.model.variables]
    built.task.train_dataset = built.batches(0)
    for step in range(6):
        batch = built.task.next_batch()
        found += [array.numpy() for array in batch]
        if built.grower.next_growth(step) == step:
            built.grower.grow(step, built.growth_batch(step, batch), batch)
        else:
            built.task.step(batch)
    assert built.grower.widths() != {"hidden_1": 5}
    return found


@pytest.fixture(scope="module")
def expected(untraced):
    return _data_and_weights(*_schedule())


@pytest.mark.parametrize(
    "bindings",
    [
        *([f"Grower.method = @{name}()"] for name in ("Random", "Split", "Firefly")),
        ["Grower.method = @GradMaxOpt()", "ProjectedAdam.steps = 2"],
        _schedule(start=0, count=4),
        _schedule(start=1, interval=1),
        ["AllAtOnce.neurons = 3"],
        ["Experiment.growth_batch_size = 20"],
    ],
    ids=str,
)
def test_growth_changes_neither_the_data_nor_the_initial_weights(untraced, expected, bindings):
    found = _data_and_weights(*_schedule(), *bindings)
    for value, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, same)


def test_the_seed_changes_both():
    weights, other_weights = (_built(f"seed = {seed}").model.variables[0] for seed in (0, 1))
    assert not np.allclose(weights, other_weights)
    batches = [next(iter(_built(f"seed = {seed}").batches(0))) for seed in (0, 1)]
    assert not np.allclose(batches[0][0], batches[1][0])
