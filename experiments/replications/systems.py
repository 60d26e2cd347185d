"""Published results on machines, queues, call networks, diffusion and investment."""

from __future__ import annotations

import numpy as np

from agents.human import HumanParams, adopt
from agents.lab import AI2027, USES, prescribed_uses
from agents.provider import adjustment_cost
from experiments.replications.auctions import last_that_holds
from experiments.replications.claims import BESIDE, Values, row
from model.core.units import WORK
from model.layers.exchange import exchange
from model.layers.link import LinkParams, erlang_c, step_seconds, waiting
from model.layers.neural import lifetime_cost
from model.layers.orchestrator import traffic
from model.results.measures import shares

HBM_BYTES_PER_S = 3.35e12


@row(
    "B17",
    "a 70B net in bf16 on 8 H100 reads its weights in 5.22 ms, 191 tokens a second; arithmetic meets reading at 295 FLOP a byte",
    "Pope et al. 2023; Erdil 2025",
    {"ms_per_step": 5.22, "tokens_per_s": 191.0, "flop_per_byte": 295.0},
    0.005,
)
def _b17() -> Values:
    p = LinkParams(sparsity=1.0, weight_bytes=2.0)

    def seconds(batch: float) -> float:
        step = step_seconds(np.array([batch]), np.array([7e10]), np.zeros(1), np.array([8.0]), HBM_BYTES_PER_S, p)
        return float(step[0]) - p.latency_s_per_step

    ridge = last_that_holds(lambda b: seconds(b) <= seconds(1.0) * (1.0 + 1e-12), 1.0, 1e4)  # FLOP 2Nb over 2N bytes
    return {
        "ms_per_step": 1e3 * seconds(1.0),
        "tokens_per_s": 1.0 / seconds(1.0),
        "flop_per_byte": ridge / p.decode_utilisation,
    }


@row(
    "B20",
    "diffusion with p = .03, q = .38 on a complete graph: peak after 6.19 years at 46 % with .1106 a year",
    "Bass 1969; Sultan, Farley and Lehmann 1990",
    {"years_to_peak": 6.193, "share_at_peak": 0.4605, "peak_per_year": 0.1106},
    0.03,
    why="monthly steps",
)
def _b20() -> Values:
    n, share, p = 10_000, np.zeros(10_000), HumanParams()
    path = [0.0]
    for _ in range(180):
        peers = (share.sum() - share) / (n - 1)
        share = adopt(share, 1.0, peers, np.ones(n), 0.03, 0.38, p)
        path.append(float(share.mean()))
    rate = 12.0 * np.diff(path)
    top = int(rate.argmax())
    middle = 0.5 * (path[top] + path[top + 1])
    return {"years_to_peak": (top + 0.5) / 12.0, "share_at_peak": middle, "peak_per_year": rate[top]}


@row(
    "B21",
    "M/M/c queues with 2 and 10 servers: probability of waiting and mean wait",
    "Erlang 1917",
    {"c_2": 0.642857, "c_10": 0.409180, "wait_2": 1.285714, "wait_10": 0.204590},
    1e-6,
    "absolute",
    BESIDE,
)
def _b21() -> Values:
    return {
        "c_2": erlang_c(2, 1.5),
        "c_10": erlang_c(10, 8.0),
        "wait_2": waiting(2, 1.5, 1.0),
        "wait_10": waiting(10, 8.0, 1.0),
    }


@row(
    "B22",
    "traffic equations of an open network of three nodes",
    "Jackson 1957",
    {"node_1": 1.041667, "node_2": 0.520833, "node_3": 0.416667},
    1e-6,
    "absolute",
)
def _b22() -> Values:
    calls = traffic(np.array([[0, 0.5, 0.2], [0, 0, 0.4], [0.1, 0, 0]]), 1.0, np.array([1.0, 0.0, 0.0]))
    return dict(zip(("node_1", "node_2", "node_3"), calls.tolist(), strict=True))


@row(
    "B23",
    "adjustment cost of compute investment at .1, .5 and 1 of the stock a year",
    "Erdil et al. 2025 (GATE), equation 7",
    {"at_0.1": 0.1342, "at_0.5": 1.875, "at_1": 10.0},
    1e-4,
    "absolute",
)
def _b23() -> Values:
    return {f"at_{i:g}": float(adjustment_cost(i, 4.0, 2.0)) for i in (0.1, 0.5, 1.0)}


@row(
    "B24",
    "AI-2027's schedule under our definitions: external inference falls to 13 %, forward-only work stays near one half",
    "Dean 2025 (AI-2027 compute forecast)",
    {f"external_{when}": x / 100 for when, x in zip(AI2027, (33, 30, 28, 20, 19, 18, 13), strict=True)}
    | {f"kernel_{when}": x / 100 for when, x in zip(AI2027, (56, 55, 54, 56, 51, 49, 45), strict=True)},
    0.006,
    "absolute",
    "two columns of the source sum to 99 %; monitoring counted as research automation, all of training as with backprop",
)
def _b24() -> Values:
    names = [w.name for w in WORK]
    found = {}
    for when, row_ in AI2027.items():
        (hours,) = prescribed_uses(["schedule"], row_.first)  # of each use, per hour of external deployment
        x = np.zeros(len(WORK))
        x[names.index("assistant")] = 1.0
        for use, h in zip(USES, hours, strict=True):
            x[names.index("final_run" if use == "rl_rollout" else use)] += h
        share = shares(x, x, x, x)
        found[f"external_{when}"] = float(share["inference_share_accelerator_hours"])
        found[f"kernel_{when}"] = float(share["inference_share_kernel"])
    return found


@row(
    "B42",
    "where thinking cannot replace training (a span of zero), the inference share of a net's life is D_inf / (3 D + D_inf)",
    "Sardana et al. 2024; own derivation",
    {"d_inf_1e12": 1e12 / 4e12, "d_inf_1e13": 1e13 / 1.3e13},
    1e-6,
    "absolute",
)
def _b42() -> Values:
    n, d, found = np.array(1e10), np.array(1e12), {}
    for served in (1e12, 1e13):
        all_of_it, training = (lifetime_cost(n[None], d[None], 1.0, q) for q in (served, 0.0))
        less, more = exchange(training, all_of_it - training, 0.35, 0.4, 1.0)  # a span of zero
        serving = (all_of_it - training) * more
        found[f"d_inf_{served:.0e}".replace("+", "")] = float((serving / (training * less + serving))[0])
    return found
