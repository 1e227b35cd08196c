import pytest

from trainer.command import errors
from trainer.sweep import configurations


@pytest.mark.parametrize(
    "files, names",
    [
        (["a/gradmax.gin", "/b/random.gin"], ["gradmax", "random"]),
        (["x/a/g.gin", "x/b/g.gin", "x/b/h.gin"], ["a/g", "b/g", "h"]),
        (["/a/g.gin", "/b/a/g.gin", "/c/a/g.gin"], ["a/g", "b/a/g", "c/a/g"]),
        (["/x/../a/g.gin", "/b/./g.gin"], ["a/g", "b/g"]),
        (["small.v2.gin", "small.v3.gin"], ["small.v2", "small.v3"]),
    ],
)
def test_names_are_as_short_as_tells_them_apart(files, names):
    assert configurations.config_names(files) == names


def test_a_file_named_twice_is_a_mistake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.UserError, match="--gin_file=g.gin .* more than once"):
        configurations.config_names(["g.gin", str(tmp_path / "g.gin")])
