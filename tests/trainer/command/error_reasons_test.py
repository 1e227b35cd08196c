"""Errors as TensorFlow, AutoGraph and Keras raise them: the reason stays, the frames go."""

import importlib.util
import sys

import pytest
import tensorflow as tf

from trainer.command import error_reasons, user_code

# Of a user; each function fails in a way of its own.
_USER_MODULE = """
import tensorflow as tf
import tf_keras

@tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec(None)])
def _add(a, b):
    return a + b  # shapes

def shapes():
    _add(tf.zeros([2, 3]), tf.zeros([4, 5]))

def traced():
    tf.function(lambda a: tf.matmul(a, tf.zeros([4, 5])))(tf.zeros([2, 3]))  # traced

def eager():
    tf.zeros([2, 3]) + tf.zeros([4, 5])  # eager

@tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
def _lookup(labels):
    return tf.gather(tf.zeros([3]), labels)  # label

def label():
    _lookup([1, 7])

@tf.function
def _large(n):
    return tf.random.normal([n, n]) + 1  # memory

def memory():
    _large(tf.constant(2_000_000))

@tf.function
def _take(iterator):
    for _ in tf.range(5):
        next(iterator)

def end():
    _take(iter(tf.data.Dataset.range(3)))

def _broken(x):
    raise KeyError("weather")  # in_the_pipeline

def in_the_pipeline():
    _take(iter(tf.data.Dataset.range(3).map(lambda x: tf.py_function(_broken, [x], tf.int64))))

def _generator():
    yield 1
    raise OSError("file is broken")  # generator

def generator():
    list(tf.data.Dataset.from_generator(_generator, output_signature=tf.TensorSpec([], tf.int32)))

def missing_file():
    _take(iter(tf.data.TFRecordDataset(["/nowhere/x.tfrecord"])))

def no_image():
    data = tf.data.Dataset.from_tensors(b"no image").map(tf.io.decode_jpeg)
    _take(iter(data))

@tf.function
def _own(x):
    if tf.reduce_sum(x) > 0:
        raise ValueError("my own error")  # own_error

def own_error():
    _own(tf.zeros([2]))

class _Inner(tf_keras.layers.Layer):
    def call(self, x):
        return self.nothing(x)  # attribute

class _Outer(tf_keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = _Inner()

    def call(self, x):
        return self.inner(x)

def attribute():
    model = _Outer()
    tf.function(lambda x: model(x))(tf.zeros([2, 2]))

def asserted():
    tf.function(lambda x: tf.debugging.assert_less(x, 3, message="labels are below 3"))([1, 5])

def xla():
    tf.function(lambda x: tf.strings.as_string(x), jit_compile=True)(1.0)

def branch():
    tf.function(_branch, autograph=False)(tf.zeros([2]))

def _branch(x):
    return x if tf.reduce_sum(x) > 0 else -x  # branch

def many_lines():
    raise ValueError("\\n".join(f"line {n}" for n in range(20)))
"""


@pytest.fixture(scope="module")
def user_module(tmp_path_factory):
    file = tmp_path_factory.mktemp("user") / "user_module.py"
    file.write_text(_USER_MODULE)
    spec = importlib.util.spec_from_file_location("error_reasons_test_user", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # AutoGraph looks there.
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


# What the first line is, and whether the place has the comment with the name of the function.
_REASONS = {
    "shapes": ("Incompatible shapes: [2,3] vs. [4,5]", True),
    "traced": ("Dimensions must be equal, but are 3 and 4 with input shapes: [2,3], [4,5].", True),
    "eager": ("Incompatible shapes: [2,3] vs. [4,5]", True),
    "label": ("indices[1] = 7 is not in [0, 3)", True),
    "memory": ("OOM when allocating tensor with shape[2000000,2000000] and type float", True),
    "end": ("End of sequence", False),
    "in_the_pipeline": ("KeyError: 'weather'", True),
    "generator": ("OSError: file is broken", True),
    "missing_file": ("/nowhere/x.tfrecord; No such file or directory", False),
    "no_image": ("Unknown image file format. One of JPEG, PNG, GIF, BMP, WebP required.", False),
    "own_error": ("my own error", True),
    "attribute": ("'_Inner' object has no attribute 'nothing'", True),
    "asserted": ("labels are below 3", False),
    "branch": ("Python cannot branch on a tensor or loop over it: steps and growths are", True),
    "xla": ("Detected unsupported operations when trying to compile graph on XLA_", False),
}


@pytest.mark.parametrize("name", _REASONS)
def test_the_reason_comes_first_and_the_place_last(name, user_module):
    with pytest.raises(Exception) as raised:  # noqa: PT011
        getattr(user_module, name)()
    reason = error_reasons.reason(raised.value)
    first, has_comment = _REASONS[name]
    lines = reason.splitlines()
    assert reason.startswith(first), reason
    assert len(lines) == 2 or name in ("asserted", "xla")
    assert lines[-1].startswith(f"  at {user_module.__file__}, line ")
    assert lines[-1].endswith(f"# {name}") == has_comment
    for noise in ("site-packages", "user code", "{{", "Traceback", "__inference", "Call arg"):
        assert noise not in reason


def test_of_many_lines_the_first_and_the_last_stay(user_module):
    with pytest.raises(ValueError, match="line 0") as raised:
        user_module.many_lines()
    lines = error_reasons.reason(raised.value).splitlines()
    assert lines[0] == "line 0" and lines[-2] == "line 19" and len(lines) == 10


def test_of_a_long_line_the_beginning_and_the_end_stay():
    shortened = error_reasons.brief("begin" + 10000 * "x" + "end")
    assert shortened.startswith("begin") and shortened.endswith("end") and len(shortened) < 500


def test_notes_are_a_part_of_it_and_a_class_stands_in_for_no_text():
    error = KeyError()
    error.add_note("in training step 3")
    assert error_reasons.reason(error) == "no reason given\n  in training step 3"


def test_several_errors_of_a_graph_are_told_once():
    text = (
        "2 root error(s) found.\n  (0) OUT_OF_RANGE: End of sequence\n\t [[{{node A}}]]\n"
        "\t [[B/_2]]\n  (1) OUT_OF_RANGE: End of sequence\n\t [[{{node A}}]]\n"
        "0 successful operations.\n0 derived errors ignored. [Op:__inference_x_1]"
    )
    assert error_reasons.reason(tf.errors.OutOfRangeError(None, None, text)) == "End of sequence"


def test_only_places_in_a_users_code_are_named():
    with pytest.raises(ValueError, match="non-rectangular") as raised:
        tf.constant([[1, 2], [3]])
    assert user_code.place(raised.value) is None
