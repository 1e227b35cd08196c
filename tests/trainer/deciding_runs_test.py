"""Runs whose growths depend on training: what they say before, and at the end."""

import json

import gin
import pytest
from absl import flags
from absl.testing import flagsaver

from tests import decision_bindings
from trainer import dry_run, experiment, main, train
from trainer import run as run_lib
from trainer.command import errors
from trainer.config import reader
from trainer.logs import report_text
from trainer.model_dir import run_directory, run_report

_ANY = decision_bindings.ALL["any of, gain"]


def _load(*bindings):
    reader.load(decision_bindings.FILES, [*decision_bindings.TASK, *_ANY, *bindings])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    _load()
    directory = run_directory.RunDirectory(folder)
    directory.start(gin.config_str(), overwrite_config=False)
    train.Training(run_lib.Run(experiment.Experiment(), directory), {}).train(evaluate=True)
    return folder


def test_a_run_stays_within_its_budget_and_says_why_it_ended(finished):
    result = json.loads((finished / "result.json").read_text())
    assert 160 < result["parameters"] <= 200 and result["growths"] >= 2
    assert result["growth_ended"] == (
        "one more neuron would exceed the budget (at most 200 parameters)"
    )


def test_growths_have_the_numbers_behind_them(finished):
    growths = [json.loads(line) for line in (finished / "growth.jsonl").read_text().splitlines()]
    for growth in growths:
        decision = growth["decision"]
        assert decision["step"] == growth["step"] and decision["because"]
        granted = {k: site["granted"] for k, site in decision["sites"].items() if site["granted"]}
        assert granted == {k: site["to"] - site["from"] for k, site in growth["sites"].items()}
        assert growth["predicted_decrease"] > 0
    assert all("measured_decrease" in growth for growth in growths[:-1])


def test_an_inspection_prints_them(finished):
    text = report_text.text(run_report.read(str(finished)))
    assert "effective rank" in text and "growth ended: one more neuron" in text
    assert "decrease of the loss:" in text and "times the gradient of an existing one" in text


def test_a_dry_run_says_what_is_known_before():
    _load()
    text = dry_run.report(experiment.Experiment())
    assert "  depends on training\n  when: Plateau is asked every 10 steps or " in text
    assert "where: GainPerCost decides where, 2 neurons a growth at most" in text
    assert "budget: at most 200 parameters" in text


def test_training_without_evaluations_is_refused_where_the_schedule_reads_them(tmp_path):
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    bindings = [*decision_bindings.TASK, "Grower.schedule = @Gap()", "Gap.every = 10"]
    with (
        flagsaver.flagsaver(
            gin_file=decision_bindings.FILES,
            gin_bindings=bindings,
            model_dir=str(tmp_path / "run"),
            mode="train",
        ),
        pytest.raises(SystemExit, match="2"),
    ):
        main.main([])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["Experiment.match_flops = True"], "match_flops = True needs growths that are known"),
        (
            ["Grower.schedule = @Gap()", "Gap.every = 10", "Loop.eval_interval = None"],
            "reads evaluations, and Loop.eval_interval = None",
        ),
        (["GainPerCost.sites = ('hiden_1',)"], "'hiden_1' names none of .* 'hidden_1'"),
        (["Budget.parameters = -3"], "Budget.parameters = -3 must be above 0"),
        (["AnyOf.schedules = (@GainPerCost(),)"], "AnyOf.schedules = .* must be a list with each"),
        (["Grower.schedule = @GainPerCost()"], "Grower.schedule"),
        (["Grower.policy = @Plateau()"], "Grower.policy"),
    ],
)
def test_mistakes_are_named_before_the_run(bindings, message):
    with pytest.raises((ValueError, errors.UserError), match=message), errors.mistakes():
        _load(*bindings)
        experiment.Experiment()
