"""The dry run: prints layers, growth plan and cost."""

from models import cost
from trainer import experiment as experiment_lib


def report(experiment: experiment_lib.Experiment) -> str:
    """The layers, the growth plan, and the cost of the network before and after.

    Args:
      experiment: not restored from a checkpoint.

    Returns:
      Text for the console.
    """
    model, grower = experiment.model, experiment.grower
    experiment.try_sites(experiment.first_batch())
    lines = [
        "Layers of the seed network",
        *_layers(model),
        "",
        f"Growth plan of {experiment.steps} steps",
    ]
    plan, outlook = grower.plan(experiment.steps), grower.outlook()
    lines += [
        f"  step {growth.step}: {growth.site} from {growth.from_width} to {growth.to_width} neurons"
        for growth in plan
    ] or ["  none" if not outlook else "  depends on training"]
    lines += [f"  {line}" for line in outlook]
    before = _cost(model)
    grower.rehearse({growth.site: growth.to_width for growth in plan})
    after = _cost(model)
    return "\n".join([*lines, "", f"Before: {before}", f"After:  {after}"])


def _layers(model) -> list[str]:
    return [
        f"  {layer.name}: {type(layer).__name__}, fan-in {layer.fan_in}, "
        f"width {layer.width}, {cost.parameters(layer)} parameters, {layer.flops} FLOPs"
        for layer in cost.growable_layers(model)
    ]


def _cost(model) -> str:
    return (
        f"{cost.parameters(model)} parameters, "
        f"{cost.forward_flops(model)} FLOPs for a forward pass of one example"
    )
