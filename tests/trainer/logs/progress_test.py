import io

import pytest
import tensorflow as tf

from trainer.logs import progress

_EVENT = {
    "step": 10,
    "sites": {
        "hidden_1": {"from": 5, "to": 6, "gradient_norm_new": 0.5, "gradient_norm_old": 0.25}
    },
}


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _show(stream):
    step = tf.Variable(0)
    shown = progress.Progress(step, steps=40, batch_size=8, stream=stream)
    step.assign(10)
    shown({"loss": tf.constant(1.5), "optimizer/rate": tf.constant(0.25)})
    shown.growth(_EVENT)
    step.assign(40)
    shown({"loss": tf.constant(0.5), "accuracy": tf.constant(0.75)})
    shown.close()
    return stream.getvalue()


def test_lines_in_a_file():
    first, growth, last = _show(io.StringIO()).splitlines()
    assert first.startswith("step 10/40  loss=1.5 rate=0.25  ")
    assert first.endswith(" s left") and "examples/s" in first
    assert growth == (
        "step 10  grew hidden_1 5 -> 6 (gradient norm of new neurons 0.5, of old 0.25)"
    )
    assert last.startswith("step 40/40  loss=0.5 accuracy=0.75  ") and "  0 s left" in last


@pytest.mark.parametrize("text", ["10/40", "40/40", "loss=0.5 accuracy=0.75", "grew hidden_1"])
def test_a_bar_on_a_terminal(text):
    assert text in _show(_Terminal())


def test_a_growth_without_room_is_said():
    stream = io.StringIO()
    progress.Progress(tf.Variable(0), 40, 8, stream).growth({"step": 3, "sites": {}})
    assert stream.getvalue() == "step 3  grew nothing: all sites are at their maximum\n"


def test_a_console_that_is_gone_does_not_end_a_run():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        flush = write

    assert _show(Gone()) == ""
