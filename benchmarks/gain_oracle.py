"""Expected gains against real ones: each site grows alone, and trains on.

A network on Fashion-MNIST is trained at a constant learning rate. At several steps each of its
sites is measured, then grown alone by GradMax and trained for 200 steps more, each time from the
same weights and on the same batches. The real gain is the loss of the network that did not grow,
over the second half of these steps, less that of the grown one: a mean over several sequences of
batches, because two runs of stochastic gradient descent part soon, and what parts them by chance is
as large as the gain.
Gains are those of GradMax, and of Tiny, which leaves out what existing neurons could do.
Spearman's correlation over all sites and states of a network says how well each number foretells
the real gain; that within a state, averaged over states, how well it tells sites apart.

./bazelw run //benchmarks:gain_oracle -- --network=mlp
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import csv
import dataclasses
import pathlib
import statistics
from collections.abc import Sequence

import gin
import tensorflow as tf
from absl import app, flags, logging
from scipy import stats

from growth.decisions import measurement, policies
from growth.linear_map import site_observer
from growth.methods import gradmax, tiny
from models import cost
from trainer import experiment as experiment_lib
from trainer.sweep import seeded_run

_NETWORKS = flags.DEFINE_multi_enum(
    "network", ["mlp", "vgg", "wrn"], ["mlp", "vgg", "wrn"], "Networks on Fashion-MNIST."
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds of data and network.", lower_bound=1)
_REPEATS = flags.DEFINE_integer("repeats", 4, "Sequences of batches.", lower_bound=1)
_EXAMPLES = flags.DEFINE_integer("examples", 4096, "Of the growth batch.", lower_bound=1)
_NEURONS = flags.DEFINE_integer("neurons", 8, "New neurons of a site.", lower_bound=1)
_STEPS = flags.DEFINE_multi_integer(
    "step", [100, 200, 300, 400, 600, 800], "Training steps before a state."
)
_TABLE = flags.DEFINE_string("table", None, "CSV file of all sites and states.")

_AFTER = 200
# Narrow ones, which lack neurons.
_WIDTHS = {"mlp": "(4, 4)", "vgg": "0.0625", "wrn": "0.25"}
_RATES = {"mlp": 0.02, "vgg": 0.02, "wrn": 0.05}


@gin.configurable
class OneSite(policies.Policy):
    """New neurons at the site `chosen`, or nowhere; for this benchmark, which sets it."""

    chosen: str | None = None

    def allot(self, growth: int, sites: Sequence[policies.SiteWidth]) -> list[int]:
        """See `Policy.allot`."""
        del growth
        return [_NEURONS.value if site.name == self.chosen else 0 for site in sites]


@dataclasses.dataclass(frozen=True)
class Row:
    """A site of a network at a state; numbers of the measurement, and the real gain."""

    network: str
    seed: int
    step: int
    site: str
    singular_value: float
    gain: float
    tiny_gain: float
    gain_per_parameter: float
    gain_per_flop: float
    old_gradient: float
    real: float
    real_per_flop: float


_FORETELLERS = ("singular_value", "gain", "tiny_gain", "gain_per_parameter", "old_gradient")


class _Network:
    """A network in training that goes back to where it was."""

    def __init__(self, name: str, seed: int):
        bindings = (
            "Grower.policy = @OneSite()",
            "Grower.schedule = @PeriodicSchedule()",
            "PeriodicSchedule.start = 0",
            "PeriodicSchedule.interval = 1",
            "PeriodicSchedule.count = 1000",
            "Grower.newborn_health = None",
            f"Experiment.growth_batch_size = {_EXAMPLES.value}",
            f"initial_widths = {_WIDTHS[name]}",
            "optimizer.learning_rate = @ConstantLrConfig()",
            f"ConstantLrConfig.learning_rate = {_RATES[name]}",
        )
        files = (f"gin_configs/fashion_mnist/{name}.gin", "gin_configs/methods/gradmax.gin")
        OneSite.chosen = None
        seeded_run.load(seeded_run.SeededRun(name, files, seed, bindings, (), "."))
        self.name, self.seed = name, seed
        self.experiment = experiment_lib.Experiment()
        self._step = tf.function(self.experiment.task.step)
        self._variables = [*self.experiment.model.variables, *self.experiment.optimizer.variables()]
        sites, task = self.experiment.model.sites, self.experiment.task
        observer = site_observer.SiteObserver(
            sites, site_observer.loss_of(self.experiment.model, task.loss), sites
        )
        self._measure, self._measure_tiny = (
            measurement.Measurement(
                *(self.experiment.model, observer, sites, method),
                lambda function: tf.function(function, autograph=False),
                _NEURONS.value,
            )
            for method in (gradmax.GradMax(), tiny.Tiny())
        )
        self._size = cost.size_at(self.experiment.model, sites)

    def train(self, first: int, steps: int) -> float:
        """Trains on the batches after `first` steps; the mean loss of the second half."""
        task = self.experiment.task
        batches = iter(self.experiment.batches(first))
        for half in (steps // 2, steps - steps // 2):
            for _ in range(half):
                self._step(next(batches))
            loss = float(task.train_loop_end()["loss"])
        return loss

    def rows(self, step: int) -> list[Row]:
        """All sites after `step` training steps, where the network is."""
        experiment, grower = self.experiment, self.experiment.grower
        batch = next(iter(experiment.batches(step)))
        growth_batch = experiment.growth_batch(step, batch)
        seeds = tf.random.stateless_uniform(
            [len(grower.widths()), 2], [self.seed, step], None, None, tf.int32
        )
        measured = self._measure(growth_batch, seeds)
        by_tiny = self._measure_tiny(growth_batch, seeds)
        saved = [variable.read_value() for variable in self._variables]
        starts = [step + 10_000 * repeat for repeat in range(_REPEATS.value)]
        control, rows = 0.0, []
        for start in starts:
            control += self.train(start, _AFTER) / len(starts)
            self._restore(saved)
        widths = grower.widths()
        now = self._size(widths)
        for name, site in measured.items():
            real = control
            for start in starts:
                OneSite.chosen = name
                # A growth trains a step.
                grower.grow(step, growth_batch, next(iter(experiment.batches(start))))
                grower.history.events.clear()
                real -= self.train(start + 1, _AFTER - 1) / len(starts)
                self._restore(saved)
            more = self._size(widths | {name: widths[name] + 1})
            parameters, flops = more.parameters - now.parameters, more.forward_flops - now[2]
            gain = sum(site.gains)
            rows.append(
                Row(
                    *(self.name, self.seed, step, name),
                    singular_value=site.singular_values[0],
                    gain=gain,
                    tiny_gain=sum(by_tiny[name].gains),
                    gain_per_parameter=gain / parameters,
                    gain_per_flop=gain / flops,
                    old_gradient=site.old_gradient_norm,
                    real=real,
                    real_per_flop=real / flops,
                )
            )
        OneSite.chosen = None
        return rows

    def _restore(self, values):
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)


def _spearman(rows: Sequence[Row], name: str, real: str = "real") -> float:
    x, y = ([getattr(row, key) for row in rows] for key in (name, real))
    return float(stats.spearmanr(x, y).statistic)


def _report(title: str, rows: Sequence[Row]) -> None:
    states: dict[tuple, list[Row]] = {}
    for row in rows:
        states.setdefault((row.network, row.seed, row.step), []).append(row)
    print(f"{title}: {len(states)} states, {len(rows)} sites and states", flush=True)
    pairs = [*((name, "real") for name in _FORETELLERS), ("gain_per_flop", "real_per_flop")]
    for name, real in pairs:
        within = [_spearman(state, name, real) for state in states.values() if len(state) > 2]
        among = f", within a state {statistics.fmean(within):.2f}" if within else ""
        print(f"  {name} and {real}: {_spearman(rows, name, real):.2f}{among}", flush=True)
    for name in ("gain", "tiny_gain"):
        hits = sum(
            max(state, key=lambda row: getattr(row, name)) == max(state, key=lambda row: row.real)
            for state in states.values()
        )
        print(f"  the site of the largest {name} is the best one in {hits} of {len(states)}")


def main(argv):
    """Prints correlations for each network."""
    del argv
    logging.set_verbosity(logging.ERROR)
    everything: list[Row] = []
    for name in _NETWORKS.value:
        rows: list[Row] = []
        for seed in range(_SEEDS.value):
            network, done = _Network(name, seed), 0
            for step in sorted(_STEPS.value):
                network.train(done, step - done)
                rows += network.rows(step)
                done = step
                print(f"{name} seed {seed} step {step} done", flush=True)
        _report(name, rows)
        everything += rows
        if _TABLE.value:
            with pathlib.Path(_TABLE.value).open("w", newline="") as file:
                writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
                writer.writeheader()
                writer.writerows(dataclasses.asdict(row) for row in everything)
    if len(_NETWORKS.value) > 1:
        _report("all", everything)


if __name__ == "__main__":
    app.run(main)
