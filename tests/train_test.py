import contextlib
import itertools
import json
import signal

import gin
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from tests import compositions
from trainer import evaluation, experiment, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import run_directory

_BINDINGS = (
    "Experiment.steps = 12",
    "Loop.log_interval = 4",
    "Loop.eval_interval = 6",
    "Loop.checkpoint_interval = 5",
    "PeriodicSchedule.start = 3",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
    "optimizer.config = @AdamConfig()",
)


def _run(folder, *bindings, file="small+gradmax", overwrite_config=False):
    gin.clear_config()
    reader.load(compositions.files(file), [*_BINDINGS, *bindings])
    built = experiment.Experiment()
    directory = run_directory.RunDirectory(str(folder))
    directory.start(gin.config_str(), overwrite_config)
    return built, run_lib.Run(built, directory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run, and the experiment that ran."""
    folder = tmp_path_factory.mktemp("finished")
    built, run = _run(folder)
    train.Training(run, reader.literals()).train(evaluate=True)
    return folder, built


def test_a_run_with_growths_is_traced_once(finished):
    _, built = finished
    assert built.grower.widths() == {"hidden_1": 7}
    assert built.task._train_loop_fn.experimental_get_tracing_count() == 1
    assert built.grower._grow.experimental_get_tracing_count() == 1


def test_the_files_of_a_run(finished):
    folder, built = finished
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == 12 and result["growths"] == 2 and result["seed"] == 0
    assert result["widths"] == {"hidden_1": 7}
    assert result["parameters"] == 7 * 30
    # Three times the forward pass: 50 examples, widths 5, 6 and 7 for 3, 3 and 6 steps.
    assert result["training_flops"] == 3 * 50 * 2 * 30 * (5 * 3 + 6 * 3 + 7 * 6)
    assert result["training_flops_saved"] == pytest.approx(1 - (5 * 3 + 6 * 3 + 7 * 6) / (7 * 12))
    assert {"loss"} == result["train"].keys() == result["test"].keys()
    assert "tensorflow" in result["versions"] and result["wall_seconds"] > 0
    events = [json.loads(line) for line in (folder / "growth.jsonl").read_text().splitlines()]
    assert events == [growth.to_json() for growth in built.grower.history.events]
    assert [event["step"] for event in events] == [3, 6]
    assert "PeriodicSchedule.count = 2" in (folder / "config.gin").read_text()
    operative = (folder / "operative_config-0.gin").read_text()
    assert "PeriodicSchedule.count = 2" in operative
    assert "mean_norm.factor = 1.0" in operative  # Used only while growth is traced.
    # No temporary file; the lock stays, as removing it would let two processes in.
    assert [file.name for file in folder.glob(".*")] == [".lock"]


def test_the_curves_of_tensorboard(finished):
    folder, _ = finished

    def scalars(name):
        events = event_accumulator.EventAccumulator(
            str(folder / name), size_guidance={"tensors": 0}
        ).Reload()
        return events, {
            tag: {e.step: tf.make_ndarray(e.tensor_proto).item() for e in events.Tensors(tag)}
            for tag in events.Tags()["tensors"]
            if events.summary_metadata[tag].plugin_data.plugin_name == "scalars"
        }

    events, train_scalars = scalars(".")
    assert list(train_scalars["loss"]) == [3, 4, 5, 6, 8, 10, 12]
    assert train_scalars["width/hidden_1"] == {3: 5, 4: 6, 5: 6, 6: 6, 7: 7, 8: 7, 10: 7, 12: 7}
    assert train_scalars["size/parameters"][12] == 210
    growth_tags = [tag for tag in train_scalars if tag.startswith("per_growth/")]
    assert sorted(growth_tags) == [
        "per_growth/gradient_norm_new/hidden_1",
        "per_growth/gradient_norm_old/hidden_1",
        "per_growth/loss",
        "per_growth/milliseconds",
        "per_growth/singular_value_1/hidden_1",
        "per_growth/training_steps",
    ]
    assert all(list(train_scalars[tag]) == [3, 6] for tag in growth_tags)
    # The same values at the steps and at what they have cost, so that methods line up by either.
    by_step, by_mflops = train_scalars["loss"], train_scalars["vs_training_mflops/loss"]
    flops = train_scalars["size/training_flops"]
    assert by_mflops == {int(flops[step] // 10**6): by_step[step] for step in by_step}
    assert set(train_scalars["speed/examples_per_second"]) == set(by_step)
    pictures = [tf.make_ndarray(e.tensor_proto) for e in events.Tensors("pictures/widths")]
    assert len(pictures) == 2 and pictures[0][2] != pictures[1][2]
    assert "custom_scalars__config__" in events.Tags()["tensors"]
    assert {
        "optimizer/learning_rate",
        "size/training_flops",
        "steps_per_second",
    } <= train_scalars.keys()
    text = tf.make_ndarray(events.Tensors("config")[0].tensor_proto).item().decode()
    assert "Experiment.steps = 12" in text
    assert list(scalars("eval")[1]["loss"]) == [6, 12]


def _state(built):
    """Everything that training changes."""
    return [v.numpy() for v in itertools.chain(built.model.variables, built.optimizer.variables())]


class _StopAfterOneLoop:
    """Stands in for trainer/command/interrupts.py: a signal arrives during the first loop."""

    signal = signal.SIGINT

    def __init__(self, run):
        self._run = run
        self._start = run.step

    def __bool__(self):
        return self._run.step > self._start


_ALL_STATE = (
    "import models.normalization",
    "ConvNet.normalization = @BatchNormalization",
    "ConvTeacherStudent.examples = 20",
    "optimizer.ema = @EMAConfig()",
    "EMAConfig.trainable_weights_only = False",
)


@pytest.mark.parametrize(
    ("file", "bindings"),
    [
        ("small+gradmax", ("Grower.carry_slots = True",)),
        ("small+gradmax", ("Grower.carry_slots = False",)),
        ("small+firefly", ("ProjectedAdam.steps = 2",)),
        ("convolution/small+gradmax", _ALL_STATE),
    ],
)
def test_a_run_that_was_stopped_after_each_loop_ends_the_same(
    tmp_path, monkeypatch, file, bindings
):
    bindings += ("Loop.checkpoint_interval = 12",)  # What is stopped saves by itself.
    uninterrupted, run = _run(tmp_path / "uninterrupted", *bindings, file=file)
    train.Training(run, reader.literals()).train(evaluate=True)
    folder, starts = tmp_path / "stopped", []
    while not (folder / "result.json").exists():
        built, run = _run(folder, *bindings, file=file)
        starts.append(run.step)
        stop = contextlib.nullcontext(_StopAfterOneLoop(run))
        monkeypatch.setattr(train.interrupts, "catch", lambda stop=stop: stop)
        with contextlib.suppress(SystemExit):
            train.Training(run, reader.literals()).train(evaluate=True)
    # Growths are due at 3 and 6: the run starts again right before each of them.
    assert starts == [0, 3, 4, 6, 8]
    for value, expected in zip(_state(built), _state(uninterrupted), strict=True):
        np.testing.assert_array_equal(value, expected)
    results = [json.loads(f.read_text()) for f in tmp_path.glob("*/result.json")]
    assert len(results) == 2
    assert results[0].pop("wall_seconds") != results[1].pop("wall_seconds")
    assert results[0] == results[1]


def test_an_evaluation_gives_the_metrics_of_the_result(finished):
    folder, _ = finished
    built, run = _run(folder)
    evaluated = evaluation.Evaluation(built, run_directory.RunDirectory(folder))
    assert evaluated.step == run.step == 12
    assert evaluated.evaluate() == json.loads((folder / "result.json").read_text())["test"]


def test_an_exported_network_gives_the_same_outputs(finished):
    folder, built = finished
    _, run = _run(folder)
    exported, model = run.export()
    assert exported == folder / "export" / "12" and model == exported / "model.h5"
    inputs = tf.random.stateless_normal([3, 20], [0, 1])
    loaded = tf.saved_model.load(str(exported)).signatures["serving_default"](inputs=inputs)
    np.testing.assert_allclose(loaded["outputs"], built.model(inputs), rtol=1e-6)
    run.export()  # Replaces what is there.
    assert [f.name for f in (folder / "export").iterdir()] == ["12"]


def test_another_configuration_in_the_same_folder_is_refused_with_the_difference(finished):
    folder, _ = finished
    with pytest.raises(errors.UserError, match=r"(?s)-seed = 0.*\+seed = 1.*--overwrite_config"):
        _run(folder, "seed = 1")
    assert "seed = 0" in (folder / "config.gin").read_text()


def test_another_seed_network_than_that_of_the_checkpoint_is_refused(tmp_path):
    _, run = _run(tmp_path, file="small+baseline_small")
    train.Training(run, {}).train(evaluate=False)
    with pytest.raises(ValueError, match="was the model's seed network changed"):
        _run(tmp_path, "MLP.hidden_widths = (4,)", overwrite_config=True)


@pytest.mark.parametrize(
    ("growths", "where"),
    [(0, r"training step \d+.*"), (2, r"in training step 4, right after a growth")],
)
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(
    tmp_path, growths, where
):
    steep = ("optimizer.config = @SGDConfig()", "ConstantLrConfig.learning_rate = 20")
    _, run = _run(tmp_path, *steep, f"PeriodicSchedule.count = {growths}")
    with pytest.raises(FloatingPointError, match=f"{where}; the newest checkpoint is"):
        train.Training(run, {}).train(evaluate=False)
    assert not (tmp_path / "result.json").exists()


def test_growth_methods_see_the_same_data_and_start_from_the_same_student(tmp_path):
    states = []
    for file in ("small+gradmax", "small+random"):
        built, _ = _run(tmp_path / file, file=file)
        batch = next(iter(built.batches(5)))
        states.append([*batch, *built.model.variables])
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_growth_takes_its_gradient_from_a_batch_of_its_own_size(tmp_path):
    small = ("TeacherStudent.batch_size = 8", "Experiment.growth_batch_size = 20")
    built, _ = _run(tmp_path, *small)
    inputs, targets = built.growth_batch(2, next(iter(built.batches(2))))
    assert inputs.shape == (20, 20)
    # The examples that training sees next.
    batches = list(built.batches(2).take(3))
    np.testing.assert_array_equal(inputs, np.concatenate([batch[0] for batch in batches])[:20])
    errors = built.model(inputs) - targets
    event = built.grower.grow(2, (inputs, targets), next(iter(built.batches(2))))
    # A of one hidden layer: dL/dz^T h, for the squared error averaged over examples and outputs.
    a = 2 * tf.transpose(errors) @ inputs / tf.size(errors, tf.float32)
    logged = event.sites["hidden_1"].singular_values
    values = np.linalg.svd(a, compute_uv=False)
    np.testing.assert_allclose(logged, values[: len(logged)], rtol=1e-4)
