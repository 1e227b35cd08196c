"""`fit` of tf_keras grows networks as a training loop of one's own does."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.decisions import policies, schedules
from growth.methods import gradmax
from growth.newborns import rates
from models import cost
from tests import networks
from trainer import keras_callback

_STEPS = 6  # Of an epoch.
_INPUTS, _TARGETS = (part.numpy() for part in networks.batch(examples=8 * _STEPS))
_BATCH = _INPUTS[:16], _TARGETS[:16]
_GROWTHS = [0, 4, 8]
_OPTIMIZERS = {
    "legacy Adam": lambda: tf_keras.optimizers.legacy.Adam(0.01),
    "Adam": lambda: tf_keras.optimizers.Adam(0.01),
}


def _choices(**kwargs):
    schedule = schedules.PeriodicSchedule(_GROWTHS[0], 4, len(_GROWTHS))
    policy = policies.AllAtOnce(neurons=2)
    return {"schedule": schedule, "policy": policy, "method": gradmax.GradMax()} | kwargs


def _compiled(optimizer="adam", loss="mse", **kwargs):
    model = networks.network()
    model.compile(optimizer=optimizer, loss=loss, **kwargs)
    return model


def _fit(model, grower, epochs=1, batch=_BATCH, **kwargs):
    callbacks = [keras_callback.GrowthCallback(grower, batch)]
    options = {"batch_size": 8, "shuffle": False, "verbose": 0} | kwargs
    return model.fit(_INPUTS, _TARGETS, epochs=epochs, callbacks=callbacks, **options)


def _in_a_loop(make_optimizer):
    """The network and the losses of each step, by a loop of one's own."""
    model = _compiled(make_optimizer())
    grower = keras_callback.compiled_grower(model, **_choices())

    @tf.function
    def train(inputs, targets):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs, training=True) - targets))
        variables = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    for step in range(2 * _STEPS):
        if grower.next_growth(step) == step:
            grower.grow(step, tuple(map(tf.constant, _BATCH)))
        rows = slice(8 * (step % _STEPS), 8 * (step % _STEPS) + 8)
        train(_INPUTS[rows], _TARGETS[rows])
    return model


@pytest.mark.parametrize("make_optimizer", _OPTIMIZERS.values(), ids=_OPTIMIZERS.keys())
def test_fit_grows_at_the_steps_of_the_schedule_and_ends_as_a_loop_of_ones_own(make_optimizer):
    asked = []
    model = _compiled(make_optimizer())
    grower = keras_callback.compiled_grower(model, **_choices())
    # Two calls: the steps of the optimizer count, not those of a call.
    _fit(model, grower, batch=lambda step: asked.append(step) or _BATCH)
    assert [event.step for event in grower.history.events] == [0, 4]
    assert asked == [0, 0, 4]  # Once more before the first step, to try the sites.
    history = _fit(model, grower).history
    assert [event.step for event in grower.history.events] == _GROWTHS
    assert grower.widths() == {"hidden_1": 5 + 3 * 2, "hidden_2": 7 + 3 * 2}
    assert (history["width/hidden_1"], history["width/hidden_2"]) == ([11], [13])
    assert model.train_function.experimental_get_tracing_count() == 1
    assert grower._grow.experimental_get_tracing_count() == 1
    for variable, expected in zip(
        model.trainable_variables, _in_a_loop(make_optimizer).trainable_variables, strict=True
    ):
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)


def _grown_before_the_first_step(model, batch):
    """The loss that the growth tells."""
    grower = keras_callback.compiled_grower(model, **_choices())
    callback = keras_callback.GrowthCallback(grower, batch)
    callback.set_model(model)
    callback.on_train_batch_begin(0)
    (event,) = grower.history.events
    return event.loss


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        ("mse", None),
        (tf_keras.losses.Huber(), np.arange(16.0)),
        (tf_keras.losses.mae, np.arange(16.0)),
    ],
    ids=["name", "object", "function"],
)
def test_a_growth_sees_the_loss_that_the_model_is_compiled_with(loss, weights, untraced):
    model = networks.network(l2=0.1)
    model.compile("sgd", loss)
    batch = _BATCH if weights is None else (*_BATCH, weights)
    of_growth = _grown_before_the_first_step(model, batch)
    evaluated = model.evaluate(*_BATCH, sample_weight=weights, verbose=0, batch_size=16)
    np.testing.assert_allclose(of_growth, evaluated, rtol=1e-5)


def test_labels_without_an_axis_are_those_of_one_output(untraced):
    labels = (_BATCH[1][:, 0] > 0).astype(np.int64)
    model = networks.network(outputs=1)
    model.compile("adam", tf_keras.losses.BinaryCrossentropy(from_logits=True))
    of_growth = _grown_before_the_first_step(model, (_BATCH[0], labels))
    np.testing.assert_allclose(of_growth, model.evaluate(_BATCH[0], labels, verbose=0), rtol=1e-5)


def test_new_neurons_may_have_a_learning_rate_of_their_own():
    model = _compiled(tf_keras.optimizers.SGD(0.05))
    rate = rates.ConstantRate(1e-6)
    grower = keras_callback.compiled_grower(model, **_choices(newborn_rate=rate))
    _fit(model, grower)
    kernel = cost.growable_layers(model)[0].kernel.numpy()
    # Those of GradMax start at zero.
    assert 0 < np.max(np.abs(kernel[:, 5:])) < 1e-6
    assert np.any(kernel[:, :5] != networks.network().trainable_variables[0])


@pytest.mark.parametrize("options", [{"steps_per_execution": 2}, {"steps_per_execution": "auto"}])
def test_several_steps_at_once_are_refused(options):
    model = _compiled(**options)
    grower = keras_callback.compiled_grower(model, **_choices())
    with pytest.raises(ValueError, match="steps_per_execution must be 1"):
        _fit(model, grower)


def test_weights_of_other_widths_than_the_growths_led_to_are_refused():
    model = _compiled()
    grower = keras_callback.compiled_grower(model, **_choices())
    model.set_weights(networks.network((3, 7)).get_weights())
    with pytest.raises(ValueError, match="widths"):
        _fit(model, grower)


def _twice():
    model = _compiled()
    keras_callback.compiled_grower(model, **_choices())
    return model


def _twice_legacy():
    model = _compiled(tf_keras.optimizers.legacy.Adam())
    keras_callback.compiled_grower(model, **_choices())
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: networks.mlp.MLP((5,), 4), "is not built; call it on a batch"),
        (networks.network, "is not compiled; call its compile"),
        (_twice, "has slots.*; call compile with a new one"),
        (_twice_legacy, "has slots"),
        (lambda: _compiled(loss=["mse"]), r"compile\(loss=.*'mse'.* must be one loss"),
    ],
)
def test_models_that_fit_cannot_grow_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        keras_callback.compiled_grower(make(), **_choices())


def test_several_devices_are_refused():
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = _compiled()
    with pytest.raises(ValueError, match="is on 2 devices, and fit grows on one"):
        keras_callback.compiled_grower(model, **_choices())
