"""Type annotations of the packages that others build on, checked by pyright."""

import os
import pathlib
import subprocess
import sys

import pytest

# Bazel runs a link to this file; what it points to is in the work tree.
ROOT = pathlib.Path(__file__).resolve().parents[1]

_WRONG = """
import gin
import tensorflow as tf
from models.layers import window

def outputs(inputs: tf.Tensor, size: int = gin.REQUIRED) -> tf.Tensor:
    return tf.nn.relu(inputs) + window.checked(size, 1, "same").output_size("3")[0]
"""


def pyright(*files: str) -> subprocess.CompletedProcess[str]:
    """Checks `files`, or what pyproject.toml includes."""
    # Pyright would look for a newer version of itself.
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "true"}
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *files]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_growth_and_models_have_no_wrong_types():
    done = pyright()
    if done.returncode or not done.stdout.startswith("0 errors"):
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)


def test_a_wrong_type_is_found_and_tensorflow_and_gin_are_untyped(tmp_path):
    (tmp_path / "wrong.py").write_text(_WRONG)
    done = pyright(str(tmp_path / "wrong.py"))
    assert done.returncode == 1
    assert 'is not assignable to "int"' in done.stdout and "\n1 error," in done.stdout
