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

from tests import tiny_images
from trainer import config, errors, experiment, failures, run_directory, train

_SHORT = (
    "Experiment.steps = 40",
    "Experiment.log_interval = 5",
    "Experiment.checkpoint_interval = 10",
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
            "--gin_file=gin_configs/teacher_student/small_gradmax.gin",
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
Experiment.log_interval = 1
Experiment.checkpoint_interval = 2
Grower.initializer = None
"""


def _run(folder, data_dir):
    gin.clear_config()
    data = f"StreamedImages.data_dir = '{data_dir}'"
    with errors.mistakes():
        config.load(["gin_configs/fashion_mnist/mlp.gin"], [_IMAGES, data])
        directory = run_directory.RunDirectory(str(folder))
        directory.start(gin.config_str(), overwrite_config=False)
        run = train.Run(experiment.Experiment(), directory)
        run.prepare({})
    return run


def test_data_that_vanish_are_named_and_the_run_goes_on_when_they_are_back(tmp_path, monkeypatch):
    data_dir, away = tmp_path / "data", tmp_path / "away"
    data_dir.mkdir()
    tiny_images.write_imagenet(data_dir)
    folder = tmp_path / "run"
    run = _run(folder, data_dir)
    train_until = run._train_until

    def lose_the_data(step):
        train_until(step)
        if step == 6 and data_dir.exists():
            data_dir.rename(away)

    monkeypatch.setattr(run, "_train_until", lose_the_data)
    with pytest.raises(
        errors.RunFailure, match=rf"(?s){data_dir}.*No such file.*newest checkpoint"
    ):
        with failures.told(folder / "checkpoints"):
            run.train(evaluate=False)
    with pytest.raises(errors.UserError, match=f"(?s)tiny_imagenet.*{data_dir}"):
        _run(folder, data_dir)
    away.rename(data_dir)
    assert 6 <= _run(folder, data_dir).step < 200


def test_bugs_keep_their_stack_trace():
    with pytest.raises(tf.errors.InvalidArgumentError), failures.told(pathlib.Path("nowhere")):
        tf.reshape(np.zeros(3), [2])
