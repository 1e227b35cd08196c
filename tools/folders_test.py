"""Folders of the packages import each other in one direction, and their BUILD files say so."""

import ast
import functools
import graphlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("models", "growth", "trainer", "reproduction")
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / package).rglob("__init__.py")
)
# Of each package, apart from its other files, since every import within it runs __init__.py.
_INIT = ("__init__.py", "renamed_modules.py")


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


def test_imports_of_folders_form_no_circle():
    graphlib.TopologicalSorter({folder: imported_folders(folder) for folder in FOLDERS}).prepare()


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_folder_imports_is_in_its_build_file(folder):
    needed = {f"//{other}" for other in imported_folders(folder)}
    found = dependencies(folder) - {f"//{package}:init" for package in PACKAGES} - {":init"}
    assert needed <= found
    # What configurations import by name.
    assert found - needed <= {"//growth/methods", "//models/architectures", "//trainer/datasets"}


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
