import orbit
import tensorflow as tf
from orbit import controller

from trainer.upstream import orbit as quiet_orbit


class _Printing(orbit.AbstractTrainer):
    def __init__(self, step):
        self._step = step

    def train(self, num_steps):
        print("a user's line")
        self._step.assign_add(int(num_steps))
        return {}


def _printed(capsys):
    step = tf.Variable(0, dtype=tf.int64)
    quiet = quiet_orbit.Controller(trainer=_Printing(step), global_step=step, steps_per_loop=4)
    quiet.train(4, checkpoint_at_completion=False)
    return capsys.readouterr().out


def test_what_a_user_prints_while_training_is_seen_and_nothing_of_orbit(capsys):
    assert _printed(capsys) == "a user's line\n"


def test_orbit_itself_prints(capsys, monkeypatch):
    monkeypatch.delattr(controller, "print")
    assert len(_printed(capsys).splitlines()) > 1
