"""The program as users start it, in a process of its own."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests import compositions

_SMALL = compositions.flags("small+gradmax")
# Loops of one step: slow enough for a signal to arrive in the middle.
_SLOW = (
    "Experiment.steps = 600",
    "Loop.log_interval = 1",
    "Loop.checkpoint_interval = 50",
    "PeriodicSchedule.start = 100",
    "PeriodicSchedule.interval = 100",
    "TeacherStudent.examples = 100",
)


def _start(*flags, cwd=None):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    # The program itself sets what TensorFlow finds; the tests' own settings must not do it.
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_USE_LEGACY_KERAS"):
        environment.pop(name, None)
    if cwd:
        environment["BUILD_WORKING_DIRECTORY"] = str(cwd)
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.main", *flags],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([*_SMALL], "--model_dir is missing"),
        (["--gin_fle=x"], "Unknown command line flag 'gin_fle'. Did you mean: gin_file"),
        (["--mode=tain"], "--mode=tain"),
        (["surplus"], "unexpected argument 'surplus'"),
        ([*_SMALL, "--gin_bindings=MLP.hiden=3", "--model_dir=new"], "'hiden'"),
        (
            [*_SMALL, "--model_dir=new", "--mode=eval"],
            "no checkpoint in new",
        ),
    ],
)
def test_a_mistake_ends_with_one_message_and_status_2(flags, message, tmp_path):
    status, out, err = _finish(_start(*flags, cwd=tmp_path))
    assert status == 2
    assert message in err and out == ""
    assert err.startswith("error: ") and "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_dry_run_prints_the_plan_and_touches_nothing(tmp_path):
    status, out, err = _finish(_start(*_SMALL, "--dry_run", "--model_dir=new", cwd=tmp_path))
    assert (status, err) == (0, "")
    assert "  hidden_1: Dense, fan-in 20, width 5, 100 parameters, 200 FLOPs\n" in out
    assert "  step 200: hidden_1 from 5 to 6 neurons\n" in out
    assert "  step 1000: hidden_1 from 9 to 10 neurons\n" in out
    assert "Before: 150 parameters, 300 FLOPs" in out and "After:  300 parameters, 600 FLOPs" in out
    assert not list(tmp_path.iterdir())


def test_models_are_made_of_tf_keras(tmp_path):
    (tmp_path / "own.py").write_text(
        "import tensorflow as tf\nfrom models.architectures import mlp\n"
        "assert issubclass(mlp.MLP, tf.keras.Model), tf.keras.__version__\n"
    )
    flags = (*_SMALL, "--gin_bindings=import own", "--dry_run")
    status, _, err = _finish(_start(*flags, cwd=tmp_path))
    assert (status, err) == (0, "")


def _weights(folder):
    """Everything in the last checkpoint that is a number, but how often one has been saved."""
    path = tf.train.latest_checkpoint(str(folder / "checkpoints"))
    reader = tf.train.load_checkpoint(path)
    others = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter/")
    names = [n for n in reader.get_variable_to_shape_map() if not n.startswith(others)]
    values = {name: reader.get_tensor(name) for name in names}
    return {name: v for name, v in values.items() if isinstance(v, (np.ndarray, np.generic))}


def _train(folder, *flags):
    bindings = [f"--gin_bindings={binding}" for binding in _SLOW]
    return _start(*_SMALL, f"--model_dir={folder}", *bindings, *flags)


def _await_growths(process, folder, count):
    file = folder / "growth.jsonl"
    deadline = time.monotonic() + 100
    while not file.exists() or len(file.read_text().splitlines()) < count:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)


def test_a_folder_in_use_is_refused(tmp_path):
    endless = "--gin_bindings=Experiment.steps = 1000000"
    first = _train(tmp_path, endless)
    try:
        _await_growths(first, tmp_path, 1)
        status, out, err = _finish(_train(tmp_path, endless))
    finally:
        first.kill()
        _finish(first)
    assert (status, out) == (2, "") and "Traceback" not in err
    assert f"is in use by process {first.pid} on " in err


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, _, err = _finish(_train(folder))
    assert status == 0, err
    return folder


@pytest.mark.parametrize(
    ("number", "expected_status"),
    [
        (signal.SIGINT, 128 + signal.SIGINT),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_stopped_run_goes_on_and_ends_the_same_to_the_bit(
    uninterrupted, tmp_path, number, expected_status
):
    process = _train(tmp_path)
    _await_growths(process, tmp_path, 2)
    process.send_signal(number)
    status, _, err = _finish(process)
    assert status == expected_status, err
    assert not (tmp_path / "result.json").exists()
    if number == signal.SIGKILL:
        newest = pathlib.Path(tf.train.latest_checkpoint(str(tmp_path / "checkpoints")))
        newest.with_suffix(".index").write_bytes(b"half of it")

    status, _, err = _finish(_train(tmp_path))
    assert status == 0, err
    expected, weights = _weights(uninterrupted), _weights(tmp_path)
    assert expected.keys() == weights.keys() and len(expected) > 3
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value)

    def comparable(folder):
        result = json.loads((folder / "result.json").read_text())
        events = [json.loads(line) for line in (folder / "growth.jsonl").read_text().splitlines()]
        for each in (result, *events):
            each.pop("wall_seconds", None), each.pop("milliseconds", None)
        return result, events

    assert comparable(tmp_path) == comparable(uninterrupted)
