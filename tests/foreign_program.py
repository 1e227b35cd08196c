"""Uses exported networks in a process that has TensorFlow, but nothing of this project.

Takes a folder with a folder for each network: what was exported, with `inputs.npz` of what each
signature takes. Writes what came out, or what went wrong, beside it.
"""

import os
import pathlib
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
FORBIDDEN = ("models", "growth", "trainer", "official", "gin")


class _Forbidden:
    """An importer that refuses this project's packages."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} is not to be imported here")


sys.meta_path.insert(0, _Forbidden())

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402


def _lite(converter, inputs):
    """What a model outputs after conversion to TensorFlow Lite, with its builtin operations."""
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    (incoming,), (outgoing,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(incoming["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(incoming["index"], inputs)
    interpreter.invoke()
    return interpreter.get_tensor(outgoing["index"])


def _signature(folder, name, inputs):
    signature = tf.saved_model.load(folder).signatures[name]
    (argument,) = signature.structured_input_signature[1]
    (outputs,) = signature(**{argument: tf.constant(inputs)}).values()
    return outputs


def _lite_signature(folder, name, inputs):
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
    return _lite(converter, inputs)


def _tf_keras(folder, name, inputs):
    model = tf_keras.models.load_model(f"{folder}/model.h5")
    assert all(type(layer).__module__.startswith("tf_keras.") for layer in model.layers)
    return model.predict(inputs, verbose=0)


def _keras(folder, name, inputs):
    assert tf.keras.__version__ >= "3"
    return tf.keras.models.load_model(f"{folder}/model.h5").predict(inputs, verbose=0)


def _lite_model(folder, name, inputs):
    model = tf_keras.models.load_model(f"{folder}/model.h5")
    return _lite(tf.lite.TFLiteConverter.from_keras_model(model), inputs)


USES = {use.__name__.strip("_"): use for use in (_signature, _lite_signature)}
MODEL_USES = {use.__name__.strip("_"): use for use in (_tf_keras, _keras, _lite_model)}


def _use(folder: str, results: dict, name: str, inputs: np.ndarray) -> None:
    uses = USES if name == "serving_default" else USES | MODEL_USES
    for key, use in uses.items():
        try:
            results[f"{name}/{key}"] = np.asarray(use(folder, name, inputs))
        except Exception:  # Reported by the test of this use.
            results[f"{name}/{key}"] = np.array(traceback.format_exc())


def main(folder: pathlib.Path) -> None:
    """Uses all networks in `folder`."""
    for file in sorted(folder.glob("*/inputs.npz")):
        results = {}
        for name, inputs in np.load(file).items():
            _use(str(file.parent), results, name, inputs)
        np.savez(file.with_name("outputs.npz"), **results)
    assert not any(name.partition(".")[0] in FORBIDDEN for name in sys.modules)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
