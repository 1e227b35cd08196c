"""The warning about new neurons that do nothing."""

from collections.abc import Mapping

from growth.records import events


def text(growth: events.Growth, step: int, dormant: Mapping[str, float]) -> str:
    """The warning.

    Args:
      growth: that added the neurons.
      step: training steps done.
      dormant: the share of dormant neurons by site; not empty.
    """
    worst = max(dormant, key=dormant.get)
    count = growth.sites[worst].count
    more = len(dormant) - 1
    others = f" (and at {more} more site{'s' * (more > 1)})" if more else ""
    return (
        f"warning: {step - growth.step} steps after the growth at step {growth.step}, "
        f"{round(dormant[worst] * count)} of {count} new neurons of {worst}{others} are dormant. "
        "Starts with outgoing weights of zero (--gin_file=gin_configs/recipe.gin), or "
        "@models.activations.leaky_relu, keep them alive; growth.jsonl has all shares"
    )
