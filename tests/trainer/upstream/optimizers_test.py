"""tf_keras and Model Garden have what growing slots and moving averages need."""

import pytest
import tensorflow as tf
import tf_keras

from trainer.upstream import keras_optimizers, model_garden_averages

_legacy, _new = tf_keras.optimizers.legacy, tf_keras.optimizers
_OPTIMIZERS = [lambda: _legacy.SGD(0.1, momentum=0.9), lambda: _new.SGD(0.1, momentum=0.9)]


def _variable():
    return tf.Variable(tf.ones([2, 3]), shape=[None, 3], name="kernel")


def _step(optimizer, variable):
    optimizer.apply_gradients([(tf.ones_like(variable), variable)])


@pytest.mark.parametrize("make", _OPTIMIZERS, ids=["legacy", "new"])
def test_slots_of_a_variable_that_grows_are_made_by_us_and_not_by_stock_optimizers(make):
    with pytest.raises((ValueError, TypeError)):
        _step(make(), _variable())
    variable, optimizer, made = _variable(), make(), []

    def make_slot(owner, initial, create):
        made.append((owner.ref(), initial))
        return create(tf.fill(tf.shape(owner), initial))

    keras_optimizers.build(optimizer, [variable], make_slot)
    assert made == [(variable.ref(), 0.0)]
    _step(optimizer, variable)
    assert float(variable[0, 0]) == pytest.approx(0.9)


@pytest.mark.parametrize("make", _OPTIMIZERS, ids=["legacy", "new"])
def test_hyperparameters_are_found(make):
    optimizer = make()
    optimizer.build([tf.Variable(1.0)]) if isinstance(optimizer, _new.SGD) else None
    _step(optimizer, tf.Variable(1.0)) if isinstance(optimizer, _legacy.SGD) else None
    values = [v for v in keras_optimizers.hyperparameters(optimizer) if isinstance(v, tf.Variable)]
    assert 0.1 in [pytest.approx(float(value)) for value in values]


def _average(variable):
    average = model_garden_averages.Average(_legacy.SGD(0.1), dynamic_decay=False)
    model = tf_keras.Sequential()
    model.build([None, 1])
    average._model_weights, average._average_weights = [variable], []
    average.add_slot(variable, "average", initializer="zeros")
    average._average_weights = [average.get_slot(variable, "average")]
    return average


def test_an_average_behind_a_scaled_loss_needs_the_argument_that_we_add():
    variable = tf.Variable(1.0)
    pairs = [(tf.constant(1.0), variable)]
    with pytest.raises(TypeError):
        _average(variable).apply_gradients(pairs, experimental_aggregate_gradients=False)
    average = _average(variable)
    model_garden_averages.take_aggregated(average)
    average.apply_gradients(pairs, experimental_aggregate_gradients=True)
    assert float(variable) == pytest.approx(0.9)
    assert float(average.get_slot(variable, "average")) > 0
    assert isinstance(model_garden_averages.inner(average), _legacy.SGD)


def test_the_trace_of_an_average_is_kept_until_it_is_forgotten():
    variable = tf.Variable(1.0)
    average = _average(variable)
    for _ in range(2):
        _step(average, variable)
    assert average.update_average.experimental_get_tracing_count() == 1
    model_garden_averages.trace_anew(average)
    assert average.update_average.experimental_get_tracing_count() == 0
    before = float(average.get_slot(variable, "average"))
    _step(average, variable)
    assert float(average.get_slot(variable, "average")) != before
