import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from growth.site_trial import site_trial
from models import site
from models.layers import activations, channel_wise, growable, normalization
from tests import networks, site_table

_relu = activations.relu


def _dense(width, name, reads=False, grows=False, **kwargs):
    glorot = tf_keras.initializers.GlorotUniform(sum(name.encode()))
    options = {"use_bias": True, "inputs_grow": reads, "outputs_grow": grows}
    return growable.Dense(width, kernel_initializer=glorot, name=name, **options, **kwargs)


class _Network(tf_keras.Model):
    """in -> whatever `between` computes -> out, with a site that declares `declared`."""

    def __init__(self, compute, declared=(_relu,), parts=(), width=3):
        super().__init__()
        self.parts = list(parts)
        self.first = _dense(width, "in", grows=True)
        self.last = _dense(4, "out", reads=True)
        self._compute = compute
        self.sites = [site.GrowthSite("hidden", [self.first], declared, [self.last])]

    def call(self, inputs, training=False):
        return self._compute(self, self.first(inputs))


def _check(model, shape=(6,), uses_gradients=True):
    inputs = tf.random.stateless_normal([20, *shape], [0, 1])
    model(inputs)
    before = [v.numpy() for v in model.variables]
    sites = site.sites_of(model, required=True)
    site_trial.SiteTrial(model, sites, lambda variable: [], uses_gradients).check((inputs, None))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("kind", site_table.SITES)
def test_what_can_grow_passes(kind):
    model, (inputs, targets) = site_table.SITES[kind]()
    before = [v.numpy() for v in model.variables]
    site_trial.SiteTrial(model, model.sites, lambda variable: [], True).check((inputs, targets))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_neighboring_sites_pass():
    _check(networks.network((5, 7)))


def test_a_functional_model_passes():
    first, last = _dense(3, "in", grows=True), _dense(4, "out", reads=True)
    activation = channel_wise.Activation(_relu)
    inputs = tf_keras.Input([6])
    model = tf_keras.Model(inputs, last(activation(first(inputs))))
    model.sites = [site.GrowthSite("hidden", [first], [activation], [last])]
    _check(model)


def test_random_layers_do_not_fail():
    dropout = tf_keras.layers.Dropout(0.5, name="dropout")
    _check(
        _Network(
            lambda net, x: net.last(net.parts[0](_relu(x), training=True)),
            [_relu],
            [tf_keras.layers.Dropout(0.5)],
        )
    )
    _check(_Network(lambda net, x: net.last(dropout(_relu(x))), [_relu], [dropout]))


def _mean_of_neurons(net, x):
    return net.last(_relu(x)) + tf.reduce_mean(x, axis=-1, keepdims=True)


# What a network computes that its site does not say, and what the message says.
_WRONG = {
    "another activation": (lambda net, x: net.last(tf.tanh(2.0 * x)), "gradient.*relu"),
    "an activation that is not listed": (lambda net, x: net.last(_relu(_relu(x) / 3)), "gradient"),
    "its derivative is zero at zero": (lambda net, x: net.last(tf.nn.relu(x)), "gradient.*relu"),
    "channels are mixed": (
        lambda net, x: net.last(_relu(x - tf.reduce_mean(x, axis=-1, keepdims=True))),
        "old neurons.*'out'.* mixes channels",
    ),
    "neurons are turned around": (
        lambda net, x: net.last(_relu(tf.reverse(x, axis=[-1]))),
        "'out'.*elsewhere than at the end",
    ),
    "something else reads neurons": (_mean_of_neurons, "besides out reads the neurons"),
    "the outputs grow": (
        lambda net, x: tf.concat([net.last(_relu(x)), x], axis=-1),
        r"shape.*\(8, 8\).*\(8, 7\)",
    ),
}


@pytest.mark.parametrize("what", _WRONG)
def test_a_site_that_says_something_else_is_named(what):
    compute, message = _WRONG[what]
    with pytest.raises(ValueError, match=f"site 'hidden' cannot grow.*{message}"):
        _check(_Network(compute))


def test_only_methods_that_use_gradients_need_right_ones():
    _check(_Network(_WRONG["another activation"][0]), uses_gradients=False)


_PARTS = {
    "normalization": lambda: normalization.BatchNormalization(name="part"),
    "tf_keras layer": lambda: tf_keras.layers.LayerNormalization(name="part"),
    "consumer": lambda: _dense(3, "part", reads=True, grows=True),
}


@pytest.mark.parametrize("what", _PARTS)
@pytest.mark.parametrize("width", [1, 3])
def test_a_layer_that_is_not_declared_is_named(what, width):
    model = _Network(
        lambda net, x: net.last(_relu(net.parts[0](x))), parts=[_PARTS[what]()], width=width
    )
    with pytest.raises(ValueError, match="site 'hidden' (cannot grow|has 1 neuron)"):
        _check(model)


def test_a_layer_of_fixed_size_is_named():
    model = _Network(
        lambda net, x: net.last(_relu(net.parts[0](x))), parts=[_PARTS["tf_keras layer"]()]
    )
    with pytest.raises(ValueError, match=r"layer 'part' \(LayerNormalization\) fails"):
        _check(model)


class _Scaled(channel_wise.ChannelWise):
    """A scale for each channel, created with a shape that cannot grow."""

    def build(self, input_shape):
        self.scale = tf.Variable(tf.ones(input_shape[-1:]), name="scale")

    @property
    def parameters(self):
        return [channel_wise.Parameter(self.scale, 0, lambda count: tf.ones([count]))]

    def call(self, inputs):
        return inputs * self.scale


def test_a_variable_of_fixed_shape_is_named():
    scaled = _Scaled()
    model = _Network(lambda net, x: net.last(_relu(scaled(x))), [scaled, _relu], [scaled])
    with pytest.raises(ValueError, match="'hidden' cannot grow: .*scale:0 has the fixed shape"):
        _check(model)


def test_a_layer_that_does_not_read_what_is_put_in_its_place_is_named():
    class Deaf(_Scaled):
        def build(self, input_shape):
            self.scale = tf.Variable(tf.ones(input_shape[-1:]), shape=[None], name="scale")

    deaf = Deaf(name="deaf")
    model = _Network(lambda net, x: net.last(_relu(deaf(x))), [deaf, _relu], [deaf])
    with pytest.raises(ValueError, match=r"layer 'deaf' \(Deaf\) fails"):
        _check(model)


def test_a_layer_that_does_not_say_what_it_does_to_new_channels_is_named():
    class Identity(channel_wise.ChannelWise):
        def call(self, inputs):
            return tf.identity(inputs)

    layer = Identity(name="silent")
    model = _Network(lambda net, x: net.last(_relu(layer(x))), [layer, _relu], [layer])
    with pytest.raises(ValueError, match="'silent' must say .* implement Identity.transform"):
        _check(model)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (tf_keras.layers.PReLU(name="it"), "PReLU 'it' cannot grow; use models.layers.activations"),
        (tf_keras.layers.BatchNormalization(name="it"), "use models.layers.BatchNorm"),
        (tf_keras.layers.LayerNormalization(name="it"), "use models.layers.LayerNorm"),
        (tf_keras.layers.SpatialDropout1D(0.5), "use models.layers.Dropout with shared_axes"),
        (tf_keras.layers.Dense(3, name="it"), "tf_keras.layers.Dense 'it' cannot grow"),
        (lambda x: tf.math.l2_normalize(x, axis=-1), "does not map each element by itself"),
        (lambda x: x - tf.reduce_mean(x, axis=0), "does not map each element by itself"),
        (tf.nn.softmax, "softmax.*does not map each element by itself"),
        (lambda x: tf.image.flip_left_right(x), "one by one"),
        ("relu", "'relu' is not an activation function"),
        (tf_keras.layers.ReLU, "is not an activation function"),
    ],
)
def test_what_cannot_stand_between_is_refused(layer, message):
    with pytest.raises(ValueError, match=f"site 'hidden': .*{message}"):
        _Network(lambda net, x: x, [layer])


@pytest.mark.parametrize(
    "layer", [tf_keras.layers.ReLU(), tf_keras.layers.Activation("tanh"), tf.nn.gelu, tf.sin]
)
def test_elementwise_functions_can_stand_between(layer):
    made = _Network(lambda net, x: net.last(layer(x)), [layer])
    assert [type(x) for x in made.sites[0].between] == [channel_wise.Activation]


@pytest.mark.parametrize("ends", ["producers", "consumers"])
def test_ends_that_cannot_grow_are_refused(ends):
    good = {"producers": [_dense(3, "in", grows=True)], "consumers": [_dense(3, "out", reads=True)]}
    for wrong, message in [
        ([], f"'hidden' has no {ends}"),
        ([tf_keras.layers.Dense(3, name="it")], "Dense 'it'.*cannot grow; use models.layers.Dense"),
        ([tf_keras.layers.Conv2D(3, 3, name="it")], "cannot grow; use models.layers.Conv2D"),
        ([_dense(3, "it")], "'it' is one of its .*_grow=True"),
    ]:
        with pytest.raises(ValueError, match=message):
            site.GrowthSite("hidden", between=[_relu], **(good | {ends: wrong}))


class _Concatenation(tf_keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = (_dense(3, name, grows=True) for name in ("a", "b"))
        self.last = _dense(4, "out", reads=True)
        self.sites = [
            site.GrowthSite(layer.name, [layer], [_relu], [self.last])
            for layer in (self.first, self.second)
        ]

    def call(self, inputs, training=False):
        return self.last(tf.concat([_relu(self.first(inputs)), _relu(self.second(inputs))], -1))


def test_a_concatenation_is_refused():
    with pytest.raises(ValueError, match="'a' has 3 neurons.*'out' reads 6 .*concatenation"):
        _check(_Concatenation())


def test_layers_that_are_not_called_are_named():
    bn = normalization.BatchNormalization(name="bn")
    with pytest.raises(ValueError, match="'bn' of site 'hidden' must take part"):
        _check(_Network(lambda net, x: net.last(_relu(x)), [bn, _relu], [bn]))


def test_a_producer_that_is_not_called_is_named():
    model = _Network(lambda net, x: net.last(_relu(x)))
    extra = _dense(3, "extra", grows=True)
    model.parts = [extra]
    extra(tf.zeros([1, 6]))
    model.sites = [site.GrowthSite("hidden", [model.first, extra], [_relu], [model.last])]
    with pytest.raises(ValueError, match="layer 'extra' belongs to a growth site, but"):
        _check(model)


def test_two_sites_cannot_share_an_end():
    model = _Network(lambda net, x: net.last(_relu(x)))
    again = site.GrowthSite("again", [model.first], [_relu], [model.last])
    model.sites = [*model.sites, again]
    with pytest.raises(ValueError, match="'in' is one of the producers of both site 'hidden'"):
        _check(model)


def test_what_is_no_site_is_named():
    model = _Network(lambda net, x: net.last(_relu(x)))
    model.sites = ["hidden"]
    with pytest.raises(ValueError, match="_Network.sites must hold GrowthSites, not 'hidden'"):
        _check(model)
    with pytest.raises(ValueError, match=r"producers must be a list of layers, e.g. \[in\]"):
        site.GrowthSite("hidden", model.first, [], [model.last])


def test_a_layer_that_is_used_twice_is_named():
    with pytest.raises(ValueError, match="layer 'out' is used twice"):
        _check(_Network(lambda net, x: net.last(_relu(x)) + net.last(_relu(x))))
