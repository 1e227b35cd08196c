import orbit
import tensorflow as tf

from trainer import orbit_controller


class _Printing(orbit.AbstractTrainer):
    def __init__(self, step):
        self._step = step

    def train(self, num_steps):
        print("a user's line")
        self._step.assign_add(int(num_steps))
        return {}


def test_what_a_user_prints_while_training_is_seen_and_nothing_of_orbit(capsys):
    step = tf.Variable(0, dtype=tf.int64)
    controller = orbit_controller.Controller(
        trainer=_Printing(step), global_step=step, steps_per_loop=4
    )
    controller.train(4, checkpoint_at_completion=False)
    assert capsys.readouterr().out == "a user's line\n"
