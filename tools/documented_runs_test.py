"""Every command that a page shows does its work: as it stands there, or on less if it takes long.

Takes a quarter of an hour, and CI leaves it out: ./bazelw test //tools:documented_runs_test
Those of docs/recipes.md are run by tests/documents/recipes_test.py, which looks at what they do.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tools import page_commands

# What a command gets on top of what the page says, by the beginning of "target arguments".
_LESS = {
    "//:sweep": ["--seeds=1"],
    "//:reproduce": ["--repeats=1"],
    "//benchmarks:exactness": ["--networks=1"],
    "//benchmarks:expected_results": [],  # All seeds, or there is nothing to compare.
    "//benchmarks:gradient_norms": ["--steps=2"],
    "//benchmarks:growth_memory": ["--batch_size=8"],
    "//benchmarks:inner_cost": ["--rounds=1", "--steps=2"],
    "//benchmarks:input_pipeline": ["--rounds=1", "--steps=1"],
    "//benchmarks:optimality": [],  # Has no rounds.
    "//benchmarks:sign_rule": ["--seeds=1", "--step=20"],
    "//benchmarks:throughput": ["--rounds=1", "--steps=1"],
    "//benchmarks:width_cost": ["--growths=1", "--width=8"],
    "//benchmarks:": ["--rounds=1"],
}
_FEW_STEPS = [
    "--gin_bindings=Experiment.steps = 6",
    "--gin_bindings=PeriodicSchedule.start = 2",
    "--gin_bindings=PeriodicSchedule.interval = 2",
    "--gin_bindings=PeriodicSchedule.count = 2",
]
# What commands read or write that is not at hand in a test.
_NOT_HERE = {
    "gin_configs/cifar10/": "CIFAR-10, which must be downloaded",
    "//tools:configuration_reference": "the work tree; configuration_reference_test.py runs it",
}
_FILE = re.compile(r"```\w*\n# (\w+\.\w+)\n(.*?)```", re.DOTALL)
_BLOCKS = [
    pytest.param(page, block, id=f"{page.stem}_{number}")
    for page in page_commands.PAGES
    if page.stem != "recipes"
    for number, block in enumerate(page_commands.blocks(page))
    if page_commands.runs(block)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stands for /tmp, for the folder that a user calls from, and for the home."""
    return tmp_path_factory.mktemp("user")


def _less(call: str) -> list[str]:
    less = next((less for start, less in _LESS.items() if call.startswith(start)), [])
    return less + _FEW_STEPS * ("gin_configs/fashion_mnist/" in call)


def _run(target: str, arguments: list[str], folder: pathlib.Path) -> str:
    """Runs a program, which must end with status 0, and returns its output."""
    program = page_commands.program(target).relative_to(page_commands.ROOT)
    module = ".".join(program.with_suffix("").parts)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, *_less(" ".join([target, *arguments]))],
        cwd=folder,
        env=os.environ
        | {
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(page_commands.ROOT), *sys.path]),
            "BUILD_WORKSPACE_DIRECTORY": str(page_commands.ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.mark.parametrize(("page", "block"), _BLOCKS)
def test_commands_do_their_work(page, block, folder):
    for name, text in _FILE.findall(page.read_text()):
        (folder / name).write_text(text)
    for target, arguments in page_commands.runs(block):
        call = " ".join([target, *arguments])
        for part, what in _NOT_HERE.items():
            if part in call:
                pytest.skip(f"needs {what}")
        arguments = [argument.replace("/tmp/", f"{folder}/") for argument in arguments]
        assert _run(target, arguments, folder).strip()
        for argument in arguments:
            flag, _, value = argument.partition("=")
            if flag in ("--model_dir", "--output_dir") and "--dry_run" not in arguments:
                assert any(pathlib.Path(value).iterdir())


def test_every_benchmark_is_shown_and_so_is_run():
    shown = {target for b in _BLOCKS for target, _ in page_commands.runs(b.values[1])}
    programs = {
        f"//benchmarks:{file.stem}"
        for file in (page_commands.ROOT / "benchmarks").glob("*.py")
        if "__main__" in file.read_text()
    }
    assert programs <= shown
