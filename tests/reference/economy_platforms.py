"""Applications (F.1 to F.4), robots (R.1 to R.8) and what the layers remember."""

import math

from tests.reference import economy_draws as draws
from tests.reference import economy_link as link
from tests.reference import economy_neural as neural
from tests.reference import economy_people as people
from tests.reference.economy_books import pay
from tests.reference.economy_stack import intensity, uplift
from tests.reference.economy_tables import CLASSES, HOURS, SEGMENTS


def revise(w, f):
    """Eq. F.2: a feature takes its best intensity when its product cycle ends."""
    p = w.p
    chance = 1.0 - math.exp(-1.0 / p["application.product_cycle_months"])
    for x in w.features:
        if draws.uniform(w.seed, "application.revise", w.t, x.identity) < chance:
            x.intensity = intensity(p, x, f.horizon[1], f.token_cost["embedded"][1])


def move_attention(w, f):
    """Eq. F.3: attention of wage segments over applications."""
    p = w.p
    inertia = p["app_network.inertia"]
    rows = [k for k, a in enumerate(w.apps) if not a.assistant]
    mean = sum(f.app_hours[k] for k in rows) / len(rows)
    odds = {}
    for k in rows:
        a = w.apps[k]
        gain = sum(uplift(p, x, f.horizon[1]) for x in a.features if x.intensity > 0.0) / len(a.features)
        o = p["app_network.quality_coefficient"] * math.log(a.quality)
        o -= p["app_network.ad_load_coefficient"] * a.ad_load
        o += p["app_network.feature_coefficient"] * gain / 0.1
        o += p["app_network.users_coefficient"] * math.log(max(f.app_hours[k], 1e-300) / mean)
        odds[k] = o
    top = max(odds.values())
    total = sum(math.exp(o - top) for o in odds.values())
    for g in range(SEGMENTS):
        for k in rows:
            goal = math.exp(odds[k] - top) / total
            w.attention[g][k] = inertia * w.attention[g][k] + (1.0 - inertia) * goal


def fail_and_enter(w, f):
    """Eq. F.4: applications without cash or attention are replaced."""
    p = w.p
    hours = sum(f.app_hours)
    for k, a in enumerate(w.apps):
        poor = a.cash < 0.0
        if not a.assistant:
            poor = poor or f.app_hours[k] / hours < p["application.exit_share"]
        a.failing = a.failing + 1 if poor else 0
        if a.failing >= p["application.failure_months"]:
            a.failing = 0
            a.entries += 1
            z = draws.normal(w.seed, "application.entry", w.t, k + 1000 * a.entries)
            a.quality = math.exp(p["application.quality_sigma"] * z)


def robots(w, f):
    """Eq. R.6 to R.8: deliveries, retirement, makers' capacity, orders."""
    p = w.p
    price = people.robot_price(w)
    backlog = sum(h.robot_orders for h in w.people)
    part = min(1.0, w.robot_capacity / backlog) if backlog > 0.0 else 0.0
    f.robots_bought = 0.0
    f.robots_retired = 0.0
    gaps = []
    for h in w.people:
        delivered = h.robot_orders * part
        retired = h.robots * p["robot.depreciation_per_year"] / 12.0
        h.robots += delivered - retired
        h.robot_orders -= delivered
        f.robots_bought += delivered
        f.robots_retired += retired
        gaps.append(max(h.robots_wanted - h.robots - h.robot_orders, 0.0))
    pay(w, f, "robot_owners", "hardware_suppliers", "robots", f.robots_bought * price)
    pay(w, f, "hardware_suppliers", "rest_of_world", "robot production", f.robots_bought * price)
    w.robots_made += f.robots_bought
    months = backlog / w.robot_capacity
    growth = p["robot.production_response_per_month"] * math.log(max(months, 1e-3) / p["robot.target_backlog_months"])
    w.robot_capacity = max(w.robot_capacity * max(1.0 + growth, 0.5), 1.0)
    orders = [p["robot.purchase_per_month"] * g for g in gaps]
    waiting = sum(h.robot_orders for h in w.people)
    room = max(p["robot.queue_months"] * w.robot_capacity - waiting, 0.0)
    scale = min(1.0, room / sum(orders)) if sum(orders) > 0.0 else 0.0
    for h, x in zip(w.people, orders, strict=False):
        h.robot_orders += x * scale


def remember_robots(w, f):
    """Success (R.2) and running cost (R.3) of robots as realised this month."""
    p = w.p
    horizon = f.horizon[1] * p["robot.embodiment_gap"]
    w.robot_success = neural.succeed(p["agent_loop.success_slope"], p["robot.work_minutes"], horizon)
    w.robot_call_cost = f.prompt["robot_cloud"] * f.input_price[1]
    stock = f.robots_at_work
    bill = f.calls[4] * w.robot_call_cost + f.board.robot_kwh * p["physical.electricity_usd_per_kwh"]
    w.robot_running = bill / stock if stock > 0.0 else 0.0


def remember(w, f):
    """What the layers realised: hits (C.2), caching software (C.3), legacy work (Y.4), prices (M.4)."""
    p = w.p
    stream = sum(f.served[s][t][q] for s in range(5) for t in (0, 1) for q in (0, 1)) / (HOURS * 3600.0)
    tokens = [
        [w.calls_now[t][i] * sum(sum(f.served[s][t]) for s in range(5)) for i in range(len(w.labs))] for t in (0, 1)
    ]
    total = sum(sum(row) for row in tokens)
    kv = 0.0
    for tier in (0, 1):
        for i, lab in enumerate(w.labs):
            weight = tokens[tier][i] / total if total > 0.0 else 1.0 / (2 * len(w.labs))
            kv += weight * link.kv_bytes(p, lab.nets[tier].parameters)
    memory = f.memory * sum(f.serving_served) / HOURS
    sizes = p["context.kv_share_of_hbm"] + p["context.host_weight"] * p["context.host_ratio"]
    sizes += p["context.ssd_weight"] * p["context.ssd_ratio"]
    held = memory * sizes / (kv * stream) if stream > 0.0 else 0.0
    found = 1.0 - (1.0 + held / p["context.memory_reference_s"]) ** -p["context.memory_exponent"]
    reuse = {"assistant": "chat", "embedded": "embedded", "robot_cloud": "robot"}
    w.hits = [p["context.reuse_" + reuse.get(name, "agent")] * found * w.caching for name in CLASSES]
    cached = sum(lab.nets[t].seconds[1] for lab in w.labs for t in (0, 1))
    fresh = sum(lab.nets[t].seconds[0] for lab in w.labs for t in (0, 1))
    if cached < fresh:
        w.caching += (1.0 - w.caching) * (1.0 - math.exp(-p["context.caching_maturity_per_year"] / 12.0))
    opening = p["compute.opening_usd_per_h100e_hour"]
    for k in (0, 1):
        goal = -p["compute.elasticity_legacy"] * math.log(f.price / opening)
        now = math.log(w.legacy[k])
        w.legacy[k] = math.exp(now + p["app_network.legacy_speed"] * (goal - now))
    w.use = f.use
    w.multiplier = f.multiplier
    w.quality_kept = f.quality_kept
    w.read_a_task = f.read / f.tasks_agent if f.tasks_agent > 0.0 else 0.0
    w.served_ever += sum(f.tokens_served)
    w.market_price = f.next_market
    for v in w.providers:
        v.price = max(w.market_price * v.premium, f.floor)
