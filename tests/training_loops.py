"""Runs of a small network, for tests of the training loop."""

import functools

import gin

from growth import grower as grower_lib
from tests import networks
from trainer import experiment, loop, objectives, train
from trainer import run as run_lib
from trainer.datasets import teacher_student
from trainer.model_dir import run_directory


def run(folder, method, schedule, policy, steps, log_interval=100):
    """Trains in `folder`; gives the experiment and the output of each in-graph loop."""
    gin.clear_config()
    data = teacher_student.TeacherStudent((6, 8, 4), batch_size=16, examples=64)
    built = experiment.Experiment(
        dataset=lambda: data,
        model=lambda output_width: networks.network((5,), output_width, use_bias=False),
        objective=objectives.SquaredError(),
        optimizer=networks.momentum,
        steps=steps,
        grower=functools.partial(
            grower_lib.Grower, schedule=schedule, policy=policy, method=method
        ),
        loop=functools.partial(loop.Loop, log_interval=log_interval),
    )
    made = run_lib.Run(built, run_directory.RunDirectory(folder))
    training = train.Training(made, {})
    outputs = recorded(built.task)
    training.train(evaluate=False)
    return built, outputs


def recorded(task):
    """A list that gets the output of each loop that a task trains from now on."""
    outputs, train_steps = [], task.train

    def train_and_record(steps):
        outputs.append(train_steps(steps))
        return outputs[-1]

    task.train = train_and_record
    return outputs
