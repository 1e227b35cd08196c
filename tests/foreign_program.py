"""Uses exported networks in a process that has TensorFlow, but nothing of this project.

Takes a folder with a folder for each network: what was exported, with `inputs.npz` of what each
signature takes. Writes what came out, or what went wrong, beside it.
"""

import os
import pathlib
import sys
import traceback

import numpy as np
import tensorflow as tf

FORBIDDEN = ("models", "growth", "trainer", "official", "gin")


def environment() -> dict[str, str]:
    """Of this program: TensorFlow as others have it, with Keras 3."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TF_USE_LEGACY_KERAS": "0"}


class Forbidden:
    """An importer that refuses this project's packages."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} is not to be imported here")


def _lite(converter, inputs):
    """The outputs of a model after conversion to TensorFlow Lite, with its builtin operations."""
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    (incoming,), (outgoing,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(incoming["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(incoming["index"], inputs)
    interpreter.invoke()
    return interpreter.get_tensor(outgoing["index"])


def _signature(folder, name, inputs):
    loaded = tf.saved_model.load(folder)
    assert all(variable.shape.is_fully_defined() for variable in loaded.captured)
    signature = loaded.signatures[name]
    (argument,) = signature.structured_input_signature[1]
    (outputs,) = signature(**{argument: tf.constant(inputs)}).values()
    return outputs


def _lite_signature(folder, name, inputs):
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
    return _lite(converter, inputs)


def _tf_keras(folder, name, inputs):
    import tf_keras

    model = tf_keras.models.load_model(f"{folder}/model.h5")
    assert all(type(layer).__module__.startswith("tf_keras.") for layer in model.layers)
    return model.predict(inputs, verbose=0)


def _keras(folder, name, inputs):
    assert tf.keras.__version__ >= "3"
    return tf.keras.models.load_model(f"{folder}/model.h5").predict(inputs, verbose=0)


def _lite_model(folder, name, inputs):
    import tf_keras

    model = tf_keras.models.load_model(f"{folder}/model.h5")
    return _lite(tf.lite.TFLiteConverter.from_keras_model(model), inputs)


USES = {use.__name__.strip("_"): use for use in (_signature, _lite_signature)}
MODEL_USES = {use.__name__.strip("_"): use for use in (_tf_keras, _keras, _lite_model)}


def _use(file: pathlib.Path, name: str, uses: dict) -> dict[str, np.ndarray]:
    results = {}
    for key, use in uses.items():
        try:
            inputs = np.load(file)[name]
            results[f"{name}/{key}"] = np.asarray(use(str(file.parent), name, inputs))
        except Exception:  # Reported by the test of this use.
            results[f"{name}/{key}"] = np.array(traceback.format_exc())
    return results


def main(folder: pathlib.Path) -> None:
    """Uses all networks in `folder`."""
    files = sorted(folder.glob("*/inputs.npz"))
    results = [_use(file, "serving_default", USES) | _use(file, "network", USES) for file in files]
    assert "tf_keras" not in sys.modules
    for file, signatures in zip(files, results, strict=True):
        if (file.parent / "model.h5").exists():
            signatures |= _use(file, "network", MODEL_USES)
        np.savez(file.with_name("outputs.npz"), **signatures)
    assert not any(name.partition(".")[0] in FORBIDDEN for name in sys.modules)


if __name__ == "__main__":
    sys.meta_path.insert(0, Forbidden())
    main(pathlib.Path(sys.argv[1]))
