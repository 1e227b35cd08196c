"""Every command that a page shows can be given as it stands there.

That it does what the page says is for the tests of the pages' subjects; many take minutes or hours.
"""

import pathlib
import re
import subprocess

import gin
import pytest

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]

_PROGRAMS = {
    "//:inspect": "trainer/inspect_run.py",
    "//:reproduce": "reproduction/main.py",
    "//:sweep": "trainer/sweep.py",
    "//:train": "trainer/main.py",
}
# What programs have in common.
_SHARED = [ROOT / "trainer" / "command_line.py", *ROOT.glob("benchmarks/*.py")]
_PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
_BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
# Stands for all that a block calls, and says which arguments a shell gives it.
_STUB = """#!/bin/bash
[[ ${0##*/} != bazel* ]] || { printf '%s\\0' "$@"; printf '\\0'; } >> calls
"""
_OTHERS = ("apt-get", "pip", "python", "python3", "tensorboard", "tensorflow_model_server", "tfds")


def _calls(block: str, folder: pathlib.Path) -> list[list[str]]:
    """The arguments of each call of Bazel when a shell runs `block`."""
    for name in ("bazel", "bazelw", *_OTHERS):
        (folder / name).write_text(_STUB)
        (folder / name).chmod(0o755)
    (folder / "activate").touch()
    block = re.sub(r"\. \S+/bin/activate", ". ./activate", block)
    subprocess.run(
        ["/bin/bash", "-euc", block], cwd=folder, env={"PATH": f"{folder}:/bin"}, check=True
    )
    calls = folder / "calls"
    text = calls.read_text() if calls.exists() else ""
    return [call.split("\0") for call in text.split("\0\0") if call]


def _blocks():
    found = []
    for page in _PAGES:
        for number, block in enumerate(_BLOCK.findall(page.read_text())):
            if re.search(
                r"^ {4}(\./bazelw|bazel|python3?|tfds|pip|tensor\w+) ", block, re.MULTILINE
            ):
                found.append(pytest.param(page, block, id=f"{page.stem}_{number}"))
    return found


def _program(target: str) -> pathlib.Path:
    package, name = target.removeprefix("//").split(":") if ":" in target else (target[2:], "")
    return ROOT / _PROGRAMS.get(target, f"{package}/{name or pathlib.Path(package).name}.py")


def _flags(program: pathlib.Path) -> set[str]:
    found = set()
    for file in (program, *_SHARED):
        found |= set(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", file.read_text()))
    return found


def _check_configuration(page: pathlib.Path, flags: list[tuple[str, str]]) -> None:
    """Files and bindings of a command can be read, unless the page shows one of the files."""
    from trainer import config, experiment, train  # noqa: F401  Gin reads what is imported.

    bindings = [value for name, value in flags if name == "gin_bindings"]
    if any(binding.startswith("import ") for binding in bindings):
        return  # Of what the page shows.
    for file in [value for name, value in flags if name == "gin_file"]:
        if f"# {file}\n" in page.read_text():
            return
        gin.clear_config()
        config.load([str(ROOT / file)], bindings)


@pytest.mark.parametrize(("page", "block"), _blocks())
def test_commands_can_be_given(page, block, tmp_path):
    for command, *arguments in _calls(block, tmp_path):
        if command == "test":
            continue
        assert command == "run"
        target, *rest = arguments
        if target.startswith("--"):  # An option of Bazel's.
            target, *rest = rest
        program = _program(target)
        assert program.is_file()
        assert not rest or rest.pop(0) == "--"
        flags = [argument.removeprefix("--").partition("=")[::2] for argument in rest]
        assert {name for name, _ in flags} <= _flags(program)
        _check_configuration(page, flags)
