"""Runs of networks that draw: resumed, they end as they would have without a stop."""

import re
import shutil

import gin
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models import site
from models.layers import activations, growable, noise
from tests import compositions, training_processes
from trainer import experiment, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.datasets import teacher_student
from trainer.model_dir import run_directory

_FILES = compositions.files("small+gradmax")
_STEPS = [
    "Experiment.steps = 12",
    "Loop.log_interval = 2",
    "Loop.eval_interval = 4",
    "Loop.checkpoint_interval = 6",
    "PeriodicSchedule.start = 2",
    "PeriodicSchedule.interval = 6",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 100",
    "TeacherStudent.batch_size = 16",
]
_MIRRORED = ('Devices.distribution_strategy = "mirrored"', "Devices.logical_cpus = 2")
_keras = tf_keras.layers


def _dense(name, width, **grows):
    grows = {"inputs_grow": False, "outputs_grow": False} | grows
    start = tf_keras.initializers.GlorotUniform(len(name))
    return growable.Dense(width, use_bias=True, kernel_initializer=start, name=name, **grows)


class _Global(_keras.Layer):
    def call(self, inputs):
        return inputs + 0.1 * tf.random.get_global_generator().normal(tf.shape(inputs))


class _Own(_keras.Layer):
    """Draws in evaluation as well."""

    def __init__(self):
        super().__init__()
        self.generators = [tf.random.Generator.from_seed(3)]

    def call(self, inputs):
        return inputs + 0.1 * self.generators[0].normal(tf.shape(inputs))


class _InTraining(_keras.Layer):
    """Calls a layer that it builds in training only."""

    def __init__(self):
        super().__init__()
        self.part = _keras.Dropout(0.2)

    def call(self, inputs, training=False):
        return self.part(inputs, training=True) if training else inputs


_UNTRACKED = []


class _Counts(_keras.Layer):
    """Keeps a variable where no checkpoint finds it."""

    def build(self, shape):
        _UNTRACKED.append(tf.Variable(0.0, name="hidden_count"))

    def call(self, inputs):
        _UNTRACKED[-1].assign_add(1.0)
        return inputs + 0.01 * _UNTRACKED[-1]


class _Python(_keras.Layer):
    def call(self, inputs):
        drawn = tf.numpy_function(np.random.uniform, [], tf.float64)
        return inputs * tf.reshape(tf.cast(drawn, tf.float32), [])


class _Stateful(_keras.Layer):
    def call(self, inputs):
        return inputs + 0.1 * tf.random.normal(tf.shape(inputs), seed=1)


# Made anew for each network.
_LAYERS = {
    "ours": lambda: [noise.GaussianNoise(0.1, name="noise")],
    "foreign": lambda: [
        _keras.Dropout(0.3),
        _keras.GaussianNoise(0.1, seed=3),
        _InTraining(),
        _Global(),
        _Own(),
    ],
    "stateful": lambda: [_Stateful(name="rolls")],
    "python": lambda: [_Python(name="rolls")],
    "recurrent": lambda: [
        _keras.Reshape([20, 1]),
        _keras.GRU(2),
        _keras.Reshape([2, 1]),
        _keras.LSTM(3, dropout=0.3),
    ],
    "untracked": lambda: [_Counts()],
}


@gin.configurable
class DrawingNetwork(tf_keras.Model):
    """One site, and layers that draw beside it and in it."""

    def __init__(self, output_width, kind):
        super().__init__()
        self.before, self.between = _LAYERS[kind](), noise.Dropout(0.2, name="between")
        self.wide = _dense("wide", 4, outputs_grow=True)
        self.last = _dense("last", output_width, inputs_grow=True)
        parts = [activations.relu, self.between]
        self.sites = [site.GrowthSite("wide", [self.wide], parts, [self.last])]

    def call(self, inputs, training=False):
        for layer in self.before:
            inputs = layer(inputs)
        return self.last(self.between(activations.relu(self.wide(inputs))))


def _run(folder, kind, *bindings):
    gin.clear_config()
    # Its replicas are not to meet those of the run before.
    tf.distribute.MirroredStrategy._collective_key_base += 100_000
    here = ["Experiment.model = @DrawingNetwork", f"DrawingNetwork.kind = '{kind}'"]
    reader.load(_FILES, [*_STEPS, *here, *bindings])
    directory = run_directory.RunDirectory(folder)
    directory.start(gin.config_str(), overwrite_config=False)
    return directory


def _finished(folder, kind, *bindings):
    built = train.train_in(_run(folder, kind, *bindings), evaluate=True)
    assert len(built.grower.history) == 2
    return training_processes.outcome(folder)


@pytest.mark.parametrize(
    ("kind", "bindings"),
    [
        ("foreign", ("Devices.jit_compile = True", "optimizer.ema = @EMAConfig()")),
        ("foreign", _MIRRORED),
        ("ours", ("Devices.static_shapes = True",)),
    ],
)
def test_a_resumed_run_draws_what_one_without_a_stop_draws(kind, bindings, tmp_path, caplog):
    expected = _finished(tmp_path / "whole", kind, *bindings)
    assert "end with other numbers" not in caplog.text
    half = tmp_path / "half"
    shutil.copytree(tmp_path / "whole", half)
    (half / "result.json").unlink()
    for file in (half / "checkpoints").glob("ckpt-12.*"):
        file.unlink()
    tf.random.uniform([3]), np.random.uniform()  # Another process has drawn other numbers.
    assert _finished(half, kind, *bindings) == expected


def test_looks_at_new_neurons_draw_and_change_nothing(tmp_path):
    bindings = ("NewbornHealth.interval = 2", "Grower.newborn_health = None")
    looked, plain = (
        _finished(tmp_path / str(i), "foreign", binding) for i, binding in enumerate(bindings)
    )
    assert "looks" in (tmp_path / "0" / "growth.jsonl").read_text()
    assert (looked[0], looked[2]) == (plain[0], plain[2])


def test_without_seeds_of_their_own_layers_draw_by_that_of_the_run(tmp_path):
    states = []
    for seed in (1, 1, 2):
        _run(tmp_path / str(len(states)), "foreign", f"Experiment.seed = {seed}")
        generators = experiment.Experiment().task.random_state._generators
        states.append([generator.state.numpy().tolist() for generator in generators])
    assert states[0] == states[1] != states[2]
    assert len(states[0]) == 5 and len(set(map(str, states[0]))) > 3


def test_evaluation_draws_and_leaves_the_random_state_as_it_was(tmp_path):
    _run(tmp_path, "foreign")
    built = experiment.Experiment()
    batch = next(iter(built.batches(0)))
    first, second = (built.task.evaluate_batch(batch) for _ in range(2))
    assert first == second
    first, second = (built.task.evaluate(tf.constant(-1)) for _ in range(2))
    assert float(first["loss"]) == float(second["loss"])


def test_a_warm_start_takes_the_weights_and_no_random_state(tmp_path):
    _run(tmp_path / "a", "foreign")
    built = experiment.Experiment()
    built.model.between(tf.ones([2, 4]), training=True)
    path = tf.train.Checkpoint(model=built.model, random=built.task.random_state).save(
        tmp_path / "ckpt"
    )
    warm = ["Experiment.warm_start = @WarmStart()", f"WarmStart.path = '{path}'"]
    _run(tmp_path / "b", "foreign", "Experiment.seed = 5", *warm)
    cold = experiment.Experiment(resumes=True)
    states = [generator.state.numpy() for generator in cold.task.random_state._generators]
    begun = experiment.Experiment()
    np.testing.assert_array_equal(begun.model.wide.kernel, built.model.wide.kernel)
    for state, generator in zip(states, begun.task.random_state._generators, strict=True):
        np.testing.assert_array_equal(generator.state, state)
    assert int(begun.model.between._training.steps) == 0


@gin.configurable
class RollingStudent(teacher_student.TeacherStudent):
    """A dataset that draws anew whenever it is asked."""

    def train(self, first_step):
        return super().train(first_step).map(lambda x, y: (x + tf.random.normal([20]), y)).take(-1)


@pytest.mark.parametrize(
    ("kind", "bindings", "message"),
    [
        ("stateful", (), r"the network or the loss draws by stateful operations in \S*rolls"),
        ("recurrent", (), None),
        ("python", (), r"the network calls Python, which may draw or remember, in \S*rolls"),
        ("untracked", (), r"no checkpoint holds the variables \S*hidden_count:0"),
        (
            "ours",
            ("Experiment.dataset = @RollingStudent", "TeacherStudent.sizes = (20, 10, 10)"),
            "the dataset draws by stateful operations in random_normal",
        ),
    ],
)
def test_what_no_checkpoint_holds_is_named_before_the_first_step(
    kind, bindings, message, tmp_path, caplog
):
    directory = _run(tmp_path, kind, *bindings)
    train.Training(run_lib.Run(experiment.Experiment(), directory), {})
    said = [r.getMessage() for r in caplog.records if "other numbers" in r.getMessage()]
    assert len(said) == (message is not None)
    assert message is None or re.search(message, said[0])
