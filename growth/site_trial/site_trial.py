"""Tries growth at every site of a network before it is trained, on a real batch.

A network says by its `sites` what grows where, and nothing else in a run would notice if that were
wrong: outputs would jump at a growth, or GradMax would maximize the gradient of another network.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from growth.linear_map import full_precision, site_observer
from growth.site_trial import site_faults
from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from models import site as site_lib
from models.layers import channel_wise, forward_pass, growable

# They show what the whole batch would, in less time.
_EXAMPLES = 8
# Of the largest output, and of the norm of a gradient: far above rounding, which changes the sign
# of some inputs of a ReLU and so up to 2 % of a gradient, and far below a mistake.
_TOLERANCE = 1e-3
_GRADIENT_TOLERANCE = 0.1
_SEED = 0


class _Pass(NamedTuple):
    """A pass through the network with some more neurons.

    Attributes:
      outputs: of the network, on one replica.
      reads: the inputs of each consumer, on one replica, by layer; None of one that is not called.
      gradients: of a functional of the outputs by the (incoming, outgoing) weights of the new
        neurons of each site.
    """

    outputs: tf.Tensor
    reads: dict[growable.GrowableLayer, tf.Tensor | None]
    gradients: list[tuple[tf.Tensor, tf.Tensor]]


class SiteTrial:
    """Adds a neuron to each site, once with outgoing and once with incoming weights of zero.

    Both must leave the outputs as they are; the gradients by the other weights must be those that
    growth methods see. The network itself stays as it is: its variables are substituted.

    Args:
      model: the network, with its variables.
      sites: its sites.
      slots: gives the optimizer's slots of a parameter.
      uses_gradients: whether the growth method does.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        sites: Sequence[site_lib.GrowthSite],
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        uses_gradients: bool,
    ):
        self._model = model
        self._sites = list(sites)
        self._slots = slots
        self._uses_gradients = uses_gradients
        self._strategy = tf.distribute.get_strategy()
        self._weights = [
            (_column(site.incoming(), 2 * i), _column(site.outgoing(), 2 * i + 1))
            for i, site in enumerate(self._sites)
        ]
        self._is_traced = self._strategy.num_replicas_in_sync > 1
        self._is_training = True
        self._is_deterministic = True

    def check(self, batch: Any) -> None:
        """Raises ValueError unless each site can grow as it says; names it, and the remedy.

        Args:
          batch: (inputs, targets), distributed; the first examples of each replica are used.
        """
        self._check_declared_shapes(self._sites)
        with (
            site_observer.unchanged(self._model.non_trainable_variables),
            full_precision.full_precision(self._model),
        ):
            before = self._before(batch)
            # Growth methods see training steps.
            compares = self._uses_gradients and self._is_training
            expected = None
            if compares:
                expected = functools.cache(lambda: self._traced(self._expected)(batch))
            # All sites at once; if that goes wrong, one after the other, to name the site.
            if not (fault := self._fault(batch, before, expected, self._sites)):
                return
            self._is_traced = False  # A graph tells less of what went wrong.
            for site in self._sites:
                if alone := self._fault(batch, before, expected, [site]):
                    raise ValueError(f"site {site.name!r} cannot grow: {alone}")
            raise ValueError(f"the sites cannot grow at the same time: {fault}")

    def _before(self, batch):
        """A pass of the current network; in evaluation mode if layers draw random numbers."""
        for self._is_training in (True, False):
            run = self._passing(self._one([], False, False))
            before, again = run(batch), run(batch)
            self._is_deterministic = _difference(before.outputs, again.outputs) == 0
            if self._is_deterministic:
                break
        return before

    def _traced(self, function):
        # On a single device running the operations once takes less time than tracing them.
        return tf.function(function, autograph=False) if self._is_traced else function

    def _one(self, growing, incoming, outgoing):
        """One new neuron at each site that is `growing`, with weights as large as the others'.

        Args:
          growing: the sites; no neurons at the others.
          incoming: whether its incoming weights are not zero.
          outgoing: whether its outgoing weights are not zero.
        """
        return [
            NewNeurons(float(incoming) * reads, float(outgoing) * writes)
            if site in growing
            else NewNeurons(reads[:, :0], writes[:, :0])
            for site, (reads, writes) in zip(self._sites, self._weights, strict=True)
        ]

    def _check_declared_shapes(self, growing):
        """Raises ValueError unless variables of the network and the optimizer can take a growth."""
        changed = surgery.grown_with_slots(
            self._sites, self._one(growing, True, True), self._slots, carry_slots=True
        )
        for variable, value in changed:
            if not variable.shape.is_compatible_with(value.shape):
                for site in growing if len(growing) > 1 else []:
                    self._check_declared_shapes([site])
                raise ValueError(
                    f"site {growing[0].name!r} cannot grow: {variable.name} has the fixed shape "
                    f"{variable.shape}, and would need {value.shape}. Create it with "
                    "shape=[..., None] along the axis of neurons"
                )

    def _passing(self, neurons):
        """Maps a batch to a pass through the network with `neurons` added."""
        consumers = list(dict.fromkeys(c for site in self._sites for c in site.consumers))
        weights = [(new.incoming, new.outgoing) for new in neurons]

        def on_replica(batch):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                grown = surgery.grown(self._sites, neurons)
                values = {reference: value for reference, (_, value) in grown.items()}
                with forward_pass.substitute(values), forward_pass.observe(consumers) as seen:
                    outputs = self._outputs(batch)
                functional = _functional(outputs)
            gradients = tape.gradient(functional, weights, unconnected_gradients="zero")
            reads = [passed and passed.inputs for passed in map(seen.get, consumers)]
            return outputs, reads, gradients

        def everywhere(batch):
            outputs, reads, gradients = self._strategy.run(on_replica, args=(batch,))
            reduce = functools.partial(self._strategy.reduce, "SUM", axis=None)
            return outputs, reads, [tuple(map(reduce, pair)) for pair in gradients]

        run = self._traced(everywhere)

        def run_pass(batch):
            outputs, reads, gradients = run(batch)
            reads = dict(zip(consumers, map(self._first, reads), strict=True))
            return _Pass(self._first(outputs), reads, gradients)

        return run_pass

    def _first(self, value):
        return None if value is None else self._strategy.experimental_local_results(value)[0]

    def _outputs(self, batch):
        inputs = tf.nest.map_structure(lambda x: x[:_EXAMPLES], batch[0])
        with forward_pass.without_noise():
            return tf.cast(self._model(inputs, training=self._is_training), tf.float32)

    def _expected(self, batch):
        """For each site the gradients by weights of zero, as growth methods see them.

        Those by incoming weights beside the outgoing ones of `_weights`, and the other way round.
        """
        for site in self._sites:
            for layer in site.between:
                if type(layer).transform is channel_wise.ChannelWise.transform:
                    raise ValueError(
                        f"site {site.name!r} cannot grow: {layer.name!r} must say what it does to "
                        f"new channels; implement {type(layer).__name__}.transform, see "
                        "models/layers/channel_wise.py"
                    )
        observer = site_observer.SiteObserver(
            self._sites, lambda batch: _functional(self._outputs(batch)), small=()
        )
        return [
            (view.to_incoming(outgoing), view.gradients(incoming, tf.zeros_like(outgoing))[1])
            for view, (incoming, outgoing) in zip(observer.maps(batch), self._weights, strict=True)
        ]

    def _fault(self, batch, before, expected, growing) -> str | None:
        """Describes what goes wrong when the `growing` sites get a neuron; None if nothing does."""
        keeps_zero = [s for s in growing if all(layer.at_zero()[0] == 0.0 for layer in s.between)]
        return self._fault_with(
            batch, before, expected, self._one(growing, incoming=True, outgoing=False), growing, 1
        ) or self._fault_with(
            batch,
            before,
            expected,
            self._one(keeps_zero, incoming=False, outgoing=True),
            keeps_zero,
            0,
        )

    def _fault_with(self, batch, before, expected, neurons, growing, learns) -> str | None:
        """The same for given neurons, of which weights `learns` (0: incoming) have a gradient."""
        zero = "outgoing" if learns else "incoming"
        with_neuron = f"with one more neuron, its {zero} weights zero,"
        try:
            after = self._passing(neurons)(batch)
        # Whatever the layers of a network raise when they get another channel.
        except Exception as error:  # noqa: BLE001
            return f"{with_neuron} {site_faults.failure(error)}"
        if after.outputs.shape != before.outputs.shape:
            return (
                f"{with_neuron} the outputs have the shape {after.outputs.shape} in place of "
                f"{before.outputs.shape}. Something besides the site's consumers reads its neurons"
            )
        if not self._is_deterministic:
            return None
        for site in growing:
            if moved := _moved(site, before, after):
                return f"{with_neuron} {moved}"
        if (change := _difference(before.outputs, after.outputs)) > _TOLERANCE:
            return (
                f"{with_neuron} the outputs change by {change:.2g} of their size. Something "
                f"besides {site_faults.names(growing[0].consumers)} reads the neurons; make it a "
                "consumer of the site"
            )
        for i, site in enumerate(self._sites):
            if expected is None or site not in growing:
                continue
            seen, found = expected()[i][learns], after.gradients[i][learns]
            error = float(tf.norm(found - seen))
            size = float(tf.maximum(tf.norm(found), tf.norm(seen)))
            if error > _GRADIENT_TOLERANCE * size:
                return (
                    f"{with_neuron} the gradient by these weights differs by "
                    f"{error / size:.2g} of its size from "
                    + site_faults.declared(self._model, site)
                )
        return None


def _functional(outputs: tf.Tensor) -> tf.Tensor:
    """A number that depends on each output of each example in a way of its own."""
    return tf.reduce_sum(outputs * tf.random.stateless_normal(tf.shape(outputs), [_SEED, 0]))


def _column(weights: tf.Tensor, seed: int) -> tf.Tensor:
    """A random neuron's weights `[n, 1]`, as large as the mean of those there are, or of norm 1."""
    column = tf.random.stateless_normal([weights.shape[0], 1], [_SEED, 1 + seed])
    norm = tf.reduce_mean(tf.norm(weights, axis=0)) if weights.shape[1] else tf.constant(1.0)
    return tf.where(norm > 0, norm, 1.0) * tf.math.l2_normalize(column)


def _difference(before: tf.Tensor, after: tf.Tensor) -> float:
    """The largest difference, as a fraction of the largest element of `before`."""
    size = tf.reduce_max(tf.abs(before))
    return float(tf.math.divide_no_nan(tf.reduce_max(tf.abs(after - before)), size))


def _moved(site: site_lib.GrowthSite, before: _Pass, after: _Pass) -> str | None:
    """Describes a consumer that does not read the old neurons and then the new one, or None."""
    for consumer in site.consumers:
        old, new = before.reads[consumer], after.reads[consumer]
        if old is None or new is None:
            return f"layer {consumer.name!r} is not called. Each consumer must be"
        width = old.shape[-1]
        if new.shape[-1] != width + 1:
            return (
                f"its consumer {consumer.name!r} reads {new.shape[-1]} channels, not {width + 1}. "
                "It must read the neurons of the site, and nothing else"
            )
        if (change := _difference(old, new[..., :width])) > _TOLERANCE:
            return (
                f"the old neurons, as {consumer.name!r} reads them, change by {change:.2g} of "
                "their size: a layer between mixes channels, or puts the new one elsewhere than "
                "at the end, as a concatenation does. Let each layer between map each channel by "
                "itself, and give each part of a concatenation a consumer of its own"
            )
    return None
