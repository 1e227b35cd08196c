import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from models import cost
from models.architectures import mobilenet, vgg, wide_resnet
from models.layers import normalization
from models.layers import pooling as pooling_lib
from tests import architectures

_wrn_28_1 = functools.partial(wide_resnet.WideResNet, 10, depth=28)
_wrn_16_2 = functools.partial(wide_resnet.WideResNet, 10, depth=16, width=2)
_mobilenet = functools.partial(mobilenet.MobileNet, 1000)
_half_normalized_mobilenet = functools.partial(_mobilenet, normalize_depthwise=False)

_tiny = pytest.mark.parametrize(
    "make", [architectures.tiny_vgg, architectures.tiny_wrn, architectures.tiny_mobilenet]
)

_VGG_11_WIDTHS = (64, 128, 256, 256, 512, 512, 512, 512)
_MOBILENET_WIDTHS = (32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)
_MOBILENET_MAPS = (112, 112, 56, 56, 28, 28, *[14] * 6, 7, 7)


# What an architecture is, said once more: (size of the map, weights) of each layer with weights,
# gains and shifts, biases.


def _vgg_11_weights(multiplier):
    widths = [3, *(int(width * multiplier) for width in _VGG_11_WIDTHS), 10]
    maps = (32, 16, 8, 8, 4, 4, 2, 2, 1)
    pairs = zip(maps, itertools.pairwise(widths), strict=True)
    return [(size, 9 * fan_in * width) for size, (fan_in, width) in pairs], 0, 0


def _wide_resnet_weights(multiplier, depth, k):
    weights, gains, fan_in = [(32, 27 * 16)], 0, 16
    for width, size in ((16 * k, 32), (32 * k, 16), (64 * k, 8)):
        inside = int(width * multiplier)
        for _ in range((depth - 4) // 6):
            weights += [(size, 9 * fan_in * inside), (size, 9 * inside * width)]
            if fan_in != width:
                weights.append((size, fan_in * width))
            gains += 2 * fan_in
            fan_in = width
    return [*weights, (1, fan_in * 10)], gains + 2 * fan_in, 10


def _mobilenet_weights(multiplier, normalize_depthwise=True):
    widths = [int(width * multiplier) for width in _MOBILENET_WIDTHS]
    weights = [(112, 27 * widths[0])]
    for size, (fan_in, width) in zip(_MOBILENET_MAPS[1:], itertools.pairwise(widths), strict=True):
        weights += [(size, 9 * fan_in), (size, fan_in * width)]
    gains = 2 * sum(widths) + 2 * sum(widths[:-1]) * normalize_depthwise
    return [*weights, (1, widths[-1] * 1000)], gains, 1000


_wrn_28_1_weights = functools.partial(_wide_resnet_weights, depth=28, k=1)
_half_normalized_weights = functools.partial(_mobilenet_weights, normalize_depthwise=False)
_wrn_16_2_weights = functools.partial(_wide_resnet_weights, depth=16, k=2)


@pytest.mark.parametrize(
    ("make", "weights", "size", "multiplier", "parameters", "flops"),
    [
        (architectures.vgg_11, _vgg_11_weights, 32, 1, 9_263_808, 305_620_992),
        (architectures.vgg_11, _vgg_11_weights, 32, 0.25, 587_952, 19_782_144),
        (_wrn_28_1, _wrn_28_1_weights, 32, 1, 368_602, 109_937_930),
        (_wrn_28_1, _wrn_28_1_weights, 32, 0.25, 95_578, 28_542_218),
        (_wrn_16_2, _wrn_16_2_weights, 32, 1, 690_778, 202_213_898),
        (_wrn_16_2, _wrn_16_2_weights, 32, 0.25, 182_746, 53_578_250),
        # The trainable parameters and the 569 M multiply-adds that are known of MobileNet.
        (_mobilenet, _mobilenet_weights, 224, 1, 4_231_976, 1_137_481_704),
        (_mobilenet, _mobilenet_weights, 224, 0.25, 470_072, 82_061_544),
        (_half_normalized_mobilenet, _half_normalized_weights, 224, 1, 4_222_056, 1_137_481_704),
        (_half_normalized_mobilenet, _half_normalized_weights, 224, 0.25, 467_592, 82_061_544),
    ],
)
def test_parameters_and_flops(make, weights, size, multiplier, parameters, flops):
    layers_, gains, biases = weights(multiplier)
    assert parameters == sum(count for _, count in layers_) + gains + biases
    assert flops == 2 * sum(size**2 * count for size, count in layers_) + biases
    model = architectures.built(make(width_multiplier=multiplier), size)
    assert cost.parameters(model) == parameters
    assert cost.forward_flops(model) == flops


@pytest.mark.parametrize(
    ("make", "targets"),
    [
        (architectures.vgg_11, _VGG_11_WIDTHS),
        (_wrn_28_1, [16] * 4 + [32] * 4 + [64] * 4),
        (_wrn_16_2, [32] * 2 + [64] * 2 + [128] * 2),
        (_mobilenet, _MOBILENET_WIDTHS),
    ],
)
@pytest.mark.parametrize("multiplier", [1, 0.25, 0.001])
def test_widths(make, targets, multiplier):
    model = architectures.built(make(width_multiplier=multiplier), 32)
    assert [site.target_width for site in model.sites] == list(targets)
    assert architectures.widths(model) == [max(1, int(target * multiplier)) for target in targets]


@pytest.mark.parametrize(
    ("depth", "convolutions"), [(11, 8), (13, 10), (16, 13), (19, 16)], ids=str
)
def test_vgg_has_three_layers_less_than_its_depth_and_a_head(depth, convolutions):
    model = architectures.built(vgg.VGG(10, depth, width_multiplier=1 / 64), 32)
    assert [site.name for site in model.sites] == [f"conv_{i + 1}" for i in range(convolutions)]


def test_sites_of_blocks_are_named_by_group_and_block():
    names = [site.name for site in wide_resnet.WideResNet(10, 16).sites]
    assert names == [f"block_{group}_{i}" for group in (1, 2, 3) for i in (1, 2)]


@pytest.mark.parametrize("pooling", [pooling_lib.MaxPooling2D, pooling_lib.AveragePooling2D])
def test_pooling_halves_maps_where_strides_did(pooling):
    strided, pooled = (
        architectures.built(vgg.VGG(10, pooling=p, width_multiplier=0.25), 32)
        for p in (None, pooling)
    )
    assert cost.forward_flops(pooled) == cost.forward_flops(strided)
    assert not np.allclose(pooled(architectures.images(32)), strided(architectures.images(32)))


@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (40, 24)])
def test_the_head_of_vgg_takes_maps_of_any_size(shape):
    assert vgg.VGG(7, width_multiplier=1 / 64)(tf.zeros([2, *shape, 3])).shape == (2, 7)


def test_the_flat_head_of_vgg_keeps_channels_apart():
    model = architectures.built(vgg.VGG(7, flatten=True, width_multiplier=1 / 64), 48)
    assert model.sites[-1].consumers[0].kernel.read_value().shape == [3, 3, 8, 7]


def test_a_residual_network_without_outer_normalization():
    model = architectures.built(wide_resnet.WideResNet(10, 10, outer_normalization=None), 8)
    assert not [m for m in model.submodules if isinstance(m, normalization.Normalization)]
    weights, _, biases = _wide_resnet_weights(1, 10, 1)
    assert cost.parameters(model) == sum(count for _, count in weights) + biases


@_tiny
def test_only_axes_that_grow_are_unspecified(make):
    model = architectures.built(make(), 16)
    producers = {p for site in model.sites for p in site.producers}
    consumers = {c for site in model.sites for c in site.consumers}
    for layer in cost.growable_layers(model):
        *_, fan_in, width = layer.kernel.shape.as_list()
        assert (width is None) == (layer in producers)
        assert (fan_in is None) == (layer in consumers)


@_tiny
def test_l2_holds_for_weights_and_not_for_biases(make):
    make = functools.partial(make, normalization=normalization.BatchNormalization)
    model = architectures.built(make(l2=0.01), 16)
    exempt = ["bias"] + ["normalization"] * isinstance(model, mobilenet.MobileNet)
    expected = sum(
        float(tf.reduce_sum(tf.square(variable)))
        for variable in model.trainable_variables
        if not any(word in variable.name for word in exempt)
    )
    assert float(tf.add_n(model.losses)) == pytest.approx(0.01 * expected, rel=1e-5)
    assert not architectures.built(make(), 16).losses


@_tiny
def test_weights_depend_on_the_seed_alone(make):
    outputs = []
    for seed in (1, 1, 2):
        tf.random.uniform([3])  # Global random numbers in between change nothing.
        outputs.append(make(seed=seed)(architectures.images(16)).numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (functools.partial(vgg.VGG, 10, 14), r"VGG.depth = 14 must be one of 11, 13, 16, 19"),
        (functools.partial(wide_resnet.WideResNet, 10, 26), r"depth = 26 must be .* 22 or 28"),
        (functools.partial(wide_resnet.WideResNet, 10, 4), r"depth = 4 must be 6n \+ 4 .* 10"),
        (functools.partial(architectures.wrn_10_1, width=0), r"WideResNet.width = 0 must be"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
