"""Growth sites: layers that produce channels, and layers that consume them."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Collection, Sequence

import tensorflow as tf
import tf_keras

from models.layers import activations, foreign_layers
from models.layers import channel_wise as channel_wise_lib
from models.layers import growable as layers_lib


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthSite:
    """New neurons of a site are output channels of its producers and inputs of its consumers.

    h -> producer(s) -> D, with the activation f -> consumer(s) -> z

    The outputs of several producers are added up; all consumers read the output of D. In a residual
    stream that grows, each reads what has been added up before it.

    Growth methods see neurons as columns of two matrices: `incoming [n, k]` are the weights with
    which k neurons read h, `outgoing [m, k]` those with which all consumers read the neurons.

    Attributes:
      name: names the site in logs and TensorBoard.
      producers: their widths grow.
      between: D, in order: channel-wise layers of models/layers/, and activation functions.
      consumers: their fan-ins grow.
      target_width: the width that the architecture foresees for the grown network, or None.

    Raises:
      ValueError: a layer cannot grow, or there are no producers or no consumers.
    """

    name: str
    producers: Sequence[layers_lib.GrowableLayer]
    between: Sequence[channel_wise_lib.ChannelWise | activations.Activation]
    consumers: Sequence[layers_lib.GrowableLayer]
    target_width: int | None = None

    def __post_init__(self):
        for part, growing in (("producers", "outputs_grow"), ("consumers", "inputs_grow")):
            self._check_growable(part, growing)
        object.__setattr__(self, "between", [self._channel_wise(x) for x in self.between])

    def _check_growable(self, part, growing):
        layers = getattr(self, part)
        if isinstance(layers, tf_keras.layers.Layer):
            raise ValueError(
                f"site {self.name!r}: {part} must be a list of layers, e.g. [{layers.name}]"
            )
        if not layers:
            raise ValueError(f"site {self.name!r} has no {part}; name at least one growable layer")
        for layer in layers:
            if not isinstance(layer, layers_lib.GrowableLayer):
                raise ValueError(
                    f"site {self.name!r}: {foreign_layers.described(layer)}, one of its {part}, "
                    f"cannot grow; {_instead_of_end(layer)}"
                )
            if not getattr(layer, growing):
                raise ValueError(
                    f"site {self.name!r}: {layer.name!r} is one of its {part}, but was made with "
                    f"{growing}=False; make it with {growing}=True"
                )

    def _channel_wise(self, layer):
        if isinstance(layer, channel_wise_lib.ChannelWise):
            return layer
        try:
            return channel_wise_lib.Activation(layer)
        except ValueError as error:
            raise ValueError(f"site {self.name!r}: {error}") from error

    @property
    def width(self) -> int:
        """The current number of neurons."""
        return self.producers[0].width

    def check_preserving(
        self, method: str, what: str = "starts new neurons with zero incoming weights"
    ) -> None:
        """Raises ValueError unless zero incoming weights keep the output and get a gradient.

        Args:
          method: its name, for the message.
          what: what it does that asks for this, for the message.
        """
        for layer in self.between:
            value, slope = layer.at_zero()
            if value != 0.0 or slope == 0.0:
                function = getattr(layer, "function", layer)
                name = getattr(function, "__name__", repr(function))
                raise ValueError(
                    f"{method} {what} at site {self.name!r},"
                    f" which needs an activation with f(0) = 0 and f'(0) != 0; {name} has f(0) = "
                    f"{value:g} and f'(0) = {slope:g}. Use one of models.activations, e.g. "
                    "@models.activations.relu, or a method with zero outgoing weights "
                    "(inverse = True)."
                )

    # The weights of neurons as columns.

    def incoming(self, of: Callable[[tf.Variable], tf.Tensor] = tf.convert_to_tensor) -> tf.Tensor:
        """The incoming weights of the neurons there are, `[n, width]`.

        Args:
          of: maps a kernel to an array of its shape, e.g. its gradient; by default its value.
        """
        return tf.concat([_columns(of(p.kernel), p.output_axis) for p in self.producers], axis=0)

    def outgoing(self, of: Callable[[tf.Variable], tf.Tensor] = tf.convert_to_tensor) -> tf.Tensor:
        """The outgoing weights of the neurons there are, `[m, width]`; `of` as for `incoming`."""
        return tf.concat([_columns(of(c.kernel), c.input_axis) for c in self.consumers], axis=0)

    @property
    def fan_in(self) -> tf.Tensor:
        """n, the number of incoming weights of a neuron; int32 scalar."""
        return tf.add_n([_row_count(p.kernel, p.output_axis) for p in self.producers])

    @property
    def fan_out(self) -> tf.Tensor:
        """m, the number of outgoing weights of a neuron; int32 scalar."""
        return tf.add_n([_row_count(c.kernel, c.input_axis) for c in self.consumers])

    def incoming_kernels(self, incoming: tf.Tensor) -> list[tf.Tensor]:
        """`incoming [n, k]` as one kernel for each producer, with k output channels."""
        return _kernels(incoming, [(p.kernel, p.output_axis) for p in self.producers])

    def outgoing_kernels(self, outgoing: tf.Tensor) -> list[tf.Tensor]:
        """`outgoing [m, k]` as one kernel for each consumer, with k input channels."""
        return _kernels(outgoing, [(c.kernel, c.input_axis) for c in self.consumers])

    @property
    def axes(self) -> list[tuple[tf.Variable, int]]:
        """Each variable of the site with its axis that runs over the neurons."""
        return [
            *((layer.kernel, layer.output_axis) for layer in self.producers),
            *((layer.kernel, layer.input_axis) for layer in self.consumers),
            *((parameter.variable, parameter.axis) for parameter in self.parameters),
        ]

    # What neurons have beside their weights.

    @property
    def parameters(self) -> list[channel_wise_lib.Parameter]:
        """The producers' biases, and the parameters of the layers between."""
        biases = [
            channel_wise_lib.Parameter(p.bias, 0, lambda count: tf.zeros([count]), is_offset=True)
            for p in self.producers
            if p.bias is not None
        ]
        return biases + [p for layer in self.between for p in layer.parameters]

    def values_of_new(
        self, count: tf.Tensor, shift: tf.Tensor | None = None, parents: tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        """The `parameters` of k new neurons.

        Args:
          count: k.
          shift: `[k]`, added to the last parameter that shifts what reaches the activation: a bias,
            or the offset of a normalization, which would undo a bias. None for nothing.
          parents: `[k]`, the neuron whose parameters a new one copies; -1 for none. None or `[0]`
            for none at all.
        """
        if parents is None or parents.shape[0] == 0:
            values = [parameter.initial(count) for parameter in self.parameters]
        else:
            values = [_copies(parameter, parents) for parameter in self.parameters]
        if shift is not None and (index := self._shift_index()) is not None:
            values[index] += shift
        return values

    @property
    def can_shift(self) -> bool:
        """True if a neuron has a parameter that shifts the input of its activation."""
        return self._shift_index() is not None

    def _shift_index(self):
        """The index of that parameter: the last before the first activation."""
        before = []
        for layer in self.between:
            if isinstance(layer, channel_wise_lib.Activation):
                break
            before.append(layer)
        head = dataclasses.replace(self, between=before).parameters
        return max((i for i, p in enumerate(head) if p.is_offset), default=None)

    def neurons(
        self,
        inputs: Sequence[tf.Tensor],
        incoming: tf.Tensor,
        values: Sequence[tf.Tensor],
        old: Sequence[tf.Tensor | None],
        tangent: bool = False,
        sources: Collection[int] | None = None,
    ) -> tf.Tensor:
        """The output of k new neurons in a training step.

        Args:
          inputs: h, for each producer.
          incoming: `[n, k]`.
          values: the `parameters` of the new neurons.
          old: for each layer between its inputs, or None where it does not need them.
          tangent: whether the layers between are replaced by their tangents at zero.
          sources: the indices of the producers that are added up; all if None.

        Returns:
          `[batch, ..., k]`.
        """
        channels = []
        rest = iter(values)
        kernels = self.incoming_kernels(incoming)
        for i, (p, h, kernel) in enumerate(zip(self.producers, inputs, kernels, strict=True)):
            bias = None if p.bias is None else next(rest)
            if sources is None or i in sources:
                channels.append(p.linear(h, kernel))
                if bias is not None and not tangent:
                    channels.append(bias)
        # A bias has no axes but the last.
        channels = functools.reduce(tf.add, channels)
        for layer, inputs_of_layer in zip(self.between, old, strict=True):
            own = list(itertools.islice(rest, len(layer.parameters)))
            apply = layer.tangent if tangent else layer.transform
            channels = apply(channels, own, inputs_of_layer)
        return channels


def sites_of(model: tf_keras.Model, required: bool) -> list[GrowthSite]:
    """The sites of `model`; none of a model that does not say, unless they are `required`.

    Raises:
      ValueError: there are none, two have one name or one end in common, Keras does not know a
        layer of one, or layers of one differ in the number of its neurons.
    """
    sites = list(getattr(model, "sites", None) or [])
    if wrong := [site for site in sites if not isinstance(site, GrowthSite)]:
        raise ValueError(f"{type(model).__name__}.sites must hold GrowthSites, not {wrong[0]!r}")
    names = [site.name for site in sites]
    if required and not sites:
        raise ValueError(
            f"{type(model).__name__}.sites must list the places where the model grows; it has none"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"the sites of {type(model).__name__} must differ by name, not {names}")
    known = {id(module) for module in model.submodules}
    for site in sites:
        for layer in (*site.producers, *site.between, *site.consumers):
            if layer.variables and id(layer) not in known:
                raise ValueError(
                    f"layer {layer.name!r} of site {site.name!r} must be an attribute of "
                    f"{type(model).__name__}, or in a list that is one: otherwise it is neither "
                    "trained nor saved"
                )
            # An activation function is applied by the network itself.
            if not (layer.built or isinstance(layer, channel_wise_lib.Activation)):
                raise ValueError(
                    f"layer {layer.name!r} of site {site.name!r} must take part in the forward "
                    f"pass of {type(model).__name__}, which does not call it"
                )
        _check_widths(site)
    for part in ("producers", "consumers"):
        owners = {}
        for site in sites:
            for layer in getattr(site, part):
                if owners.setdefault(id(layer), site) is not site:
                    raise ValueError(
                        f"{layer.name!r} is one of the {part} of both site "
                        f"{owners[id(layer)].name!r} and site {site.name!r}; let it belong to one"
                    )
    return sites


def _check_widths(site: GrowthSite) -> None:
    """Raises ValueError unless all layers have the channels of the site, and no others."""
    for producer in site.producers:
        if producer.width != site.width:
            raise ValueError(
                f"the producers of site {site.name!r} must have one width; "
                f"{site.producers[0].name!r} has {site.width} and {producer.name!r} "
                f"{producer.width} neurons"
            )
    for consumer in site.consumers:
        if consumer.fan_in != site.width:
            raise ValueError(
                f"site {site.name!r} has {site.width} neurons, but its consumer {consumer.name!r} "
                f"reads {consumer.fan_in} channels. If it reads a concatenation, give each part a "
                "consumer of its own and add up their outputs, which is the same"
            )


def _instead_of_end(layer) -> str:
    """Advice for a message: what to use in the place of a producer or consumer."""
    if isinstance(layer, layers_lib.GrowableLayer | tf_keras.layers.Layer):
        advice = foreign_layers.instead_of(layer)
        if advice.startswith(("use models.layers.Dense", "use models.layers.Conv2D")):
            return advice
    return "use models.layers.Dense or models.layers.Conv2D"


def _columns(kernel: tf.Tensor, axis: int) -> tf.Tensor:
    """A kernel as a matrix with one column for each channel of `axis`."""
    order = _axis_last(kernel.shape.rank, axis)
    last = _transposed(kernel, order)
    rows = last.shape[:-1].num_elements()
    if rows:  # Known when traced, for all layers but those whose other channels grow, too.
        return tf.reshape(last, [rows, -1])
    return tf.reshape(last, [-1, tf.shape(kernel)[axis]])


def _row_count(kernel: tf.Tensor, axis: int) -> tf.Tensor:
    """The number of rows of `_columns`.

    Not a constant, where it could be one: TensorFlow warns of branches that it then takes out.
    """
    others = _axis_last(kernel.shape.rank, axis)[:-1]
    return tf.reduce_prod(tf.gather(tf.shape(kernel), others))


def _kernels(columns: tf.Tensor, like: Sequence[tuple[tf.Tensor, int]]) -> list[tf.Tensor]:
    """The inverse of `_columns` for several kernels and any number of columns."""
    kernels, start = [], 0
    for kernel, axis in like:
        order = _axis_last(kernel.shape.rank, axis)
        shape = [kernel.shape[i] for i in order[:-1]]
        if all(shape):
            last, end = [*shape, -1], start + math.prod(shape)
        else:
            shape = tf.gather(tf.shape(kernel), order[:-1])
            last = tf.concat([shape, tf.shape(columns)[1:]], axis=0)
            end = start + tf.reduce_prod(shape)
        rows = columns if len(like) == 1 else columns[start:end]
        back = [order.index(i) for i in range(len(order))]
        kernels.append(_transposed(tf.reshape(rows, last), back))
        start = end
    return kernels


def _transposed(array: tf.Tensor, order: Sequence[int]) -> tf.Tensor:
    return array if list(order) == sorted(order) else tf.transpose(array, order)


def _axis_last(rank: int, axis: int) -> list[int]:
    axis %= rank
    return [i for i in range(rank) if i != axis] + [axis]


def _copies(parameter, parents):
    """The slices of `parents`; what a new neuron has where there is none."""
    width = tf.shape(parameter.variable)[parameter.axis]
    choices = tf.concat([parameter.variable, parameter.initial(1)], axis=parameter.axis)
    return tf.gather(choices, tf.where(parents >= 0, parents, width), axis=parameter.axis)
