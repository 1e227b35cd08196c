"""What decisions see: sizes, curves, and measurements that are exact and change nothing."""

import numpy as np
import pytest
import tensorflow as tf

from growth.decisions import budget, evidence, measurement, observations, placement, policies
from growth.methods import gradmax, line_search, pairs, random, split, tiny
from growth.records import events
from models import cost
from models.architectures import mlp
from tests import networks

_METHODS = [
    gradmax.GradMax(),
    random.Random(),
    random.Random(inverse=True),
    pairs.Pairs(),
    split.Split(),
]


class _Asking(placement.LargestSingularValues):
    """Keeps the evidence that it is asked with, and grows all sites by `count`."""

    def __init__(self, count=2):
        super().__init__(neurons=6)
        self._count = count
        self.seen = None

    def allot(self, evidence):
        self.seen = [site for site in evidence.sites if site.measured is not None]
        self.evidence = evidence
        return [self._count] * len(evidence.sites)


def _asked(method, count=2, widths=(5, 7)):
    policy, model, data = _Asking(count), networks.network(widths), networks.batch()
    grower = networks.grower(model, method, policy=policy)
    return policy, model, data, grower


@pytest.mark.parametrize("method", _METHODS, ids=lambda method: type(method).__name__)
def test_expected_gains_are_the_gradients_that_new_neurons_get(method):
    policy, _, data, grower = _asked(method, count=4)
    growth = grower.grow(0, data)
    for site in policy.seen:
        gradient = growth.sites[site.name].gradient_norm_new
        if isinstance(method, gradmax.GradMax):
            np.testing.assert_allclose(sum(site.measured.gains[:4]), gradient**2, rtol=1e-4)
        # Others draw their neurons anew, and of two sites that grow at once neurons may meet.
        assert len(site.measured.gains) == 6 and min(site.measured.gains) >= 0
        assert 0 < sum(site.measured.gains) < 100 * gradient**2
    expected = sum(policy.seen[0].measured.gains[:4])
    assert growth.decision.sites["hidden_1"].gain == pytest.approx(expected)


def test_a_measurement_agrees_with_the_matrix_and_the_neurons(untraced):
    policy, model, data, grower = _asked(gradmax.GradMax())
    maps = [networks.explicit(networks.view(model, i, data)) for i in range(2)]
    with tf.GradientTape() as tape:
        value = networks.loss(data[1], model(data[0]))
    kernels = [site.producers[0].kernel for site in model.sites]
    gradients = tape.gradient(value, kernels)
    hidden = []
    inputs = data[0]
    for site in model.sites:
        layer = site.producers[0]
        inputs = tf.nn.relu(tf.matmul(inputs, layer.kernel) + layer.bias)
        hidden.append(inputs.numpy())
    grower.decide(0, lambda: data)
    for site, matrix, gradient, outputs in zip(policy.seen, maps, gradients, hidden, strict=True):
        seen = site.measured
        values = np.linalg.svd(matrix, compute_uv=False)[:6]
        k = min(6, len(values))
        np.testing.assert_allclose(seen.singular_values[:k], values[:k], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(seen.old_gradient_norm, np.linalg.norm(gradient), rtol=1e-5)
        np.testing.assert_allclose(seen.activity, np.abs(outputs).mean(), rtol=1e-5)
        means = np.abs(outputs).mean(axis=0)
        assert seen.dormant == pytest.approx((means <= 0.1 * means.mean()).mean())
        spectrum = np.linalg.svd(outputs, compute_uv=False)
        shares = spectrum / spectrum.sum()
        rank = np.exp(-np.sum(shares * np.log(shares + 1e-30)))
        np.testing.assert_allclose(seen.effective_rank, rank, rtol=2e-2)
        expected = np.linalg.norm(matrix) / np.sqrt(matrix.shape[0])
        assert 0.3 * expected < seen.random_norm < 3 * expected


def test_measuring_changes_nothing_and_happens_once():
    policy, model, data, grower = _asked(gradmax.GradMax(), count=0)
    before, calls = [v.numpy() for v in model.variables], []

    def batch():
        calls.append(0)
        return data

    grower.decide(0, batch)
    # Twice, to see that the policy is a function of it; and a site at a time.
    assert calls == [0]
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_nothing_is_measured_that_nobody_asks_for():
    model = networks.network((5, 7))
    grower = networks.grower(model, gradmax.GradMax(), budget=budget.Budget(neurons=100))
    assert grower.decide(0, lambda: pytest.fail("nobody asked"))


def test_a_new_layer_competes_with_wider_ones():
    layers = mlp.MLP((5,), 4, new_layers=True)
    data = networks.batch()
    layers(data[0])
    policy = _Asking()
    grower = networks.grower(layers, gradmax.GradMax(), policy=policy)
    grower.grow(0, data)
    empty = [site for site in policy.seen if site.current == 0]
    assert empty and len(policy.seen) > len(empty)
    for site in empty:
        assert site.redundancy == 0 and site.measured.effective_rank == 0
        assert site.parameters > 0 and site.forward_flops > 0 and site.measured.gains[0] > 0


def test_the_cost_of_one_more_neuron_is_what_growth_makes_of_it():
    policy, model, data, grower = _asked(gradmax.GradMax())
    sizes = [(cost.parameters(model), cost.forward_flops(model))]
    grower.grow(0, data)
    before = policy.evidence
    sizes.append((cost.parameters(model), cost.forward_flops(model)))
    after = before.size({site.name: site.current + 2 for site in before.sites})
    assert (after.parameters, after.forward_flops) == sizes[1]
    assert tuple(before.size(before.widths))[1:] == sizes[0]
    assert before.sites[0].parameters == 6 + 1 + 7
    assert before.sites[1].parameters == 5 + 1 + 4


def test_the_effective_rank_counts_equal_directions():
    for count in (1, 3):
        products = tf.linalg.diag([4.0] * count + [0.0] * (5 - count))
        np.testing.assert_allclose(measurement.effective_rank(products), count, rtol=1e-5)
    assert float(measurement.effective_rank(tf.zeros([0, 0]))) == 0
    assert float(measurement.effective_rank(tf.zeros([3, 3]))) == 0


def test_a_mean_loss_weighs_points_by_their_steps():
    curve = [evidence.Point(10, 4.0), evidence.Point(40, 2.0), evidence.Point(50, 1.0)]
    seen = evidence.Evidence(step=50, training={"loss": curve})
    assert seen.mean_loss(0, 40) == pytest.approx((10 * 4 + 30 * 2) / 40)
    assert seen.mean_loss(10, 50) == pytest.approx((30 * 2 + 10) / 40)
    assert seen.mean_loss(20, 45) is None


def test_observations_survive_a_checkpoint():
    seen = observations.Observations()
    seen.train(10, {"loss": 0.1, "optimizer/learning_rate": 1 / 3})
    seen.train(10, {"loss": 7.0})  # Again, after a resume.
    seen.train(20, {"loss": float("nan")})
    seen.evaluate(10, {"loss": 0.2})
    measured = {"a": evidence.SiteMeasurement((1.0, 0.5), 0.3, (0.1,), 2.0, 0.4, 0.0, 3.3)}
    decision = events.Decision(10, "so", {"a": events.SiteDecision(3, 0, 7, 9)})
    seen.decided(decision, measured)
    seen.decided(decision, measured)
    seen.ended = "enough"
    restored = observations.Observations()
    restored.deserialize(seen.serialize())
    assert vars(restored) == vars(seen)
    assert seen.training["loss"] == [(10, 0.1)] and len(seen.earlier) == 1
    seen.decided(events.Decision(20, "so", {"a": events.SiteDecision(3, 2, 7, 9)}), measured)
    assert seen.earlier == []  # Since the last growth.


def test_a_growth_with_its_decision_survives_json():
    site = events.SiteDecision(3, 2, 7, 9, {"gains": [0.5, 0.25, 0.1]})
    growth = events.Growth(
        5, decision=events.Decision(5, "so", {"a": site}), predicted_decrease=0.1
    )
    assert site.gain == 0.75 and growth.decision.gain == 0.75
    assert events.Growth.from_json(growth.to_json()) == growth
    assert "decision" not in events.Growth(5).to_json()


def test_gains_of_tiny_leave_out_what_existing_neurons_can_do():
    # One hidden neuron too few for nothing: the outputs are linear in what the neurons put out.
    model, (inputs, _) = networks.network((5,)), networks.batch()
    layer = model.sites[0].producers[0]
    hidden = tf.nn.relu(tf.matmul(inputs, layer.kernel) + layer.bias)
    data = inputs, tf.matmul(hidden, tf.random.stateless_normal([5, 4], [0, 1]))
    found = []
    for method in (gradmax.GradMax(), tiny.Tiny()):
        policy = _Asking(0)
        grower = networks.grower(model, method, policy=policy)
        grower.decide(0, lambda: data)
        found.append(policy.seen[0].measured.gains[0])
    assert found[1] < 1e-3 * found[0]


@pytest.mark.parametrize("accept, grows", [(0.0, True), (0.99, False)])
def test_a_line_search_lowers_the_loss_or_refuses(accept, grows):
    model, data = networks.network((5, 7)), networks.batch()
    before = float(networks.loss(data[1], model(data[0])))
    method = line_search.LineSearch(gradmax.GradMax(), accept=accept)
    growth = networks.grower(model, method, (2,)).grow(0, data)
    after = float(networks.loss(data[1], model(data[0])))
    widths = [site.width for site in model.sites]
    if grows:
        assert after < before and widths == [7, 9] and growth.refusal is None
    else:
        assert after == before and widths == [5, 7] and not growth.sites
        assert growth.refusal == "LineSearch found no neurons that lower the loss"


def test_a_line_search_finds_the_amplitude_that_a_fine_grid_finds():
    model, data = networks.network((5,)), networks.batch()
    policy = networks.Counts(2)
    losses = []
    for first in (1e-3, 1.0, 30.0):
        model = networks.network((5,))
        method = line_search.LineSearch(gradmax.GradMax(), first=first, steps=20)
        networks.grower(model, method, policy=policy).grow(0, data)
        losses.append(float(networks.loss(data[1], model(data[0]))))
    np.testing.assert_allclose(losses, losses[1], rtol=0.02)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"method": 3}, "LineSearch.method = 3 must be a growth method"),
        ({"first": 0.0}, "LineSearch.first = 0.0 must be above 0"),
        ({"steps": 0}, "LineSearch.steps = 0 must be at least 1"),
        ({"accept": 1.0}, "LineSearch.accept = 1.0 must be 0 or more and below 1"),
    ],
)
def test_a_line_search_names_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        line_search.LineSearch(**({"method": gradmax.GradMax()} | arguments))


def test_policies_see_what_the_architecture_foresees():
    site = evidence.SiteEvidence("a", 2, 3, target=8, parameters=5, forward_flops=9)
    assert isinstance(site, policies.SiteWidth) and site.target == 8
    with pytest.raises(ValueError, match="cannot be measured"):
        _ = site.measured
