"""The neural-network layer against its twin, its limits, Hoffmann and Besiroglu (replication B8, 9) and Sardana (B 1-7)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layers import neural
from model.layers.neural import LAWS, LossLaw, NeuralParams
from tests.reference import neural as twin

SARDANA = LAWS["sardana"]
laws = st.sampled_from(list(LAWS.values()))


def logs(low, high):
    return st.floats(low, high).map(lambda x: 10.0**x)


def same(got, expected, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(got, np.array(expected, dtype=float), rtol=rtol, atol=atol)


def chinchilla(n, law=SARDANA):
    """Tokens and loss of the compute-optimal net of n parameters: alpha A / N**alpha = beta B / D**beta."""
    d = (law.beta * law.b / (law.alpha * law.a) * n**law.alpha) ** (1.0 / law.beta)
    return d, float(neural.loss(np.array(n), np.array(d), law))


# Loss laws ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(logs(6, 15), logs(6, 18)), max_size=20), laws)
def test_loss_is_its_twin_and_falls(rows, law):
    n, d = (np.array([r[i] for r in rows]) for i in range(2))
    got = neural.loss(n, d, law)
    same(got, [twin.loss(*r, law) for r in rows])
    assert (neural.loss(2 * n, d, law) < got).all()
    assert (neural.loss(n, 2 * d, law) < got).all()
    assert (got > law.e).all()


@given(logs(18, 30), laws)
def test_compute_optimal_is_the_best_of_a_dense_grid(flop, law):
    """N to 1e-6: at a minimum half of the digits are known. 6 N D is the budget."""
    n, d = neural.compute_optimal(np.array(flop), law)
    best, _ = twin.compute_optimal(flop, law)
    assert float(n) == pytest.approx(best, rel=1e-6)
    assert float(6 * n * d) == pytest.approx(flop, rel=1e-12)
    assert chinchilla(float(n), law)[0] == pytest.approx(float(d), rel=1e-9)


def test_published_optimum_of_besiroglu():
    """Replication B8: C = 5.88e23 gives 73.1 B, 1.34 T, 18.3 tokens a parameter, loss 1.9734; exponent .513."""
    law = LAWS["besiroglu"]
    n, d = neural.compute_optimal(np.array(5.88e23), law)
    same([n, d, d / n], [73.1e9, 1.34e12, 18.3], rtol=0.005)
    assert float(neural.loss(n, d, law)) == pytest.approx(1.9734, abs=1e-4)
    more = neural.compute_optimal(np.array([1e25, 1e26]), law)
    same(more[0], [312.5e9, 1.018e12], rtol=0.005)
    same(more[1], [5.33e12, 16.4e12], rtol=0.005)
    assert math.log10(more[0][1] / more[0][0]) == pytest.approx(0.513, abs=1e-3)
    hoffmann = neural.compute_optimal(np.array(5.88e23), LAWS["hoffmann"])
    same(hoffmann, [32.5e9, 3.02e12], rtol=0.005)


@pytest.mark.parametrize(
    ("n", "d", "loss"), [(2.8e11, 3e11, 1.99326), (7e10, 1.4e12, 1.93665), (1.75e11, 3e11, 2.0023)]
)
def test_published_losses_of_hoffmann(n, d, loss):
    """Replication B9 (Gopher, Chinchilla), and GPT-3 of the same table."""
    assert float(neural.loss(np.array(n), np.array(d), LAWS["hoffmann"])) == pytest.approx(loss, abs=1e-4)


@given(st.lists(st.tuples(logs(7, 14), st.floats(1.7, 4)), max_size=20), laws)
def test_tokens_at_loss_invert_the_law(rows, law):
    """rtol 1e-10, more where the loss leaves a small gap to what the net can reach: 1e-15 of it, to the power 1/beta."""
    n, target = (np.array([r[i] for r in rows]) for i in range(2))
    got = neural.tokens_at_loss(n, target, law)
    for (size, aim), d in zip(rows, got.tolist(), strict=True):
        gap = aim - law.e - law.a * size**-law.alpha
        expected = twin.tokens_at_loss(size, aim, law)
        if gap <= 0.0:
            assert d == expected == math.inf
        elif gap > 1e-12:
            assert d == pytest.approx(expected, rel=1e-10 + 1e-14 / gap)
            assert float(neural.loss(np.array(size), np.array(d), law)) == pytest.approx(aim, rel=1e-12)


@given(logs(6, 14), logs(6, 18), *[st.one_of(st.just(0.0), logs(-20, 20))] * 3)
def test_lifetime_cost_is_its_twin(n, d, train, serve, rollout):
    got = float(neural.lifetime_cost(np.array(n), np.array(d), train, serve, rollout))
    assert got == pytest.approx(twin.lifetime_cost(n, d, train, serve, rollout), rel=1e-12)


# Sizing ---------------------------------------------------------------------------------------------------------------

sizes = st.tuples(logs(8, 12.5), st.one_of(st.just(0.0), logs(9, 17)))


@given(st.lists(sizes, min_size=1, max_size=4), laws, st.floats(0, 2), st.sampled_from([1.0, 5e8]), logs(-0.5, 3))
@settings(max_examples=30)
def test_the_cheapest_net_is_the_best_of_a_dense_grid(rows, law, rollout, n_min, spare):
    """Cost to 1e-9, size to 1e-5: near a minimum, cost says little of size. The limit of data may or may not bind."""
    target = np.array([chinchilla(n, law)[1] for n, _ in rows])
    data = spare * chinchilla(rows[0][0], law)[0]
    serve = np.array([q for _, q in rows])
    n, d = neural.size_net(target, np.ones(len(rows)), serve, law, data, n_min, rollout)
    for i, aim in enumerate(target.tolist()):
        best, tokens = twin.size_net(aim, 1.0, serve[i], law, data, n_min, rollout)
        if float(aim - law.e - law.b * data**-law.beta) < 1e-3:
            continue  # hardly any net reaches this with the data there are
        assert float(n[i]) == pytest.approx(best, rel=1e-5)
        assert float(d[i]) == pytest.approx(tokens, rel=1e-4)
        cost = twin.lifetime_cost(float(n[i]), float(d[i]), 1.0, serve[i], rollout)
        assert cost == pytest.approx(twin.lifetime_cost(best, tokens, 1.0, serve[i], rollout), rel=1e-9, abs=1e-9)
        assert d[i] <= data * (1 + 1e-6)
        assert n[i] >= n_min * (1 - 1e-9)
        assert float(neural.loss(n[i], d[i], law)) == pytest.approx(aim, rel=1e-9)


def test_more_use_means_smaller_nets_trained_longer():
    use = np.array([0.0, 1e11, 1e12, 1e13, 1e14, 1e15])
    target = np.full(use.size, chinchilla(7e10)[1])
    n, d = neural.size_net(target, np.ones(use.size), use, SARDANA)
    assert float(n[0]) == pytest.approx(7e10, rel=1e-6)
    assert (np.diff(n) < 0.0).all()
    assert (np.diff(d) > 0.0).all()
    dear, _ = neural.size_net(target, np.full(use.size, 2.0), use, SARDANA)
    with_rollouts, _ = neural.size_net(target, np.ones(use.size), use, SARDANA, rollout_factor=1.0)
    same(with_rollouts, dear, rtol=1e-6)
    scarce, few = neural.size_net(target, np.ones(use.size), use, SARDANA, data_limit=6e12)
    assert (few <= 6e12 * (1 + 1e-6)).all()
    assert (scarce >= n * (1 - 1e-6)).all()


def plan(n, tokens, train=1.0, serve=1.0, law=SARDANA):
    """N*, D*, the Chinchilla net's tokens, both lifetime costs."""
    d, target = chinchilla(n, law)
    served = np.array([tokens * serve])
    size, data = neural.size_net(np.array([target]), np.array([train]), served, law)
    best = neural.lifetime_cost(size, data, train, served)
    plain = neural.lifetime_cost(np.array([n]), np.array([d]), train, served)
    return [float(x) for x in (size[0], data[0], d, best[0], plain[0])]


def test_sardana_13b():
    """Replication B1: 13 B quality, 2e12 tokens: 6.97 B, 1.69e22 FLOP saved, 17.45 %."""
    n, _, _, best, plain = plan(13e9, 2e12)
    same([n, plain - best, 1 - best / plain], [6.97e9, 1.69e22, 0.1745], rtol=0.01)


def test_sardana_7b():
    """Replication B2: 7 B quality, 1e11 tokens: 6.00 B, 1.176 times the data."""
    n, d, d0, best, plain = plan(7e9, 1e11)
    same([n, d / d0], [6.00e9, 1.176], rtol=0.005)
    assert 1 - best / plain == pytest.approx(0.0085, abs=5e-4)


def test_sardana_30b_and_70b():
    """Replication B3, 4, 6: sizes, data, savings, and the first-order condition w = 1 + D_inf / 3D."""
    for quality, expected, w in (
        (30e9, [13.61e9, 2.845, 0.2798], 1.7531),
        (70e9, [41.55e9, 7.923 / 4.255, 0.1195], 1.4208),
    ):
        n, d, d0, best, plain = plan(quality, 1e13)
        same([n, d / d0, 1 - best / plain], expected, rtol=0.005)
        ratio = SARDANA.alpha * SARDANA.a * n**-SARDANA.alpha / (SARDANA.beta * SARDANA.b * d**-SARDANA.beta)
        assert ratio == pytest.approx(w, abs=1e-3)
        assert 1 + 1e13 / (3 * d) == pytest.approx(w, abs=1e-3)
    assert chinchilla(70e9)[0] == pytest.approx(4.255e12, rel=0.005)
    n, _, _, best, plain = plan(70e9, 2e12)
    same([n, 1 - best / plain], [57.9e9, 0.0131], rtol=0.005)


@pytest.mark.parametrize(
    ("quality", "requests", "n", "d", "saving"),
    [
        (30e9, 1.5e9, 16.1e9, 3.37e12, 0.175),
        (70e9, 7.02e9, None, None, 1 - 1 / 1.362),
        (70e9, 35.1e9, 21.45e9, 27.6e12, 0.539),
    ],
)
def test_sardana_in_dollars(quality, requests, n, d, saving):
    """Replication B5: 70 tokens in at 50 %, 215 out at 1 % utilisation, training at 50 %; price ratio 1/3. 3 %, 1 pp."""
    serve = (70 / 0.5 + 215 / 0.01) / 3.0
    size, data, _, best, plain = plan(quality, requests, train=1 / 0.5, serve=serve)
    if n:
        same([size, data], [n, d], rtol=0.03)
    assert 1 - best / plain == pytest.approx(saving, abs=0.01)


def test_sardanas_result_needs_sardanas_constants():
    """Replication B7, the negative control: with Hoffmann's rounded exponents 8.02 B and 10.1 %, not 17 %."""
    n, _, _, best, plain = plan(13e9, 2e12, law=LAWS["hoffmann"])
    same([n, 1 - best / plain], [8.02e9, 0.101], rtol=0.01)


@given(logs(18, 28), laws)
@settings(max_examples=15)
def test_equivalent_flop_inverts_the_optimum(flop, law):
    """Against the closed optimum to 1e-9, against the search to 1e-6."""
    target = neural.loss(*neural.compute_optimal(np.array([flop]), law), law)
    got = float(neural.equivalent_flop(target, law)[0])
    assert got == pytest.approx(flop, rel=1e-9)
    assert got == pytest.approx(twin.equivalent_flop(float(target[0]), law), rel=1e-6)


@given(logs(21, 27), st.one_of(st.just(0.0), logs(10, 15)), laws, st.sampled_from([1.0, 5e8]), st.floats(0.3, 3))
@settings(max_examples=25)
def test_a_budget_buys_the_net_its_twin_finds(flop, serve, law, n_min, spare):
    """N to 1e-5: the twin searches among cheapest nets, whose sizes it knows to half the digits. Data may bind."""
    best = [float(x) for x in neural.compute_optimal(np.array(flop), law)]
    n, d = neural.net_for_budget(flop, 1.0, serve, law, spare * best[1], n_min)
    same([n, d], twin.net_for_budget(flop, 1.0, serve, law, spare * best[1], n_min), rtol=1e-5)
    assert 6 * n * d == pytest.approx(flop, rel=1e-12)
    assert d <= spare * best[1] * (1 + 1e-12)
    assert n <= max(best[0], best[0] / spare, n_min) * (1 + 1e-9)


def test_a_budget_with_endless_data_meets_the_first_order_condition():
    """Of sardana2024: alpha A N**-alpha / (beta B D**-beta) = 1 + D_inf / 3D; a dearer FLOP in training lowers the right."""
    for serve, train in ((0.0, 1.0), (1e13, 1.0), (1e13, 3.0), (1e16, 1.0)):
        n, d = neural.net_for_budget(5e23, train, serve, SARDANA, 1e30, 1.0)
        ratio = SARDANA.alpha * SARDANA.a * n**-SARDANA.alpha / (SARDANA.beta * SARDANA.b * d**-SARDANA.beta)
        assert ratio == pytest.approx(1.0 + serve / (3.0 * train * d), rel=1e-9)


# Data, algorithms, capability -----------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e18), max_size=20))
def test_data_limit_is_its_twin(synthetic):
    p = NeuralParams()
    expected = [twin.data_limit(s, p.text_tokens, p.usable_text_share, p.epochs_useful) for s in synthetic]
    same(neural.data_limit(np.array(synthetic), p), expected)


labs = st.lists(
    st.tuples(st.floats(0, 12), st.one_of(st.just(0.0), logs(20, 29)), st.floats(1, 100)), min_size=1, max_size=8
)


@given(labs, logs(22, 30), st.floats(0, 1))
def test_algorithms_are_their_twin_and_never_get_worse(rows, frontier, omega):
    p = NeuralParams(frontier_exponent=omega)
    log_s, flop, automation = (np.array([r[i] for r in rows]) for i in range(3))
    got = neural.algorithmic_growth(log_s, flop, automation, frontier, p)
    same(got, twin.algorithmic_growth(*[list(x) for x in zip(*rows, strict=True)], frontier, p), rtol=1e-10)
    assert (got >= 0.0).all()
    assert (neural.algorithmic_growth(log_s, flop * 2, automation, frontier, p) >= got).all()
    assert (neural.algorithmic_growth(log_s, flop, automation, 2 * frontier, p) <= got).all()
    after = neural.algorithmic_step(log_s, got, p)
    same(after, twin.algorithmic_step(log_s.tolist(), got.tolist(), p))
    assert (after >= log_s).all()
    same(neural.algorithmic_fading(log_s, got, p), twin.algorithmic_fading(log_s.tolist(), got.tolist(), p), rtol=1e-5)


def test_algorithms_at_the_reference_the_ceiling_and_without_experiments():
    p = NeuralParams()
    one, reference = np.ones(1), p.effective_reference_flop
    at_reference = neural.algorithmic_growth(np.zeros(1), one * p.experiment_reference_flop, one, reference, p)
    assert at_reference[0] == pytest.approx(p.algorithmic_gain / 12)
    top = np.full(1, math.log(p.algorithmic_ceiling))
    assert neural.algorithmic_growth(top, one * 1e30, one, reference, p)[0] == 0.0
    assert neural.algorithmic_step(np.array([1.0, 3.0]), np.zeros(2), p).tolist() == pytest.approx(
        [1.0 + 2.0 * (1 - math.exp(-p.idea_diffusion_per_year / 12)), 3.0]
    )


@given(logs(20, 30), logs(-1.5, 1.5))
def test_a_longer_run_at_a_given_size_adds_what_the_loss_law_says(flop, longer):
    for law in LAWS.values():
        n, d = neural.compute_optimal(np.array(flop), law)
        n, d = n / longer, d * longer
        assert float(neural.run_elasticity(n, d, law)) == pytest.approx(
            twin.run_elasticity(float(n), float(d), law), rel=1e-4
        )


@given(st.lists(st.one_of(st.just(0.0), logs(-6, 6)), max_size=20), st.floats(0, 2.5))
def test_distillation_is_its_twin_and_bounded(synthetic, orders):
    p = NeuralParams(distillation_orders_max=orders)
    got = neural.distillation(np.array(synthetic), p)
    same(got, [twin.distillation(x, orders, p.distillation_reference_share) for x in synthetic])
    assert ((got >= 1.0) & (got <= 10.0**orders * (1 + 1e-12))).all()
    assert neural.distillation(np.array(p.distillation_reference_share), p) == pytest.approx(10 ** (orders / 2))


@given(st.lists(st.one_of(st.just(0.0), logs(-6, 8)), max_size=20), st.floats(1, 480))
def test_what_can_be_verified_is_its_twin_and_rises(minutes, verifier):
    p = NeuralParams(verifier_minutes=verifier)
    got = neural.verified(np.array(minutes), p)
    same(got, [twin.verified(h, verifier) for h in minutes])
    assert (np.diff(got[np.argsort(minutes)]) >= 0.0).all()
    assert float(neural.verified(np.array(verifier), p)) == pytest.approx(0.5)


@given(st.lists(st.tuples(logs(20, 32), st.one_of(st.just(0.0), logs(18, 30))), max_size=20), st.floats(0.2, 0.5))
def test_the_horizon_is_its_twin_and_rises(rows, gamma):
    p = NeuralParams(capability_exponent=gamma)
    effective, rollout = (np.array([r[i] for r in rows]) for i in range(2))
    got = neural.horizon(effective, rollout, p)
    same(got, [twin.horizon(*r, p) for r in rows])
    same(neural.horizon(effective * 10, rollout, p), got * 10**gamma)
    assert (neural.horizon(effective, rollout * 2 + 1e22, p) > got).all()


@given(st.lists(st.tuples(st.floats(1, 1.42), st.one_of(st.just(0.0), logs(18, 30))), max_size=20), st.floats(0, 3))
def test_architectures_approach_their_bound_by_effort(rows, per_year):
    p = NeuralParams(architecture_per_year=per_year)
    gain, effort = (np.array([r[i] for r in rows]) for i in range(2))
    got = neural.architecture_step(gain, effort, p)
    same(got, [twin.architecture_step(*r, p) for r in rows])
    assert ((got >= gain * (1 - 1e-15)) & (got <= p.decode_gain_max * (1 + 1e-15))).all()
    same(neural.architecture_step(gain, np.zeros_like(gain), p), gain)  # nothing comes of nothing
    assert (neural.architecture_step(gain, 10 * effort + 1e20, p) >= got * (1 - 1e-15)).all()


@given(
    st.lists(
        st.tuples(st.floats(1, 1.42), st.floats(0, 9), st.floats(0, 1e9), st.floats(0, 1e9)), min_size=1, max_size=8
    ),
    st.floats(0.15, 0.6),
)
def test_no_other_share_of_experiments_is_worth_more(rows, returns):
    """The closed form of Eq. N.11b against a search over shares."""
    p = NeuralParams(algorithmic_input_exponent=returns)
    got = neural.architecture_share(*(np.array([r[i] for r in rows]) for i in range(4)), p)
    assert ((got >= 0.0) & (got <= 1.0)).all()
    for z, row in zip(got.tolist(), rows, strict=True):
        assert z == pytest.approx(twin.architecture_share(*row, p), abs=1e-4)
        best = twin.architecture_worth(z, *row, p)
        for other in (0.0, 0.5 * z, 0.9 * z, z + 0.1 * (1.0 - z), z + 0.5 * (1.0 - z), 1.0, 0.01, 0.1, 0.3):
            assert twin.architecture_worth(other, *row, p) <= best * (1 + 1e-9) + 1e-300


def test_labs_that_serve_more_give_more_to_architecture():
    p, n = NeuralParams(), 3
    share = neural.architecture_share(np.ones(n), np.ones(n), np.full(n, 1e8), np.array([0.0, 1e8, 1e9]), p)
    assert share[0] == 0.0 < share[1] < share[2]
    assert neural.architecture_share(np.array([p.decode_gain_max]), np.ones(1), np.ones(1), np.ones(1), p)[0] == 0.0


def test_the_constants_are_the_published_ones():
    """Theory 4.1."""
    assert LAWS["sardana"] == LossLaw(1.69, 406.4, 410.7, 0.336, 0.283)
    assert LAWS["hoffmann"] == LossLaw(1.69, 406.4, 410.7, 0.34, 0.28)
    assert LAWS["besiroglu"] == LossLaw(1.81686, 482.006, 2085.43, 0.34781, 0.36585)
