"""The commands that the README and docs/ show, as a shell gives them."""

import functools
import pathlib
import re
import subprocess
import tempfile

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

_PROGRAMS = {
    "//:benchmark": "study/main.py",
    "//:inspect": "trainer/inspect_run.py",
    "//:reproduce": "reproduction/main.py",
    "//:sweep": "trainer/sweep/main.py",
    "//:train": "trainer/main.py",
    "//tools:tensorboard": "tools/tensorboard_server.py",
}
_BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
_COMMAND = re.compile(r"^ {4}(\./bazelw|bazel|python3?|tfds|pip|tensor\w+) ", re.MULTILINE)
# Stands for all that a block calls, and says which arguments a shell gives it.
_STUB = """#!/bin/bash
[[ ${0##*/} != bazel* ]] || { printf '%s\\0' "$@"; printf '\\0'; } >> calls
"""
_OTHERS = ("apt-get", "pip", "python", "python3", "tensorboard", "tensorflow_model_server", "tfds")


def blocks(page: pathlib.Path) -> list[str]:
    """The blocks of a page that a user gives to a shell."""
    return [block for block in _BLOCK.findall(page.read_text()) if _COMMAND.search(block)]


@functools.cache
def calls(block: str) -> list[list[str]]:
    """The arguments of each call of Bazel when a shell runs `block`."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for program in ("bazel", "bazelw", *_OTHERS):
            (folder / program).write_text(_STUB)
            (folder / program).chmod(0o755)
        (folder / "activate").touch()
        block = re.sub(r"\. \S+/bin/activate", ". ./activate", block)
        subprocess.run(
            ["/bin/bash", "-euc", block], cwd=folder, env={"PATH": f"{name}:/bin"}, check=True
        )
        found = folder / "calls"
        text = found.read_text() if found.exists() else ""
    return [call.split("\0") for call in text.split("\0\0") if call]


def runs(block: str) -> list[tuple[str, list[str]]]:
    """Target and arguments of each `bazel run` of a block."""
    found = []
    for command, *arguments in calls(block):
        if command == "run":
            target, *rest = [a for a in arguments if a == "--" or not a.startswith("--config=")]
            assert not rest or rest.pop(0) == "--", f"{target} and {rest[0]} without -- between"
            found.append((target, rest))
    return found


def program(target: str) -> pathlib.Path:
    """The file that a target of py_binary runs."""
    package, name = target.removeprefix("//").split(":") if ":" in target else (target[2:], "")
    return ROOT / _PROGRAMS.get(target, f"{package}/{name or pathlib.Path(package).name}.py")
