"""Mistakes in Gin files and bindings: each message says what to write instead."""

import pytest

import models
from models.architectures import convnet  # noqa: F401  What Gin knows is compared with what is read.
from tests import compositions
from trainer import experiment  # noqa: F401
from trainer.command import errors
from trainer.config import missing_imports, reader
from trainer.upstream import gin_config

_SMALL = compositions.files("small+gradmax")


@pytest.mark.parametrize(
    ("binding", "message"),
    [
        ("Devices.distribution_strategy = mirrored", "mean 'mirrored', in quotes"),
        ("MLP.use_bias = true", "mean True"),
        ("Experiment.growth_batch_size = null", "mean None"),
        ("Experiment.model = MLP", "mean @MLP or @MLP"),
        ("Experiment.steps = 10, Experiment.seed = 1", "each binding has a line"),
        ("Experiment.steps = 10; Experiment.seed = 1", "each binding has a line"),
        ("MLP.hidden_widths = 3, 4", r"a list has parentheses, \(3, 4\)"),
        ("Experiment.steps 10", "must be name.parameter = value"),
        ("Experiment.steps: 10", "each binding has a line"),
        ("Devices.distribution_strategy = “mirrored”", r"U\+201C .* must be a straight quote"),
        ("Experiment.seed = −1", r"U\+2212 \(minus sign\) must be a hyphen"),
        ("Experiment.seed\u00a0= 1", r"U\+00A0 \(no-break space\) must be a space"),
        ("Experiment.model = @TheirNetwork", '"import message_parts" is missing'),
        ("TheirNetwork.output_width = 3", '"import message_parts" is missing'),
        ("Experiment.model = @ThierNetwork", 'mean Th.*\\?\n  It needs "import message_parts"'),
        ("import message_parts.py", 'without its ending: "import message_parts"'),
        ("import mesage_parts", "Did you mean message_parts"),
        ("import message_exits", r"sys.exit\(0\)\n  at .*message_exits.py, line 2: sys.exit\(0\)"),
        (
            "import message_fails",
            "NameError: (?s:.*)\n  at .*message_fails.py, line 3: x = unknown",
        ),
        ("import message_imports", "No module named 'gone'(?s:.*)message_imports.py, line 1"),
    ],
)
def test_a_mistake_is_told_with_what_is_meant(binding, message, tmp_path, monkeypatch):
    (tmp_path / "message_parts.py").write_text(
        "import gin\n\n@gin.configurable\ndef TheirNetwork(output_width):\n    pass\n"
    )
    (tmp_path / "message_exits.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "message_fails.py").write_text("import os\n\nx = unknown\n")
    (tmp_path / "message_imports.py").write_text("import gone\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(errors.UserError, match=message) as raised:
        reader.load(_SMALL, [binding], [str(tmp_path)])
    assert len(str(raised.value).splitlines()) <= 6


def test_a_module_beside_its_gin_file_is_found_for_the_message(tmp_path):
    (tmp_path / "beside_parts.py").write_text("")
    (tmp_path / "a.gin").write_text("import beside_parts\n")
    with pytest.raises(errors.UserError, match=f"start the program in {tmp_path}, or add it to"):
        reader.load([str(tmp_path / "a.gin")], [])


_TEXT = "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + _TEXT.encode(), _TEXT.replace("\n", "\r\n").encode()]
)
def test_a_byte_order_mark_and_the_ends_of_lines_of_windows_are_read(content, tmp_path):
    (tmp_path / "a.gin").write_bytes(content)
    (tmp_path / "b.gin").write_text(f"include '{tmp_path}/a.gin'\n")
    reader.load([str(tmp_path / "b.gin")], [])
    assert reader.literals() == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_TEXT.encode() + b"# caf\xe9\n", "line 3: the byte 0xe9 is not utf-8 text"),
        (_TEXT.encode("utf-16"), "line 1: UTF-16 is not utf-8 text; save the file as UTF-8"),
        (_TEXT.encode() + b"\0", "line 3: the byte 0x00 is not"),
    ],
)
def test_a_file_that_is_no_text_is_named(content, message, tmp_path):
    (tmp_path / "a.gin").write_bytes(content)
    with pytest.raises(errors.UserError, match=f"^{tmp_path}/a.gin, {message}"):
        reader.load([str(tmp_path / "a.gin")], [])


def test_the_module_of_each_configurable_is_known_before_it_is_imported():
    modules = missing_imports.modules([])
    assert modules["Firefly"] == "growth.methods.firefly"
    assert modules["GlorotUniform"] == "models.architectures.kernel_initializers"
    assert modules["RandAugment"] == "trainer.datasets.model_garden_augmentation"
    own = ("growth.", "models.", "trainer.")
    names = [each.selector for each in gin_config.configurables()]
    registered = [name for name in names if name.startswith(own)]
    assert len(registered) > 10
    for selector in registered:
        module, _, name = selector.rpartition(".")
        assert modules[name] == models.RENAMED_MODULES.get(module, module)
