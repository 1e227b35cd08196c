"""All growth methods keep the contract of `GrowthMethod`, and `check_method` finds who does not."""

import numpy as np
import pytest
import tensorflow as tf

from growth.methods import (
    all_zero,
    best_candidates,
    firefly,
    firefly_opt,
    gradmax,
    gradmax_opt,
    inner_optimization,
    method,
    pairs,
    random,
    split,
    tiny,
)
from growth.methods.check_method import check_method
from growth.surgery.neurons import NewNeurons

_INNER = inner_optimization.ProjectedAdam(steps=2)


@pytest.mark.parametrize(
    ("checked", "keeps_output"),
    [
        (all_zero.AllZero(), True),
        (random.Random(), True),
        (random.Random(inverse=True), True),
        (random.Random(inverse=True, fraction=0.1), False),
        (gradmax.GradMax(), True),
        (gradmax_opt.GradMaxOpt(optimizer=_INNER), True),
        (gradmax_opt.GradMaxOpt(inverse=True, orthogonal=True, optimizer=_INNER), True),
        (pairs.Pairs(candidates=2), True),
        (best_candidates.BestCandidates(candidates=2), True),
        (split.Split(noise=0.0), True),
        (split.Split(), False),
        (firefly_opt.FireflyOpt(optimizer=_INNER), False),
        (firefly.Firefly(optimizer=_INNER), False),
        (tiny.Tiny(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_our_methods_keep_the_contract(checked, keeps_output):
    check_method(checked, keeps_output)


class _Method(method.GrowthMethod):
    """New neurons without weights."""

    def __call__(self, linear_map, count, seed):
        fan_out, fan_in = linear_map.shape
        return NewNeurons(tf.zeros([fan_in, count]), tf.zeros([fan_out, count]))


class _Swapped(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(new.outgoing, new.incoming)


class _Half(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(new.incoming, new.outgoing, shift=tf.zeros([count], tf.float16))


class _OnTheHost(_Method):
    def __call__(self, linear_map, count, seed):
        return NewNeurons(tf.zeros([4, count]), tf.constant(np.zeros([3, int(count)])))


class _Tuple(_Method):
    def __call__(self, linear_map, count, seed):
        return tuple(super().__call__(linear_map, count, seed)[:2])


class _GlobalState(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(tf.random.normal(tf.shape(new.incoming)), new.outgoing)


class _Loud(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(new.incoming + 1.0, new.outgoing + 1.0)


class _DividesByZero(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        outgoing = method.unit_columns(linear_map.shape[0], count, seed)
        incoming = linear_map.to_incoming(outgoing)
        return NewNeurons(incoming / tf.norm(incoming), new.outgoing)


class _WrongParents(_Method):
    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(new.incoming, new.outgoing, parents=tf.fill([count], 5))


class _AsksForGradients(_Method):
    uses_gradients = False

    def __call__(self, linear_map, count, seed):
        new = super().__call__(linear_map, count, seed)
        return NewNeurons(linear_map.to_incoming(new.outgoing), new.outgoing)


class _Picky(_Method):
    def check(self, site):
        raise ValueError("not here")


def test_a_method_may_do_nothing():
    check_method(_Method())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (_Swapped, r"gave incoming as float32 \[3, 1\] for 1 neurons .* must be float32 \[4, 1\]"),
        (_Half, r"gave shift as float16 \[1\] .* must be float32 \[1\]"),
        (_OnTheHost, "raised TypeError when it was traced with unknown count"),
        (_Tuple, r"__call__ returned tuple; return NewNeurons\(incoming, outgoing\)"),
        (_GlobalState, "gave other neurons for the same seed; draw with tf.random.stateless_"),
        (_Loud, "changed the outputs by .* or call check_method.*keeps_output=False"),
        (_DividesByZero, "gave incoming that is not finite where the gradient is zero"),
        (_WrongParents, r"gave parents \[5\]; each must be one of the 5 neurons, from 0, or -1"),
        (_AsksForGradients, "give it `uses_gradients = True`"),
        (_Picky, "_Picky.check refuses all sites: dense layers: not here"),
    ],
)
def test_a_broken_method_is_told_what_is_wrong(broken, message):
    with pytest.raises(ValueError, match=message) as raised:
        check_method(broken())
    assert str(raised.value).startswith(broken.__name__)
