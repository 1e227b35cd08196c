"""Folders of the packages import each other in one direction, and BUILD files say so."""

import ast
import functools
import graphlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("models", "growth", "trainer", "reproduction", "study")
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / package).rglob("__init__.py")
)
# Of each package, apart from its other files, since every import within it runs __init__.py.
_INIT = ("__init__.py", "renamed_modules.py")
_NAMED = re.compile(r"(?:\bimport |\bfrom |^)([a-z_]+(?:\.\w+)+)", re.MULTILINE)


def imported_modules(source: str) -> set[str]:
    """The dotted names that Python code imports, with those of imported attributes."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def folder_of(name: str) -> str | None:
    """The folder of the file behind a dotted name, e.g. `a/b` for `a.b.c.function`."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        if path.with_suffix(".py").is_file():
            return str(path.parent.relative_to(ROOT))
        if (path / "__init__.py").is_file():
            return str(path.relative_to(ROOT))
    return None


@functools.cache
def imported_folders(folder: str) -> frozenset[str]:
    """The other folders of PACKAGES that the files in `folder` itself import."""
    files = [file for file in (ROOT / folder).glob("*.py") if file.name not in _INIT]
    if folder not in PACKAGES:
        files = list((ROOT / folder).glob("*.py"))
    names = set().union(*(imported_modules(file.read_text(encoding="utf-8")) for file in files))
    return frozenset({folder_of(name) for name in names} & set(FOLDERS) - {folder})


def dependencies(folder: str) -> set[str]:
    """The labels in `deps` of the library that is named as its folder."""
    name = pathlib.PurePath(folder).name
    for node in ast.walk(ast.parse((ROOT / folder / "BUILD").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "py_library":
            arguments = {keyword.arg: keyword.value for keyword in node.keywords}
            if ast.literal_eval(arguments["name"]) == name:
                return set(ast.literal_eval(arguments.get("deps", ast.List([]))))
    raise AssertionError(f"{folder}/BUILD has no py_library of the name {name}")


def named_modules(source: str) -> set[str]:
    """`imported_modules`, and the modules that Python code names in texts.

    That is what it runs in another process, patches by name, or writes into another module.
    """
    names = imported_modules(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.update(filter(_is_known, _NAMED.findall(node.value)))
    return names


def _is_known(name: str) -> bool:
    path = ROOT.joinpath(*name.split(".")[:2])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def labels(files: list[pathlib.Path]) -> set[str]:
    """The libraries that test files, or what they share, need themselves."""
    sources = [file.read_text(encoding="utf-8") for file in files]
    names = set().union(*map(named_modules, sources))
    found = {f"//{folder_of(name)}" for name in names if name.split(".")[0] in PACKAGES}
    for package, prefix in (("tests", ":"), ("tools", "//tools:")):
        modules = {name.split(".")[1] for name in names if name.startswith(f"{package}.")}
        found |= {f"{prefix}{module}" for module in modules}
    return found | (
        {"//gin_configs"} if any("gin_configs" in source for source in sources) else set()
    )


def tables_of_tests() -> dict[str, dict[str, list[str]]]:
    """The dictionaries at the top of tests/BUILD."""
    nodes = ast.parse((ROOT / "tests/BUILD").read_text(encoding="utf-8")).body
    return {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in nodes
        if isinstance(node, ast.Assign)
    }


def needed_by_tests() -> dict[str, dict[str, list[str]]]:
    """The dictionaries that should stand at the top of tests/BUILD."""
    tests, shared = {}, {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        folder = path.parent.relative_to(ROOT / "tests").parts
        if not path.stem.endswith("_test"):
            shared.setdefault(path.stem, []).append(path)
        elif folder:
            tests.setdefault("_".join(folder) + "_test", []).append(path)
        else:
            tests[path.stem] = [path]
    return {
        name: {target: sorted(labels(files)) for target, files in table.items()}
        for name, table in (("SHARED", shared), ("TESTS", tests))
    }


def test_imports_of_folders_form_no_circle():
    graphlib.TopologicalSorter({folder: imported_folders(folder) for folder in FOLDERS}).prepare()


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_folder_imports_is_in_its_build_file(folder):
    needed = {f"//{other}" for other in imported_folders(folder)}
    found = dependencies(folder) - {f"//{package}:init" for package in PACKAGES} - {":init"}
    assert needed <= found
    # What configurations import by name.
    assert found - needed <= {"//growth/methods", "//models/architectures", "//trainer/datasets"}


@pytest.mark.parametrize("table", ["SHARED", "TESTS"])
def test_what_tests_import_is_in_their_build_file(table):
    needed, found = needed_by_tests()[table], tables_of_tests()[table]
    wrong = {
        target: deps for target, deps in needed.items() if sorted(found.get(target, "?")) != deps
    }
    assert not wrong, f"{table} in tests/BUILD should have {wrong}"
    assert needed.keys() == found.keys()


def test_the_guide_to_the_tests_has_each_target_once():
    named = re.findall(r"^\| `(\w+_test)`", (ROOT / "tests/README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(tables_of_tests()["TESTS"])


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("from tests import networks", ":networks"),
        ("from tools import configuration_reference", "//tools:configuration_reference"),
        ("from trainer.sweep import plots", "//trainer/sweep"),
        ("monkeypatch.setattr('growth.grower.Grower.prepare', fail)", "//growth"),
        ("path.write_text('from trainer.logs import progress')", "//trainer/logs"),
        ("file = 'gin_configs/cifar10/vgg11.gin'", "//gin_configs"),
    ],
)
def test_what_a_test_needs_is_found(tmp_path, source, label):
    (tmp_path / "a_test.py").write_text(source)
    assert labels([tmp_path / "a_test.py"]) == {label}


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("from trainer.logs import progress", "trainer/logs"),
        ("def f():\n  import trainer.train", "trainer"),
        ("from models.layers import Dense", "models/layers"),
        ("from growth.methods.gradmax import GradMax", "growth/methods"),
    ],
)
def test_the_folder_of_an_import_is_found(source, folder):
    assert {folder_of(name) for name in imported_modules(source)} == {folder}
