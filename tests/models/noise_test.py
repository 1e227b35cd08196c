"""Layers that draw by seed, step and name alone."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from models.layers import forward_pass, noise

_INPUTS = tf.random.stateless_uniform([64, 6, 5, 8], [0, 1], 1.0, 2.0)
_MAKE = {
    "dropout": lambda **kwargs: noise.Dropout(0.25, **{"name": "layer"} | kwargs),
    "noise": lambda **kwargs: noise.GaussianNoise(0.5, **{"name": "layer"} | kwargs),
}
_layers = pytest.mark.parametrize("make", _MAKE.values(), ids=_MAKE)


def _steps(layer, count=2, inputs=_INPUTS):
    return [layer(inputs, training=True).numpy() for _ in range(count)]


def test_dropout_keeps_the_mean():
    outputs = _steps(_MAKE["dropout"](), 1)[0]
    dropped = outputs == 0
    np.testing.assert_allclose(np.mean(dropped), 0.25, atol=0.02)
    np.testing.assert_allclose(outputs[~dropped], _INPUTS[~dropped] / 0.75, rtol=1e-6)


def test_gaussian_noise_has_its_standard_deviation():
    added = _steps(_MAKE["noise"](), 1)[0] - _INPUTS
    np.testing.assert_allclose([np.mean(added), np.std(added)], [0.0, 0.5], atol=0.02)


@_layers
def test_a_layer_draws_by_seed_name_and_step(make):
    first, second = _steps(make())
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(_steps(make()), [first, second])
    for other in ({"seed": 1}, {"name": "other"}):
        assert not np.array_equal(_steps(make(**other), 1)[0], first)


@_layers
def test_a_checkpoint_holds_the_step_and_no_weight(make, tmp_path):
    layer = make()
    _steps(layer, 3)
    assert not layer.weights
    path = tf.train.Checkpoint(layer=layer).save(tmp_path / "ckpt")
    restored = make()
    tf.train.Checkpoint(layer=restored).restore(path)
    np.testing.assert_array_equal(_steps(layer), _steps(restored))


@_layers
def test_evaluation_and_growth_see_no_noise_and_are_no_steps(make):
    layer, untouched = make(), make()
    np.testing.assert_array_equal(layer(_INPUTS), _INPUTS)
    with forward_pass.without_noise():
        np.testing.assert_array_equal(layer(_INPUTS, training=True), _INPUTS)
    np.testing.assert_array_equal(_steps(layer), _steps(untouched))


@_layers
@pytest.mark.parametrize("axes", [(1, 2), (0, -1)])
def test_axes_share_what_is_drawn(make, axes):
    ones = tf.ones_like(_INPUTS)
    (outputs,) = _steps(make(shared_axes=axes), 1, ones)
    np.testing.assert_array_equal(np.ptp(outputs, axis=axes), 0)
    assert np.ptp(outputs) > 0


@_layers
def test_replicas_draw_for_examples_of_their_own(make):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        layer = make()
        layer(_INPUTS)

    @tf.function
    def step():
        return strategy.run(layer, args=(_INPUTS,), kwargs={"training": True})

    results = [strategy.experimental_local_results(step()) for _ in range(2)]
    drawn = [array.numpy().tobytes() for step in results for array in step]
    assert len(set(drawn)) == 4
    # The first draws what one device would.
    assert [drawn[0], drawn[2]] == [outputs.tobytes() for outputs in _steps(make())]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_16_bits_do_not_round_the_rate(policy):
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        layer = noise.Dropout(0.001, name="layer")
        outputs = layer(tf.ones([400_000]), training=True)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")
    assert outputs.dtype == layer.compute_dtype != tf.float32
    np.testing.assert_allclose(np.mean(outputs.numpy() == 0), 0.001, rtol=0.2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: noise.Dropout(1.0, name="a"),
            r"Dropout.rate = 1.0 must be at least 0 and below 1",
        ),
        (lambda: noise.Dropout(float("nan"), name="a"), r"Dropout.rate = nan must be"),
        (lambda: noise.GaussianNoise(-1.0, name="a"), r"stddev = -1.0 must be at least 0"),
        (lambda: noise.Dropout(0.5, name="a", seed=-1), "seed = -1 must be at least 0"),
        (
            lambda: noise.Dropout(0.5, name="a", shared_axes=(1,))(tf.ones([3])),
            r"Dropout.shared_axes = \(1,\) of layer 'a' must be axes",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
