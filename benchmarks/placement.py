"""Placement and width that the state of training decides, on tasks whose answers are known.

`where`: a teacher with two hidden layers and a student that lacks neurons in one of them alone, the
first or the second. The share of new neurons that go there, by policy, and the final loss against
that of uniform and of random placement, seed by seed.

`how_many`: teachers of several widths, and a student that grows from 2 neurons by one and the same
configuration. Its final width.

`images`: a VGG-11 and a WRN-10-1 on Fashion-MNIST, three growths by as many neurons as lead from a
quarter to half of all widths, within the parameters of that network. Test accuracy, parameters and
training FLOPs, by policy.

./bazelw run //benchmarks:placement -- --output_dir=/tmp/placement
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import statistics
from collections.abc import Sequence

from absl import app, flags
from scipy import stats

from trainer.command import interrupts
from trainer.sweep import comparison, seeded_run, seeded_runs

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder of the runs.", required=True)
_SEEDS = flags.DEFINE_integer("seeds", 20, "Seeds of data, teacher and student.", lower_bound=2)
_STUDIES = flags.DEFINE_multi_enum(
    "study", ["where", "how_many"], ["where", "how_many", "images"], "Parts."
)
_PROCESSES = flags.DEFINE_integer("processes", 2, "Runs at the same time.", lower_bound=1)

_TASKS, _METHOD = "gin_configs/teacher_student", "gin_configs/methods/gradmax.gin"
_DECISIONS = "gin_configs/decisions"
# The site that lacks neurons, by the widths that the student starts with.
_STARTS = {(4, 16): "hidden_1", (16, 4): "hidden_2"}
_WIDTHS = (4, 8, 16, 32)


@dataclasses.dataclass(frozen=True)
class Placement:
    """A way to place neurons: .gin files and bindings after those of the task."""

    files: Sequence[str] = ()
    bindings: Sequence[str] = ()


_PLACEMENTS = {
    "GainPerCost": Placement((f"{_DECISIONS}/gain_per_cost.gin",)),
    "LargestSingularValues": Placement((f"{_DECISIONS}/largest_singular_values.gin",)),
    "Votes": Placement(
        (),
        (
            "import growth.decisions.placement",
            "Grower.policy = @Votes()",
            "Votes.neurons = 2",
        ),
    ),
    "uniform": Placement(),
    "random": Placement(
        (),
        (
            "Grower.policy = @RandomPlacement()",
            "RandomPlacement.neurons = 2",
            "RandomPlacement.seed = %seed",
        ),
    ),
}


@dataclasses.dataclass(frozen=True)
class Images:
    """A network on Fashion-MNIST: new neurons at a growth, and its parameters at half widths."""

    neurons: int
    parameters: int


_IMAGES = {"vgg": Images(58, 152_586), "wrn": Images(9, 39_754)}
_OF_IMAGES = {
    "GainPerCost": ("Grower.policy = @GainPerCost()", "GainPerCost.neurons = {}"),
    "GainPerCost, FLOPs": (
        "Grower.policy = @GainPerCost()",
        "GainPerCost.neurons = {}",
        "GainPerCost.cost = @cost_in_flops",
    ),
    "LargestSingularValues": (
        "Grower.policy = @LargestSingularValues()",
        "LargestSingularValues.neurons = {}",
    ),
    "uniform": ("AllAtOnce.target_fraction = 0.083333",),
    "random": (
        "Grower.policy = @RandomPlacement()",
        "RandomPlacement.neurons = {}",
        "RandomPlacement.seed = %seed",
    ),
}


def _images() -> dict[tuple[str, str], list[seeded_run.SeededRun]]:
    """The runs of each network and policy."""
    shared = (
        "import growth.decisions.budget",
        "import growth.decisions.placement",
        "Grower.budget = @Budget()",
    )
    return {
        (network, name): [
            seeded_run.SeededRun(
                f"images/{network}/{name.replace(', ', '_')}",
                (f"gin_configs/fashion_mnist/{network}.gin", _METHOD),
                seed,
                (
                    *shared,
                    f"Budget.parameters = {of.parameters}",
                    *(binding.format(of.neurons) for binding in bindings),
                ),
                (),
                _OUTPUT_DIR.value,
            )
            for seed in range(_SEEDS.value)
        ]
        for network, of in _IMAGES.items()
        for name, bindings in _OF_IMAGES.items()
    }


def _where() -> dict[tuple[str, tuple[int, int]], list[seeded_run.SeededRun]]:
    """The runs of each policy from each start."""
    return {
        (name, start): [
            seeded_run.SeededRun(
                f"where/{start[0]}_{start[1]}/{name}",
                (f"{_TASKS}/two_layers.gin", _METHOD, *placement.files),
                seed,
                (*placement.bindings, f"initial_widths = {start}"),
                (),
                _OUTPUT_DIR.value,
            )
            for seed in range(_SEEDS.value)
        ]
        for start in _STARTS
        for name, placement in _PLACEMENTS.items()
    }


def _how_many() -> dict[int, list[seeded_run.SeededRun]]:
    """The runs of each width of the teacher."""
    files = ("plateau", "gain_per_cost", "until_it_fits")
    return {
        width: [
            seeded_run.SeededRun(
                f"how_many/{width}",
                (
                    f"{_TASKS}/unknown_width.gin",
                    _METHOD,
                    *(f"{_DECISIONS}/{name}.gin" for name in files),
                ),
                seed,
                (f"teacher_sizes = (20, {width}, 20)", "Loop.log_interval = 500"),
                (),
                _OUTPUT_DIR.value,
            )
            for seed in range(_SEEDS.value)
        ]
        for width in _WIDTHS
    }


def _outcome(run):
    result = run.result()
    return f"{result['widths']} {result['test']}"


def _perform(groups):
    """Runs what has no result yet, seed by seed; raises RuntimeError if a run fails."""
    runs = [run for of_seed in zip(*groups.values(), strict=True) for run in of_seed]
    todo = [run for run in runs if run.result() is None]
    with interrupts.catch() as interrupt:
        done = seeded_runs.perform(seeded_run.train, todo, _PROCESSES.value, interrupt, _outcome)
        failures = [f"{run.path}: {failure}" for run, failure in done if failure]
    if interrupt:
        raise SystemExit("stopped; the same command goes on")
    if failures:
        raise RuntimeError("\n".join(failures))


def _report_where(groups) -> None:
    losses = {
        key: {run.seed: run.result()["train"]["loss"] for run in runs}
        for key, runs in groups.items()
    }
    for start, site in _STARTS.items():
        print(f"\nstart {start}: {site} lacks neurons, {_SEEDS.value} seeds")
        for name in _PLACEMENTS:
            runs = groups[name, start]
            before = start[0] if site == "hidden_1" else start[1]
            grown = [run.result()["widths"][site] - before for run in runs]
            new = [sum(run.result()["widths"].values()) - sum(start) for run in runs]
            parameters = statistics.fmean(run.result()["parameters"] for run in runs)
            loss = statistics.fmean(losses[name, start].values())
            line = f"  {name}: {sum(grown) / sum(new):.0%} of new neurons there, "
            line += f"{parameters:.0f} parameters, loss {loss:.3g}"
            for control in ("uniform", "random"):
                if name not in ("uniform", "random"):
                    pair = comparison.paired_difference(losses[name, start], losses[control, start])
                    line += (
                        f"; {pair.mean:+.3g} +- {pair.half_width:.2g} to {control}, lower in "
                        f"{pair.lower} of {pair.pairs}"
                    )
            print(line)


def _report_how_many(groups) -> None:
    widths, found = [], []
    print(f"\nteachers of one hidden layer, {_SEEDS.value} seeds: final width of the student")
    for width, runs in groups.items():
        final = sorted(run.result()["widths"]["hidden_1"] for run in runs)
        loss = statistics.median(run.result()["train"]["loss"] for run in runs)
        within = sum(abs(x - width) <= 0.25 * width for x in final)
        print(
            f"  {width}: median {statistics.median(final):g}, from {final[0]} to {final[-1]}, "
            f"within 25 % in {within} of {len(final)}; median loss {loss:.2g}"
        )
        widths += [width] * len(final)
        found += final
    print(f"  rank correlation {stats.spearmanr(widths, found).statistic:.3f}")


def _report_images(groups) -> None:
    for network in _IMAGES:
        print(f"\n{network} on Fashion-MNIST, {_SEEDS.value} seeds")
        accuracy = {
            name: {
                run.seed: 100 * run.result()["test"]["accuracy"] for run in groups[network, name]
            }
            for name in _OF_IMAGES
        }
        for name in _OF_IMAGES:
            results = [run.result() for run in groups[network, name]]
            parameters, flops = (
                statistics.fmean(result[key] for result in results)
                for key in ("parameters", "training_flops")
            )
            widths = [round(statistics.fmean(each)) for each in _by_site(results)]
            line = f"  {name}: {statistics.fmean(accuracy[name].values()):.2f} %, "
            line += f"{parameters:.0f} parameters, {flops:.3g} FLOPs of training, widths {widths}"
            for control in ("uniform", "random"):
                if name not in ("uniform", "random"):
                    pair = comparison.paired_difference(accuracy[name], accuracy[control])
                    line += f"; {pair.mean:+.2f} +- {pair.half_width:.2f} to {control}"
            print(line)


def _by_site(results):
    """The widths of each site in all results."""
    return zip(*(result["widths"].values() for result in results), strict=True)


def main(argv):
    """Runs, and prints a line for each policy and each teacher."""
    del argv
    if "where" in _STUDIES.value:
        groups = _where()
        _perform(groups)
        _report_where(groups)
    if "how_many" in _STUDIES.value:
        groups = _how_many()
        _perform(groups)
        _report_how_many(groups)
    if "images" in _STUDIES.value:
        groups = _images()
        _perform(groups)
        _report_images(groups)


if __name__ == "__main__":
    app.run(main)
