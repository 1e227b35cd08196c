"""Numbers that are not finite: where they are first seen, and growths that are left out."""

import json

import gin
import numpy as np
import pytest
import tensorflow as tf

from growth.methods import method as method_lib
from growth.methods import random
from growth.records import events
from growth.surgery.neurons import NewNeurons
from tests import compositions, networks
from trainer import experiment, objectives, task, train
from trainer import run as run_lib
from trainer.config import reader
from trainer.datasets import dataset
from trainer.model_dir import run_directory

_REFUSED = "new weights are not finite at site hidden_2: "


class _Bad(random.Random):
    """At the second site, whose fan-in is not 6, the weights of new neurons are `value`."""

    def __init__(self, value):
        super().__init__()
        self._value = value

    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        factor = tf.where(linear_map.shape[1] == 6, 1.0, self._value)
        return new._replace(outgoing=factor * new.outgoing)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_growth_that_is_not_finite_stops_and_names_step_and_site(value):
    model, data = networks.network(), networks.batch()
    before = [v.numpy() for v in model.variables]
    with pytest.raises(FloatingPointError, match=f"in the growth after 3 steps {_REFUSED}"):
        networks.grower(model, _Bad(value)).grow(3, data)
    for variable, expected in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, expected)


class _Failing(method_lib.GrowthMethod):
    """Meets a decomposition that does not converge."""

    def __call__(self, linear_map, count, seed):
        failure = tf.debugging.Assert(
            False, ["Self-adjoint eigen decomposition was not successful."]
        )
        with tf.control_dependencies([failure] if failure is not None else []):
            rows, columns = linear_map.shape
            return NewNeurons(tf.zeros([columns, count]), tf.zeros([rows, count]))


def _trained(method, **kwargs):
    """A network in training, its grower, and a batch."""
    model, data = networks.network(), _Constant()
    optimizer, slots = networks.optimizer(model)
    strategy = tf.distribute.get_strategy()
    trained = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)
    options = {"slots": slots, "loss_function": trained.loss, "train_step": trained.step} | kwargs
    grower = networks.grower(model, method, **options)
    return model, optimizer, grower, next(iter(data.train(0)))


class _Constant(dataset.Dataset):
    """One batch of random numbers."""

    batch_size = 64
    output_width = 4

    def train(self, first_step):
        return tf.data.Dataset.from_tensors(networks.batch()).repeat()

    def test(self):
        return self.train(0).take(1)


@pytest.mark.parametrize(
    ("method", "refusal"),
    [
        (_Bad(np.nan), _REFUSED),
        (_Failing(), "the singular vectors of a site could not be computed"),
    ],
    ids=["not finite", "not converged"],
)
def test_a_growth_that_is_skipped_is_a_training_step(method, refusal):
    model, optimizer, grower, batch = _trained(method, skip_nonfinite=True)
    expected, expected_optimizer, idle, _ = _trained(random.Random(), neurons=(0,))
    event, expected_event = grower.grow(0, batch), idle.grow(0, batch)
    assert event.refusal.startswith(refusal) and event.sites == {}
    assert events.Growth.from_json(json.loads(json.dumps(event.to_json()))) == event
    assert event.loss == expected_event.loss
    for variable, value in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert optimizer.iterations == expected_optimizer.iterations == 1
    # Not tried again: the next one is the next growth of the schedule.
    assert grower.next_growth(0) == 1 and len(grower.history) == 1


def test_decompositions_that_fail_stop_the_run():
    with pytest.raises(FloatingPointError, match="growth after 3 steps the singular vectors of a"):
        model, _, grower, batch = _trained(_Failing())
        grower.grow(3, batch)


def _run(folder, *bindings, poison=None, poison_growth=None):
    """A run, with batches and growth batches that go through functions of step and batch."""
    gin.clear_config()
    schedule = ["start = 3", "interval = 3", "count = 2"]
    schedule = [f"PeriodicSchedule.{binding}" for binding in schedule]
    files = compositions.files("small+gradmax")
    reader.load(files, ["Experiment.steps = 10", *schedule, *bindings])
    built = experiment.Experiment()
    if poison is not None:
        batches = built.batches
        built.batches = lambda first: batches(first).enumerate(first).map(poison)
    if poison_growth is not None:
        built.growth_batch = poison_growth
    run = run_lib.Run(built, run_directory.RunDirectory(folder))
    train.Training(run, {}).train(evaluate=False)
    return built


@pytest.mark.parametrize("step", [4, 7, 10])
def test_the_first_step_with_a_loss_that_is_not_finite_is_named(tmp_path, step):
    def poison(steps_before, batch):
        inputs, targets = batch
        return inputs, tf.where(steps_before + 1 >= step, np.nan, targets)

    with pytest.raises(FloatingPointError, match=f"from training step {step} on.*newest checkpoi"):
        _run(tmp_path, "Grower.method = None", poison=poison)
    assert not (tmp_path / "result.json").exists()


def test_a_loss_that_is_not_finite_after_a_growth_is_named(tmp_path):
    def poison(steps_before, batch):
        inputs, targets = batch
        return inputs, tf.where(steps_before == 6, np.inf, targets)

    def clean(step, batch):
        return tf.nest.map_structure(tf.zeros_like, batch)

    with pytest.raises(FloatingPointError, match="loss is inf in training step 7, right after a g"):
        _run(tmp_path, poison=poison, poison_growth=clean)


def _poison_growth_at_3(step, batch):
    inputs, targets = batch
    return inputs, tf.where(step == 3, np.nan, targets)


def test_a_skipped_growth_is_logged_and_resumed_to_the_bit(tmp_path, capfd):
    skip = ("Grower.skip_nonfinite = True",)
    whole = _run(tmp_path / "whole", *skip, poison_growth=_poison_growth_at_3)
    assert (
        "step 3  grew nothing: new weights are not finite at site hidden_1" in capfd.readouterr()[1]
    )
    assert whole.grower.widths() == {"hidden_1": 6}
    lines = (tmp_path / "whole" / "growth.jsonl").read_text().splitlines()
    refused, grown = map(json.loads, lines)
    assert (refused["step"], refused["sites"]) == (3, {}) and "hidden_1" in refused["refusal"]
    assert grown["step"] == 6 and grown["sites"]["hidden_1"]["to"] == 6
    for steps in (4, 10):
        parts = _run(
            tmp_path / "parts",
            *(*skip, f"Experiment.steps = {steps}"),
            poison_growth=_poison_growth_at_3,
        )
    for variable, value in zip(parts.model.variables, whole.model.variables, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert [event.step for event in parts.grower.history.events] == [3, 6]


def test_without_the_binding_the_same_run_stops(tmp_path):
    with pytest.raises(FloatingPointError, match="in the growth after 3 steps new weights are not"):
        _run(tmp_path, poison_growth=_poison_growth_at_3)


def test_replicas_agree_on_the_first_step():
    """One of two replicas is not finite a step before the other."""
    # Not collectives, which are numbered for the whole process.
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        data, model = _Constant(), networks.network()
        optimizer, _ = networks.optimizer(model)
        trained = task.Task(model, optimizer, objectives.SquaredError(), data, strategy)

    def poison(step, batch):
        inputs, targets = batch
        is_last = tf.range(64)[:, tf.newaxis] == 63
        return inputs, tf.where((step == 4) & is_last, np.nan, targets)

    batches = data.train(0).enumerate().map(poison)
    trained.train_dataset = strategy.experimental_distribute_dataset(batches)
    with pytest.raises(FloatingPointError, match="from training step 5 on"):
        trained.train(tf.constant(8))
