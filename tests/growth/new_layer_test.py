"""Layers that are grown where there were none."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.decisions import policies
from growth.methods import firefly, firefly_opt, gradmax, inner_optimization, random, split
from models import new_layer, site
from models.architectures import convnet, mlp
from models.layers import activations, growable, normalization, pooling
from tests import networks


class _Chain(tf_keras.Model):
    """Two layers with an activation between, and room for a new layer beside each."""

    def __init__(self, convolutions):
        super().__init__()
        shared = {"kernel_initializer": tf_keras.initializers.GlorotUniform(1), "use_bias": True}
        if convolutions:
            self.first = growable.Conv2D(
                5, 3, strides=2, name="a", inputs_grow=False, outputs_grow=True, **shared
            )
            self.second = growable.Conv2D(
                4, 3, padding="valid", name="b", inputs_grow=True, outputs_grow=False, **shared
            )
        else:
            self.first = growable.Dense(5, name="a", inputs_grow=False, outputs_grow=True, **shared)
            self.second = growable.Dense(
                4, name="b", inputs_grow=True, outputs_grow=False, **shared
            )
        self.places = [
            new_layer.NewLayer(layer, activations.relu) for layer in (self.first, self.second)
        ]
        self.pool = pooling.AveragePooling2D(None) if convolutions else tf.identity

    @property
    def sites(self):
        first, second = self.places
        between = site.GrowthSite("a", first.writers, [activations.relu], second.readers)
        return [first.site, between, second.site]

    def call(self, inputs, training=False):
        first, second = self.places
        return self.pool(second(activations.relu(first(inputs))))


def _built(convolutions, seed=0):
    model = _Chain(convolutions)
    if not convolutions:
        data = networks.batch(seed=seed)
    else:
        numbers = np.random.default_rng(seed)
        data = (
            tf.constant(numbers.normal(size=[16, 8, 8, 3]), tf.float32),
            tf.constant(numbers.normal(size=[16, 4]), tf.float32),
        )
    model(data[0])
    return model, data


_kinds = pytest.mark.parametrize("convolutions", [False, True], ids=["dense", "convolution"])


@_kinds
def test_an_empty_new_layer_adds_nothing_and_can_be_trained(convolutions):
    model, data = _built(convolutions)
    expected = model.pool(model.second(activations.relu(model.first(data[0]))))
    np.testing.assert_allclose(model(data[0]), expected, rtol=1e-6, atol=1e-6)
    optimizer, _ = networks.optimizer(model)
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
    assert networks.loss(data[1], model(data[0])) < value


@_kinds
@pytest.mark.parametrize("method", [gradmax.GradMax(), random.Random()])
def test_a_new_layer_grows_like_any_other_and_is_not_traced_again(convolutions, method):
    model, data = _built(convolutions)
    optimizer, slots = networks.optimizer(model)
    policy = networks.Each(())
    grower = networks.grower(model, method, neurons=[3] * 4, slots=slots, policy=policy)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            value = networks.loss(batch[1], model(batch[0]))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    # First the two new layers, then the layer between them, then all.
    for i, counts in enumerate([(2, 0, 3), (0, 2, 0), (1, 1, 1)]):
        step(data)
        before = model(data[0])
        policy.counts = counts
        event = grower.grow(i, data)
        scale = float(tf.reduce_max(tf.abs(before)))
        np.testing.assert_allclose(model(data[0]), before, rtol=1e-5, atol=1e-5 * scale)
        assert all(site.gradient_norm_new > 0 for site in event.sites.values())
    assert grower.widths() == {"a_new": 3, "a": 8, "b_new": 4}
    assert model.first.width == model.places[0].writers[1].width == 8
    first = step(data)
    for _ in range(20):
        last = step(data)
    assert last < first
    assert step.experimental_get_tracing_count() == 1
    assert grower._grow.experimental_get_tracing_count() == 1


def test_a_checkpoint_with_a_new_layer_restores_into_the_seed_network(tmp_path):
    model, data = _built(convolutions=True)
    networks.grower(model, gradmax.GradMax(), neurons=(2,)).grow(0, data)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "c"))
    seed, _ = _built(convolutions=True)
    tf.train.Checkpoint(model=seed).restore(path).assert_consumed()
    np.testing.assert_array_equal(seed(data[0]), model(data[0]))


@pytest.mark.parametrize(
    ("method", "size"),
    [(firefly.Firefly, {"fraction": 0.01}), (firefly_opt.FireflyOpt, {"epsilon": 0.01})],
)
def test_a_new_layer_starts_by_descent_on_the_loss(method, size):
    model, data = _built(convolutions=False)
    before = networks.loss(data[1], model(data[0]))
    method = method(**size, optimizer=inner_optimization.ProjectedAdam(steps=20))
    grower = networks.grower(model, method, policy=networks.Each((2, 0, 0)))
    grower.grow(0, data)
    assert grower.widths()["a_new"] == 2
    assert networks.loss(data[1], model(data[0])) < before


def test_there_is_nothing_to_split_in_a_new_layer():
    with pytest.raises(ValueError, match="site 'a_new' has none yet"):
        networks.grower(_built(convolutions=False)[0], split.Split())


@_kinds
def test_neurons_of_a_new_layer_maximize_the_gradient_of_their_weights(convolutions):
    model, data = _built(convolutions)
    view = networks.view(model, 0, data)
    values = np.linalg.svd(networks.explicit(view), compute_uv=False)[:2]
    networks.grower(model, gradmax.GradMax(), neurons=(2,)).grow(0, data)
    kernel = model.places[0].readers[1].kernel
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    # The norm of the outgoing weights is 1 where there are none to take it from.
    np.testing.assert_allclose(
        tf.norm(tape.gradient(value, kernel)), np.linalg.norm(values), rtol=1e-4
    )


_NETWORKS = {
    "MLP": (lambda: mlp.MLP((5, 7), 4, new_layers=True), (6,), ["hidden_1", "hidden_2", "output"]),
    "ConvNet": (
        lambda: convnet.ConvNet(
            (3,), 4, new_layers=True, normalization=normalization.BatchNormalization
        ),
        (8, 8, 2),
        ["hidden_1", "output"],
    ),
}


@pytest.mark.parametrize(("build", "shape", "names"), _NETWORKS.values(), ids=_NETWORKS.keys())
def test_networks_have_room_for_new_layers_where_this_is_bound(build, shape, names):
    model = build()
    numbers = np.random.default_rng(0)
    data = [tf.constant(numbers.normal(size=[16, *size]), tf.float32) for size in (shape, (4,))]
    model(data[0])
    new = [f"{name}_new" for name in names]
    found = [site.name for site in model.sites]
    assert found == [name for pair in zip(new, names, strict=True) for name in pair][:-1]
    before = model(data[0], training=True)
    policy = policies.AllAtOnce(neurons=2, sites="*_new")
    grower = networks.grower(model, gradmax.GradMax(), policy=policy)
    grower.grow(0, data)
    assert {name: width for name, width in grower.widths().items() if name in new} == dict.fromkeys(
        new, 2
    )
    np.testing.assert_allclose(model(data[0], training=True), before, rtol=1e-4, atol=1e-5)
