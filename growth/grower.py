"""Grows a network: schedule, policy, growth method and surgery together."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gin
import tensorflow as tf
import tf_keras

from growth import growth_step, replica_check, unspecified_shapes, variable_shapes
from growth.decisions import adaptive, decider, measurement, policies, schedules
from growth.decisions import budget as budget_lib
from growth.methods import method as method_lib
from growth.newborns import cohorts as cohorts_lib
from growth.newborns import health, rates, update_factors
from growth.newborns import recycling as recycling_lib
from growth.records import event_checks, events, history, spent_flops
from growth.site_trial import site_trial
from growth.surgery import surgery
from growth.surgery.neurons import NewNeurons
from models import cost
from models import site as site_lib
from models.layers import memory, seeds


@gin.configurable
class Grower:
    """Grows a model while it trains, under the distribution strategy it is created in.

    Args:
      model: built, with `sites`, a list of `GrowthSite`.
      loss: maps (targets, outputs), and weights of examples if a batch has them, of a replica's
        batch to its share of the mean loss.
      slots: gives the optimizer's slots of a parameter.
      seed: seed of the run.
      train_step: trains a step on a distributed batch, see `growth_step.Step`; done right after
        each growth, by the same traced function. If None, training is left to the caller.
      shapes: how variables take bigger values; as they are declared if None.
      schedule: when to grow: at steps that are known, or by the state of training.
      policy: where to grow, and by how many neurons.
      method: the growth method: how new neurons start; None for a network that never grows (a
        baseline).
      carry_slots: whether existing neurons keep their optimizer slots at a growth. Those of new
        ones start as at the beginning of a run.
      connect_new: whether new neurons read the new ones of the site before, by random weights as
        large as their other ones. The output stays if they have no outgoing weights.
      skip_nonfinite: whether a growth whose new weights would not be finite is skipped, with a
        warning, and not made up for; if not, it ends the run.
      newborn_rate: the learning rate of new neurons over that of the network, by age; None for 1.
      newborn_clock: whether new neurons count their own steps for Adam's bias correction, so that
        their first step is one learning rate long; if not, they count those of the run, and it is
        longer, see docs/concepts.md. Needs `carry_slots`, and `slots.bias_correction`.
      width_rate: the learning rate of the kernels that read a site over that of the network, by how
        much wider the site is than in the seed network; None for 1.
      recycling: when dormant neurons are recycled; None for never.
      newborn_health: gives what looks at new neurons from time to time; None for nothing.
      budget: the size and the cost that growth stays within; None for no limit.

    Attributes:
      history: the growths so far; belongs in checkpoints.
      observations: the course of training, for schedules and policies that see it; belongs in
        checkpoints.
      run: how long the run is; a budget of training FLOPs needs it. Set by who trains.
      update_factors: the factors of the optimizer's updates, less 1; None without `newborn_rate`,
        `newborn_clock` and `width_rate`.

    Raises:
      ValueError: the growth method cannot grow one of the sites, or there are none.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        slots: Callable[[tf.Variable], Sequence[surgery.Slot]],
        seed: int,
        train_step: growth_step.Step | None = None,
        shapes: variable_shapes.VariableShapes | None = None,
        schedule: schedules.Schedule | adaptive.AdaptiveSchedule = gin.REQUIRED,
        policy: policies.Policy | adaptive.AdaptivePolicy = gin.REQUIRED,
        method: method_lib.GrowthMethod | None = gin.REQUIRED,
        carry_slots: bool = True,
        skip_nonfinite: bool = False,
        newborn_rate: rates.NewbornRate | None = None,
        newborn_clock: bool = False,
        newborn_health: Callable[[], health.NewbornHealth] | None = health.NewbornHealth,
        width_rate: rates.WidthRate | None = None,
        recycling: recycling_lib.Recycling | None = None,
        connect_new: bool = False,
        budget: budget_lib.Budget | None = None,
    ):
        self._model = model
        self._sites = site_lib.sites_of(model, required=method is not None or recycling is not None)
        self._slots = slots
        self._seed = seed
        self._decider = decider.Decider(
            *(schedule, policy, budget),
            {site.name: site.target_width for site in self._sites},
            cost.size_at(model, self._sites),
        )
        self.observations = self._decider.observations
        self.run: decider.RunLength | None = None
        self._method = method
        self._carry_slots = carry_slots
        self._skip_nonfinite = skip_nonfinite
        self._counted = cost.counted_layers(model)
        self._cohorts = self.update_factors = None
        if newborn_rate is not None or newborn_clock or width_rate is not None:
            self._cohorts = cohorts_lib.Cohorts(self._sites)
            correction = _bias_correction(slots, carry_slots) if newborn_clock else None
            self.update_factors = update_factors.UpdateFactors(
                self._cohorts, newborn_rate, correction, width_rate
            )
        self._shapes = shapes or unspecified_shapes.UnspecifiedShapes()
        self._grow = self._health = self._measure = self._measurement = None
        if method is not None:
            step = growth_step.GrowthStep(
                *(model, self._sites, loss, train_step, method, slots, carry_slots, self._cohorts),
                connect_new=connect_new,
            )
            self._grow = self._shapes.compiled(step)
            if self._decider.is_adaptive:
                self._measurement = measurement.Measurement(
                    *(model, step.observer, self._sites, method, self._shapes.traced),
                    self._decider.directions,
                )
            if newborn_health is not None:
                self._health = newborn_health()
                self._measure = health.Measurement(
                    *(model, self._sites, loss, self._shapes.traced, self._health.dormant_below)
                )
        self._recycling, self._recycler = recycling, None
        if recycling is not None:
            self._recycler = recycling_lib.Recycler(
                *(model, self._sites, loss, slots, self._shapes.traced, recycling.dormant_below)
            )
        self._checksums = replica_check.traced(self._shapes.traced, self._changed_variables)
        self.history = history.GrowthHistory()
        self._seed_network = self._size()
        self.recall_cohorts()
        if method is not None:
            for site in self._sites:
                method.check(site)
            self._decider.check(self.widths(), self.seed_network.widths)

    def widths(self) -> dict[str, int]:
        """The current number of neurons of each site, by name."""
        return {site.name: site.width for site in self._sites}

    @property
    def seed_network(self) -> events.NetworkSize:
        """The size of the network before any growth."""
        return self.history.seed_network or self._seed_network

    def record_seed_network(self) -> None:
        """Records the current network as the seed network, after a warm start."""
        self.history.seed_network = self._size()
        self.recall_cohorts()

    def recall_cohorts(self) -> None:
        """Takes over from the history which growth added each neuron; call it after a restore."""
        if self._cohorts is not None:
            widths = self.seed_network.widths
            self._shapes.assign(self._cohorts.recalled(widths, self.history.events))

    def next_growth(self, step: int) -> int | None:
        """The step of the next growth, `step` itself if it is due now, or None.

        Where schedule or policy see the training, or there is a budget, the network then grows if
        `decide` says so.
        """
        if self._method is None:
            return None
        return self._decider.next_growth(step, self.history.events)

    @property
    def decides(self) -> bool:
        """True if a growth that is due may turn out not to happen; see `decide`."""
        return self._method is not None and self._decider.decides

    @property
    def needs_evaluation(self) -> bool:
        """True if the schedule reads evaluations, see `AdaptiveSchedule`."""
        return self._method is not None and self._decider.needs_evaluation

    def decide(self, step: int, growth_batch: Callable[[], Any]) -> bool:
        """Asks whether the network grows now, at `next_growth`; `observations` keeps the answer.

        Args:
          step: training steps done.
          growth_batch: gives (inputs, targets) that sites are measured on, distributed as training
            batches are; called if schedule or policy ask for a measurement.
        """
        if not self._decider.decides:
            return True
        measured: dict[str, Any] = {}

        def measure():
            if not measured:
                measured.update(self._measured(step, growth_batch()))
            return measured

        initial = self.seed_network.widths
        limits = self._decider.limits(step, self.forward_flops(step), self.run)
        evidence = self._decider.evidence(
            *(step, self.history.events, self.widths(), initial, limits, measure)
        )
        decision = self._decider.decide(evidence, initial)
        if measured:
            decision = decision.measured({k: site.to_json() for k, site in measured.items()})
        self.observations.decided(decision, measured or None)
        return bool(decision.counts) or self._decider.grows_anyway

    def _measured(self, step, growth_batch):
        """The measurement of each site, by name."""
        if self._measurement is None:
            raise ValueError("Grower.method = None: there is nothing to measure for")
        streams = [seeds.stream(self._seed, "measurement", step, s.name) for s in self._sites]
        return self._measurement(growth_batch, tf.stack(streams))

    def observe(self, step: int, training: Mapping[str, float]) -> events.Growth | None:
        """Tells schedules and policies how training goes.

        Args:
          step: training steps done.
          training: means of the loss and the metrics over the steps since the last call, and
            `optimizer/learning_rate`.

        Returns:
          The last growth, if it is known only now by how much the loss has fallen since.
        """
        if not self.decides:
            return None
        self.observations.train(step, training)
        growth = self.history.events[-1] if self.history.events else None
        if growth is None or growth.measured_decrease is not None:
            return None
        growth.measured_decrease = self.observations.decrease(growth.step)
        return None if growth.measured_decrease is None else growth

    def observe_evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tells schedules and policies the metrics of an evaluation after `step` steps."""
        if self.decides:
            self.observations.evaluate(step, metrics)

    def why_ended(self, step: int) -> str | None:
        """The reason why the network is not larger after `step` steps, the end of the run.

        None where growths were just planned.
        """
        return self._decider.why_ended(step, self.history.events) if self.decides else None

    def outlook(self) -> list[str]:
        """The bounds that are known before training of growths that depend on it, in lines."""
        return self._decider.outlook() if self.decides else []

    def next_look(self, step: int) -> int | None:
        """The step of the next look at new neurons, `step` itself if it is due now, or None."""
        return self._health and self._health.next_look(step, self.history.events)

    def look(self, step: int, batch: Any) -> dict[str, float]:
        """Looks at the neurons of the last growth, which the history keeps; see `NewbornHealth`.

        Args:
          step: training steps done.
          batch: that of the training step after the growth.

        Returns:
          The sites with too many dormant neurons, and the share of them.

        Raises:
          ValueError: nothing looks at new neurons, or nothing has grown yet.
        """
        if self._health is None or self._measure is None:
            raise ValueError("Grower.newborn_health = None: there is nothing that looks at neurons")
        if not self.history.events:
            raise ValueError("there are no new neurons yet: look when Grower.next_look says so")
        growth = self.history.events[-1]
        self._measure(batch, growth, step)
        return self._health.dormant(growth)

    def next_recycling(self, step: int) -> int | None:
        """The step when dormant neurons are recycled next, `step` itself if it is due, or None."""
        return self._recycling and self._recycling.next_time(step, self.next_growth(step))

    def recycle(self, step: int, batch: Any) -> dict[str, int]:
        """Recycles dormant neurons; see `Recycling`.

        Args:
          step: training steps done.
          batch: that of the next training step.

        Returns:
          The number of recycled neurons at each site.

        Raises:
          ValueError: there is no `recycling`.
        """
        if self._recycler is None:
            raise ValueError("Grower.recycling = None: give @Recycling() to recycle neurons")
        streams = [seeds.stream(self._seed, "recycling", step, s.name) for s in self._sites]
        counts = self._recycler(batch, tf.stack(streams))
        if self._checksums is not None:
            replica_check.check(self._checksums(), step)
        return counts

    def plan(self, steps: int) -> list[events.PlannedGrowth]:
        """The growths still to come in a run of `steps` training steps.

        Raises:
          ValueError: there are too many, schedule and policy are not functions of their arguments
            or return wrong values, or memory cannot hold the grown network.
        """
        if self._method is None:
            return []
        planned, widths = self._decider.plan(
            *(steps, self.history.events, self.widths(), self.seed_network.widths),
            self.forward_flops(self.history.last_step or 0),
            self.run,
        )
        for site in self._sites:
            weights = site.incoming().shape[0] + site.outgoing().shape[0]
            memory.checked([weights, widths[site.name]], f"site {site.name}, once it has grown,")
        return planned

    def forward_flops(self, steps: int) -> int:
        """Floating-point operations of the forward passes of one example in `steps` steps."""
        seed_network = self.seed_network.forward_flops
        assert seed_network is not None  # Only records of former runs lack it.
        return spent_flops.forward_flops(seed_network, self.history.events, steps)

    def prepare(self, growth_batch: Any, batch: Any | None = None) -> None:
        """Traces and compiles the growth, by growing nothing, so that no growth waits for it.

        Args:
          growth_batch: as for `grow`.
          batch: as for `grow`.
        """
        if self._grow is not None:
            batch = growth_batch if batch is None else batch
            arguments = self._growth_arguments(0, {}, step=0)
            self._grow(growth_batch, batch, *arguments, tf.constant(False))

    def try_sites(self, batch: Any) -> None:
        """Tries the growth of each site, and leaves the network as it is; see site_trial.py.

        Args:
          batch: as for `grow`.

        Raises:
          ValueError: a site cannot grow as it says.
        """
        if self._method is not None:
            with self._shapes.suspended():
                site_trial.SiteTrial(
                    self._model, self._sites, self._slots, self._method.uses_gradients
                ).check(batch)

    def rehearse(self, widths: Mapping[str, int]) -> None:
        """Widens sites with neurons whose weights are zero.

        Args:
          widths: by name of the site, not below the current ones; other sites stay as they are.
        """
        neurons = []
        for site in self._sites:
            count = widths.get(site.name, site.width) - site.width
            neurons.append(
                NewNeurons(tf.zeros([site.fan_in, count]), tf.zeros([site.fan_out, count]))
            )
        self._shapes.assign(
            surgery.grown_with_slots(self._sites, neurons, self._slots, self._carry_slots)
        )

    def check_widths(self) -> None:
        """Raises ValueError if the model does not have the widths of its history.

        Variables of unspecified shape take any value from a checkpoint, also a smaller one.
        """
        expected = events.widths_after(self.history.events, self.seed_network.widths)
        if self.widths() != expected:
            raise ValueError(
                f"the restored network has the widths {self.widths()}, but its growth history "
                f"ends with {expected}; was the model's seed network changed?"
            )

    def grow(self, step: int, growth_batch: Any, batch: Any | None = None) -> events.Growth:
        """Grows the network once, and trains it for the step after that.

        Args:
          step: training steps done.
          growth_batch: (inputs, targets) that new neurons are chosen by, distributed as training
            batches are.
          batch: of the training step; the growth batch if None.

        Returns:
          The event, as it is kept in `history`.

        Raises:
          FloatingPointError: the growth, unless such growths are skipped, or the step after it
            gave numbers that are not finite.
          ValueError: there is no growth method, or `decide` says that the network does not grow.
        """
        start = time.perf_counter()
        before = self.widths()
        counts, decision = self._decided(step, growth_batch)
        batch = growth_batch if batch is None else batch
        outcome, refusal = self._attempt(step, growth_batch, batch, counts)
        if refusal is not None:
            if not self._skip_nonfinite:
                raise FloatingPointError(f"in the growth after {step} steps {refusal}")
            counts = {}
        if self._checksums is not None:
            replica_check.check(self._checksums(), step)
        after = self.widths()
        if counts and after == before:
            refusal = f"{type(self._method).__name__} found no neurons that lower the loss"
        growth = events.Growth(
            step,
            float(outcome.measured.loss),
            parameters=cost.parameters(self._model),
            forward_flops=self._flops(),
            sites={
                name: outcome.of_site(i, width, after[name])
                for i, (name, width) in enumerate(before.items())
                if after[name] > width
            },
            refusal=refusal,
            decision=decision,
            predicted_decrease=self.observations.expected_decrease(decision),
        )
        growth.milliseconds = 1000 * (time.perf_counter() - start)
        event_checks.check_finite(growth)
        event_checks.say_rank(growth)
        self.history.events.append(growth)
        return growth

    def _decided(self, step, growth_batch):
        """The new neurons by site, and the decision behind them, if there is one."""
        if not self.decides:
            widths, initial = self.widths(), self.seed_network.widths
            return self._decider.allot(len(self.history), widths, initial), None
        last = self.observations.last
        if last is None or last.step != step:
            self.decide(step, lambda: growth_batch)
            last = self.observations.last
        assert last is not None
        if not last.counts and not self._decider.grows_anyway:
            raise ValueError(f"the network does not grow after step {step}: {last.because}")
        return last.counts, last

    def _attempt(self, step, growth_batch, batch, counts):
        """The outcome of a growth, and why it did not grow, if so."""
        grow = self._grow
        if grow is None:
            raise ValueError("Grower.method = None cannot grow; give a method, e.g. @GradMax()")

        def run(counts):
            arguments = self._growth_arguments(len(self.history), counts, step)
            return grow(growth_batch, batch, *arguments, tf.constant(True))

        kept = [(v, v.read_value()) for v in self._model.non_trainable_variables]
        try:
            outcome = run(counts)
        except tf.errors.InvalidArgumentError as error:
            if "decomposition was not successful" not in str(error):
                raise
            refusal = "the singular vectors of a site could not be computed"
            if not self._skip_nonfinite:
                raise FloatingPointError(f"in the growth after {step} steps {refusal}") from error
            # Nothing has grown yet, but the pass over the growth batch was not undone.
            for variable, value in kept:
                variable.assign(value)
            return run({}), refusal
        names = [site.name for site in self._sites]
        finite = dict(zip(names, outcome.is_finite.numpy(), strict=True))
        return outcome, event_checks.refusal(finite)

    def _changed_variables(self) -> list[tf.Variable]:
        """The variables that a growth may change, which replicas must have alike."""
        variables = self._model.trainable_variables
        return [*variables, *(slot.variable for v in variables for slot in self._slots(v))]

    def _flops(self) -> int:
        return sum(layer.flops for layer in self._counted)

    def _size(self) -> events.NetworkSize:
        return events.NetworkSize(self.widths(), cost.parameters(self._model), self._flops())

    def _growth_arguments(
        self, growth: int, counts: dict[str, int], step: int
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """New neurons `[sites]`, seeds `[sites, 2]` and training steps before a growth."""
        site_seeds = [seeds.stream(self._seed, "growth", growth, s.name) for s in self._sites]
        return (
            tf.constant([counts.get(site.name, 0) for site in self._sites], tf.int32),
            tf.stack(site_seeds),
            tf.constant(step, tf.int64),
        )


def _bias_correction(slots, carry_slots: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """The optimizer's bias correction at its steps, see `UpdateFactors`."""
    if not carry_slots:
        raise ValueError(
            "Grower.newborn_clock = True gives new neurons a clock of their own; with "
            "Grower.carry_slots = False old neurons start anew as well: bind one of the two"
        )
    if not hasattr(slots, "bias_correction"):
        raise ValueError(
            "Grower.newborn_clock = True needs slots that know the optimizer's bias correction: "
            "give trainer.optimization.optimizers.GrowableSlots, or leave it False"
        )
    return slots.bias_correction
