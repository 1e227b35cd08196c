"""The arms of the benchmark: ways to spend training FLOPs on a task."""

import dataclasses
from collections.abc import Sequence

_METHODS = "gin_configs/methods"
_RECIPE = "gin_configs/recipe.gin"

RECIPE, BIG = "recipe", "big"


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to train for a task.

    Attributes:
      name: of its folder, and in results.
      title: in tables.
      files: .gin files after that of the task.
      bindings: after the files.
      costs: the name of an arm whose training FLOPs this one has, by a run that is shorter or
        longer; None for the steps of the task.
      share: of those training FLOPs.
      rival: the name of the arm that it is compared with: the big network, mostly with as many
        FLOPs.
      is_quick: whether the quick benchmark has it.
    """

    name: str
    title: str
    files: Sequence[str]
    bindings: Sequence[str] = ()
    costs: str | None = None
    share: float = 1.0
    rival: str | None = "big_like_recipe"
    is_quick: bool = False


def _method(name: str) -> str:
    return f"{_METHODS}/{name}.gin"


def _in_recipe(method: str, title: str, is_quick: bool = False) -> Arm:
    """A growth method with the widths, the schedule and the lengths of the recipe."""
    return Arm(f"recipe_{method}", title, (_RECIPE, _method(method)), is_quick=is_quick)


_NEWBORN_RATE = ("Grower.newborn_rate = @ConstantRate()", "ConstantRate.factor = 2.0")

ARMS = (
    Arm(
        "half", "half of the widths, never grown", (_RECIPE, _method("baseline_small")), rival=None
    ),
    Arm(
        "half_like_recipe",
        "half of the widths, FLOPs of the recipe",
        (_RECIPE, _method("baseline_small")),
        costs=RECIPE,
        rival=None,
    ),
    Arm(RECIPE, "**recipe**", (_RECIPE,), is_quick=True),
    Arm(
        "big_like_recipe",
        "big, FLOPs of the recipe",
        (_method("baseline_big"),),
        costs=RECIPE,
        rival=None,
        is_quick=True,
    ),
    Arm("recipe_70", "recipe, longer: 70 % of big", (_RECIPE,), costs=BIG, share=0.7, rival=BIG),
    Arm("recipe_long", "recipe, longer: FLOPs of big", (_RECIPE,), costs=BIG, rival=BIG),
    Arm(BIG, "big", (_method("baseline_big"),), rival=None, is_quick=True),
    _in_recipe("gradmax", "recipe with GradMax", is_quick=True),
    _in_recipe("best_candidates", "recipe with BestCandidates"),
    _in_recipe("pairs", "recipe with Pairs"),
    _in_recipe("split", "recipe with Split"),
    _in_recipe("tiny", "recipe with Tiny"),
    Arm(
        "recipe_incoming_zero",
        "recipe, incoming weights zero",
        (_RECIPE,),
        ("Random.inverse = False",),
    ),
    Arm("recipe_outgoing", "recipe, outgoing weights 0.3", (_RECIPE,), ("Random.fraction = 0.3",)),
    Arm("recipe_fast", "recipe, new neurons twice as fast", (_RECIPE,), _NEWBORN_RATE),
    Arm("random", "growths of the task, Random", (_method("random"),), rival="big_like_task"),
    Arm("gradmax", "growths of the task, GradMax", (_method("gradmax"),), rival="big_like_task"),
    Arm(
        "big_like_task",
        "big, FLOPs of these growths",
        (_method("baseline_big"),),
        costs="random",
        rival=None,
    ),
)
