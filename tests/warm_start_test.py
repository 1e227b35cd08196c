"""Runs that begin with a network that was trained elsewhere."""

import json

import gin
import numpy as np
import pytest
import tf_keras

from tests import compositions, training_processes
from trainer import dry_run, experiment, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import run_directory
from trainer.warm_start import named_weights

_MLP = compositions.files("small+gradmax")
_CONVOLUTION = compositions.files("convolution/small+gradmax")
_STEPS = [
    "import trainer.datasets.conv_teacher_student",
    "Experiment.steps = 12",
    "Loop.log_interval = 4",
    "Loop.checkpoint_interval = 4",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 3",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
    "ConvTeacherStudent.examples = 20",
]


def _bindings(source, *more):
    return [*_STEPS, "Experiment.warm_start = @WarmStart()", f'WarmStart.path = "{source}"', *more]


def _load(files, bindings, resumes=False):
    gin.clear_config()
    reader.load(files, bindings)
    return experiment.Experiment(resumes=resumes)


def _begun(files, bindings, folder):
    """An experiment and its run, before the first step."""
    directory = run_directory.RunDirectory(folder)
    built = _load(files, bindings, directory.has_checkpoint())
    directory.start(gin.config_str(), overwrite_config=False)
    return built, run_lib.Run(built, directory)


def _dense(width=12, outputs=10, name="hidden_1"):
    """A network of tf_keras alone, with the names of layers here."""
    return tf_keras.Sequential(
        [
            tf_keras.layers.Dense(width, "relu", use_bias=False, name=name),
            tf_keras.layers.Dense(outputs, use_bias=False, name="output"),
        ]
    )


def _convolutions(width=9, normalization="BatchNormalization", epsilon=1e-5):
    """A convolution, a normalization and a dense layer on the flattened map."""
    keras = tf_keras.layers
    return tf_keras.Sequential(
        [
            keras.Conv2D(width, 3, use_bias=False, name="hidden_1"),
            getattr(keras, normalization)(epsilon=epsilon, name="hidden_1_normalization"),
            keras.ReLU(),
            keras.Flatten(),
            keras.Dense(10, use_bias=False, name="output"),
        ]
    )


_FLAT = (
    "import models.normalization",
    "ConvNet.flatten = True",
    "ConvNet.normalization = @BatchNormalization",
)


def _trained(model, built):
    """`model` after some training on the data of `built`."""
    inputs, targets = next(iter(built.dataset.train(0)))
    model.compile("adam", "mse")
    model.fit(inputs, targets, epochs=3, verbose=0)
    return model


def _saved(model, path):
    # As a folder, the format of SavedModels.
    model.save(path, save_format=None if path.suffix else "tf")
    return path


# Configuration, network, name of its file.
_MIRRORED = ('Devices.distribution_strategy = "mirrored"', "Devices.logical_cpus = 2")
_STATIC = ("Devices.static_shapes = True",)
_SOURCES = {
    "keras": (_MLP, (), _dense, "model.keras"),
    "h5": (_MLP, (), _dense, "model.h5"),
    "SavedModel": (_MLP, (), _dense, "model"),
    "narrower": (_MLP, (), lambda: _dense(3), "model.keras"),
    "averages": (_MLP, ("optimizer.ema = @EMAConfig()",), _dense, "model.keras"),
    "convolution": (_CONVOLUTION, _FLAT, _convolutions, "model.keras"),
    "two replicas": (_CONVOLUTION, (*_FLAT, *_MIRRORED), _convolutions, "model.keras"),
    "static shapes": (_CONVOLUTION, (*_FLAT, *_STATIC), _convolutions, "model.keras"),
}


def _from_elsewhere(tmp_path, files, more, make, name):
    """A run with the weights of a network of tf_keras, and that network's outputs."""
    source = _trained(make(), _load(files, [*_STEPS, *more]))
    bindings = _bindings(_saved(source, tmp_path / name), *more)
    built, run = _begun(files, bindings, tmp_path / "run")
    inputs, _ = next(iter(built.dataset.train(0)))
    return built, run, source(inputs, training=False).numpy()


def _outputs(built):
    inputs, _ = next(iter(built.dataset.train(0)))
    return built.model(inputs, training=False).numpy()


@pytest.mark.parametrize("source", _SOURCES.values(), ids=_SOURCES)
def test_a_run_begins_with_what_a_network_of_tf_keras_puts_out(source, tmp_path):
    built, _, expected = _from_elsewhere(tmp_path, *source)
    np.testing.assert_allclose(_outputs(built), expected, atol=1e-6, rtol=1e-6)
    with built.task.averaged():
        np.testing.assert_allclose(_outputs(built), expected, atol=1e-6, rtol=1e-6)
    slots = [slot for v in built.model.trainable_variables for slot in built.grower._slots(v)]
    for slot in slots:
        assert slot.initial is None or not np.any(slot.variable.numpy())
    shapes = [v.numpy().shape for v in built.model.trainable_variables]
    assert {slot.variable.numpy().shape for slot in slots} <= set(shapes)


@pytest.mark.parametrize("name", ["keras", "two replicas", "static shapes"])
def test_it_grows_and_learns_from_there(name, tmp_path):
    built, run, _ = _from_elsewhere(tmp_path, *_SOURCES[name])
    inputs, targets = next(iter(built.dataset.train(0)))

    def loss():
        return float(np.mean(np.square(built.model(inputs) - targets)))

    width = built.grower.widths()["hidden_1"]
    assert width in (9, 12) and built.grower.seed_network.widths == {"hidden_1": width}
    before = loss()
    train.Training(run, {}).train(evaluate=True)
    assert loss() < before
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["widths"] == {"hidden_1": width + 2}
    # Growths after 2 and 5 of 12 steps, by a neuron each.
    first, second = built.grower.history.events
    flops = [size.forward_flops for size in (built.grower.seed_network, first, second)]
    assert flops[0] < flops[1] < flops[2]
    forward = 2 * flops[0] + 3 * flops[1] + 7 * flops[2]
    assert result["training_flops"] == 3 * built.dataset.batch_size * forward


def test_growth_by_gradmax_leaves_the_outputs_as_they_were(tmp_path):
    still = ("ConstantLrConfig.learning_rate = 0.0",)
    built, run, expected = _from_elsewhere(tmp_path, _MLP, still, _dense, "model.keras")
    train.Training(run, {}).train(evaluate=False)
    assert built.grower.widths() == {"hidden_1": 14}
    np.testing.assert_allclose(_outputs(built), expected, atol=1e-6, rtol=1e-6)


_ALL_STATE = (
    "import models.normalization",
    "ConvNet.normalization = @BatchNormalization",
    "optimizer.ema = @EMAConfig()",
    "EMAConfig.average_decay = 0.5",
)


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """The folder of a run that has grown, with averages of its weights, and what it puts out."""
    folder = tmp_path_factory.mktemp("grown")
    built, run = _begun(_CONVOLUTION, [*_STEPS, *_ALL_STATE], folder)
    train.Training(run, {}).train(evaluate=True)
    run.export()
    with built.task.averaged():
        return folder, _outputs(built)


@pytest.mark.parametrize("place", ["", "checkpoints/ckpt-12", "export/12", "export/12/model.h5"])
@pytest.mark.parametrize("averages", [True, False])
def test_a_run_begins_with_what_another_run_has_come_to(place, averages, grown, tmp_path):
    folder, expected = grown
    more = _ALL_STATE if averages else _ALL_STATE[:2]
    built, run = _begun(_CONVOLUTION, _bindings(folder / place, *more), tmp_path)
    assert run.step == 0 and len(built.grower.history) == 0
    assert built.grower.widths() == {"hidden_1": 7}
    np.testing.assert_allclose(_outputs(built), expected, atol=1e-6, rtol=1e-6)
    with built.task.averaged():
        np.testing.assert_allclose(_outputs(built), expected, atol=1e-6, rtol=1e-6)


def test_layers_that_are_left_out_begin_as_they_would(tmp_path):
    path = _saved(_trained(_dense(), _load(_MLP, _STEPS)), tmp_path / "model.keras")
    four = "TeacherStudent.sizes = (20, 10, 4)"
    # As of a network that was made with 12 neurons.
    made = _load(_MLP, [*_STEPS, four, "MLP.hidden_widths = (12,)"]).model.trainable_variables
    for skip in (["output"], ["out*"]):
        built = _load(_MLP, _bindings(path, f"WarmStart.skip = {skip!r}", four))
        hidden, output = built.model.trainable_variables
        np.testing.assert_array_equal(
            hidden, named_weights.read(str(path)).values["hidden_1/kernel"]
        )
        assert output.numpy().shape == (12, 4)
        np.testing.assert_array_equal(output, made[1])


def test_policies_count_from_the_widths_that_a_run_begins_with(tmp_path):
    path = _saved(_trained(_dense(), _load(_MLP, _STEPS)), tmp_path / "model.keras")
    fraction = ("AllAtOnce.neurons = None", "AllAtOnce.fraction = 0.5")
    report = dry_run.report(_load(_MLP, _bindings(path, *fraction)))
    assert "step 2: hidden_1 from 12 to 18 neurons\n  step 5: hidden_1 from 18 to 24" in report
    assert "Before: 360 parameters" in report


# What is bound beside the path, the network, and what the message has.
_MISTAKES = {
    "other names": (
        (),
        lambda: _dense(name="first"),
        r"(?s)in it, but not in this network: first/kernel\n  not in it: hidden_1/kernel\n",
    ),
    "other outputs": (
        (),
        lambda: _dense(outputs=4),
        r"(?s)output/kernel: \[12, 4\] there, \[12, 10\] here.*WarmStart.skip = \['output'\]",
    ),
    "a pattern of nothing": (
        ('WarmStart.skip = ["last"]',),
        _dense,
        r"'last' is none of the layers hidden_1, output",
    ),
    "matched FLOPs": (("Experiment.match_flops = True",), _dense, "cannot be with Experiment.warm"),
}


@pytest.mark.parametrize(("more", "make", "message"), _MISTAKES.values(), ids=_MISTAKES)
def test_a_network_that_does_not_fit_is_refused(more, make, message, tmp_path):
    source = make()
    source.build([None, 20])
    path = _saved(source, tmp_path / "model.keras")
    with pytest.raises(ValueError, match=message):
        _load(_MLP, _bindings(path, *more))


@pytest.mark.parametrize(
    ("normalization", "epsilon", "message"),
    [
        ("BatchNormalization", 1e-3, r"adds 0.001 to variances .* bind BatchNormalization.epsilon"),
        ("LayerNormalization", 1e-5, r"from 9 channels in .* from 5 here.* bind the width to 9"),
    ],
)
def test_normalizations_that_would_not_do_the_same(normalization, epsilon, message, tmp_path):
    more = [*_FLAT[:2], f"ConvNet.normalization = @{normalization}"]
    source = _convolutions(normalization=normalization, epsilon=epsilon)
    built = _load(_CONVOLUTION, [*_STEPS, *more])
    source(next(iter(built.dataset.train(0)))[0])
    path = _saved(source, tmp_path / "model.keras")
    with pytest.raises(ValueError, match=message):
        _load(_CONVOLUTION, _bindings(path, *more))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "there is nothing of that name"),
        ("model.txt", b"", "it is none of them"),
        ("model.h5", b"no model", "model.h5' cannot be read"),
        ("model.keras", b"no model", "model.keras"),
    ],
)
def test_what_is_no_network_is_refused(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.UserError, match=message), errors.mistakes():
        _load(_MLP, _bindings(tmp_path / name))


def test_a_run_that_is_killed_goes_on_without_the_network_that_it_began_with(tmp_path):
    source, run = tmp_path / "model.keras", tmp_path / "whole"
    kill = {"place": "training", "number": 4, "milliseconds": 0, "after": True, "name": "SIGKILL"}
    bindings = _bindings(source)
    with training_processes.Server() as server:
        assert server.run(run, _MLP, bindings) == [2]
        assert not run.exists()  # What is bound may be mended.
        _saved(_trained(_dense(), _load(_MLP, _STEPS)), source)
        assert server.run(run, _MLP, bindings) == [0]
        assert server.run(tmp_path / "killed", _MLP, bindings, [kill]) == [-9]
        source.unlink()
        assert server.run(tmp_path / "killed", _MLP, bindings) == [0]
    whole, killed = (training_processes.outcome(tmp_path / name) for name in ("whole", "killed"))
    assert whole == killed and whole[0]["widths"] == {"hidden_1": 14}


def test_checkpoints_that_vanish_at_the_start_are_not_replaced_by_other_weights(tmp_path):
    path = _saved(_trained(_dense(), _load(_MLP, _STEPS)), tmp_path / "model.keras")
    built = _load(_MLP, _bindings(path), resumes=True)
    with pytest.raises(errors.UserError, match="have just been removed; start again"):
        run_lib.Run(built, run_directory.RunDirectory(tmp_path / "run"))
