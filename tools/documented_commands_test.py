"""Every command that a page shows can be given as it stands there.

That it does its work is for documented_runs_test.py.
"""

import pathlib
import re

import gin
import pytest

from tools import page_commands

# What programs have in common.
_SHARED = [
    page_commands.ROOT / "trainer" / "command" / "command_line.py",
    *page_commands.ROOT.glob("benchmarks/*.py"),
]
_BLOCKS = [
    pytest.param(page, block, id=f"{page.stem}_{number}")
    for page in page_commands.PAGES
    for number, block in enumerate(page_commands.blocks(page))
]


def _flags(program: pathlib.Path) -> set[str]:
    found = set()
    for file in (program, *_SHARED):
        found |= set(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", file.read_text()))
    return found


def _check_configuration(page: pathlib.Path, flags: list[tuple[str, str]]) -> None:
    """Files and bindings of a command can be read, unless the page shows one of the files."""
    from trainer import experiment, train  # noqa: F401  Gin reads what is imported.
    from trainer.config import reader

    bindings = [value for name, value in flags if name == "gin_bindings"]
    if any(binding.startswith("import ") for binding in bindings):
        return  # Of what the page shows.
    for file in [value for name, value in flags if name == "gin_file"]:
        if f"# {file}\n" in page.read_text():
            return
        gin.clear_config()
        reader.load([str(page_commands.ROOT / file)], bindings)


@pytest.mark.parametrize(("page", "block"), _BLOCKS)
def test_commands_can_be_given(page, block):
    assert {command for command, *_ in page_commands.calls(block)} <= {"run", "test"}
    for target, arguments in page_commands.runs(block):
        program = page_commands.program(target)
        assert program.is_file()
        flags = [argument.removeprefix("--").partition("=")[::2] for argument in arguments]
        assert {name for name, _ in flags} <= _flags(program)
        _check_configuration(page, flags)
