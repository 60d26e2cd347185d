"""Training runs: release of nets and planning of the next run (N.5c, N.8, N.10, L.11, L.12, section 7.12)."""

import math
from types import SimpleNamespace

from tests.reference import economy_draws as draws
from tests.reference import economy_link as link
from tests.reference import economy_market as market
from tests.reference import economy_neural as neural
from tests.reference import economy_physical as physical
from tests.reference.economy_labs import belief
from tests.reference.economy_prices import NOBODY, forecast_tokens, structure
from tests.reference.economy_tables import TIERS


def run_length(w, lab, tier):
    """Eq. L.12: months of a run."""
    u = draws.uniform(w.seed, "lab.cycle", w.t, lab.index, tier)
    return w.p["lab.cycle_months"] * (1.0 + w.p["lab.cycle_spread"] * (2.0 * u - 1.0))


def planned_tokens(p, lab, net):
    """L.11 plus what the revenue missing to the belief would buy at list prices."""
    missing = max(belief(p, lab) / 12.0 - lab.revenue, 0.0) * p["lab.planning_months"] / 2.0
    return forecast_tokens(p, lab, net, p["lab.planning_months"]) + missing / (net.price * structure(NOBODY))


def plan_run(w, lab, tier, price):
    """Compute of the next run and its net (N.5c, section 7.12)."""
    p = w.p
    net = lab.nets[tier]
    part = p["lab.small_share"] if tier == 1 else 1.0 - p["lab.small_share"]
    final = lab.budget * p["lab.compute_share_of_rd"] * lab.split[0]
    hour = price * market.class_price(p, "final_run", w.block_ratio, 0.0)
    cluster = link.cluster_of(final / price)
    an_operation = hour / link.training_flop_an_hour(p, cluster)
    months = run_length(w, lab, tier)
    flop = min(final * part * months / an_operation, p["lab.run_growth_max"] * net.train)
    flop = max(flop, 1e18)
    mix = net.kinds or NOBODY
    tokens = planned_tokens(p, lab, net)
    ripe = p["link.software_floor"] / link.software_overhead(p, w.served_ever)
    each = [c * ripe / (2.0 * net.parameters) for c in net.cost]
    serving = tokens * sum(a * b for a, b in zip(mix, each, strict=False))
    limit = neural.data_limit(p, lab.synthetic)
    n, d = neural.net_for_budget(p["neural.law"], flop, serving, an_operation, p["neural.parameters_min"], limit)
    lab.runs[tier] = SimpleNamespace(flop=flop, done=0.0, parameters=n, data=d)


def contract_price(w):
    """Contract price, mean over machines (section 7.12)."""
    amounts = physical.machines(w)
    return sum(v.price * m for v, m in zip(w.providers, amounts, strict=False)) / sum(amounts)


def first_runs(w):
    """Runs under way at the opening (section 5)."""
    price = contract_price(w)
    for lab in w.labs:
        lab.runs = [None, None]
        for tier in range(len(TIERS)):
            plan_run(w, lab, tier, price)
            u = draws.uniform(w.seed, "lab.first_cycle", w.t, lab.index, tier)
            lab.runs[tier].done = 0.9 * u * lab.runs[tier].flop


def release_net(w, lab, tier):
    """A finished run becomes a net (N.8, N.10, section 7.3); whether it is released (N.14)."""
    p = w.p
    run = lab.runs[tier]
    old = lab.nets[tier]
    net = SimpleNamespace(parameters=run.parameters, data=run.data, train=run.flop, gain=lab.gain, released=w.t)
    net.effective = neural.equivalent_flop(p["neural.law"], run.parameters, run.data) * math.exp(lab.ln_algorithms)
    if tier == 0:
        net.rollouts = lab.rollouts
    else:
        teacher = lab.nets[0]
        factor = neural.distillation(p, lab.synthetic, teacher.train)
        net.effective = min(net.effective * factor, teacher.effective)
        span = 10.0 ** p["neural.distillation_orders_max"] - 1.0
        net.rollouts = teacher.rollouts * (factor - 1.0) / span if span > 0.0 else 0.0
    net.horizon = neural.horizon(p, net.effective, net.rollouts)
    if net.horizon < old.horizon:
        return False
    if tier == 0:
        lab.rollouts = 0.0
    net.thinks = net.rollouts >= p["neural.reasoning_share"] * net.train
    net.price = old.price * net.parameters / old.parameters
    for item in ("tokens", "growth", "kinds", "seconds", "cost", "overhead", "cost_share", "cap_value"):
        setattr(net, item, getattr(old, item))
    lab.nets[tier] = net
    return True


def release(w, f):
    """Step 2: finished runs become nets, frontier nets before small ones; next runs are sized."""
    price = contract_price(w)
    f.largest = 0.0
    for tier in range(len(TIERS)):
        for lab in w.labs:
            run = lab.runs[tier]
            if run.done >= run.flop and w.t - lab.nets[tier].released >= 3:
                if release_net(w, lab, tier):
                    plan_run(w, lab, tier, price)
                else:  # Eq. N.14: free disposal, the run goes on for a quarter of its tokens
                    run.flop *= 1.25
                    run.data *= 1.25
