"""docs/configuration.md says of everything that can be bound what it is."""

import pathlib
import re

import pytest

from growth.decisions import policies
from models.layers import normalization
from tools import configuration_reference
from trainer.upstream import gin_config

_TEXT = configuration_reference.text()
_OURS = [
    configurable
    for configurable in gin_config.configurables()
    if configurable.wrapped.__module__.split(".")[0] in ("growth", "models", "trainer")
]


def test_the_page_is_what_the_code_says():
    # After a change of a docstring: ./bazelw run //tools:configuration_reference
    assert pathlib.Path("docs/configuration.md").read_text() == _TEXT


@pytest.mark.parametrize("configurable", _OURS, ids=lambda configurable: configurable.name)
def test_everything_of_ours_is_described(configurable):
    entry = re.search(rf"\n### {configurable.name}\n\n(.*?)\nDefined in", _TEXT, re.DOTALL)[1]
    assert entry.lstrip()[0] != "|"
    rows = re.findall(r"^\| `\w+\.(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", entry, re.MULTILINE)
    bindable = configuration_reference.bindable_parameters(configurable.wrapped)
    assert [name for name, *_ in rows] == [parameter.name for parameter in bindable]
    for name, *cells in rows:
        assert all(cells), name


def test_a_parameter_of_a_base_class_counts():
    names = [p.name for p in configuration_reference.bindable_parameters(policies.AllAtOnce)]
    assert names == ["neurons", "fraction", "target_fraction", "max_width", "sites"]
    layer = normalization.BatchNormalization
    passed_on = [p.name for p in configuration_reference.bindable_parameters(layer)]
    assert passed_on == ["momentum", "synchronized", "epsilon", "regularizer"]
    assert configuration_reference.parameter_meanings(layer)["epsilon"] == "added to variances."


def test_links_lead_to_headings_and_files():
    headings = re.findall(r"^###? (.+)$", _TEXT, re.MULTILINE)
    anchors = set(re.findall(r"\]\(#(.*?)\)", _TEXT))
    assert anchors == {heading.lower().replace(" ", "-") for heading in headings}
    for path in re.findall(r"\]\(\.\./(.*?)\)", _TEXT):
        assert pathlib.Path(path).is_file()


def test_a_module_without_a_heading_is_an_error(monkeypatch):
    monkeypatch.delitem(configuration_reference._GROUPS, "When")
    with pytest.raises(ValueError, match="growth.decisions.schedules belongs below no heading"):
        configuration_reference.text()
