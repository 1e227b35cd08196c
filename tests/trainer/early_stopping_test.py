import contextlib
import json
import math

import gin
import pytest
from absl import flags
from absl.testing import flagsaver

from tests import compositions
from trainer import early_stopping, evaluation, experiment, main, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.logs import report_text
from trainer.model_dir import checkpoint_files, run_directory, run_report

# Nothing is learned, so that no evaluation improves on the first; a growth after 1 and 5 steps.
_BINDINGS = (
    "Experiment.steps = 20",
    "Loop.eval_interval = 2",
    "Loop.patience = 2",
    "Loop.checkpoint_interval = 4",
    "ConstantLrConfig.learning_rate = 0.0",
    "PeriodicSchedule.start = 1",
    "PeriodicSchedule.interval = 4",
    "PeriodicSchedule.count = 2",
    "TeacherStudent.examples = 20",
)


@pytest.fixture(autouse=True)
def parsed_flags():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _updated(values, metric="accuracy", patience=2, min_delta=0.0, last_growth=0):
    stopping = early_stopping.EarlyStopping(metric, patience, min_delta)
    for step, value in enumerate(values, 1):
        stopping.update(step, {metric: value}, grows_later=step < last_growth)
        if stopping.is_due:
            return step, stopping
    return None, stopping


@pytest.mark.parametrize(
    ("values", "arguments", "expected"),
    [
        ([1, 2, 3, 2, 2.9, 4], {}, 5),
        ([1, 2, 3, 2, 3.1, 4, 4, 4], {}, 8),
        ([1, 1, 1], {}, 3),
        ([3, 2, 1, 2, 2], {"metric": "loss"}, 5),
        ([1, 1.5, 2, 2.5, 3], {"min_delta": 0.9}, None),  # Over the best, not over the last one.
        ([1, 1.5, 1.9, 3], {"min_delta": 1.0}, 3),
        ([3, 1, 1, 1, 1, 1, 1], {"last_growth": 4}, 5),
        ([3, 1, 1, 1, 4, 1, 1], {"last_growth": 4}, 7),
        ([3, 1, 1], {"patience": None}, None),
        ([3, math.nan, math.inf], {}, 3),
        ([math.nan, math.nan], {}, 2),
        ([1, 1], {"patience": 1}, 2),
    ],
)
def test_evaluations_without_an_improvement_are_counted(values, arguments, expected):
    assert _updated(values, **arguments)[0] == expected


@pytest.mark.parametrize(
    ("values", "arguments", "reason"),
    [
        ([0.5, 0.4, 0.5], {}, "accuracy has not risen above 0.5, the best (step 1), in 2 evalua"),
        ([2, 2, 2], {"metric": "loss"}, "loss has not fallen below 2, the best (step 1), in 2 "),
        ([1, 1, 1], {"min_delta": 0.1}, "best (step 1), by more than 0.1 in 2 evaluations"),
        ([math.nan, math.nan], {}, "accuracy has not been finite in 2 evaluations"),
    ],
)
def test_the_reason_is_in_words(values, arguments, reason):
    assert reason in _updated(values, **arguments)[1].result()["reason"]


def test_an_evaluation_that_is_repeated_counts_once_and_the_state_can_be_restored():
    _, stopping = _updated([3, 1])
    restored = early_stopping.EarlyStopping("accuracy", 2, 0.0)
    restored.deserialize(stopping.serialize())
    for each in (stopping, restored):
        each.update(2, {"accuracy": 1}, grows_later=False)
        assert not each.is_due
        each.update(3, {"accuracy": 3}, grows_later=False)
        assert each.is_due
    other = early_stopping.EarlyStopping("loss", 2, 0.0)
    other.deserialize(restored.serialize())
    assert not other.is_due


def _run(folder, *bindings):
    """A run in `folder`, as far as it is."""
    gin.clear_config()
    with errors.mistakes():
        reader.load(compositions.files("small+gradmax"), [*_BINDINGS, *bindings])
        directory = run_directory.RunDirectory(str(folder))
        built = experiment.Experiment(resumes=directory.has_checkpoint())
        directory.start(gin.config_str(), overwrite_config=True)
        return run_lib.Run(built, directory)


def _perform(folder, mode, *bindings, **given):
    """Runs the program with these flags."""
    gin.clear_config()
    with flagsaver.flagsaver(**given), errors.mistakes():
        reader.load(compositions.files("small+gradmax"), [*_BINDINGS, *bindings])
        directory = run_directory.RunDirectory(str(folder))
        main._MODES[mode](experiment.Experiment(), directory)()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that stopped early, and what it said."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    training = train.Training(_run(folder), {})
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training._log, "say", said.append)
        training.train(evaluate=True)
    return folder, "\n".join(said)


def _result(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_run_ends_when_evaluations_after_the_last_growth_no_longer_improve(stopped):
    folder, said = stopped
    result = _result(folder)
    # Those of the steps 6 and 8 are the second and third after the best, of step 2.
    assert result["steps"] == 8 and result["growths"] == 2
    loss = result["best"]["loss"]
    assert result["best"]["step"] == 2 and result["test"]["loss"] == pytest.approx(loss)
    early = result["stopped_early"]
    assert (
        early["reason"]
        == f"loss has not fallen below {loss:.5g}, the best (step 2), in 2 evaluations"
    )
    assert f"stopped early: {early['reason']}\nfinished 8 steps" in said
    assert checkpoint_files.steps(folder / "checkpoints") == [4, 8]


def test_the_console_has_each_evaluation_and_the_best_one(stopped):
    folder, said = stopped
    loss = _result(folder)["best"]["loss"]
    for step in (2, 4, 6, 8):
        assert said.count(f"step {step}  test loss={int(loss)}.") == 1
    assert f"\nbest: loss={loss:.5g} at step 2\n" in said


def test_it_is_finished_for_all_that_look_at_it(stopped, capsys):
    folder, _ = stopped
    before = (folder / "result.json").read_bytes()
    _perform(folder, "train_and_eval")
    assert (folder / "result.json").read_bytes() == before
    assert "finished before: 8 steps, and nothing is left to do" in capsys.readouterr().err
    report = run_report.read(str(folder))
    assert (report["state"], report["step"], report["steps"]) == ("finished", 8, 20)
    reason = report["stopped_early"]["reason"]
    assert f"finished 8 steps of 20, stopped early: {reason}" in report_text.text(report)
    assert run_directory.RunDirectory(str(folder)).has_checkpoint()
    _perform(folder, "eval", follow=True)
    assert [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()] == [8]
    _perform(folder, "export")
    assert f"{folder}/export/8\n" in capsys.readouterr().out


def test_it_is_finished_without_its_checkpoints_too(tmp_path):
    directory = run_directory.RunDirectory(str(tmp_path))
    (tmp_path / "result.json").write_text('{"steps": 8}')
    assert not directory.is_finished(20) and directory.is_finished(8)
    (tmp_path / "result.json").write_text('{"steps": 8, "stopped_early": {"reason": "why"}}')
    assert directory.is_finished(20)


@pytest.mark.parametrize("bindings", [("Loop.patience = 3",), ("PeriodicSchedule.count = 3",)])
def test_a_run_that_stopped_goes_on_with_more_patience_or_growths(bindings, stopped):
    folder, _ = stopped
    # Nothing is trained here: the folder stays as it is.
    gin.clear_config()
    reader.load(compositions.files("small+gradmax"), [*_BINDINGS, *bindings])
    directory = run_directory.RunDirectory(str(folder), is_written=False)
    run = run_lib.Run(experiment.Experiment(), directory)
    assert run.step == 8 and not run.is_over and not run.is_finished(evaluate=True)


class _Kill(BaseException):
    pass


# With an interval of 2 there is a checkpoint before each evaluation.
@pytest.mark.parametrize(("interval", "after"), [(2, False), (3, True)])
def test_a_run_that_is_killed_around_evaluations_stops_at_the_same_step(
    interval, after, stopped, tmp_path, monkeypatch
):
    made, calls = evaluation.evaluate, []

    def kill(*arguments):
        calls.append(int(arguments[0].task.global_step.numpy()))
        metrics = made(*arguments) if after else None
        if calls[-1] >= 6 and calls.count(calls[-1]) == 1:
            raise _Kill
        return metrics or made(*arguments)

    monkeypatch.setattr(evaluation, "evaluate", kill)
    while not (tmp_path / "result.json").exists():
        run = _run(tmp_path, f"Loop.checkpoint_interval = {interval}")
        with contextlib.suppress(_Kill):
            train.Training(run, {}).train(evaluate=True)
        run.directory._lock.close()
    result, expected = _result(tmp_path), _result(stopped[0])
    assert set(calls) == {2, 4, 6, 8}
    for key in ("steps", "stopped_early", "test", "best", "widths"):
        assert result[key] == expected[key]


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        ("Loop.eval_interval = None", "Loop.patience = 2 counts evaluations; bind Loop.eval_int"),
        ("Loop.patience = 0", "Loop.patience = 0 must be at least 1"),
        ("Loop.min_delta = -1.0", "Loop.min_delta = -1.0 must be 0 or more"),
        ("Loop.best_metric = 'los'", "Loop.best_metric = 'los' must be one of loss\n.*mean loss"),
    ],
)
def test_a_mistake_is_one_message(bindings, message, tmp_path):
    with pytest.raises(errors.UserError, match=message):
        _run(tmp_path, bindings)


def test_training_without_evaluations_is_refused(tmp_path):
    with pytest.raises(errors.UserError, match="Loop.patience = 2 counts .*=train leaves out"):
        _perform(tmp_path / "run", "train")
    assert not (tmp_path / "run").exists()


def test_the_best_metric_is_bound(tmp_path):
    classes = ("Experiment.objective = @Classification()", "Loop.best_metric = 'loss'")
    assert _run(tmp_path, *classes).experiment.best_metric == "loss"
