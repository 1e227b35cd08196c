"""Each name has values of one type, whatever runs bind to it."""

import gin
import pytest

from trainer import train  # noqa: F401  Gin knows what was imported.
from trainer.config import hyperparameters, reader


@gin.configurable
class _Part:
    """Parameters of every kind, as a user's class may have them."""

    def __init__(
        self,
        count: int = 1,
        rate: float | None = None,
        switch: bool = True,
        perhaps: bool | None = None,
        text: str | None = None,
        either: int | str = 0,
        many: tuple[int, ...] = (),
        bare=None,
    ):
        del count, rate, switch, perhaps, text, either, many, bare


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        ("_Part.count = 3", {"_Part.count": 3}),
        ("_Part.rate = 3", {"_Part.rate": 3}),
        ("_Part.rate = None", {}),
        ("_Part.switch = False", {"_Part.switch": False}),
        ("_Part.perhaps = True", {"_Part.perhaps": True}),
        ("_Part.perhaps = None", {}),
        ("_Part.text = 'a'", {"_Part.text": "a"}),
        ("_Part.text = None", {"_Part.text": "None"}),
        ("_Part.either = 3", {"_Part.either": "3"}),
        ("_Part.either = '3'", {"_Part.either": "3"}),
        ("_Part.many = (1, 2)", {"_Part.many": "(1, 2)"}),
        ("_Part.bare = 3", {"_Part.bare": "3"}),
        ("_Part.bare = 'a'", {"_Part.bare": "a"}),
        ("_Part.bare = @Experiment()", {"_Part.bare": "@Experiment()"}),
        ("a/_Part.count = 3", {f"a/{__name__}._Part.count": 3}),
        ("n = 3\n_Part.count = %n", {"_Part.count": 3}),
        ("n = %m\nm = 3\n_Part.rate = %n", {"_Part.rate": 3}),
        ("n = None\n_Part.rate = %n", {}),
        ("n = 3\n_Part.many = (%n, 4)", {"_Part.many": "(3, 4)"}),
        ("_Part.text = '50%'", {"_Part.text": "50%"}),
        ("_Part.text = '%text'", {"_Part.text": "%text"}),
    ],
)
def test_the_annotation_decides_on_the_type(bindings, expected):
    reader.load([], bindings.splitlines())
    assert hyperparameters.comparable(reader.literals()) == expected
