"""Format, lint and layering of the whole work tree, files that git does not know yet included."""

import ast
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]

# What a package may import of the others: trainer -> growth -> models, never back.
FORBIDDEN_IMPORTS = {"models": {"growth", "trainer"}, "growth": {"trainer"}}


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)


def files(*patterns: str) -> list[pathlib.Path]:
    """The files of the tree whose name fits a pattern; links, such as Bazel's, are not followed."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name[0] != "." and name != "venv"]
        paths = [pathlib.Path(folder, name) for name in names]
        found += [path for path in paths if any(path.match(pattern) for pattern in patterns)]
    return sorted(found)


def imported_packages(path: pathlib.Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    return {module.partition(".")[0] for module in modules}


def test_ruff_format():
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", ".")


def test_ruff_check():
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


def test_buildifier():
    buildifier = shutil.which("buildifier")
    if not buildifier and "CI" not in os.environ:
        pytest.skip("no buildifier on PATH; `npm install --global @bazel/buildifier` brings it")
    assert buildifier, "CI needs buildifier on PATH; .ci/run installs it"
    bazel_files = files("BUILD", "*.bzl", "WORKSPACE", "WORKSPACE.bzlmod", "MODULE.bazel")
    run(buildifier, "-mode=diff", "-lint=warn", *map(str, bazel_files))


@pytest.mark.parametrize("package", FORBIDDEN_IMPORTS)
def test_packages_import_only_downwards(package):
    for path in files("*.py"):
        if path.is_relative_to(ROOT / package):
            forbidden = imported_packages(path) & FORBIDDEN_IMPORTS[package]
            assert not forbidden, f"{path} imports {forbidden}, which {package} may not"
