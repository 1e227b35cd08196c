"""`--mode=eval`: one checkpoint, or each that a trainer beside it writes."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import gin
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from tests import compositions, training_processes
from trainer import evaluation, experiment, follower, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.model_dir import checkpoints, run_directory

_SMALL = "small+gradmax"
_BINDINGS = [
    "Experiment.steps = 40",
    "Loop.log_interval = 5",
    "Loop.checkpoint_interval = 10",
    "Loop.checkpoints_kept = 10",
    "PeriodicSchedule.start = 15",
    "PeriodicSchedule.interval = 10",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 500",
    "optimizer.ema = @EMAConfig()",
]
_STEPS = [10, 20, 30, 40]


def _built(*bindings):
    gin.clear_config()
    reader.load(compositions.files(_SMALL), [*_BINDINGS, *bindings])
    return experiment.Experiment()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that is done, and the metrics of its checkpoints by step."""
    folder = tmp_path_factory.mktemp("finished")
    directory = run_directory.RunDirectory(folder)
    built = _built()
    directory.start(gin.config_str(), overwrite_config=False)
    run = run_lib.Run(built, directory)
    train.Training(run, {}).train(evaluate=False)
    metrics = {}
    one = evaluation.Evaluation(built, directory)
    for step in _STEPS:
        one.restore(checkpoints.find(directory, str(step)))
        assert one.step == step
        metrics[step] = one.evaluate()
    assert len({m["loss"] for m in metrics.values()}) == len(_STEPS)
    shutil.rmtree(folder / "eval")
    return folder, metrics


class _Trainer:
    """In the place of time.sleep: each time the follower waits, the trainer does the next thing."""

    def __init__(self, finished, folder, *actions):
        self._finished = finished
        self._folder = folder
        self._actions = list(actions)

    def __call__(self, seconds):
        assert 0 < seconds <= 1
        getattr(self, self._actions[0][0])(*self._actions.pop(0)[1:])

    def nothing(self):
        pass

    def start(self):
        (self._folder / "checkpoints").mkdir(parents=True)
        shutil.copy(self._finished / "config.gin", self._folder)

    def add(self, *steps, kept=10):
        """Adds checkpoints, with the file that names them last."""
        folder = self._folder / "checkpoints"
        for step in steps:
            for file in (self._finished / "checkpoints").glob(f"ckpt-{step}.*"):
                shutil.copy(file, folder)
        there = sorted(checkpoints.step_of(str(f.with_suffix(""))) for f in folder.glob("*.index"))
        named = "".join(f'all_model_checkpoint_paths: "ckpt-{step}"\n' for step in there[-kept:])
        new = folder / "new"
        new.write_text(f'model_checkpoint_path: "ckpt-{there[-1]}"\n{named}')
        new.rename(folder / "checkpoint")

    def add_unnamed(self, step):
        """Adds a checkpoint as if killed before it is named."""
        self.add(step)
        (self._folder / "checkpoints" / "checkpoint").write_text("")

    def damage(self, step):
        (file,) = (self._folder / "checkpoints").glob(f"ckpt-{step}.data*")
        file.write_bytes(file.read_bytes()[:100])

    def add_half(self, step):
        self.add(step)
        self.damage(step)

    def result(self):
        (self._folder / "result.json").write_text("{}")

    def signal(self, number):
        os.kill(os.getpid(), number)


def _follow(monkeypatch, capsys, finished, folder, *actions, timeout=None):
    """Runs a follower beside a trainer that does `actions`: evaluations by step, and lines."""
    directory = run_directory.RunDirectory(folder)
    following = follower.Follower(_built(), directory, gin.config_str(), timeout)
    trainer = _Trainer(finished, folder, *actions)
    monkeypatch.setattr(follower.time, "sleep", trainer)
    following.follow()
    assert not trainer._actions
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err.splitlines()


_COURSES = {
    "in order": ([("start",), ("add", 10), ("add", 20), ("add", 30), ("add", 40)], _STEPS),
    "newest first, then each": ([("start",), ("add", 10, 20), ("add", 30, 40)], [20, 30, 40]),
    "half": (
        [("start",), ("add", 10), ("add_half", 20), ("nothing",), ("add", 20), ("add", 40)],
        [10, 20, 40],
    ),
    "half and a newer one": ([("start",), ("add", 10), ("add_half", 20), ("add", 40)], [10, 40]),
    "unnamed": ([("start",), ("add", 10), ("add_unnamed", 20), ("add_unnamed", 40)], [10, 20, 40]),
    "half at first": ([("start",), ("add_half", 10), ("add", 40)], [40]),
}


@pytest.mark.parametrize(("actions", "steps"), _COURSES.values(), ids=_COURSES)
def test_each_new_checkpoint_is_evaluated(actions, steps, finished, tmp_path, monkeypatch, capsys):
    folder, metrics = finished
    evaluations, lines = _follow(monkeypatch, capsys, folder, tmp_path / "run", *actions)
    assert evaluations == [{"step": step, **metrics[step]} for step in steps]
    assert list(evaluations[0])[0] == "step"
    waiting = f"waiting for a checkpoint in {tmp_path}/run/checkpoints"
    half = [action for action in actions if action[0] == "add_half"]
    assert lines[0] == waiting and len(lines) == 1 + len(half)
    assert all("passing over" in line for line in lines[1:])
    assert _scalars(tmp_path / "run" / "eval", "loss") == {
        step: pytest.approx(metrics[step]["loss"]) for step in steps
    }
    by_flops = _scalars(tmp_path / "run" / "eval", "vs_training_mflops/loss")
    assert list(by_flops.values()) == [pytest.approx(metrics[step]["loss"]) for step in steps]
    # Three times the forward pass of 500 examples; widths 5, 6 and 7 from steps 0, 15 and 25 on.
    flops = {
        s: 90000 * (5 * min(s, 15) + 6 * sorted((0, s - 15, 10))[1] + 7 * max(0, s - 25))
        for s in steps
    }
    assert list(by_flops) == [f // 10**6 for f in flops.values()]
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written == {"checkpoints", "config.gin", "eval"}


def _scalars(folder, tag):
    events = event_accumulator.EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {e.step: float(tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)}


def test_a_checkpoint_that_goes_while_it_is_read_is_passed_over(
    finished, tmp_path, monkeypatch, capsys
):
    folder, metrics = finished
    damage_of = follower.recovery.damage_of

    def read_and_remove(path):
        found = damage_of(path)
        if path.endswith("ckpt-20"):
            for file in pathlib.Path(path).parent.glob("ckpt-20.*"):
                file.unlink()
        return found

    monkeypatch.setattr(follower.recovery, "damage_of", read_and_remove)
    evaluations, lines = _follow(
        *(monkeypatch, capsys, folder, tmp_path / "run"),
        *(("start",), ("add", 10), ("add", 20, 30), ("add", 40)),
    )
    assert evaluations == [{"step": step, **metrics[step]} for step in (10, 30, 40)]
    assert len(lines) == 2 and f"passing over {tmp_path}/run/checkpoints/ckpt-20" in lines[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_ends_it(number, finished, tmp_path, monkeypatch, capsys):
    actions = [("start",), ("add", 10), ("signal", number)]
    with pytest.raises(SystemExit) as raised:
        _follow(monkeypatch, capsys, finished[0], tmp_path / "run", *actions)
    assert raised.value.code == 128 + number


def test_a_run_that_comes_to_no_new_checkpoint(finished, tmp_path, monkeypatch, capsys):
    times = iter(range(0, 1000, 7))
    monkeypatch.setattr(follower.time, "monotonic", lambda: next(times))
    actions = [("start",), ("add", 10), ("nothing",), ("nothing",), ("nothing",)]
    with pytest.raises(errors.RunFailure, match=r"no new checkpoint in .* for 20 seconds"):
        _follow(monkeypatch, capsys, finished[0], tmp_path / "run", *actions, timeout=20)


def test_a_last_checkpoint_that_cannot_be_read(finished, tmp_path, monkeypatch, capsys):
    actions = [("start",), ("add_half", 40), ("result",)]
    with pytest.raises(errors.RunFailure, match="run has ended, but the checkpoint of step 40"):
        _follow(monkeypatch, capsys, finished[0], tmp_path / "run", *actions)


def test_another_run_in_the_folder_is_refused_whenever_it_comes(
    finished, tmp_path, monkeypatch, capsys
):
    class Another(_Trainer):
        def start(self):
            super().start()
            (self._folder / "config.gin").write_text("seed = 7\n")

    monkeypatch.setattr(sys.modules[__name__], "_Trainer", Another)
    with pytest.raises(errors.UserError, match=r"(?s)another configuration.*-seed = 7"):
        _follow(monkeypatch, capsys, finished[0], tmp_path / "run", ("start",))


def _wait_for(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_follower_beside_a_trainer_that_is_killed_and_started_again(finished, tmp_path):
    folder, log = tmp_path / "run", tmp_path / "follower.log"
    arguments = [
        f"--model_dir={folder}",
        *compositions.flags(_SMALL),
        *(f"--gin_bindings={binding}" for binding in _BINDINGS),
    ]

    def worker(name, *more, kill=None):
        log = str(tmp_path / f"{name}.log")
        return {"arguments": [*arguments, *more], "environment": {}, "log": log, "kill": kill}

    kill = {"place": "checkpoint", "number": 2, "milliseconds": 0, "after": True, "name": "SIGKILL"}
    with training_processes.Server() as followers, training_processes.Server() as trainers:
        followers.start([worker("follower", "--mode=eval", "--follow")])
        _wait_for(lambda: log.exists() and "waiting for a checkpoint" in log.read_text())
        trainers.start([worker("trainer", "--mode=train", kill=kill)])
        assert trainers.finish() == [-signal.SIGKILL]
        _wait_for(lambda: '{"step": 20' in log.read_text())
        trainers.start([worker("trainer", "--mode=train")])
        assert trainers.finish() == [0]
        assert followers.finish() == [0]
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    steps = [line["step"] for line in lines]
    assert steps in (_STEPS, _STEPS[1:])
    assert lines == [{"step": step, **finished[1][step]} for step in steps]
    # The trainer has not noticed.
    for found, wanted in zip(
        training_processes.outcome(folder), training_processes.outcome(finished[0]), strict=True
    ):
        assert found == wanted


@pytest.mark.parametrize(("which", "step"), [("latest", 40), ("10", 10), ("20", 20), ("40", 40)])
def test_a_checkpoint_is_named_by_its_steps(which, step, finished):
    directory = run_directory.RunDirectory(finished[0])
    assert checkpoints.find(directory, which) == str(directory.checkpoints / f"ckpt-{step}")


def test_a_checkpoint_that_is_not_there_names_those_that_are(finished):
    directory = run_directory.RunDirectory(finished[0])
    with pytest.raises(errors.UserError, match=r"--checkpoint=16 .* the steps 10, 20, 30, 40$"):
        checkpoints.find(directory, "16")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mode=eval", "--checkpoint=newest"], "--checkpoint=newest must be latest, best, or"),
        (["--checkpoint=10"], "--checkpoint=10 is for --mode=eval and --mode=export"),
        (["--follow"], "--follow is for --mode=eval, not for --mode=train_and_eval"),
        (["--mode=eval", "--follow", "--checkpoint=best"], "leave --checkpoint=best away"),
        (["--mode=eval", "--follow_timeout=3"], "--follow_timeout is for --follow"),
    ],
)
def test_flags_that_do_not_fit_together(flags, message):
    done = subprocess.run(
        [sys.executable, "-m", "trainer.main", "--model_dir=/nowhere/run", *flags],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert "Traceback" not in done.stderr
