"""Format, lint and layering of the whole work tree, files that git does not know yet included."""

import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]

# What a package may import of the others: reproduction, study, benchmarks -> trainer -> growth ->
# models, never back. Benchmarks measure the table of sites that tests have.
_NETWORKS = {"growth", "models"}
_PROGRAM = {"trainer", *_NETWORKS}
ALLOWED_IMPORTS = {
    "models": set(),
    "growth": {"models"},
    "trainer": _NETWORKS,
    "reproduction": _PROGRAM,
    "study": _PROGRAM,
    "benchmarks": {"tests", *_PROGRAM},
    "tools": {"trainer"},
    "tests": {"reproduction", "study", "tools", *_PROGRAM},
    "gin_configs": _PROGRAM,
}


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)


def files(*patterns: str) -> list[pathlib.Path]:
    """The files of the tree whose name fits a pattern; links, such as Bazel's, are not followed."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        # `pip install .` leaves build/ behind.
        subfolders[:] = [n for n in subfolders if n[0] != "." and n not in ("build", "venv")]
        paths = [pathlib.Path(folder, name) for name in names]
        found += [path for path in paths if any(path.match(pattern) for pattern in patterns)]
    return sorted(found)


def imported_packages(source: str) -> set[str]:
    """The packages that Python code imports, within functions and by name as well."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant)]
            modules.update(name for name in names if isinstance(name, str))
    return {module.partition(".")[0] for module in modules}


def forbidden_imports(package: str, path: pathlib.Path) -> set[str]:
    """The packages that a Python or Gin file of `package` imports and may not."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".gin":
        imported = set(re.findall(r"^import (\w+)", source, re.MULTILINE))
    else:
        imported = imported_packages(source)
    return imported & (ALLOWED_IMPORTS.keys() - ALLOWED_IMPORTS[package] - {package})


def test_ruff_format():
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", ".")


def test_ruff_check():
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


def test_pre_commit_has_the_ruff_of_the_lock_file():
    version = re.search(r"^ruff==([\d.]+)", (ROOT / "requirements_lock.txt").read_text(), re.M)[1]
    assert f"    rev: v{version}\n" in (ROOT / ".pre-commit-config.yaml").read_text()


def test_buildifier():
    buildifier = shutil.which("buildifier")
    if not buildifier and "CI" not in os.environ:
        pytest.skip("no buildifier on PATH; `npm install --global @bazel/buildifier` brings it")
    assert buildifier, "CI needs buildifier on PATH; .ci/run installs it"
    bazel_files = files("BUILD", "*.bzl", "WORKSPACE", "WORKSPACE.bzlmod", "MODULE.bazel")
    run(buildifier, "-mode=diff", "-lint=warn", *map(str, bazel_files))


@pytest.mark.parametrize("package", ALLOWED_IMPORTS)
def test_packages_import_only_downwards(package):
    paths = [path for path in files("*.py", "*.gin") if path.is_relative_to(ROOT / package)]
    assert paths
    for path in paths:
        forbidden = forbidden_imports(package, path)
        assert not forbidden, f"{path} imports {forbidden}, which {package} may not"


def test_every_folder_with_code_has_its_arrows():
    paths = [path.relative_to(ROOT) for path in files("*.py", "*.gin")]
    assert {path.parts[0] for path in paths if path.parent.name} == ALLOWED_IMPORTS.keys()
    # The commands of an installed copy, which import nothing of the project by themselves.
    assert [path.name for path in paths if not path.parent.name] == ["growing_networks.py"]
    assert not imported_packages((ROOT / "growing_networks.py").read_text()) & set(ALLOWED_IMPORTS)


@pytest.mark.parametrize(
    ("package", "name", "source", "found"),
    [
        ("growth", "a.py", "from trainer import task", {"trainer"}),
        ("growth", "a.py", "from models import site", set()),
        ("models", "a.py", "def f():\n  import growth.grower as g", {"growth"}),
        ("trainer", "a.py", "from reproduction.main import x", {"reproduction"}),
        ("trainer", "a.py", "importlib.import_module('reproduction.main')", {"reproduction"}),
        ("reproduction", "a.py", "from benchmarks import paired", {"benchmarks"}),
        ("benchmarks", "a.py", "import reproduction", {"reproduction"}),
        ("tests", "a.py", "import benchmarks", {"benchmarks"}),
        ("gin_configs", "a.gin", "import models.mlp\nimport tests.networks", {"tests"}),
    ],
)
def test_an_arrow_that_leads_back_is_found(tmp_path, package, name, source, found):
    (tmp_path / name).write_text(source)
    assert forbidden_imports(package, tmp_path / name) == found
