"""Configurations of figures 13b and 13c compare runs that train with the same FLOPs."""

import pathlib

import pytest

from models import cost
from trainer import experiment
from trainer.config import reader

_FOLDER = pathlib.Path("gin_configs/teacher_student")
_MATCHED = sorted([*_FOLDER.glob("start_*.gin"), *_FOLDER.glob("initial_width_*.gin")])
_GRADMAX = "gin_configs/methods/gradmax.gin"


def _rehearsed(file):
    """Forward FLOPs of one example over all steps of a run, and the last width, without running."""
    reader.load([str(file), _GRADMAX], [])
    built = experiment.Experiment()
    flops, last = 0, 0
    for growth in built.grower.plan(built.steps):
        flops += (growth.step - last) * cost.forward_flops(built.model)
        last = growth.step
        built.grower.rehearse({growth.site: growth.to_width})
    (width,) = built.grower.widths().values()
    return flops + (built.steps - last) * cost.forward_flops(built.model), width


@pytest.fixture(scope="module")
def reference():
    return _rehearsed(_FOLDER / "small.gin")


@pytest.mark.parametrize("file", _MATCHED, ids=str)
def test_flops_and_widths_are_those_of_the_small_setting(file, reference):
    assert _rehearsed(file) == pytest.approx(reference, rel=0.01)


def test_a_clock_of_new_neurons_is_no_obstacle():
    reader.load([str(_MATCHED[0]), _GRADMAX], ["Grower.newborn_clock = True"])
    assert experiment.Experiment().grower.update_factors is not None
