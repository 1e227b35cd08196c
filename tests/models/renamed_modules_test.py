import importlib
import sys

import pytest

import growth
import models
import trainer

_RENAMED = {
    former: current
    for package in (models, growth, trainer)
    for former, current in package.RENAMED_MODULES.items()
}


def test_no_former_name_is_a_module_again():
    assert len(_RENAMED) > 50
    for former, current in _RENAMED.items():
        assert former != current
        assert importlib.util.find_spec(current).origin.endswith(".py")


@pytest.mark.parametrize("former", sorted(_RENAMED))
def test_a_former_name_is_the_current_module(former, caplog):
    current = importlib.import_module(_RENAMED[former])
    spec = current.__spec__
    sys.modules.pop(former, None)
    assert importlib.import_module(former) is current
    assert (current.__spec__, current.__name__) == (spec, _RENAMED[former])
    assert f"{former} is now {_RENAMED[former]}" in caplog.text
