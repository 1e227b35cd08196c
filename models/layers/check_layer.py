"""Checks that a layer between producer and consumer keeps the contract of `ChannelWise`."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

import tensorflow as tf

from models.layers import channel_wise, forward_pass, growable

_TOLERANCE = 1e-4  # Of the largest element; far above rounding in float32.
_TOLERANCE_16_BITS = 0.1  # Of the norm.
_ADDED = 2  # Channels that are added.


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
    old = _random(shape, seed=0)
    _check_outputs(layer, old)
    for parameter in layer.parameters:
        _check_parameter(layer, parameter, shape[-1])
    with _restored(layer):
        _randomize(layer)
        case = _Case(layer, old)
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


class _Case(NamedTuple):
    """A layer whose parameters have random values.

    Attributes:
      layer: the layer.
      old: inputs, `[batch, ..., channels]`.
    """

    layer: channel_wise.ChannelWise
    old: tf.Tensor

    @property
    def values(self) -> list[tf.Tensor]:
        """The values of the parameters now."""
        return [p.variable.read_value() for p in self.layer.parameters]

    @property
    def initial(self) -> list[tf.Tensor]:
        """The values of the parameters of channels that are added."""
        return [p.initial(tf.constant(_ADDED)) for p in self.layer.parameters]

    @property
    def old_if_needed(self) -> tf.Tensor | None:
        """The arguments of `transform` beside new channels."""
        return self.old if self.layer.needs_old_channels else None

    def run(self, inputs: tf.Tensor, training: bool = True) -> tf.Tensor:
        """Calls the layer as growth does, without noise; variables keep their values."""
        with forward_pass.without_noise(), _restored(self.layer):
            return self.layer(inputs, training=training)

    def transform(self, channels: tf.Tensor, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """The layer's `transform` of new channels."""
        cast = [tf.cast(value, channels.dtype) for value in values]
        return self.layer.transform(channels, cast, self.old_if_needed)

    @contextlib.contextmanager
    def grown(self, values: Sequence[tf.Tensor]) -> Iterator[None]:
        """Variables have the slices `values` more within the block."""
        with _restored(self.layer):
            for parameter, value in zip(self.layer.parameters, values, strict=True):
                both = tf.concat([parameter.variable, value], axis=parameter.axis)
                parameter.variable.assign(both)
            yield


def _check_class(layer):
    if not isinstance(layer, channel_wise.ChannelWise):
        raise ValueError(
            f"layer = {layer!r} must be a layer between producer and consumer: an instance of a "
            "subclass of models.layers.ChannelWise"
        )
    kind, base = type(layer), channel_wise.ChannelWise
    if kind.call is not base.call:
        _fail(
            layer,
            "overrides `call`, which substitutes values and records; implement `transform` "
            "instead, and `forward` where a training step differs from inference",
        )
    if kind.transform is base.transform:
        _fail(layer, "does not implement `transform`, which maps channels")


def _check_outputs(layer, old):
    outputs = _attempt(layer, "on its inputs", lambda: layer(old))
    if not isinstance(outputs, tf.Tensor) or outputs.dtype != old.dtype:
        _fail(layer, f"must map {old.dtype.name} to {old.dtype.name}, but outputs {outputs!r}")
    if outputs.shape.rank < 2 or (outputs.shape[0], outputs.shape[-1]) != (
        old.shape[0],
        old.shape[-1],
    ):
        _fail(
            layer,
            f"maps {old.shape} to {outputs.shape}; the first axis (the batch) and the last one "
            "(channels) must keep their sizes",
        )


def _check_parameter(layer, parameter, channels):
    variable, axis = parameter.variable, parameter.axis
    name = f"its parameter {variable.name}"
    if not any(variable is known for known in layer.variables):
        _fail(layer, f"does not keep {name} as an attribute: it is neither trained nor saved")
    if growable.shape_now(variable)[axis] != channels:
        _fail(
            layer,
            f"has {growable.shape_now(variable)[axis]} slices along axis {axis} of {name}, and "
            f"{channels} channels; name the axis of channels",
        )
    if variable.shape[axis] is not None:
        _fail(
            layer,
            f"creates {name} with the fixed shape {variable.shape}, which cannot grow; pass "
            "shape=[..., None] to tf.Variable, with None for the channels",
        )
    found = _attempt(layer, f"when {name} is asked for `initial`", parameter.initial, _ADDED)
    expected = variable.read_value().shape.as_list()
    expected[axis] = _ADDED
    if tf.convert_to_tensor(found).shape != expected:
        _fail(
            layer,
            f"has {_ADDED} initial slices of {name} of the shape {found.shape}, not {expected}",
        )


def _check_growth(case):
    """Growing keeps old channels as they are; new ones are those of `transform`."""
    new = _random([*case.old.shape[:-1], _ADDED], seed=1)
    both = tf.concat([case.old, new], axis=-1)
    channels = case.old.shape[-1]
    added = _attempt(
        case.layer, "when it transforms new channels", case.transform, new, case.initial
    )
    for training in (False, True):
        before = case.run(case.old, training)
        with case.grown(case.initial):
            after = _attempt(
                case.layer,
                f"with {_ADDED} more channels (is a variable missing in `parameters`?)",
                lambda training=training: case.run(both, training),
            )
        if _differ(before, after[..., :channels]):
            _fail(
                case.layer,
                f"is not channel-wise: the outputs for old channels change by "
                f"{_difference(before, after[..., :channels]):.2g} of their size when channels "
                "are added; map each channel by itself",
            )
    if _differ(added, after[..., channels:]):
        _fail(
            case.layer,
            "maps new channels, once they are part of the network, in another way than "
            "`transform` does; `transform` must be what a training step does, and set "
            "`needs_old_channels` if it depends on the channels that are there",
        )


def _check_copies(case):
    """A channel with the inputs and values of an old one is the old one."""
    values = [
        tf.gather(value, [0] * _ADDED, axis=parameter.axis)
        for value, parameter in zip(case.values, case.layer.parameters, strict=True)
    ]
    copies = case.transform(tf.gather(case.old, [0] * _ADDED, axis=-1), values)
    if _differ(tf.gather(case.run(case.old), [0] * _ADDED, axis=-1), copies):
        _fail(
            case.layer,
            "maps a new channel with the values of an old one in another way than the old one; "
            "everything that channels differ by must be in `parameters`",
        )


def _check_unknown_width(case):
    """One traced function serves all widths."""
    spec = tf.TensorSpec([*case.old.shape[:-1], None])
    new = _random([*case.old.shape[:-1], _ADDED], seed=1)
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
                with _restored(case.layer):
                    outputs = _attempt(case.layer, place, traced, inputs)
            if outputs.shape != expected.shape or _differ(expected, outputs):
                _fail(case.layer, f"computes something else {place}; use tf.shape(channels)")


def _check_substitution(case):
    """The layer computes with the values that growth tries, and writes nothing then."""
    values = {
        parameter.variable.ref(): parameter.variable + _uniform(parameter.variable, seed)
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
        if _differ(value, variable.read_value()):
            _fail(
                case.layer,
                f"writes to {variable.name} while growth tries values; leave that out if "
                "forward_pass.is_trial()",
            )
    with _restored(case.layer):
        for reference, value in values.items():
            reference.deref().assign(value)
        expected = [case.run(case.old, training) for training in (True, False)]
        expected += case.layer.losses
    for outputs, wanted in zip(found, expected, strict=True):
        if _differ(wanted, outputs):
            _fail(
                case.layer,
                "computes with its variables where it should with `values` (in a loss, with "
                "forward_pass.value(variable)): growth tries values of its own",
            )


def _check_record(case):
    with forward_pass.observe([case.layer]) as seen:
        outputs = case.run(case.old)
    found = seen[case.layer]
    if found is None or _differ(case.old, found.inputs) or _differ(outputs, found.outputs):
        _fail(case.layer, "does not record its inputs and outputs, as `ChannelWise.call` does")


def _check_zero(case):
    outputs = case.transform(tf.zeros([*case.old.shape[:-1], _ADDED]), case.initial)
    value, _ = case.layer.at_zero()
    if _differ(tf.fill(tf.shape(outputs), value), outputs):
        _fail(
            case.layer,
            f"maps a new channel of zeros to {float(tf.reduce_max(tf.abs(outputs))):.3g} in size, "
            f"and `at_zero` says {value:.3g}; start it such that zeros stay zeros, or say what "
            "they become",
        )


def _check_tangent(case):
    """<g, T x> = <T^T g, x>, where T^T g is the gradient that TensorFlow takes of `transform`."""
    zeros = tf.zeros([*case.old.shape[:-1], _ADDED])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        outputs = case.transform(zeros, case.initial)
    g = _random(outputs.shape, seed=2)
    backward = tape.gradient(outputs, zeros, g, unconnected_gradients="zero")
    x = _random(zeros.shape, seed=3)
    tangent = _attempt(
        case.layer, "in `tangent`", case.layer.tangent, x, case.initial, case.old_if_needed
    )
    if tangent.shape != outputs.shape:
        _fail(case.layer, f"has a tangent of the shape {tangent.shape}, not {outputs.shape}")
    forward, backward = g * tangent, backward * x
    size = tf.reduce_sum(tf.abs(forward)) + tf.reduce_sum(tf.abs(backward))
    error = tf.reduce_sum(forward) - tf.reduce_sum(backward)
    if float(tf.abs(error)) > _TOLERANCE * float(size):
        _fail(
            case.layer,
            "has a `tangent` that is not the derivative of `transform` at zero, as TensorFlow "
            "takes it; implement `tangent`",
        )
    factor, (_, slope) = case.layer.tangent_factor, case.layer.at_zero()
    if factor is not None and (tangent.shape != x.shape or _differ(factor * x, tangent)):
        _fail(case.layer, f"has a `tangent_factor` of {factor:.3g} that is not what `tangent` does")
    if (slope == 0.0) != (float(tf.reduce_max(tf.abs(tangent))) == 0.0):
        _fail(
            case.layer, f"says by `at_zero` that the gradient is times {slope:.3g}, which it isn't"
        )


def _check_mixed_precision(case):
    layer, policy = case.layer, case.layer.dtype_policy
    # What float32 makes of the inputs that 16 bits hold.
    expected = case.run(tf.cast(tf.cast(case.old, tf.bfloat16), tf.float32))
    layer._set_dtype_policy("mixed_bfloat16")
    try:
        outputs = _attempt(layer, "in mixed precision", case.run, case.old)
    finally:
        layer._set_dtype_policy(policy)
    if outputs.dtype != tf.bfloat16:
        _fail(layer, f"outputs {outputs.dtype.name} in mixed precision, where it reads bfloat16")
    error = tf.norm(tf.cast(outputs, tf.float32) - expected)
    if float(error) > _TOLERANCE_16_BITS * float(tf.norm(expected)):
        _fail(layer, "computes something else in mixed precision than in float32")


def _fail(layer, text) -> NoReturn:
    raise ValueError(
        f"layer {layer.name!r} ({type(layer).__name__}) {text}. See models.layers.ChannelWise"
    )


def _attempt(layer, when: str, function: Callable, *args):
    """The result of `function`; ValueError that names the layer if it raises anything."""
    try:
        return function(*args)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"layer {layer.name!r} ({type(layer).__name__}) fails {when}: "
            f"{type(error).__name__}: {first_line}. See models.layers.ChannelWise"
        ) from error


@contextlib.contextmanager
def _restored(layer) -> Iterator[None]:
    """Variables have their values again after the block."""
    values = [variable.read_value() for variable in layer.variables]
    try:
        yield
    finally:
        for variable, value in zip(layer.variables, values, strict=True):
            variable.assign(value)


def _randomize(layer):
    for seed, variable in enumerate(layer.trainable_variables):
        if variable.dtype.is_floating:
            variable.assign_add(_uniform(variable, seed))


def _random(shape, seed):
    return tf.random.stateless_normal(shape, [seed, 1])


def _uniform(variable, seed):
    return tf.random.stateless_uniform(tf.shape(variable), [seed, 2], dtype=variable.dtype)


def _difference(expected, found) -> float:
    """The largest difference, as a fraction of the largest element; inf for other shapes."""
    if expected.shape != found.shape:
        return float("inf")
    expected, found = (tf.cast(x, tf.float32) for x in (expected, found))
    size = tf.maximum(tf.reduce_max(tf.abs(expected)), 1.0)
    return float(tf.reduce_max(tf.abs(expected - found)) / size)


def _differ(expected, found) -> bool:
    return not _difference(expected, found) <= _TOLERANCE
