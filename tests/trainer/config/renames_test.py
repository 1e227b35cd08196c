import gin
import pytest

from growth import grower
from growth.methods import firefly, firefly_opt, random  # noqa: F401  Configurations bind them.
from trainer.config import reader


@pytest.mark.parametrize("prefix", ["", "growth.grower.", "grower.", "scope/"])
def test_a_former_parameter_is_bound_under_its_current_name(prefix, caplog):
    reader.load([], [f"{prefix}Grower.initializer = @Random()"])
    scope = prefix.rstrip("/") if "/" in prefix else ""
    assert gin.config._CONFIG[scope, "growth.grower.Grower"].keys() == {"method"}
    assert "Grower.initializer is now Grower.method; the next version will not" in caplog.text


def test_epsilon_of_firefly_is_a_fraction(caplog):
    reader.load([], ["Firefly.epsilon = 0.1", "FireflyOpt.epsilon = 0.2"])
    assert gin.query_parameter("Firefly.fraction") == 0.1
    assert gin.query_parameter("FireflyOpt.epsilon") == 0.2
    assert caplog.text.count("Firefly.epsilon is now Firefly.fraction") == 1


def test_a_file_with_a_former_parameter_is_read(tmp_path, caplog):
    file = tmp_path / "old.gin"
    file.write_text(
        "import growth.initializers.random\n"
        "Grower.initializer = @Random()\n"
        "Random.inverse = True  # Not Grower.initializer = None.\n"
    )
    reader.load([str(file)], [])
    assert "@Random()" in str(gin.query_parameter("Grower.method"))
    assert caplog.text.count("is now Grower.method") == 1
    assert str(file) in caplog.text
    assert grower.Grower
