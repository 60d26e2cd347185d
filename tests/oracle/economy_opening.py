"""The opening of the economy again: tables, networks, machines, first runs, books (MODEL.md 5).

A table is a list of dicts. Kernels with a twin of their own come from the other files of this folder.
"""

import math
from types import SimpleNamespace as Space

from tests.oracle import application_firm, auction, core, human, link, neural, physical, provider
from tests.oracle.economy_base import (
    LIST,
    SECTORS,
    SEGMENTS,
    SERVING,
    TIERS,
    UNSEEN,
    Draws,
    dot,
    fleet_mean,
    issue,
    month_index,
    parameters,
    table,
)
from tests.oracle.economy_network import call_network
from tests.oracle.economy_runs import compute_optimal, plan_run


def opening(scenario, seed):
    """The economy before its first month."""
    e = Space(scenario=scenario, seed=seed, month=0, draws=Draws(seed), p=parameters(scenario, 0))
    e.law = next(Space(**dict(zip(("e", "a", "b", "alpha", "beta"), map(float, row[1:]), strict=True)))
                 for row in table("constants") if row[0] == e.p.neural.law)  # fmt: skip
    people(e)
    machines(e)
    applications(e)
    call_network(e)
    labs(e)
    remembered(e)
    list_prices(e)
    first_runs(e)
    books(e)
    return e


def people(e):
    """Rows of people (H.1) with their delegates, standing agents and robots; the social graph."""
    p, n = e.p, e.scenario.humans
    free = p.attention.hours_per_month - p.human.work_hours_per_month
    loop = p.agent_loop.loop_reference_minutes, p.agent_loop.token_length_elasticity
    e.humans = human.build(n, e.draws.trait, p.human, free, p.agent_loop.job_elasticity, loop)
    for h in e.humans:
        h |= {"people": p.human.population_people / n, "adopted": 0.0, "delegating": 0.0}
        h |= {"assistant_usefulness": 0.0, "agent_usefulness": 0.0}
    e.delegates, e.standing = (
        [{"weight": 0.0, "wallet": 0.0, "lean": 0, "log_thinking": 0.0} for _ in range(n)] for _ in range(2)
    )
    e.robots = [{"weight": p.robot.initial_stock / n, "on_order": 0.0} for _ in range(n)]
    e.wage_by_segment = []
    for g in range(SEGMENTS):
        mine = [h["wage_usd_per_h"] for h in e.humans if h["segment"] == g]
        e.wage_by_segment.append(math.fsum(mine) / len(mine) if mine else 0.0)
    e.mean_wage = math.fsum(h["wage_usd_per_h"] for h in e.humans) / n

    generator = e.draws.generator("social")
    half = min(p.human.contacts // 2, (n - 1) // 2)
    uniforms = generator.random(n * half).tolist()
    targets = generator.integers(0, n, sum(u < p.human.rewiring for u in uniforms)).tolist()
    e.contacts = core.small_world(n, p.human.contacts, p.human.rewiring, uniforms, targets)


def machines(e):
    """Generations of chips (P.1), providers, machines by month of delivery, the supplier."""
    p, start = e.p, e.scenario.start
    chips = table("generation")
    e.launched, rows = physical.generations(
        [[float(x) for x in row[2:]] for row in chips],
        [month_index(row[1], start) for row in chips],
        e.scenario.months,
        p.physical,
    )
    columns = ("h100e_per_chip", "watts", "hbm", "bandwidth", "price_index")
    e.generations = [dict(zip(columns, row, strict=True)) for row in rows]
    firms = list(e.scenario.firms["provider"].values())
    given = [f.share for f in firms], [f.premium for f in firms]
    opening_usd, stock = p.compute.opening_usd_per_h100e_hour, p.physical.opening_stock_h100e
    e.providers = []
    for f, (own, premium, contract) in zip(firms, provider.build(*given, stock, opening_usd), strict=True):
        row = {"stock": own, "premium": premium, "contract": contract, "expected": opening_usd}
        row["backlog"] = own / stock * p.supplier.opening_h100e_per_month * p.supplier.target_backlog_months
        row |= {"parent_share": f.parent_share, "debt": 0.0, "stressed": 0}
        e.providers.append(row)

    old, new = e.generations[0], e.generations[1]  # V100, A100
    mean = {name: 0.35 * old[name] + 0.65 * new[name] for name in ("watts", "hbm", "bandwidth")}
    e.cohorts = [
        {"month": -age, "h100e": [v["stock"] / 36 for v in e.providers], **mean, "watts": facility(mean["watts"], p)}
        for age in range(36, 0, -1)
    ]
    produced = dot(physical.mix(0, e.launched, 9), [g["h100e_per_chip"] for g in e.generations])
    e.chips_per_month = p.supplier.opening_h100e_per_month / produced
    e.sold_h100e, e.orders, e.expansions = 0.0, [], [0.0] * p.supplier.lead_months
    e.powered_gw = p.physical.power_opening_gw
    e.used_gw = drawn_gw(e)


def facility(chip_watts, p):
    return physical.facility_watts(chip_watts, p.physical.server_power_factor, p.physical.pue, p.physical.load_factor)


def drawn_gw(e):
    return math.fsum(math.fsum(c["h100e"]) * c["watts"] for c in e.cohorts) / 1e9


def applications(e):
    """Applications, features (F.1), services (F.5) with the lowest locally envy-free bids (M.34)."""
    p = e.p
    e.assistants, others = p.app_network.assistants, p.app_network.applications
    count = others * p.app_network.features
    firms, features = application_firm.build(e.assistants + others, count, e.assistants, e.draws.trait, p.application)
    e.applications = [
        {"assistant": a, "quality": q, "ad_load": load, "attention": 0.0, "cash": 0.0, "lean": 0, "entries": 0}
        for a, q, load in firms
    ]
    names = ("application", "value", "scale", "log_difficulty", "exposure")
    e.features = [{**dict(zip(names, row, strict=True)), "intensity": 0.0} for row in features]
    e.app_share = [[1.0 / others] * others for _ in range(SEGMENTS)]
    e.services = [
        {"margin": m, "quality": q, "agent_share": 0.0}
        for m, q in application_firm.build_services(p.application.services, e.draws.trait)
    ]
    for market in auction_markets(p):
        values = [z["margin"] * market.value for z in e.services]
        bids = auction.envy_free_bids(values, [z["quality"] for z in e.services], market.rates)
        for z, bid in zip(e.services, bids, strict=True):
            z[market.bid] = bid


def auction_markets(p):
    """Clicks of people, invocations by agents: value, click rates (M.36), name of the bid."""
    return (
        Space(
            value=p.auction.value_usd_per_click,
            rates=auction.click_rates(p.auction.clicks_per_hour, p.auction),
            bid="click_bid",
        ),
        Space(
            value=p.auction.value_usd_per_invocation, rates=auction.click_rates(1.0, p.auction), bid="invocation_bid"
        ),
    )


def labs(e):
    """Labs and their two nets each, compute-optimal (N.2); nets 0..L-1 are the frontier tier, L..2L-1 the small one."""
    p = e.p
    firms = e.scenario.firms["lab"]
    e.names, e.rules = list(firms), [f.rule for f in firms.values()]
    e.forecasters = [f.forecaster for f in firms.values()]
    e.labs, e.nets = [], []
    for f in firms.values():
        row = {"open": f.kind == "open", "parent_share": f.parent_share, "rd": f.rd_usd_per_month}
        row |= {"revenue": 0.0, "serving": 0.0, "growth": p.lab.growth_prior_per_month, "eta": 0.0, "G": 0.0}
        row |= {"log_algorithms": 0.0, "synthetic": 0.0, "gain": 1.0, "taught": 0.0, "runs": [None, None]}
        row |= {"split": [0.2, 0.6, 0.0, 0.2, 0.0], "waiting": [0.0] * 5}
        e.labs.append(row)
    for share in (1.0, p.lab.small_share):
        for f in firms.values():
            flop = f.run_flop * share
            size, tokens = compute_optimal(flop, e.law)
            net = {"size": size, "tokens": tokens, "flop": flop, "effective": flop, "rollouts": 0.0, "gain": 1.0}
            net |= {"horizon": neural.horizon(flop, 0.0, p.neural), "thinks": False, "released": -6}
            net |= {"served": 0.0, "served_growth": p.lab.growth_prior_per_month}
            e.nets.append(net)
    total = math.fsum(lab_["rd"] for lab_ in e.labs)
    e.weights = [lab_["rd"] / total for lab_ in e.labs]
    e.runs_released = [net["flop"] for net in e.nets]
    homes = [e.names.index(f.integrated_lab) if f.integrated_lab else None
             for f in e.scenario.firms["provider"].values()]  # fmt: skip
    e.homes = [-1] + [homes.index(i) if i in homes else -1 for i in range(len(e.labs))]


def remembered(e):
    """States of layers and markets as of the end of the month before the first."""
    p, n = e.p, len(e.labs)
    e.net_share = [[[1.0 / n] * n for _ in TIERS] for _ in SERVING]
    e.hits, e.caching, e.log_tau_chat, e.reasoning_share = [0.0] * 5, 0.0, [0.0] * SEGMENTS, 0.0
    e.ranking_intensity = e.other_intensity = 1.0
    e.legacy_queue = [0.0, 0.0]
    e.chat_ready = e.agents_ready = None
    e.calls_per_task, e.take_rate, e.examined = p.call_network.agent_calls, p.orchestrator.take_rate, 0.0
    e.demand_elasticity, e.fill, e.served_tokens = p.agent_loop.success_slope, [1.0] * 12, 0.0
    e.queue = [[[0.0] * 3 for _ in TIERS] for _ in SERVING]
    e.utilisation, e.demand_growth, e.last_demand = 0.75, 0.0, 0.0
    e.machine_usd, e.machine_change, e.user_cost = 0.0, -p.provider.price_decline_per_year, 0.0
    e.robots_made, e.robot_capacity = p.robot.price_reference_robots, p.robot.initial_stock / 24
    e.robot_success = e.robot_running_usd = e.robot_call_usd = 0.0
    offered = p.physical.opening_stock_h100e * 730.0 * p.physical.availability
    e.ranking_hours, e.other_hours = offered * p.app_network.ranking_share, offered * p.app_network.other_share
    free = p.attention.hours_per_month - p.human.work_hours_per_month
    e.attention_hours = p.human.population_people * free * p.attention.application_share


def list_prices(e):
    """Serving cost and list prices at a light load: 1e12 tokens a month, alike in class, net and kind."""
    p, n = e.p, len(e.nets)
    *_, seconds, _, _ = link.serving(
        [[[1e12 / (15 * n)] * 3 for _ in range(n)] for _ in SERVING],
        [net["size"] for net in e.nets],
        [p.context.prompt_chat_tokens] * 5,
        [1.0] * n,
        fleet_mean(e, "bandwidth"),
        fleet_mean(e, "hbm"),
        p.link,
        link.software_overhead(0.0, p.link),
    )
    e.serving_usd = [dot(UNSEEN, s) / 3600 * p.compute.opening_usd_per_h100e_hour for s in seconds]
    markup = p.lab.price_coefficient / (p.lab.price_coefficient - 1)
    for net, cost in zip(e.nets, e.serving_usd, strict=True):
        net["price"] = cost * markup / dot(UNSEEN, LIST)
    e.opening_token_usd = math.fsum(net["price"] for net in e.nets[: len(e.labs)]) / len(e.labs)


def first_runs(e):
    """The first run of each lab and tier is under way, a drawn part of nine tenths of it done."""
    for i in range(len(e.labs)):
        for tier in TIERS:
            plan_run(e, i, tier, e.draws.uniform("lab.cycle", 0, i, tier))
            run = e.labs[i]["runs"][tier]
            run["done"] = 0.9 * e.draws.uniform("lab.first_cycle", 0, i, tier) * run["flop"]


def books(e):
    """Firms' cash and claims at book; the residual of each instrument is the rest of the world's."""
    p = e.p
    for me in e.labs:
        me["cash"] = me["investors"] = me["rd"] * p.lab.runway_months
        me["parents"] = me["hardware_suppliers"] = 0.0
    unit = p.supplier.unit_cost_usd_per_h100e * (1 + p.supplier.markup)
    unit += p.supplier.site_usd_per_w * 700 * 1.5 * 1.2
    for v in e.providers:
        v["cash"] = v["stock"] * 730 * p.physical.availability * p.compute.opening_usd_per_h100e_hour / 2
        v["book"] = v["stock"] * unit * (1 - 18 / p.provider.book_life_months)
        v["equity"] = 0.0 if v["parent_share"] > 0 else v["book"] + v["cash"]  # of investors
    e.money, e.claims = dict.fromkeys(SECTORS, 0.0), dict.fromkeys(SECTORS, 0.0)
    e.money["labs"], e.money["providers"] = (math.fsum(x["cash"] for x in rows) for rows in (e.labs, e.providers))
    for v in e.providers:
        issue(e.claims, "providers", "parents" if v["parent_share"] > 0 else "investors", v["book"] + v["cash"])
    for me in e.labs:
        issue(e.claims, "labs", "investors", me["cash"])
    for instrument in (e.money, e.claims):
        instrument["rest_of_world"] -= math.fsum(instrument.values())
