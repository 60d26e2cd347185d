"""Published results on training investment: spans of exchange, test-time compute, latency, horizons, what labs reveal."""

from __future__ import annotations

import math

import numpy as np

from agents import lab
from experiments.replications.claims import BESIDE, Values, row
from model.layers import agent, exchange, link, neural
from model.results.accounts import doubling_days

DEVICE_UTILISATION, BYTES_PER_S = 0.6, 3.35e12
SPANS = {"policy": (1.2, 0.7), "search": (1.6, 1.6), "cheap_checks": (3.0, 6.0), "dear_checks": (1.0, 1.45)}


def training_share(train: float, serve: float, span_training: float, span_inference: float) -> float:
    """Return the training share of the cheapest mix, spans in orders of magnitude."""
    given = np.array([train]), np.array([serve])
    less, more = exchange.exchange(*given, span_inference, span_training, 10.0**span_inference)
    return float(train * less[0] / (train * less[0] + serve * more[0]))


@row(
    "B10",
    "alpha orders of inference trade for beta of training: inside the span training gets alpha/(alpha + beta), outside demand decides",
    "Erdil 2024; Villalobos and Atkinson 2023",
    {"policy": 0.3684, "search": 0.5, "cheap_checks": 0.6667, "dear_checks": 0.5918, "corner_much_demand": 1.0 / 3.0, "corner_little_demand": 0.86317},
    1e-3,
    "absolute",
    f"corners of the second span: bills 1 to 2 and 10,000 to 1 before anybody thinks; {BESIDE}",
)  # fmt: skip
def _b10() -> Values:
    found = {name: training_share(3.0, 1.0, *span) for name, span in SPANS.items()}
    much, little = (training_share(train, serve, *SPANS["search"]) for train, serve in ((1.0, 2.0), (1e4, 1.0)))
    return found | {"corner_much_demand": much, "corner_little_demand": little}


@row(
    "B12",
    "repeated sampling on SWE-bench Lite solves 15.9, 29.6 and 56 % of issues with 1, 5 and 250 answers",
    "Brown et al. 2024, arXiv 2407.21787 (Large Language Monkeys)",
    {"k_1": 0.159, "k_5": 0.296, "k_250": 0.56},
    0.02,
    "absolute",
    f"one power law through three points; {BESIDE}",
)
def _b12() -> Values:
    samples = np.array([1.0, 5.0, 250.0])
    return dict(zip(("k_1", "k_5", "k_250"), agent.coverage(samples, math.exp(-1.777)).tolist(), strict=True))


@row(
    "B18",
    "token latency: all-reduces of every layer, and the longer of reading weights and arithmetic (70B in bf16, 80 layers)",
    "Erdil 2025, arXiv 2506.04645, section 2.2 and notebook",
    {"n_8_b_1": 0.008314073956852488, "n_8_b_64": 0.008314073956852488, "n_8_b_512": 0.01818962039050827, "n_64_b_256": 0.007343714189416919},
    1e-9,
    why="devices of .6 x 989 TFLOP/s and 3.35 TB/s",
)  # fmt: skip
def _b18() -> Values:
    found = {}
    for n, b in ((8.0, 1.0), (8.0, 64.0), (8.0, 512.0), (64.0, 256.0)):
        p = link.LinkParams(
            sparsity=1.0,
            weight_bytes=2.0,
            decode_utilisation=DEVICE_UTILISATION,
            latency_s_per_step=link.all_reduce_seconds(80, n),
        )
        step = link.step_seconds(np.array([b]), np.array([7e10]), np.zeros(1), np.array([n]), BYTES_PER_S, p)
        found[f"n_{n:.0f}_b_{b:.0f}"] = float(step[0])
    return found


@row(
    "B19",
    "a net of 10T parameters in fp4 with 11 TB left for contexts of 20,000 tokens serves 440 copies at 45 tokens a second",
    "Dean 2025 (AI-2027 compute forecast), section 4",
    {"batch": 440.0, "tokens_per_s": 45.0},
    0.05,
    why="16 TB at 720 TB/s in 200 devices; KV cache 1.25 MB a token; latency .5 ms a step",
)
def _b19() -> Values:
    p = link.LinkParams(sparsity=32.0, weight_bytes=0.5, latency_s_per_step=0.0005)
    active, context, devices = np.array([1e13 / 32.0]), np.array([1.25e6 * 2e4]), np.array([200.0])
    batch = link.batch_room(active, context, devices, 8e10, p)
    seconds = link.step_seconds(batch, active, context, devices, 720e12 / 200.0, p)
    return {"batch": float(batch[0]), "tokens_per_s": 1.0 / float(seconds[0])}


@row(
    "B25",
    "a horizon of 60 minutes in February 2025, doubling in 128.7 or 212 days, is 428 or 198 minutes a year later",
    "METR 2025 (Kwa et al., arXiv 2503.14499) and its later data",
    {"days_128.7": 428.0, "days_212": 198.0},
    0.5,
    "absolute",
    f"rounding of the source; the horizon itself is no input of the model; {BESIDE}",
)
def _b25() -> Values:
    found = {}
    for days in (128.7, 212.0):
        low, high = 60.0, 6000.0  # the horizon after a year at which our measure gives that doubling time
        for _ in range(100):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if float(doubling_days(60.0, middle, 365.0)) > days else (low, middle)
        found[f"days_{days:g}"] = low
    return found


@row(
    "B38",
    "released nets reveal the serving their makers expect: .04 of lifetime compute to 2022, .54 in 2024, .82 in 2025",
    "Sardana et al. 2024, first-order condition, on released open models",
    {"to_2022": 0.04, "2024": 0.54, "2025": 0.82},
    0.2,
    "absolute",
    "weak evidence; nets that 8 labs of the baseline release, one seed, weighted by training compute",
    group="fact",
)
def _b38() -> Values:
    from model.economy import InferenceEconomy

    economy = InferenceEconomy("baseline", humans=200, months=48, seed=1).run()
    law, years = neural.LAWS[economy.params.neural.law], {"to_2022": (-9, 12), "2024": (24, 36), "2025": (36, 48)}
    found = {}
    for name, (first, last) in years.items():
        nets = [r for r in economy.state.labs.releases if first <= r.released_month < last]
        n, d = np.array([r.parameters for r in nets]), np.array([r.training_tokens for r in nets])
        rate = neural.marginal_rate(n, d, law)
        found[name] = float((n * d * (rate - 1.0)).sum() / (n * d * rate).sum())
    economy.close()
    return found


def settled_share(gamma: float, delta: float, months: int = 600) -> float:
    """Return the inference share in money at which one lab and its users settle when there are no agents, robots or new uses.

    Users think (Eq. A.2) about tasks far beyond the horizon, where success is a power of horizon and thinking; the lab
    prices by the elasticity of their demand (Eq. L.8), invests by the rule ``profit`` (Eq. L.3 to L.5) in compute-optimal runs
    (``phi`` of N.2b is 1), and its effective compute is what it spends. Little discounting leaves G near 1.
    """
    slope = 0.7
    loop = agent.AgentLoopParams(success_slope=slope, thinking_exponent=delta, thinking_max=100.0)
    firm = lab.LabParams(
        price_coefficient=1.0 / (1.0 - slope * delta),
        discount_per_year=0.05,
        life_months=6.0,
        lead_months=1.0,
        cycle_months=3.0,
        seed_market_usd_per_year=1e8,
    )
    labs, nets = lab.Labs(1), lab.Nets(2)
    nets.price_usd_per_token[:], nets.horizon_minutes[:] = 2.0, 1.0
    labs.rd_usd[:] = 1e9
    one, users, far = np.ones(1), 1e8, np.full(1, 1e9)
    cost, mix = np.ones((2, 3)), np.ones((2, 3))
    structure, log_tau = float(lab.LIST_STRUCTURE.mean()), np.zeros(1)
    served = research = 0.0
    nothing = np.zeros(1)
    only_runs = lab.Technology(
        gamma=gamma, stay_months=1.0, run_elasticity=one, gamma_rollout=0.0, rollout_reference_flop=1.0, returns=0.0,
        progress=nothing, fading=nothing, taught=nothing, rollout_flop_per_usd=one, automation_share=nothing,
        distillation_orders=0.0, distillation_reference=1.0, distilled=nothing, teacher_flop=one, teacher_growth=nothing,
        small_profit_share=nothing, cost_share=nothing, cap_value=nothing,
    )  # fmt: skip

    def thinking(log_horizon: float, price: float) -> float:
        z, _ = agent.think(log_tau, log_value, np.log(np.array([price])), np.log(far), log_horizon, loop, 60)
        return float(np.exp(z[0]))

    # a task is worth what makes ten times thinking best at the opening
    odds = float(agent.success(np.log(far), 0.0, slope)[0])
    log_value = np.full(1, math.log(5.0 * 10.0 ** (1.0 - slope * delta) / (slope * delta * odds)))
    for _ in range(months):
        effective = np.array(2.5e24 * labs.rd_usd[0] / 1e9)
        h = float(neural.horizon(effective, np.array(0.0), neural.NeuralParams(capability_exponent=gamma)))
        log_h, price = math.log(h / 0.55), float(nets.price_usd_per_token[0]) * structure
        tokens = users * thinking(log_h, price)
        elasticity = math.log(thinking(log_h + 0.01, price) / thinking(log_h - 0.01, price)) / 0.02
        served, revenue = tokens, np.array([tokens * price])
        labs.expected_growth[:] = lab.learn_growth(labs, revenue, math.inf, firm)
        labs.revenue_usd += (revenue - labs.revenue_usd) / 3.0
        labs.serving_usd += (served - labs.serving_usd) / 3.0
        research = float(labs.rd_usd[0])
        aim, _ = lab.price_caps(nets, cost, mix, np.zeros(2), np.zeros(1, dtype=bool), firm)
        knows = only_runs._replace(cost_share=aim[:1])
        wish = lab.research(labs, one, elasticity, np.zeros(1), knows, ["profit"], one, firm)
        labs.rd_usd[:] = lab.budget(labs, wish.wanted_usd, np.full(1, np.inf), firm)
        nets.price_usd_per_token[:] = lab.list_prices(nets, cost, mix, np.zeros(2), np.zeros(1, dtype=bool), firm)
    return served / (served + research)


@row(
    "B41",
    "without agents, robots and new uses the lab that maximises profit settles at the share of inference of the interior optimum",
    "Erdil 2024; own derivation",
    {"symmetric": 0.5, "thinking_stronger": 2.0 / 3.0, "training_stronger": 4.0 / 9.0},
    0.03,
    "absolute",
    "exponents of training and thinking .4 and .4, .2 and .4, .5 and .4; what discounting leaves of G is .98",
)
def _b41() -> Values:
    return {
        "symmetric": settled_share(0.4, 0.4),
        "thinking_stronger": settled_share(0.2, 0.4),
        "training_stronger": settled_share(0.5, 0.4),
    }
