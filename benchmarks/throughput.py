"""Examples/s of the growable WRN-28-1 in training, over those of plain tf_keras layers.

Both have the full widths, the same layers, weights and regularization, and are trained by the same
loop of Orbit on the same batch, so that reading data is left out.

./bazelw run //benchmarks:throughput
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras
from absl import app, flags, logging

from benchmarks import paired, training
from models.architectures import wide_resnet
from trainer import objectives

_ROUNDS = flags.DEFINE_integer("rounds", 41, "Paired rounds.")
_STEPS = flags.DEFINE_integer("steps", 2, "Training steps of each network in a round.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Examples in a batch.")

_CLASSES = 10
_L2 = 2e-4


def _static() -> tf_keras.Model:
    """WRN-28-1 as a functional model; layers as in `wide_resnet`."""
    regularizer = tf_keras.regularizers.L2(_L2)

    def conv(name, width, kernel_size=3, strides=1):
        return tf_keras.layers.Conv2D(
            *(width, kernel_size, strides, "same"),
            use_bias=False,
            kernel_regularizer=regularizer,
            name=name,
        )

    def normalized(name, x):
        normalization = tf_keras.layers.BatchNormalization(
            momentum=0.9,
            epsilon=1e-5,
            gamma_regularizer=regularizer,
            beta_regularizer=regularizer,
            name=f"{name}_normalization",
        )
        return tf_keras.layers.ReLU()(normalization(x))

    def block(name, x, width, strides):
        inner = conv(f"{name}_conv_1", width, strides=strides)(normalized(f"{name}_input", x))
        inner = conv(f"{name}_conv_2", width)(tf_keras.layers.ReLU()(inner))
        if strides > 1:
            x = conv(f"{name}_shortcut", width, 1, strides)(x)
        return tf_keras.layers.Add()([inner, x])

    inputs = tf_keras.Input([32, 32, 3])
    x = conv("stem", 16)(inputs)
    for group, width in enumerate((16, 32, 64), start=1):
        for i in range(1, 5):
            x = block(f"block_{group}_{i}", x, width, strides=2 if group > 1 and i == 1 else 1)
    x = tf_keras.layers.GlobalAveragePooling2D()(normalized("final", x))
    output = tf_keras.layers.Dense(_CLASSES, kernel_regularizer=regularizer, name="output")
    return tf_keras.Model(inputs, output(x))


def _copy_weights(source: tf_keras.Model, target: tf_keras.Model) -> None:
    """Gives each layer of `target` the weights of the one with its name in `source`."""
    layers = {layer.name: layer for layer in source.submodules if layer.name}
    for layer in target.layers:
        if layer.weights:
            layer.set_weights([variable.numpy() for variable in layers[layer.name].variables])


def main(argv):
    """Prints one line."""
    del argv
    logging.set_verbosity(logging.ERROR)
    data = training.RandomPictures(_BATCH_SIZE.value, classes=_CLASSES)
    pictures, _ = next(iter(data.train(0)))
    growable = wide_resnet.WideResNet(output_width=_CLASSES, l2=_L2)
    growable(pictures[:1])
    static = _static()
    _copy_weights(growable, static)
    # They are the same network, or the comparison would mean nothing.
    np.testing.assert_allclose(static(pictures), growable(pictures), atol=1e-4)
    np.testing.assert_allclose(tf.add_n(static.losses), tf.add_n(growable.losses), rtol=1e-5)
    loops = [
        training.loop(model, data, objectives.Classification(), _STEPS.value, growable=grows)
        for model, grows in ((static, False), (growable, True))
    ]
    # Times of the static network over those of the growable one are ratios of examples/s.
    result = paired.describe(paired.ratios(*loops, _ROUNDS.value))
    print(f"WRN-28-1, batch {_BATCH_SIZE.value}: examples/s growable / static {result}")


if __name__ == "__main__":
    app.run(main)
