"""Static shapes: other storage at each growth, and the numbers that there are without."""

import contextlib
import json
import signal

import gin
import numpy as np
import pytest
import tensorflow as tf

from growth import static_shapes
from growth.methods import random
from growth.surgery import variable_storage
from models.layers import normalization
from tests import compositions, networks
from trainer import dry_run, evaluation, experiment, objectives, task, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.datasets import teacher_student
from trainer.model_dir import checkpoints, run_directory

pytestmark = pytest.mark.slow

_BINDINGS = (
    "Experiment.steps = 9",
    "Loop.log_interval = 3",
    "Loop.eval_interval = 4",
    "PeriodicSchedule.start = 3",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
)
_MOMENTUM = ("optimizer.config = @SGDConfig()", "SGDConfig.momentum = 0.9")
_ADAM = ("optimizer.config = @AdamConfig()", "ConstantLrConfig.learning_rate = 0.01")
_AVERAGES = ("optimizer.ema = @EMAConfig()", "EMAConfig.trainable_weights_only = False")
# Zero outgoing weights: batch normalization would make 316 times as much of zero incoming ones, and
# as much of what is rounded differently.
_INVERSE = "Random.inverse = True"
_NORMALIZED = (
    *(*_MOMENTUM, *_AVERAGES),
    "import models.normalization",
    "MLP.normalization = @BatchNormalization",
    _INVERSE,
)
_DECIDING = (
    "import growth.decisions.placement",
    "import growth.decisions.triggers",
    "Grower.schedule = @SingularValues()",
    "SingularValues.threshold = 0.0",
    "SingularValues.interval = 3",
    "Grower.policy = @GainPerCost()",
    "GainPerCost.neurons = 2",
)
_CONVOLUTION = (
    *(*_MOMENTUM, *_AVERAGES),
    "import models.normalization",
    "ConvNet.normalization = @BatchNormalization",
    "ConvTeacherStudent.examples = 20",
    _INVERSE,
    "ConstantLrConfig.learning_rate = 0.01",
)


def _run(folder, file, bindings, static=True):
    gin.clear_config()
    files = compositions.files(file)
    reader.load(files, [*_BINDINGS, *bindings, f"Devices.static_shapes = {static}"])
    built = experiment.Experiment()
    directory = run_directory.RunDirectory(str(folder))
    directory.start(gin.config_str(), overwrite_config=True)
    run = run_lib.Run(built, directory)
    return built, run


def _state(built):
    """Everything that training changes."""
    return [*built.model.variables, *built.optimizer.variables()]


def _check_equal(folder, built, expected_folder, expected):
    for value, expected_value in zip(_state(built), _state(expected), strict=True):
        np.testing.assert_allclose(value, expected_value, rtol=1e-6, atol=1e-6)
    results, growths = [], []
    for path in (folder, expected_folder):
        result = json.loads((path / "result.json").read_text())
        assert result.pop("wall_seconds") > 0
        results.append(result)
        events = [json.loads(line) for line in (path / "growth.jsonl").read_text().splitlines()]
        assert all(event.pop("milliseconds") > 0 for event in events)
        growths.append(events)
    assert len(growths[0]) == 2
    for values in (results, growths):
        a, b = (tf.nest.flatten(value) for value in values)
        for value, expected_value in zip(a, b, strict=True):
            if isinstance(value, float):
                np.testing.assert_allclose(value, expected_value, rtol=1e-6)
            else:
                assert value == expected_value


@pytest.mark.parametrize(
    ("file", "bindings"),
    [
        ("small+gradmax", _MOMENTUM),
        ("small+split", (*_ADAM, "Grower.carry_slots = False")),
        ("convolution/small+random", _CONVOLUTION),
        ("small+gradmax", _DECIDING),
    ],
    ids=["momentum", "fresh_slots_of_changed_weights", "moving_averages", "decisions"],
)
def test_a_run_has_the_numbers_of_unspecified_shapes(tmp_path, file, bindings):
    runs = []
    for static in (True, False):
        folder = tmp_path / str(static)
        built, run = _run(folder, file, bindings, static)
        train.Training(run, reader.literals()).train(evaluate=True)
        runs += [folder, built]
        assert all(v.shape.is_fully_defined() == static for v in built.model.variables)
    _check_equal(*runs)


class _StopAfterOneLoop:
    """Stands in for trainer/command/interrupts.py: a signal arrives during the first loop."""

    signal = signal.SIGINT

    def __init__(self, run):
        self._run = run
        self._start = run.step

    def __bool__(self):
        return self._run.step > self._start


def test_a_run_that_was_stopped_goes_on_from_checkpoints_of_either_kind(tmp_path, monkeypatch):
    folder, whole = tmp_path / "stopped", tmp_path / "whole"
    expected, run = _run(whole, "small+random", _NORMALIZED, static=False)
    train.Training(run, reader.literals()).train(evaluate=True)
    starts = []
    for static in (True, True, False, True, True):
        built, run = _run(folder, "small+random", _NORMALIZED, static)
        starts.append(run.step)
        stop = contextlib.nullcontext(_StopAfterOneLoop(run))
        monkeypatch.setattr(train.interrupts, "catch", lambda stop=stop: stop)
        with contextlib.suppress(SystemExit):
            train.Training(run, reader.literals()).train(evaluate=True)
    # Growths are due at 3 and 6: the run starts again right before each of them.
    assert starts == [0, 3, 4, 6, 8]
    _check_equal(folder, built, whole, expected)


def test_evaluation_export_and_the_best_checkpoint_at_smaller_widths(tmp_path):
    uphill = (
        "optimizer.learning_rate = @StepwiseLrConfig()",
        "StepwiseLrConfig.boundaries = [4]",
        "StepwiseLrConfig.values = [0.05, -0.1]",
    )
    built, run = _run(tmp_path, "small+random", uphill)
    train.Training(run, reader.literals()).train(evaluate=True)
    result = json.loads((tmp_path / "result.json").read_text())
    directory = run_directory.RunDirectory(tmp_path)
    evaluated = evaluation.Evaluation(built, directory)
    assert evaluated.evaluate() == result["test"]
    evaluated.restore(checkpoints.find(directory, "best"))
    best = result["best"]
    assert built.grower.widths() == {"hidden_1": 6} and result["widths"] == {"hidden_1": 7}
    assert run.step == best.pop("step") == 4
    assert evaluated.evaluate() == best
    inputs = tf.random.stateless_normal([3, 20], [0, 1])
    loaded = tf.saved_model.load(str(run.export()[0])).signatures["serving_default"]
    np.testing.assert_allclose(loaded(inputs=inputs)["outputs"], built.model(inputs), rtol=1e-6)


def test_another_seed_network_than_that_of_the_checkpoint_is_refused(tmp_path):
    _, run = _run(tmp_path, "small+baseline_small", [])
    train.Training(run, reader.literals()).train(evaluate=False)
    with pytest.raises(ValueError, match="was the model's seed network changed"):
        _run(tmp_path, "small+baseline_small", ["MLP.hidden_widths = (4,)"])


def test_a_dry_run_says_the_same(tmp_path):
    reports = [
        dry_run.report(_run(tmp_path / str(static), "small+gradmax", [], static)[0])
        for static in (True, False)
    ]
    assert reports[0] == reports[1] and "from 6 to 7 neurons" in reports[0]


def test_a_training_step_compiles_under_xla_before_and_after_a_growth(tmp_path):
    losses = []
    for compiled in (True, False):
        built, _ = _run(tmp_path, "convolution/small+random", _CONVOLUTION)
        for step in range(2):
            batch = next(iter(built.batches(step)))
            # Anew after the growth, as the training loop is.
            function = tf.function(built.task._replica_step, jit_compile=compiled)
            losses.append(float(function(batch)[0]))
            assert built.grower.grow(step, batch).sites["hidden_1"].to_width == 6 + step
            assert all(variable.shape.is_fully_defined() for variable in _state(built))
    np.testing.assert_allclose(losses[:2], losses[2:], rtol=1e-4)


def _grown(static, make_norm, data, strategy):
    """Losses, events and variables of a training with two growths."""
    with strategy.scope():
        model = networks.network(use_bias=False, normalization=make_norm)
        optimizer, slots = networks.optimizer(model)
        trainer = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
        shapes = None
        if static:
            shapes = static_shapes.StaticShapes(model.variables, slots, [trainer.trace_anew])
        grower = networks.grower(
            *(model, random.Random(inverse=True)),
            slots=slots,
            loss_function=trainer.loss,
            train_step=trainer.step,
            shapes=shapes,
        )
    trainer.train_dataset = strategy.experimental_distribute_dataset(data.train(0))
    losses = []
    for step in range(2):
        losses.append(float(trainer.train(tf.constant(2))["loss"]))
        losses.append(grower.grow(step, trainer.next_batch()).loss)
    losses.append(float(trainer.train(tf.constant(2))["loss"]))
    variables = [*model.variables, *(s.variable for v in model.variables for s in slots(v))]
    parts = [strategy.experimental_local_results(variable) for variable in variables]
    return losses, grower.history.events, parts


@pytest.mark.parametrize(
    ("make_norm", "devices"),
    [
        # Statistics of each replica.
        (normalization.BatchNormalization, 2),
        # Remembers its initial width.
        (normalization.LayerNormalization, 1),
    ],
)
def test_growth_is_the_same_whatever_the_layers_and_the_strategy(make_norm, devices):
    data = teacher_student.TeacherStudent((6, 8, 4), examples=64)
    strategy = tf.distribute.get_strategy()
    if devices > 1:
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    losses, events, variables = _grown(True, make_norm, data, strategy)
    expected_losses, expected_events, expected_variables = _grown(False, make_norm, data, strategy)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    for event, expected in zip(events, expected_events, strict=True):
        assert event.parameters == expected.parameters
        for name, site in event.sites.items():
            for key, value in site.to_json().items():
                np.testing.assert_allclose(value, expected.sites[name].to_json()[key], rtol=1e-5)
    for parts, expected_parts in zip(variables, expected_variables, strict=True):
        for part, expected in zip(parts, expected_parts, strict=True):
            scale = max(1.0, tf.reduce_max(tf.abs(expected)))
            np.testing.assert_allclose(part, expected, rtol=1e-6, atol=1e-6 * scale)


def test_what_was_traced_with_other_storage_fails_instead_of_going_on_with_it():
    kernel = tf.Variable(tf.ones([2, 3]), shape=[None, 3], name="kernel")
    function = tf.function(lambda inputs: inputs @ kernel)
    inputs = tf.ones([1, 2])
    function(inputs)
    key = kernel.ref()
    variable_storage.replace(kernel, 2.0 * kernel, [2, 3])
    assert kernel.ref() == key and kernel.name == "kernel:0" and kernel.shape == [2, 3]
    np.testing.assert_array_equal(inputs @ kernel, [[4.0, 4.0, 4.0]])
    with pytest.raises(tf.errors.InvalidArgumentError):
        function(inputs)


def test_a_restore_that_fails_leaves_shapes_defined():
    model = networks.network((5,))
    _, slots = networks.optimizer(model)
    forgotten = []
    shapes = static_shapes.StaticShapes(model.variables, slots, [lambda: forgotten.append(1)])
    with pytest.raises(InterruptedError), shapes.suspended():
        assert not all(v.shape.is_fully_defined() for v in model.variables)
        raise InterruptedError
    assert all(v.shape.is_fully_defined() for v in model.variables) and forgotten


def test_a_tpu_that_does_not_answer_is_named():
    gin.clear_config()
    files = compositions.files("small+gradmax")
    reader.load(files, ["Devices.distribution_strategy = 'tpu'"])
    with pytest.raises(ValueError, match="finds no TPU at Devices.tpu_address = 'local'"):
        experiment.Experiment()
