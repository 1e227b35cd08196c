import math

from trainer.model_dir import strict_json


def _strictly(text):
    def refuse(constant):
        raise AssertionError(constant)

    import json

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_not_finite_are_null_at_any_depth():
    value = {"a": [1, math.nan, {"b": (math.inf, "NaN")}], "c": -math.inf, "d": True}
    text = strict_json.dumps(value)
    assert _strictly(text) == {"a": [1, None, {"b": [None, "NaN"]}], "c": None, "d": True}
    read = strict_json.loads(text)
    assert math.isnan(read["c"]) and math.isnan(read["a"][1]) and read["a"][2]["b"][1] == "NaN"
