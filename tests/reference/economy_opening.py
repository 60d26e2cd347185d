"""Initialisation, section 5: the world as of 2022-01."""

import math
from types import SimpleNamespace

from tests.reference import economy_draws as draws
from tests.reference import economy_link as link
from tests.reference import economy_neural as neural
from tests.reference import economy_physical as physical
from tests.reference import economy_routing as routing
from tests.reference.economy_attention import opening_bids
from tests.reference.economy_networks import build_calls, build_contacts
from tests.reference.economy_people import single
from tests.reference.economy_tables import CLASSES, FORECASTERS, HOURS, RULES, SEGMENTS, TIERS


def firms(p, kind, item):
    """Names of firms of a kind in the order of declaration (section 5)."""
    end = "." + item
    return [
        k[len(kind) + 1 : -len(end)] for k in p if k.startswith(kind + ".") and k.endswith(end) and k.count(".") == 2
    ]


def build_people(w):
    """Eq. H.1: traits of people."""
    p = w.p
    count = w.humans
    mean = p["human.wage_mean_usd_per_h"]
    sigma = p["human.wage_sigma"]
    w.people = []
    for i in range(count):
        u = draws.trait(w.seed, "human.wage", i)
        z = draws.normal_of(u)
        h = SimpleNamespace()
        h.weight = p["human.population_people"] / count
        wage = mean * math.exp(sigma * z - sigma**2 / 2.0)
        h.wage = single(wage)
        h.segment = math.floor(SEGMENTS * u)
        z = draws.trait_normal(w.seed, "human.task_minutes", i)
        h.minutes = single(p["human.task_minutes_median"] * math.exp(p["human.task_minutes_sigma"] * z))
        z = draws.trait_normal(w.seed, "human.task_hours", i)
        s = p["human.task_hours_sigma"]
        hours = p["human.task_hours_per_month"] * math.exp(s * z - s**2 / 2.0)
        h.task_hours = single(min(hours, p["human.task_hours_share_max"] * p["human.work_hours_per_month"]))
        z = draws.trait_normal(w.seed, "human.job_value", i)
        s = p["human.job_value_sigma"]
        job = p["human.job_value_usd_per_month"] * math.exp(s * z - s**2 / 2.0) * wage / mean
        h.job_value = single(job ** (1.0 / p["agent_loop.job_elasticity"])) ** p["agent_loop.job_elasticity"]
        h.free_weight = h.wage * (p["attention.hours_per_month"] - p["human.work_hours_per_month"])
        h.length_factor = (h.minutes / p["human.task_minutes_median"]) ** p["human.chat_length_elasticity"]
        h.adopted = 0.0
        h.delegating = 0.0
        h.shadow = h.wage
        h.useful_assistant = 0.0
        h.useful_agent = 0.0
        h.delegates = SimpleNamespace(number=0.0, wallet=0.0, think=0.0, lean=0)
        h.standing = SimpleNamespace(number=0.0, wallet=0.0, think=0.0, lean=0)
        h.robots = p["robot.initial_stock"] / count
        h.robot_orders = 0.0
        w.people.append(h)
    build_contacts(w)


def build_machines(w):
    """Cohorts of the 36 months before, orders, power (section 5)."""
    p = w.p
    v100, a100 = w.generations[0], w.generations[1]

    def mean(name):
        """Mean of the opening stock (section 5)."""
        return 0.35 * getattr(v100, name) / v100.h100e + 0.65 * getattr(a100, name) / a100.h100e

    shares = [v.share for v in w.providers]
    stock = p["physical.opening_stock_h100e"]
    w.cohorts = []
    for age in range(35, -1, -1):
        amounts = [stock / 36.0 * s for s in shares]
        w.cohorts.append(physical.Cohort(age, amounts, mean("watts"), mean("memory"), mean("bandwidth")))
    make = physical.make_of(w.generations, physical.mix(w.generations, 0))
    w.chips = p["supplier.opening_h100e_per_month"] / make.h100e_a_chip
    w.decisions = [0.0] * p["supplier.lead_months"]
    w.power_used = physical.power_used(w)
    w.sold = 0.0
    orders = p["supplier.target_backlog_months"] * p["supplier.opening_h100e_per_month"]
    for v in w.providers:
        v.ordered = orders * v.share
        v.recent_orders = [0.0] * p["supplier.build_months"]


def build_providers(w):
    """Compute providers with prices, cash, debt and book value (section 5)."""
    p = w.p
    names = firms(p, "provider", "premium")
    total = sum(p["provider." + n + ".share"] for n in names)
    w.providers = []
    for n in names:
        v = SimpleNamespace(name=n)
        v.share = p["provider." + n + ".share"] / total
        v.parent_share = p["provider." + n + ".parent_share"]
        v.house = p["provider." + n + ".integrated_lab"]
        v.premium = p["provider." + n + ".premium"]
        w.providers.append(v)
    mean = sum(v.share * v.premium for v in w.providers)
    price = p["compute.opening_usd_per_h100e_hour"]
    w.market_price = price
    w.block_ratio = [1.0, 1.0]
    w.growth = p["belief.growth_prior_per_month"]
    w.progress = p["belief.progress_prior_per_month"]
    w.bias = 0.0
    w.market = None
    w.last_spending = w.last_horizon = None
    w.forecasts = []
    w.order_sums = []
    w.expected_change = -p["provider.price_decline_per_year"]
    w.generations = physical.generations(p, w.months)
    build_machines(w)
    usd = p["supplier.unit_cost_usd_per_h100e"] * (1.0 + p["supplier.markup"]) + p["supplier.site_usd_per_w"] * 1260.0
    w.machine_price = usd
    for v in w.providers:
        v.premium /= mean
        v.price = price * v.premium
        stock = v.share * p["physical.opening_stock_h100e"]
        v.cash = 0.5 * physical.capacity_hours(p, stock) * price
        v.debt = 0.0
        v.book = stock * usd * (1.0 - 18.0 / p["provider.book_life_months"])
        v.equity = {"parents" if v.parent_share > 0.0 else "investors": v.cash + v.book}
        v.failing = 0


def opening_net(w, flop):
    """A net of the opening: compute-optimal (N.2), released six months ago (section 5)."""
    p = w.p
    net = SimpleNamespace()
    net.parameters, net.data = neural.compute_optimal(p["neural.law"], flop)
    net.train = flop
    net.effective = neural.equivalent_flop(p["neural.law"], net.parameters, net.data)
    net.rollouts = 0.0
    net.horizon = neural.horizon(p, net.effective, 0.0)
    net.gain = 1.0
    net.released = -6
    net.thinks = False
    net.tokens = 0.0
    net.growth = p["lab.growth_prior_per_month"]
    net.kinds = None
    net.cost_share, net.cap_value = 0.5, 0.0
    return net


def build_labs(w):
    """Labs, their nets and list prices (section 5)."""
    p = w.p
    w.labs = []
    w.defaulted = 0.0
    for n in firms(p, "lab", "run_flop"):
        lab = SimpleNamespace(name=n, index=len(w.labs))
        for item in ("kind", "rule", "forecaster", "parent_share"):
            setattr(lab, item, p["lab." + n + "." + item])
        if lab.rule not in RULES or lab.forecaster not in FORECASTERS:
            raise ValueError(f"lab {n}: rule {lab.rule} with forecaster {lab.forecaster} is not in the twin")
        lab.budget = p["lab." + n + ".rd_usd_per_month"]
        lab.weight = lab.budget
        lab.cash = p["lab.runway_months"] * lab.budget
        lab.equity = {"investors": lab.cash}
        lab.revenue = 0.0
        lab.serving_cost = 0.0
        lab.growth = p["lab.growth_prior_per_month"]
        lab.ln_algorithms = 0.0
        lab.gain = 1.0
        lab.architecture = 0.0
        lab.synthetic = 0.0
        lab.rollouts = 0.0
        lab.own_growth = 0.0
        lab.automated = 0.0
        lab.rents = p["lab." + n + ".rents_usd_per_year"]
        lab.rents_kept = 1.0
        lab.contract_hours = 0.0
        lab.contract_price = 0.0
        lab.split = [0.2, 0.6, 0.0, 0.2, 0.0]
        lab.waiting = [0.0] * 5
        flop = p["lab." + n + ".run_flop"]
        lab.nets = [opening_net(w, flop), opening_net(w, flop * p["lab.small_share"])]
        w.labs.append(lab)
    total = sum(lab.weight for lab in w.labs)
    for lab in w.labs:
        lab.weight /= total
        lab.share = lab.weight
    w.calls = [[1.0 / len(w.labs)] * len(w.labs) for _ in TIERS]
    opening_prices(w)


def opening_prices(w):
    """List prices and costs of the opening: K.3 at 1e12 tokens a month and prompts of chat."""
    p = w.p
    memory = physical.fleet_mean(w, "memory")
    bandwidth = physical.fleet_mean(w, "bandwidth")
    overhead = link.software_overhead(p, 0.0)
    generated = 1e12 / (2 * len(w.labs)) / 3.0
    x = generated / (HOURS * 3600.0)
    price = p["compute.opening_usd_per_h100e_hour"]
    b = p["lab.price_coefficient"]
    for lab in w.labs:
        for net in lab.nets:
            c = p["context.prompt_chat_tokens"]
            net.seconds = link.serving_seconds(p, net.parameters, net.gain, c, x, memory, bandwidth, overhead)
            net.cost = [s * price / 3600.0 for s in net.seconds]
            net.overhead = overhead
            cost = 0.8 * net.cost[0] + 0.2 * net.cost[2]
            net.price = cost * b / (b - 1.0) / (0.8 + 5.0 * 0.2)
    w.opening_input_price = sum(lab.nets[0].price for lab in w.labs) / len(w.labs)


def build_applications(w):
    """Eq. F.1 and F.5: applications, features, services."""
    p = w.p
    seed = w.seed
    assistants = p["app_network.assistants"]
    count = assistants + p["app_network.applications"]
    per = p["app_network.features"]
    w.apps = []
    for k in range(count):
        a = SimpleNamespace(assistant=k < assistants)
        a.quality = math.exp(p["application.quality_sigma"] * draws.trait_normal(seed, "application.quality", k))
        a.ad_load = 0.0 if a.assistant else p["application.ad_load"]
        a.cash = 0.0
        a.failing = 0
        a.entries = 0
        a.features = []
        w.apps.append(a)
    w.features = []
    others = p["app_network.applications"]
    for i in range(others * per):
        x = SimpleNamespace(identity=i, intensity=0.0, app=assistants + i % others)
        z = draws.trait_normal(seed, "feature.value", i)
        x.value = p["application.feature_value_usd_per_h"] * math.exp(p["application.feature_value_sigma"] * z)
        z = draws.trait_normal(seed, "feature.scale", i)
        x.scale = p["application.feature_tokens_per_h"] * math.exp(p["application.feature_tokens_sigma"] * z)
        z = draws.trait_normal(seed, "feature.difficulty", i)
        x.minutes = p["application.difficulty_minutes"] * math.exp(p["application.difficulty_sigma"] * z)
        w.features.append(x)
        w.apps[x.app].features.append(x)
    w.attention = [[0.0 if a.assistant else 1.0 / others for a in w.apps] for _ in range(SEGMENTS)]
    w.services = []
    for i in range(p["application.services"]):
        s = SimpleNamespace(identity=i, split=0.0)
        sigma = p["application.service_margin_sigma"]
        s.margin = math.exp(sigma * draws.trait_normal(seed, "service.margin", i) - sigma**2 / 2.0)
        s.quality = math.exp(p["application.service_quality_sigma"] * draws.trait_normal(seed, "service.quality", i))
        s.value = [p["auction.value_usd_per_click"] * s.margin, p["auction.value_usd_per_invocation"] * s.margin]
        w.services.append(s)
    opening_bids(w)


def build(w):
    """The whole opening (section 5)."""
    p = w.p
    build_people(w)
    build_providers(w)
    build_labs(w)
    build_applications(w)
    build_calls(w)
    routing.opening_bids(w)
    w.ad_funded = p["ai_agent.ad_funded_share"]
    w.quality_kept = 1.0
    w.hits = [0.0] * 5
    w.caching = 0.0
    w.think_share = 0.0
    w.think_z = [0.0] * SEGMENTS
    w.queue = [[[0.0] * 3 for _ in TIERS] for _ in CLASSES]
    w.queue_legacy = [0.0, 0.0]
    w.fill = [1.0] * 5
    w.legacy = [1.0, 1.0]
    w.use = 0.75
    w.served_ever = 0.0
    w.read_a_task = 0.0
    w.multiplier = p["call_network.agent_calls"]
    w.opening_hours = physical.capacity_hours(p, p["physical.opening_stock_h100e"])
    free = p["attention.hours_per_month"] - p["human.work_hours_per_month"]
    w.opening_attention = p["human.population_people"] * free * p["attention.application_share"]
    w.robot_capacity = p["robot.initial_stock"] / p["robot.opening_build_months"]
    w.robots_made = p["robot.price_reference_robots"]
    w.robot_success = 0.0
    w.robot_running = 0.0
    w.robot_call_cost = 0.0
    w.first_good = {"assistant": None, "agent": None}
