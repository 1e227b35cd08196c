"""The private parts of Gin that the reader of configurations needs."""

import gin
import pytest

from trainer.upstream import gin_config


@gin.configurable(module="tests.upstream")
def half(whole=2):
    return whole / 2


@pytest.fixture
def readers(monkeypatch):
    """Gin's own readers and search paths, until the end of the test."""
    monkeypatch.setattr(gin.config, "_FILE_READERS", [(open, lambda path: path == "a.gin")])
    monkeypatch.setattr(gin.config, "_LOCATION_PREFIXES", [""])
    yield
    gin.clear_config()


def test_what_is_registered_and_bound_is_known():
    assert gin_config.configurable("half")(4) == gin_config.configurable("tests.upstream.half")(4)
    assert gin_config.configurable("nothing_of_this_name") is None
    (found,) = [each for each in gin_config.configurables() if each.wrapped.__name__ == "half"]
    assert found.selector == "tests.upstream.half"
    gin.clear_config()
    gin.parse_config("half.whole = 8\nmany = 3")
    assert gin_config.bindings()["", "tests.upstream.half"] == {"whole": 8}
    assert gin_config.bindings()["many", "gin.macro"] == {"value": 3}
    gin.clear_config()


def test_gin_reads_by_ours_alone(readers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gin").write_text("half.whole = 8")
    (tmp_path / "b.gin").write_text("half.whole = 10")

    def opened(path):
        return open(path.replace("a.gin", "b.gin"))

    # A reader that is added comes behind Gin's own.
    gin.config.register_file_reader(opened, lambda path: True)
    gin.parse_config_file("a.gin")
    assert half() == 4
    gin_config.read_files_by(opened, lambda path: True)
    gin.parse_config_file("a.gin")
    assert half() == 5


def test_a_search_path_is_added_once(readers):
    for _ in range(2):
        gin_config.add_search_path("/a")
        gin.add_config_file_search_path("/b")
    # Gin would look there twice.
    assert gin.config._LOCATION_PREFIXES == ["", "/a", "/b", "/b"]
