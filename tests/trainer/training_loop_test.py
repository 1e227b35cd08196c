import json

import numpy as np
import pytest
import tensorflow as tf

from growth.decisions import schedules
from growth.methods import method
from growth.surgery.neurons import NewNeurons
from tests import networks, training_loops


class _Useless(method.GrowthMethod):
    """New neurons that never learn anything: both sides are zero, and so are their gradients."""

    uses_gradients = False

    def __call__(self, linear_map, count, seed):
        rows, columns = linear_map.shape
        return NewNeurons(tf.zeros([columns, count]), tf.zeros([rows, count]))


class _At(schedules.Schedule):
    """Growths at given steps; says so on standard output."""

    def __init__(self, *steps):
        self._steps = steps

    def next_growth(self, step, growths):
        print("a user's line")
        return self._steps[growths] if growths < len(self._steps) else None


def _run(folder, growths, steps, log_interval):
    """Growth events, the outputs of all loops and the final weights of old neurons."""
    built, outputs = training_loops.run(
        *(folder, _Useless(), _At(*growths), networks.Counts(*[2] * len(growths)), steps),
        log_interval=log_interval,
    )
    site = built.model.sites[0]
    events = [json.loads(line) for line in (folder / "growth.jsonl").read_text().splitlines()]
    return events, outputs, [site.incoming()[:, :5], site.outgoing()[:, :5]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return _run(tmp_path_factory.mktemp("plain"), (), steps=7, log_interval=1)


# A loop ends where the next growth is due, and at multiples of the interval.
_LOOPS = [((0, 1, 2), 3, [1, 1, 1, 3, 1]), ((0, 2, 3), 10, [2, 1, 4]), ((2, 5), 4, [2, 2, 1, 2])]


@pytest.mark.parametrize(("growths", "log_interval", "loops"), _LOOPS)
def test_the_step_of_a_growth_is_a_step_of_training(plain, tmp_path, growths, log_interval, loops):
    events, outputs, weights = _run(tmp_path, growths, 7, log_interval)
    no_events, steps, expected_weights = plain
    assert [event["step"] for event in events] == list(growths) and not no_events
    losses = [step["loss"] for step in steps]
    expected = [np.mean(part) for part in np.split(losses, np.cumsum(loops)[:-1])]
    np.testing.assert_allclose([loop["loss"] for loop in outputs], expected, rtol=1e-5)
    for value, same in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(value, same, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(events[0]["loss"], losses[growths[0]], rtol=1e-5)


def test_standard_output_is_the_users(tmp_path, capsys):
    _run(tmp_path, (1,), steps=3, log_interval=1)
    assert set(capsys.readouterr().out.splitlines()) == {"a user's line"}
