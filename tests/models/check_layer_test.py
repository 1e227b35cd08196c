"""The contract of layers between producer and consumer: ours keep it, and each breach is told."""

import pytest
import tensorflow as tf
import tf_keras

from models import layers
from models.layers import activations, forward_pass
from tests.models import channel_wise_layers

_SHAPE = [4, 6, 6, 3]


@pytest.mark.parametrize("name", channel_wise_layers.LAYERS)
def test_our_layers_keep_the_contract(name):
    layer = channel_wise_layers.LAYERS[name]()
    layer(tf.zeros(_SHAPE))
    before = [variable.numpy() for variable in layer.variables]
    layers.check_layer(layer, _SHAPE)
    tf.nest.map_structure(
        lambda value, variable: tf.debugging.assert_equal(value, variable),
        before,
        list(layer.variables),
    )


@pytest.mark.parametrize("shape", [[8, 3], [4, 5, 3]], ids=["vectors", "sequences"])
@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
def test_normalizations_keep_the_contract_for_all_shapes(kind, shape):
    layers.check_layer(kind(name="layer", regularizer=tf_keras.regularizers.L2(0.1)), shape)


class Scale(layers.ChannelWise):
    """A layer that keeps the contract; those below break it in one way each."""

    def build(self, input_shape):
        self.scale = tf.Variable(tf.ones(input_shape[-1:]), shape=[None], name="scale")

    @property
    def parameters(self):
        return [layers.Parameter(self.scale, 0, lambda count: tf.ones([count]))]

    def transform(self, channels, values, old):
        return values[0] * channels


class NoTransform(layers.ChannelWise):
    pass


class OverridesCall(Scale):
    def call(self, inputs):
        return inputs * self.scale


class MixesChannels(Scale):
    def transform(self, channels, values, old):
        return channels - tf.reduce_mean(channels, axis=-1, keepdims=True)


class DropsChannels(Scale):
    def transform(self, channels, values, old):
        return channels[..., :1]


class OtherDtype(Scale):
    def transform(self, channels, values, old):
        return tf.cast(channels, tf.float64)


class FixedShape(Scale):
    def build(self, input_shape):
        self.scale = tf.Variable(tf.ones(input_shape[-1:]), name="scale")


class WrongAxis(Scale):
    def build(self, input_shape):
        self.scale = tf.Variable(tf.ones([1, *input_shape[-1:]]), shape=[None, None], name="scale")


class Untracked(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        scale, self.scale = self.scale, None
        self._hide = lambda: scale

    @property
    def parameters(self):
        return [layers.Parameter(self._hide(), 0, lambda count: tf.ones([count]))]


class WrongInitial(Scale):
    @property
    def parameters(self):
        return [layers.Parameter(self.scale, 0, lambda count: tf.ones([count, 1]))]


class MissingParameter(Scale):
    @property
    def parameters(self):
        return []

    def transform(self, channels, values, old):
        return self.scale * channels


class ForgottenOld(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels * tf.reduce_mean(old[..., :2], axis=-1, keepdims=True)


class OtherForward(Scale):
    def forward(self, inputs, values, training):
        return 2.0 * super().forward(inputs, values, training)


class StateOutsideParameters(Scale):
    """Tells the first three channels from later ones by their place."""

    def forward(self, inputs, values, training):
        channels = self.transform(inputs, values, None)
        place = tf.range(tf.shape(inputs)[-1])
        return channels * tf.where(place < 3, 2.0, 1.0)


class ReadsVariable(Scale):
    def forward(self, inputs, values, training):
        return self.transform(inputs, [self.scale], None)


class LossOfVariable(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.add_loss(lambda: tf.reduce_sum(self.scale))


class WritesInTrial(Scale):
    @property
    def parameters(self):
        seen = layers.Parameter(self.seen, 0, lambda count: tf.zeros([count]))
        return [*super().parameters, seen]

    def build(self, input_shape):
        super().build(input_shape)
        zeros = tf.zeros(input_shape[-1:])
        self.seen = tf.Variable(zeros, shape=[None], trainable=False, name="seen")

    def forward(self, inputs, values, training):
        if training:
            self.seen.assign_add(tf.ones_like(self.seen))
        return super().forward(inputs, values, training)


class NoRecord(Scale):
    def __call__(self, inputs, **kwargs):
        with forward_pass.observe([]):
            return super().__call__(inputs, **kwargs)


class WithOffset(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels + 1.0


class WrongTangent(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels + tf.square(channels)


class WithoutSlope(Scale):
    def transform(self, channels, values, old):
        return values[0] * tf.square(channels)

    def tangent(self, channels, values, old):
        return tf.zeros_like(channels)


class WrongFactor(Scale):
    tangent_factor = 2.0


class WidthInPython(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels * tf.ones([channels.shape[-1]])


class Traced(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels * (1.0 if tf.executing_eagerly() else 2.0)


class ForgottenCast(Scale):
    def transform(self, channels, values, old):
        return values[0] * channels * tf.constant(1.0)


class Float32Outputs(Scale):
    def transform(self, channels, values, old):
        return tf.cast(values[0], tf.float32) * tf.cast(channels, tf.float32)


_BROKEN = {
    NoTransform: "does not implement `transform`",
    OverridesCall: "overrides `call`.* implement `transform`",
    MixesChannels: "is not channel-wise: .* change by",
    DropsChannels: r"maps \(4, 6, 6, 3\) to \(4, 6, 6, 1\); .* must keep their sizes",
    OtherDtype: "must map float32 to float32",
    FixedShape: r"scale:0 with the fixed shape \(3,\).* shape=",
    WrongAxis: "1 slices along axis 0 of its parameter it/scale:0, and 3 channels",
    Untracked: "does not keep its parameter it/scale:0 as an attribute",
    WrongInitial: r"2 initial slices of its parameter it/scale:0 of the shape \(2, 1\), not \[2\]",
    MissingParameter: r"fails when it transforms new channels.*InvalidArgument",
    ForgottenOld: "fails when it transforms new channels.*NoneType",
    OtherForward: "maps new channels, once they are part of the network, in another way",
    StateOutsideParameters: "with the values of an old one in another way than the old one",
    ReadsVariable: "computes with its variables where it should with `values`",
    LossOfVariable: "computes with its variables where it should with `values`",
    WritesInTrial: "writes to it/seen:0 while growth tries values; .*is_trial",
    NoRecord: "does not record its inputs and outputs",
    WithOffset: "maps a new channel of zeros to 1 in size, and `at_zero` says 0",
    WrongTangent: "has a `tangent` that is not the derivative",
    WithoutSlope: "says by `at_zero` that the gradient is times 1",
    WrongFactor: "`tangent_factor` of 2 that is not",
    WidthInPython: "fails in a tf.function in which the number of channels is None",
    Traced: "computes something else in a tf.function",
    ForgottenCast: "fails in mixed precision",
    Float32Outputs: "outputs float32 in mixed precision",
}


def test_a_layer_of_ones_own_keeps_the_contract():
    layers.check_layer(Scale(name="scale"), _SHAPE)


@pytest.mark.parametrize("kind", _BROKEN)
def test_a_broken_layer_is_told_what_it_breaks(kind):
    with pytest.raises(ValueError, match=rf"layer 'it' \({kind.__name__}\) .*{_BROKEN[kind]}"):
        layers.check_layer(kind(name="it"), _SHAPE)


@pytest.mark.parametrize("layer", [tf_keras.layers.ReLU(), activations.relu])
def test_only_channel_wise_layers_are_checked(layer):
    with pytest.raises(ValueError, match="subclass of models.layers.ChannelWise"):
        layers.check_layer(layer, _SHAPE)


def test_overriding_call_warns(caplog):
    with caplog.at_level("WARNING", logger="absl"):
        type("Late", (Scale,), {"call": lambda self, inputs: inputs})
    assert "Late overrides `call`; in the next version" in caplog.text
