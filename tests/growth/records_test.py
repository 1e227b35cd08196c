"""Growths as records, and as JSON of growth.jsonl and of checkpoints."""

import json
import pathlib

from growth.records import events, history

_FORMER = pathlib.Path(__file__).parents[1] / "trainer/data/run_of_the_former_layout/growth.jsonl"


def test_a_line_that_a_former_version_wrote_is_written_again_byte_by_byte():
    lines = _FORMER.read_text().splitlines()
    growths = [events.Growth.from_json(json.loads(line)) for line in lines]
    assert [json.dumps(growth.to_json()) for growth in growths] == lines
    assert growths[0].sites["hidden_1"].to_width == 6 and growths[0].sites["hidden_1"].count == 1


def test_a_growth_that_was_skipped_says_so_before_its_time():
    growth = events.Growth(3, loss=1.0, refusal="not finite", milliseconds=2.0)
    assert list(growth.to_json()) == ["step", "loss", "sites", "refusal", "milliseconds"]
    assert events.Growth.from_json(growth.to_json()) == growth


def test_missing_keys_are_none_and_keys_of_another_version_are_kept():
    line = {"step": 3, "color": "red", "sites": {"a": {"to": 5, "depth": 2}}}
    growth = events.Growth.from_json(line)
    assert growth.loss is growth.refusal is growth.sites["a"].from_width is None
    assert growth.to_json() == line
    assert events.Growth.from_json({"step": 3}).sites == {}


def test_a_checkpoint_keeps_growths_and_the_size_of_another_seed_network():
    growths = history.GrowthHistory()
    growths.events = [events.Growth(3, sites={"a": events.SiteGrowth(4, 5)})]
    for growths.seed_network in (None, events.NetworkSize({"a": 4}, 10, 20)):
        read = history.GrowthHistory()
        read.deserialize(growths.serialize())
        assert (read.events, read.seed_network) == (growths.events, growths.seed_network)
        assert read.last_step == 3
    # A checkpoint of a former version.
    read.deserialize(growths.serialize().replace("seed_network", "birth"))
    assert (read.events, read.seed_network) == (growths.events, growths.seed_network)


def test_widths_after_growths():
    growths = [
        events.Growth(1, sites={"a": events.SiteGrowth(4, 5)}),
        events.Growth(2, sites={"a": events.SiteGrowth(5, 6), "b": events.SiteGrowth(2, 3)}),
    ]
    assert events.widths_after(growths, {"a": 4, "b": 2, "c": 1}) == {"a": 6, "b": 3, "c": 1}
