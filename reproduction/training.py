"""A training run as figures need it: its curve, its growths, its end."""

from typing import Any

from trainer.model_dir import run_directory, strict_json


def train(directory: run_directory.RunDirectory) -> dict[str, Any]:
    """Trains what Gin holds, and reads what was logged.

    Returns:
      `curve`: [step, training FLOPs, training loss], where a loss is the mean over the steps since
      the point before, and the last one that after the last step; `growths`: `step`,
      `milliseconds` with the training step after it, and `step_milliseconds`, of a step before it;
      `test`: the metrics on test examples.
    """
    # TensorFlow is for the processes that train.
    from trainer import train as train_lib
    from trainer.logs import run_curves

    train_lib.train_in(directory, evaluate=True)
    result = strict_json.loads((directory.path / "result.json").read_text())
    curves = run_curves.read("", result["seed"], directory.path)
    losses = curves.metrics["train/loss"] | {result["steps"]: result["train"]["loss"]}
    in_steps = run_curves.scalars(directory.path).get("per_growth/training_steps", {})
    growths = (directory.path / "growth.jsonl").read_text().splitlines()
    return {
        "curve": [[step, curves.flops(step), loss] for step, loss in losses.items()],
        "growths": [
            {
                "step": event["step"],
                "milliseconds": event["milliseconds"],
                "step_milliseconds": event["milliseconds"] / in_steps[event["step"]],
            }
            for event in map(strict_json.loads, growths)
            if event["step"] in in_steps  # A growth at step 0 has no step before it.
        ],
        "test": result["test"],
    }
