"""Checks that a growth method keeps the contract of `GrowthMethod`."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import tensorflow as tf
import tf_keras

from growth.linear_map import linear_map, site_observer
from growth.methods import method as method_lib
from growth.surgery import surgery
from growth.surgery import trial as trial_lib
from growth.surgery.neurons import NewNeurons
from models import site as site_lib
from models.layers import activations, growable, normalization

_COUNTS = (1, 3, 12)  # The last is above the fan-out of each site.
_TOLERANCE = 1e-4  # Of the largest output; far above rounding in float32.
_EXAMPLES = 16


def check_method(method: method_lib.GrowthMethod, keeps_output: bool = True) -> None:
    """Raises ValueError unless `method` keeps the contract of `GrowthMethod`.

    For the tests of a method of your own. It grows tiny networks at several kinds of site, in one
    traced function each, as a run does.

    >>> from growth.methods import random
    >>> check_method(random.Random())

    Args:
      method: what is checked; sites that its `check` refuses are left out.
      keeps_output: whether the method promises that a growth leaves the outputs as they are.

    Raises:
      ValueError: names the method, the kind of site, what is wrong, and the remedy.
    """
    refusals = []
    for kind, make in _NETWORKS.items():
        model = make()
        try:
            method.check(model.sites[0])
        except ValueError as error:
            refusals.append(f"{kind}: {error}")
            continue
        _Growth(method, model, kind).check(keeps_output)
    if len(refusals) == len(_NETWORKS):
        raise ValueError(f"{type(method).__name__}.check refuses all sites: {'; '.join(refusals)}")


class _Growth:
    """A method at the site of a network, traced once.

    Args:
      method: the growth method.
      model: the network.
      kind: of its site, for messages.
    """

    def __init__(self, method: method_lib.GrowthMethod, model: tf_keras.Model, kind: str):
        self._method, self._model, self._kind = method, model, kind
        self._site: site_lib.GrowthSite = model.sites[0]
        self._fields = None
        # `of` scales the loss: 0 for a network that has nothing to learn.
        signature = [
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([2], tf.int32),
            tf.TensorSpec([], tf.float32),
        ]
        self._traced = tf.function(self._neurons, autograph=False, input_signature=signature)

    def check(self, keeps_output: bool) -> None:
        """Raises ValueError if something is wrong."""
        for count in _COUNTS:
            new = self._run(count)
            self._check_shapes(new, count)
            self._check_finite(new, "")
            self._check_same(new, self._run(count))
            self._check_finite(self._run(count, of=0.0), " where the gradient is zero")
            if keeps_output:
                self._check_output(new)

    def _neurons(self, count, seed, of):
        """The new neurons, as `GrowthStep.propose` makes them; flat."""
        strategy = tf.distribute.get_strategy()
        batch = _batch(self._model)
        loss = site_observer.loss_of(
            self._model, lambda targets, outputs: of * tf.reduce_mean((targets - outputs) ** 2)
        )
        with site_observer.unchanged(self._model.non_trainable_variables):
            view = linear_map.LinearMap(self._site)
            if self._method.uses_gradients:
                (view,) = site_observer.SiteObserver([self._site], loss, {self._site}).maps(batch)
            new = self._checked_class(self._method(view, count, seed), "__call__")
            trial = trial_lib.Trial([self._site], loss, batch, strategy)
            (new,) = self._method.refine(trial, [new], [count])
            new = self._checked_class(new, "refine")
        self._fields = new
        return tf.nest.flatten(new)

    def _run(self, count, of=1.0) -> NewNeurons:
        try:
            flat = self._traced(count, tf.constant([1, 2]), of)
        except _ContractError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[-1]
            self._fail(
                f"raised {type(error).__name__} when it was traced with unknown count and seed, "
                f"and called for {count} neurons: {reason}. Use TensorFlow's functions, and "
                "tf.shape for sizes"
            )
        return tf.nest.pack_sequence_as(self._fields, flat)

    def _checked_class(self, new, function):
        if isinstance(new, NewNeurons):
            return new
        return self._fail(
            f"{function} returned {type(new).__name__}; return NewNeurons(incoming, outgoing)"
        )

    def _check_shapes(self, new: NewNeurons, count: int) -> None:
        """Compares shapes and dtypes of all fields with those of `NewNeurons`."""
        fan_in, width = self._site.incoming().shape
        fan_out = self._site.outgoing().shape[0]
        allowed = {
            "incoming": (new.incoming, [[fan_in, count]], tf.float32),
            "outgoing": (new.outgoing, [[fan_out, count]], tf.float32),
            "shift": (new.shift, [[count]], tf.float32),
            "singular_values": (new.singular_values, [[0], [count]], tf.float32),
            "parents": (new.parents, [[count], [0]], tf.int32),
            "old.incoming_change": (
                *(new.old.incoming_change, [[fan_in, 0], [fan_in, width]]),
                tf.float32,
            ),
            "old.outgoing_factor": (new.old.outgoing_factor, [[0], [width]], tf.float32),
        }
        for name, (value, shapes, dtype) in allowed.items():
            if value.dtype != dtype or value.shape not in shapes:
                self._fail(
                    f"gave {name} as {value.dtype.name} {value.shape.as_list()} for {count} "
                    f"neurons of fan-in {fan_in} and fan-out {fan_out}; it must be {dtype.name} "
                    f"{' or '.join(map(str, shapes))}"
                )
        if tf.reduce_any((new.parents < -1) | (new.parents >= width)):
            self._fail(
                f"gave parents {new.parents.numpy().tolist()}; each must be one of the {width} "
                "neurons, from 0, or -1 for none"
            )

    def _check_finite(self, new: NewNeurons, where: str) -> None:
        for name, value in new._asdict().items():
            for part in tf.nest.flatten(value):
                if part.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(part)):
                    self._fail(
                        f"gave {name} that is not finite{where}; divide by nothing that can be zero"
                    )

    def _check_same(self, new: NewNeurons, again: NewNeurons) -> None:
        for one, other in zip(tf.nest.flatten(new), tf.nest.flatten(again), strict=True):
            if one.shape != other.shape or tf.reduce_any(one != other):
                self._fail(
                    "gave other neurons for the same seed; draw with tf.random.stateless_*, and "
                    "keep no state"
                )

    def _check_output(self, new: NewNeurons) -> None:
        inputs, _ = _batch(self._model)
        before = self._model(inputs)
        values = [(variable, variable.read_value()) for variable in self._model.variables]
        try:
            surgery.assign(surgery.grown([self._site], [new]).values())
            after = self._model(inputs)
        finally:
            surgery.assign(surgery.Grown(*pair) for pair in values)
        change = float(tf.reduce_max(tf.abs(after - before)) / tf.reduce_max(tf.abs(before)))
        if change > _TOLERANCE:
            self._fail(
                f"changed the outputs by {change:.1g} of the largest; let one side of a new neuron "
                "be zero, or call check_method(..., keeps_output=False)"
            )

    def _fail(self, what: str) -> NoReturn:
        raise _ContractError(f"{type(self._method).__name__}, at a site of {self._kind}, {what}")


class _ContractError(ValueError):
    """A broken contract, in contrast to an error that a method raises itself."""


class _Network(tf_keras.Model):
    """producer -> between -> consumer, which is the output."""

    def __init__(self, make, between, shape):
        super().__init__()
        self.shape = shape
        self.producer, self.consumer = make("producer", 5), make("consumer", 3)
        self.sites = [site_lib.GrowthSite("site", [self.producer], between, [self.consumer])]
        self.between = self.sites[0].between
        self(tf.zeros([1, *shape]))

    def call(self, inputs, training=False):
        """Keras passes `training` on to the layers that care."""
        del training
        channels = self.producer(inputs)
        for layer in self.between:
            channels = layer(channels)
        return self.consumer(channels)


def _batch(model):
    """Random (inputs, targets), the same in each call."""
    inputs = tf.random.stateless_normal([_EXAMPLES, *model.shape], [0, 1])
    targets = tf.random.stateless_normal([_EXAMPLES, *model.shape[:-1], 3], [2, 3])
    return inputs, targets


def _growable(name: str) -> Mapping[str, Any]:
    return {
        "inputs_grow": name == "consumer",
        "outputs_grow": name == "producer",
        "use_bias": True,
        "kernel_initializer": tf_keras.initializers.GlorotUniform(seed=len(name)),
        "name": name,
    }


def _dense(name: str, width: int) -> growable.Dense:
    return growable.Dense(width, **_growable(name))


def _convolution(name: str, width: int) -> growable.Conv2D:
    return growable.Conv2D(width, 3, **_growable(name))


_NETWORKS: Mapping[str, Callable[[], tf_keras.Model]] = {
    "dense layers": lambda: _Network(_dense, [activations.relu], [4]),
    "convolutions": lambda: _Network(_convolution, [activations.relu], [6, 6, 2]),
    "dense layers and a batch normalization": lambda: _Network(
        _dense, [normalization.BatchNormalization(name="normalization"), activations.relu], [4]
    ),
}
