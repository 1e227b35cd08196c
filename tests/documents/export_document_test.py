"""The examples of docs/export.md work as they stand there."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests import foreign_program, tiny_fashion_mnist
from trainer import main
from trainer.export import plain

_DOCUMENT = pathlib.Path("docs/export.md").read_text()
_BLOCKS = re.findall(r"```python\n(.*?)```", _DOCUMENT, re.DOTALL)
_OWN = [block for block in _BLOCKS if block.startswith("# my_counterpart.py")]
_EXPORTED = re.search(r"/tmp/\S+/export/\d+", _DOCUMENT).group()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The exported folder, from the two commands on few images and for few steps."""
    commands = re.findall(r"bazelw run //:train -- (.*)", _DOCUMENT)
    assert len(commands) == 2
    folder = tmp_path_factory.mktemp("run")
    data_dir = tiny_fashion_mnist.prepare(tmp_path_factory.mktemp("data"))
    short = [
        f"--gin_bindings=ImageClassification.data_dir = {data_dir!r}",
        "--gin_bindings=Experiment.steps = 3",
        "--gin_bindings=PeriodicSchedule.start = 2",
        "--gin_bindings=PeriodicSchedule.count = 1",
    ]
    for command in commands:
        flags = [re.sub("model_dir=.*", f"model_dir={folder}", flag) for flag in command.split()]
        done = subprocess.run(
            [sys.executable, "-m", main.__name__, *flags, *short],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path]),
                "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow tells of GPUs that are not there.
            },
            capture_output=True,
            text=True,
            check=True,
        )
    expected = folder / "export" / "3"
    assert done.stderr == ""
    assert done.stdout.splitlines() == [str(expected), f"{expected}/model.h5"]
    return str(expected)


def test_the_code_works_where_this_project_is_not(exported, tmp_path):
    assert len(_BLOCKS) == 6 and len(_OWN) == 1
    code = "".join(block for block in _BLOCKS if block not in _OWN)
    start = pathlib.Path(foreign_program.__file__).read_text().partition("def _lite(")[0]
    program = tmp_path / "program.py"
    guard = f"{start}\nsys.meta_path.insert(0, Forbidden())\n"
    program.write_text(guard + code.replace(_EXPORTED, exported))
    subprocess.run(
        [sys.executable, str(program)],
        env=foreign_program.environment(),
        cwd=tmp_path,
        check=True,
    )


def test_a_counterpart_of_your_own():
    (code,) = _OWN
    namespace = {}
    exec(code, namespace)  # The document is ours.
    network = tf_keras.Sequential([namespace["Twice"]()])
    inputs = tf.ones([2, 3])
    model = plain.build(network, tf.TensorSpec([None, *network(inputs).shape[1:]]))
    np.testing.assert_array_equal(model(inputs), 2.0 * inputs)
