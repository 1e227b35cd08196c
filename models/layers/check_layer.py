"""Checks that a layer between producer and consumer keeps the contract of `ChannelWise`."""

import contextlib
from collections.abc import Sequence

import tensorflow as tf

from models.layers import channel_wise, forward_pass, growable
from models.layers.tried_layer import (
    ADDED,
    TriedLayer,
    attempt,
    differ,
    difference,
    fail,
    random,
    randomize,
    restored,
    uniform,
)

_TOLERANCE = 1e-4  # Of the largest element; far above rounding in float32.
_TOLERANCE_16_BITS = 0.1  # Of the norm.


def check_layer(layer: channel_wise.ChannelWise, shape: Sequence[int]) -> None:
    """Raises ValueError unless `layer` keeps the contract of `ChannelWise`.

    For the tests of a layer of your own. It calls the layer, in eager mode and in a `tf.function`,
    with random channels and values, and gives the variables their values back.

    >>> from models import layers
    >>> layers.check_layer(layers.MaxPooling2D(), [4, 6, 6, 3])

    Args:
      layer: new, or built for as many channels.
      shape: of its inputs, `[batch, ..., channels]`, with two examples and two channels or more.

    Raises:
      ValueError: names the layer, what it does wrong, and the remedy.
    """
    _check_class(layer)
    old = random(shape, seed=0)
    _check_outputs(layer, old)
    for parameter in layer.parameters:
        _check_parameter(layer, parameter, shape[-1])
    with restored(layer):
        randomize(layer)
        case = TriedLayer(layer, old)
        for check in (
            _check_growth,
            _check_copies,
            _check_unknown_width,
            _check_substitution,
            _check_record,
            _check_zero,
            _check_tangent,
            _check_mixed_precision,
        ):
            check(case)


def _check_class(layer):
    if not isinstance(layer, channel_wise.ChannelWise):
        raise ValueError(
            f"layer = {layer!r} must be a layer between producer and consumer: an instance of a "
            "subclass of models.layers.ChannelWise"
        )
    kind, base = type(layer), channel_wise.ChannelWise
    if kind.call is not base.call:
        fail(
            layer,
            "overrides `call`, which substitutes values and records; implement `transform` "
            "instead, and `forward` where a training step differs from inference",
        )
    if kind.transform is base.transform:
        fail(layer, "does not implement `transform`, which maps channels")


def _check_outputs(layer, old):
    outputs = attempt(layer, "on its inputs", lambda: layer(old))
    if not isinstance(outputs, tf.Tensor) or outputs.dtype != old.dtype:
        fail(layer, f"must map {old.dtype.name} to {old.dtype.name}, but outputs {outputs!r}")
    if outputs.shape.rank < 2 or (outputs.shape[0], outputs.shape[-1]) != (
        old.shape[0],
        old.shape[-1],
    ):
        fail(
            layer,
            f"maps {old.shape} to {outputs.shape}; the first axis (the batch) and the last one "
            "(channels) must keep their sizes",
        )


def _check_parameter(layer, parameter, channels):
    variable, axis = parameter.variable, parameter.axis
    name = f"its parameter {variable.name}"
    if not any(variable is known for known in layer.variables):
        fail(layer, f"does not keep {name} as an attribute: it is neither trained nor saved")
    if growable.shape_now(variable)[axis] != channels:
        fail(
            layer,
            f"has {growable.shape_now(variable)[axis]} slices along axis {axis} of {name}, and "
            f"{channels} channels; name the axis of channels",
        )
    if variable.shape[axis] is not None:
        fail(
            layer,
            f"creates {name} with the fixed shape {variable.shape}, which cannot grow; pass "
            "shape=[..., None] to tf.Variable, with None for the channels",
        )
    found = attempt(layer, f"when {name} is asked for `initial`", parameter.initial, ADDED)
    expected = variable.read_value().shape.as_list()
    expected[axis] = ADDED
    if tf.convert_to_tensor(found).shape != expected:
        fail(
            layer,
            f"has {ADDED} initial slices of {name} of the shape {found.shape}, not {expected}",
        )


def _check_growth(case):
    """Growing keeps old channels as they are; new ones are those of `transform`."""
    new = random([*case.old.shape[:-1], ADDED], seed=1)
    both = tf.concat([case.old, new], axis=-1)
    channels = case.old.shape[-1]
    added = attempt(
        case.layer, "when it transforms new channels", case.transform, new, case.initial
    )
    for training in (False, True):
        before = case.run(case.old, training)
        with case.grown(case.initial):
            after = attempt(
                case.layer,
                f"with {ADDED} more channels (is a variable missing in `parameters`?)",
                lambda training=training: case.run(both, training),
            )
        if differ(before, after[..., :channels]):
            fail(
                case.layer,
                f"is not channel-wise: the outputs for old channels change by "
                f"{difference(before, after[..., :channels]):.2g} of their size when channels "
                "are added; map each channel by itself",
            )
    if differ(added, after[..., channels:]):
        fail(
            case.layer,
            "maps new channels, once they are part of the network, in another way than "
            "`transform` does; `transform` must be what a training step does, and set "
            "`needs_old_channels` if it depends on the channels that are there",
        )


def _check_copies(case):
    """A channel with the inputs and values of an old one is the old one."""
    values = [
        tf.gather(value, [0] * ADDED, axis=parameter.axis)
        for value, parameter in zip(case.values, case.layer.parameters, strict=True)
    ]
    copies = case.transform(tf.gather(case.old, [0] * ADDED, axis=-1), values)
    if differ(tf.gather(case.run(case.old), [0] * ADDED, axis=-1), copies):
        fail(
            case.layer,
            "maps a new channel with the values of an old one in another way than the old one; "
            "everything that channels differ by must be in `parameters`",
        )


def _check_unknown_width(case):
    """One traced function serves all widths."""
    spec = tf.TensorSpec([*case.old.shape[:-1], None])
    new = random([*case.old.shape[:-1], ADDED], seed=1)
    both = tf.concat([case.old, new], axis=-1)
    place = "in a tf.function in which the number of channels is None"
    for training in (False, True):

        def call(inputs, training=training):
            with forward_pass.without_noise():
                return case.layer(inputs, training=training)

        traced = tf.function(call, input_signature=[spec], autograph=False)
        for inputs, width in (
            (case.old, contextlib.nullcontext()),
            (both, case.grown(case.initial)),
        ):
            with width:
                expected = case.run(inputs, training)
                with restored(case.layer):
                    outputs = attempt(case.layer, place, traced, inputs)
            if outputs.shape != expected.shape or differ(expected, outputs):
                fail(case.layer, f"computes something else {place}; use tf.shape(channels)")


def _check_substitution(case):
    """The layer computes with the values that growth tries, and writes nothing then."""
    values = {
        parameter.variable.ref(): parameter.variable + uniform(parameter.variable, seed)
        for seed, parameter in enumerate(case.layer.parameters)
        if parameter.variable.dtype.is_floating
    }
    if not values:
        return
    before = [variable.read_value() for variable in case.layer.variables]
    with forward_pass.without_noise(), forward_pass.substitute(values):
        found = [case.layer(case.old, training=training) for training in (True, False)]
        found += case.layer.losses
    for variable, value in zip(case.layer.variables, before, strict=True):
        if differ(value, variable.read_value()):
            fail(
                case.layer,
                f"writes to {variable.name} while growth tries values; leave that out if "
                "forward_pass.is_trial()",
            )
    with restored(case.layer):
        for reference, value in values.items():
            reference.deref().assign(value)
        expected = [case.run(case.old, training) for training in (True, False)]
        expected += case.layer.losses
    for outputs, wanted in zip(found, expected, strict=True):
        if differ(wanted, outputs):
            fail(
                case.layer,
                "computes with its variables where it should with `values` (in a loss, with "
                "forward_pass.value(variable)): growth tries values of its own",
            )


def _check_record(case):
    with forward_pass.observe([case.layer]) as seen:
        outputs = case.run(case.old)
    found = seen[case.layer]
    if found is None or differ(case.old, found.inputs) or differ(outputs, found.outputs):
        fail(case.layer, "does not record its inputs and outputs, as `ChannelWise.call` does")


def _check_zero(case):
    outputs = case.transform(tf.zeros([*case.old.shape[:-1], ADDED]), case.initial)
    value, _ = case.layer.at_zero()
    if differ(tf.fill(tf.shape(outputs), value), outputs):
        fail(
            case.layer,
            f"maps a new channel of zeros to {float(tf.reduce_max(tf.abs(outputs))):.3g} in size, "
            f"and `at_zero` says {value:.3g}; start it such that zeros stay zeros, or say what "
            "they become",
        )


def _check_tangent(case):
    """<g, T x> = <T^T g, x>, where T^T g is the gradient that TensorFlow takes of `transform`."""
    zeros = tf.zeros([*case.old.shape[:-1], ADDED])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        outputs = case.transform(zeros, case.initial)
    g = random(outputs.shape, seed=2)
    backward = tape.gradient(outputs, zeros, g, unconnected_gradients="zero")
    x = random(zeros.shape, seed=3)
    tangent = attempt(
        case.layer, "in `tangent`", case.layer.tangent, x, case.initial, case.old_if_needed
    )
    if tangent.shape != outputs.shape:
        fail(case.layer, f"has a tangent of the shape {tangent.shape}, not {outputs.shape}")
    forward, backward = g * tangent, backward * x
    size = tf.reduce_sum(tf.abs(forward)) + tf.reduce_sum(tf.abs(backward))
    error = tf.reduce_sum(forward) - tf.reduce_sum(backward)
    if float(tf.abs(error)) > _TOLERANCE * float(size):
        fail(
            case.layer,
            "has a `tangent` that is not the derivative of `transform` at zero, as TensorFlow "
            "takes it; implement `tangent`",
        )
    factor, (_, slope) = case.layer.tangent_factor, case.layer.at_zero()
    if factor is not None and (tangent.shape != x.shape or differ(factor * x, tangent)):
        fail(case.layer, f"has a `tangent_factor` of {factor:.3g} that is not what `tangent` does")
    if (slope == 0.0) != (float(tf.reduce_max(tf.abs(tangent))) == 0.0):
        fail(
            case.layer, f"says by `at_zero` that the gradient is times {slope:.3g}, which it isn't"
        )


def _check_mixed_precision(case):
    layer, policy = case.layer, case.layer.dtype_policy
    # What float32 makes of the inputs that 16 bits hold.
    expected = case.run(tf.cast(tf.cast(case.old, tf.bfloat16), tf.float32))
    layer._set_dtype_policy("mixed_bfloat16")
    try:
        outputs = attempt(layer, "in mixed precision", case.run, case.old)
    finally:
        layer._set_dtype_policy(policy)
    if outputs.dtype != tf.bfloat16:
        fail(layer, f"outputs {outputs.dtype.name} in mixed precision, where it reads bfloat16")
    error = tf.norm(tf.cast(outputs, tf.float32) - expected)
    if float(error) > _TOLERANCE_16_BITS * float(tf.norm(expected)):
        fail(layer, "computes something else in mixed precision than in float32")
