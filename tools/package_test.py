"""`pip install .`: what the wheel holds, and that the program runs from it."""

import configparser
import email
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]
_PACKAGES = ("trainer", "growth", "models", "gin_configs")
_FILES = (
    *("pyproject.toml", "requirements.in", "requirements_dev.in"),
    *("README.md", "LICENSE", "growing_networks.py"),
)
_BUILD = "from setuptools import build_meta; build_meta.build_wheel('.')"
_GRADMAX = tuple(
    f"--gin_file=gin_configs/{file}.gin" for file in ("teacher_student/small", "methods/gradmax")
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with what pip would install."""
    source = tmp_path_factory.mktemp("source")  # setuptools leaves its work in it.
    for package in _PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for file in _FILES:
        shutil.copy(ROOT / file, source)
    # The environment's setuptools, where pip would download one.
    subprocess.run([sys.executable, "-c", _BUILD], cwd=source, check=True, capture_output=True)
    (wheel,) = source.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def _metadata(site, file):
    (path,) = site.glob(f"growing_networks-*.dist-info/{file}")
    return path.read_text()


def _command(site, tmp_path, name, *arguments, before=()):
    """Runs a command as pip installs it, in a folder of its own."""
    entries = configparser.ConfigParser()
    entries.read_string(_metadata(site, "entry_points.txt"))
    module, _, function = entries["console_scripts"][name].partition(":")
    script = tmp_path / "bin" / name
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"from {module} import {function}\n{function}()\n")
    # The command decides what TensorFlow says, unless the user does.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env=kept | {"PYTHONPATH": os.pathsep.join([*map(str, before), str(site)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def _package(folder, name):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()


def test_the_wheel_holds_code_and_configurations(site):
    def installed(folder):
        paths = [path for package in _PACKAGES for path in (folder / package).rglob("*.*")]
        wanted = [path for path in paths if path.suffix in (".py", ".gin", ".csv")]
        return {path.relative_to(folder) for path in wanted}

    assert installed(site) == installed(ROOT)
    top = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {*_PACKAGES, "growing_networks.py"}


def test_it_requires_what_requirements_in_lists(site):
    metadata = email.message_from_string(_metadata(site, "METADATA"))
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.in").open()]
    found = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert sorted(found) == sorted(filter(None, lines))


def test_the_version_is_in_one_place_and_has_its_changes():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", version]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()


def test_commands_lead_to_modules():
    code = (ROOT / "growing_networks.py").read_text()
    modules = re.findall(r'_run\("(.+?)"\)', code)
    assert len(modules) == 3
    assert all((ROOT / f"{module.replace('.', '/')}.py").is_file() for module in modules)


def test_a_command_runs_where_it_is_installed_beside_packages_of_the_user(site, tmp_path):
    for name in ("models", "growth", "trainer"):
        _package(tmp_path, name)
    done = _command(site, tmp_path, "grow-train", *_GRADMAX, "--dry_run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "hidden_1" in done.stdout


@pytest.mark.parametrize("package", ["trainer", "growth", "models"])
def test_a_package_of_the_user_that_comes_first_is_named(package, site, tmp_path):
    _package(tmp_path / "own", package)
    done = _command(site, tmp_path, "grow-sweep", before=[tmp_path / "own"])
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    hides = f"{tmp_path}/own/{package}/__init__.py hides the package {package}"
    assert done.stderr.startswith(f"error: {hides} of this program, which is in {site}")


def test_the_library_names_a_package_that_hides_its_own(tmp_path):
    _package(tmp_path, "models")
    paths = [str(tmp_path), str(ROOT)]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path[:0] = {paths}\nimport growth.decisions.schedules",
        ],
        capture_output=True,
        text=True,
    )
    message = f"ImportError: {tmp_path}/models/__init__.py hides the package models that growth"
    assert done.stderr.splitlines()[-1].startswith(message)
