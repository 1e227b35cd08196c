"""Runs that break off while they train: on a disk without room, and without their data."""

import json
import os
import pathlib
import resource
import subprocess
import sys

import gin
import numpy as np
import pytest
import tensorflow as tf

from tests import compositions, tiny_images
from trainer import experiment, failures, task, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import run_directory

_SHORT = (
    "Experiment.steps = 40",
    "Loop.log_interval = 5",
    "Loop.checkpoint_interval = 10",
    "PeriodicSchedule.start = 15",
    "PeriodicSchedule.interval = 10",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 50",
)
# Checkpoints grow from 25 kB to 62 kB; or not, so that it is the events that do not fit.
_LARGE = ("MLP.hidden_widths = (200,)", "AllAtOnce.neurons = 150")


def _train(folder, bindings, largest_file=None):
    """Runs the program on a disk that has room for `largest_file` bytes in each file."""

    def limit():
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "trainer.main", f"--model_dir={folder}"),
            *compositions.flags("small+gradmax"),
            *(f"--gin_bindings={binding}" for binding in (*_SHORT, *bindings)),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("bindings", "largest_file", "what"),
    [(_LARGE, 50000, "checkpoints/ckpt-"), ((), 6000, "events.out")],
)
def test_a_disk_that_gets_full_ends_the_run_with_a_message_and_it_goes_on(
    bindings, largest_file, what, tmp_path
):
    status, err = _train(tmp_path, bindings, largest_file)
    assert status == 1 and "Traceback" not in err
    message = err[f"\n{err}".index("\nerror: ") :]  # TensorFlow may have an `error:` of its own.
    assert message.startswith("error: the run broke off: ") and len(message.splitlines()) < 6
    assert what in message and "File too large" in message and "goes on from it" in message
    newest = tf.train.latest_checkpoint(str(tmp_path / "checkpoints"))
    assert f"the newest checkpoint is {newest};" in message
    for line in (tmp_path / "growth.jsonl").read_text().splitlines():
        json.loads(line)
    assert not (tmp_path / "result.json").exists() and not list(tmp_path.glob(".*.[0-9]*"))

    status, err = _train(tmp_path, bindings)
    assert status == 0, err
    step = newest.rpartition("-")[2]
    assert int(step) > 0 and (tmp_path / f"operative_config-{step}.gin").exists()
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["steps"], result["growths"]) == (40, 2)


_IMAGES = """
import trainer.datasets.streamed_images
Experiment.dataset = @StreamedImages
StreamedImages.name = "tiny_imagenet"
StreamedImages.batch_size = 8
StreamedImages.image_size = 16
StreamedImages.shards_in_memory = 1
Experiment.steps = 200
Loop.log_interval = 1
Loop.checkpoint_interval = 2
Grower.method = None
"""


def _training(folder, data_dir):
    gin.clear_config()
    data = f"StreamedImages.data_dir = '{data_dir}'"
    with errors.mistakes():
        reader.load(["gin_configs/fashion_mnist/mlp.gin"], [_IMAGES, data])
        directory = run_directory.RunDirectory(str(folder))
        directory.start(gin.config_str(), overwrite_config=False)
        run = run_lib.Run(experiment.Experiment(), directory)
        return train.Training(run, {})


def test_data_that_vanish_are_named_and_the_run_goes_on_when_they_are_back(tmp_path, monkeypatch):
    data_dir, away = tmp_path / "data", tmp_path / "away"
    data_dir.mkdir()
    tiny_images.write_imagenet(data_dir)
    folder = tmp_path / "run"
    training = _training(folder, data_dir)
    train_steps = task.Task.train

    def lose_the_data(self, steps):
        if self.global_step == 6 and data_dir.exists():
            data_dir.rename(away)
        return train_steps(self, steps)

    monkeypatch.setattr(task.Task, "train", lose_the_data)
    with pytest.raises(
        errors.RunFailure, match=rf"(?s){data_dir}.*No such file.*newest checkpoint"
    ):
        with failures.told(folder / "checkpoints"):
            training.train(evaluate=False)
    with pytest.raises(errors.UserError, match=f"(?s)tiny_imagenet.*{data_dir}"):
        _training(folder, data_dir)
    away.rename(data_dir)
    assert 6 <= _training(folder, data_dir)._run.step < 200


def _raise(error):
    raise error


def _end_the_data():
    next(iter(tf.data.Dataset.range(0)))


_ENDS = {
    "a shape": (lambda: tf.reshape(np.zeros(3), [2]), "Input to reshape is a tensor with 3 val"),
    "memory": (
        lambda: _raise(
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9]")
        ),
        "out of memory: .*OOM when allocating tensor with shape.*\n  fewer examples in a batch",
    ),
    "NumPy's memory": (lambda: np.zeros([10**9, 10**9]), "out of memory: .*Unable to allocate"),
    "the data": (_end_the_data, "the data have ended before the last step; .* must never end"),
    "the data in a graph": (
        lambda: _raise(tf.errors.OutOfRangeError(None, None, "End of sequence")),
        "the data have ended before the last step",
    ),
    "a device": (lambda: _raise(tf.errors.InternalError(None, None, "CUDA error")), "CUDA error"),
    "a file": (lambda: open("/nowhere/x"), ".*No such file or directory: '/nowhere/x'"),
}


@pytest.mark.parametrize(("work", "message"), _ENDS.values(), ids=_ENDS)
def test_what_ends_a_run_is_told_with_its_reason(work, message, tmp_path):
    with (
        pytest.raises(
            errors.RunFailure,
            match=rf"^the evaluation broke off: {message}(?s:.*)\n  there is no checkpoint yet; ",
        ) as raised,
        failures.told(tmp_path, "evaluation"),
    ):
        work()
    assert len(str(raised.value).splitlines()) <= 4


_USERS_CODE = """
import sys

def index():
    return {}["missing"]

def leave():
    sys.exit(0)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("index", r"KeyError: 'missing'\n  at .*/users.py, line 5, in index: return {}"),
        ("leave", r"sys.exit\(0\) is called\n  at .*/users.py, line 8, in leave: sys.exit"),
    ],
)
def test_an_error_in_a_users_code_is_told_with_its_place(name, message, tmp_path):
    (tmp_path / "users.py").write_text(_USERS_CODE)
    namespace = {}
    exec(compile(_USERS_CODE, tmp_path / "users.py", "exec"), namespace)
    with pytest.raises(errors.RunFailure, match=message), failures.told(tmp_path):
        namespace[name]()
    with pytest.raises(errors.UserError, match=message.replace(r"\n", ".*\n")), errors.mistakes():
        namespace[name]()


def test_bugs_and_stops_are_passed_on():
    for error in (KeyError("a bug of ours"), SystemExit(143)):
        with pytest.raises(type(error)), failures.told(pathlib.Path("nowhere")):
            raise error


_DATA_WITHOUT_END = """
import odd_labels
Experiment.dataset = @OddLabels
Experiment.objective = @Classification()
Experiment.steps = 8
Loop.log_interval = 4
Loop.checkpoint_interval = 2
Grower.method = None
"""
_ODD_LABELS = """
import gin
import tensorflow as tf
from trainer.datasets import dataset

@gin.configurable
class OddLabels(dataset.Dataset):
    batch_size = 8
    output_width = 10

    def train(self, first_step):
        return tf.data.Dataset.counter(first_step).map(self._batch)

    def test(self):
        return tf.data.Dataset.from_tensors(self._batch(tf.constant(0, tf.int64)))

    def _batch(self, step):
        tf.debugging.assert_less(step, tf.constant(5, tf.int64), "a corrupt example")
        return tf.ones([8, 20]), tf.zeros([8], tf.int32)
"""


def test_an_error_in_a_training_step_names_step_and_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "odd_labels.py").write_text(_ODD_LABELS)
    monkeypatch.syspath_prepend(tmp_path)
    with errors.mistakes():
        reader.load(compositions.files("small+gradmax"), [_DATA_WITHOUT_END])
        directory = run_directory.RunDirectory(str(tmp_path / "run"))
        directory.start(gin.config_str(), overwrite_config=False)
        run = run_lib.Run(experiment.Experiment(), directory)
        training = train.Training(run, {})
    with (
        pytest.raises(errors.RunFailure, match="a corrupt example") as raised,
        failures.told(directory.checkpoints),
    ):
        training.train(evaluate=False)
    # Checkpoints are saved between two points in the logs as well.
    message = str(raised.value)
    assert "\n  in training step 6\n" in message
    assert f"the newest checkpoint is {directory.checkpoints}/ckpt-4; " in message
    assert len(message.splitlines()) <= 12 and "Traceback" not in message
