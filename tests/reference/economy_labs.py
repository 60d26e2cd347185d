"""Labs' decisions, section 7.11 (L.1 to L.14)."""

import math

from tests.reference import economy_link as link
from tests.reference import economy_neural as neural
from tests.reference.economy_books import claim, got_less_paid, pay
from tests.reference.economy_machines import clip, logistic, parent_cash, reach
from tests.reference.economy_prices import choose_nets, learn_token_growth, list_prices, token_cost


def learn(w, f):
    """Research of the month is learned: runs, roll-outs (N.9), data, algorithms (N.7), architecture (N.11)."""
    p = w.p
    best = max(lab.ln_algorithms for lab in w.labs)
    frontier = max(net.train for lab in w.labs for net in lab.nets)
    for i, lab in enumerate(w.labs):
        final, experiment, rollout, data, agents = f.research_flop[i]
        small = p["lab.small_share"]
        lab.runs[0].done += final * (1.0 - small)
        lab.runs[1].done += final * small
        lab.rollouts += rollout * neural.verified(p, lab.nets[0].horizon)
        lab.synthetic += data
        success = neural.succeed(p["agent_loop.success_slope"], p["lab.research_task_minutes"], lab.nets[0].horizon)
        as_experiments = agents * p["link.training_utilisation"] / p["link.rollout_utilisation"]
        lab.automated, multiplier = neural.automation(p, experiment, as_experiments, success)
        z = lab.architecture
        lab.own_growth = neural.algorithmic_growth(p, lab.ln_algorithms, (1.0 - z) * experiment, multiplier, frontier)
        lab.ln_algorithms = neural.algorithmic_step(p, lab.ln_algorithms, lab.own_growth, best)
        lab.gain = neural.architecture_step(p, lab.gain, z * experiment, multiplier)


def learn_growth(w, f):
    """Eq. L.13: expected growth of revenue; revenue and serving cost are smoothed over a quarter."""
    p = w.p
    last = [lab.revenue for lab in w.labs]
    market_last = sum(last)
    for i, lab in enumerate(w.labs):
        lab.revenue += (f.lab_revenue[i] - lab.revenue) / 3.0
        lab.serving_cost += (f.serving_paid[i] - lab.serving_cost) / 3.0
    if market_last <= p["lab.seed_market_usd_per_year"] / 12.0:
        return
    market = math.log(sum(lab.revenue for lab in w.labs) / market_last)
    left = max(1.0 - market_last / w.market, 0.1)
    for lab, before in zip(w.labs, last, strict=False):
        seen = market
        if before >= 1.0 and lab.revenue >= 1.0:
            seen = 0.5 * math.log(lab.revenue / before) + 0.5 * market
        lab.growth += p["lab.growth_learning_per_month"] * (clip(seen, -0.3, 0.3) / left - lab.growth)


def demand_elasticity(w, f):
    """Elasticity of demand to the horizon: H.7, Y.3b, A.5 weighted by spending."""
    p = w.p
    sigma = p["agent_loop.success_slope"]
    saving = p["human.assistant_time_saving"]
    scale = p["human.choice_scale"]
    span = p["human.error_loss"]
    width = p["human.review_share_max"] - p["human.review_share_min"]
    total = 0.0
    weighted = 0.0
    for h in w.people:
        e_c, e_a = h.odds
        s = h.chat_success
        chat = (1.0 - e_c / (1.0 + e_c)) * sigma * saving * h.y * s * (1.0 - s) / scale
        s = h.agent_success
        agent = (1.0 - e_a / (1.0 + e_c + e_a)) * sigma * (span + width * h.y) * s * (1.0 - s) / scale
        for spending, e in ((h.chat_tasks * h.chat_cost, chat), (h.agent_tasks * h.agent_cost, agent)):
            total += spending
            weighted += spending * e
    jobs = sum(h.jobs for h in w.people) * f.job_cost
    total += jobs
    weighted += jobs * sigma * (1.0 - f.job_success) / p["agent_loop.job_elasticity"]
    features = f.class_bill[3]
    total += features
    weighted += features * feature_elasticity(w, f)
    return weighted / total if total > 0.0 else sigma


def feature_elasticity(w, f):
    """Eq. Y.3b: elasticity of features' tokens to the horizon, weighted by tokens."""
    p = w.p
    sigma = p["agent_loop.success_slope"]
    price = f.token_cost["embedded"][1]
    total = sum(f.feature_tokens)
    weighted = 0.0
    for x, tokens in zip(w.features, f.feature_tokens, strict=False):
        s = neural.succeed(sigma, x.minutes, f.horizon[1])
        need = p["application.required_success"]
        if tokens <= 0.0 or s <= need:
            continue
        gain = x.value * (s - need) / (1.0 - need)
        log = math.log(gain / (price * x.scale))
        if log > 0.0:
            weighted += tokens * sigma * s * (1.0 - s) / (s - need) / log
    return weighted / total if total > 0.0 else 0.0


def belief(p, lab):
    """Eq. L.1: yearly revenue counted on."""
    return max(12.0 * lab.revenue, p["lab.seed_market_usd_per_year"] * lab.weight)


def annuity(x, months):
    """Eq. L.2."""
    return (1.0 - math.exp(-x * months)) / x if abs(x) > 1e-9 else months


def match(w, lab):
    """Eq. L.1b: how well a lab's frontier net matches the best of its rivals'."""
    rival = max(other.nets[0].horizon for other in w.labs if other is not lab)
    return 1.0 / (1.0 + (rival / lab.nets[0].horizon) ** w.p["lab.quality_coefficient"])


def rents(w, lab, within):
    """Eq. L.1c and L.1d: rents fall at their hazard; what a unit of ln effective compute keeps of the rest, a month."""
    p = w.p
    mu = match(w, lab)
    hazard = p["lab.rent_hazard_per_year"] * within
    defended = p["lab.rent_defended_share"]
    lab.rents_kept *= 1.0 - hazard / 12.0 * (1.0 - defended * mu)
    slope = defended * p["neural.capability_exponent"] * p["lab.quality_coefficient"] * mu * (1.0 - mu)
    return lab.rents * lab.rents_kept * hazard / 12.0 * slope / (p["lab.discount_per_year"] + hazard)


def counted_on(w):
    """Monthly revenue that all labs count on (L.1), and the market that they and boards see (B.6)."""
    total = sum(belief(w.p, lab) for lab in w.labs) / 12.0
    return total, max(w.market, total)


def uses(w, f, i, lab, kept):
    """Eq. L.3, L.3b, L.3c, L.3d and the values of L.4: what each use of research is worth spending on."""
    p = w.p
    _, a, b, alpha, beta = neural.LAWS[p["neural.law"]]
    gamma = p["neural.capability_exponent"]
    counted, market = counted_on(w)
    life = p["lab.life_months"]
    growth = math.log(logistic(counted, market, lab.growth, life) / counted) / life
    lab.market_growth = growth
    x = p["lab.discount_per_year"] / 12.0 - growth
    n = 1.0 / max(1.0 - p["app_network.net_inertia"], 1e-3)
    stay = annuity(x + 1.0 / n, life) / n
    lab.eta = gamma * f.elasticity + gamma * p["lab.quality_coefficient"] * (1.0 - lab.share) * stay
    profit = margin(lab) * belief(p, lab) / 12.0
    sold = f.lab_revenue[i]
    parts = [sum(f.bills[s][i][t] for s in range(5)) / sold if sold > 0.0 else 0.5 for t in (0, 1)]
    cap = sum(a * net.cap_value for a, net in zip(parts, lab.nets, strict=True))
    cost = sum(a * net.cost_share for a, net in zip(parts, lab.nets, strict=True))
    lab.earned = (
        lab.eta * (1.0 - cost) * belief(p, lab) / 12.0 + gamma * p["lab.ceiling_quality"] * cap * belief(p, lab) / 12.0
    )
    value = lab.earned + kept
    teacher = lab.nets[0]
    size, data = a / teacher.parameters**alpha, b / teacher.data**beta
    larger = (alpha + beta) / alpha * data / (size + data) * value
    earned = [max(sum(f.bills[s][i][t] for s in range(5)) - f.net_cost[i][t], 0.0) for t in (0, 1)]
    sigma = earned[1] / sum(earned) if sum(earned) > 0.0 else 0.5
    wait, cycle = math.exp(-x * p["lab.lead_months"]), p["lab.cycle_months"]
    served = wait * annuity(x, cycle) / cycle
    fading = neural.algorithmic_fading(p, lab.ln_algorithms, lab.own_growth)
    pace = lab.own_growth / max(1.0 - lab.architecture, 1e-3)
    bundle = value * wait * p["neural.algorithmic_input_exponent"] * pace * annuity(x + fading, life)
    usd_an_hour = f.price * f.paid * f.class_price["rl_rollout"] / p["lab.compute_share_of_rd"]
    k = link.rollout_flop_an_hour(p) / usd_an_hour
    taught = max(neural.verified(p, teacher.horizon) * k, 1e-300)
    rollouts = value * served * p["neural.rollout_exponent"] / gamma
    rollouts = max(rollouts - p["neural.rollout_reference_flop"] / (taught * cycle), 0.0)
    larger_teacher = math.log(max(lab.runs[0].flop / teacher.train, 1.0)) / cycle
    lasts = wait * annuity(x + max(larger_teacher, 0.0), life)
    s0 = p["neural.distillation_reference_share"]
    worth = lab.earned * sigma * lasts * p["neural.distillation_orders_max"] * math.log(10.0) * s0
    best = math.sqrt(worth * k / teacher.train)
    data = max(best - lab.synthetic / teacher.train - s0, 0.0) * teacher.train / (k * cycle)
    return [larger * served, bundle * (1.0 - lab.automated), rollouts, data, bundle * lab.automated], profit


def margin(lab):
    """Gross margin m of Eq. L.4, within [.1, .9]; .5 before revenue."""
    return clip(1.0 - lab.serving_cost / lab.revenue, 0.1, 0.9) if lab.revenue > 0.0 else 0.5


def wanted_research(w, f):
    """Eq. L.1b to L.4d: eta, G and wanted research spending of each lab by its rule."""
    p = w.p
    total = sum(f.lab_revenue)
    known = total >= 1e-4 * p["lab.seed_market_usd_per_year"]
    f.elasticity = demand_elasticity(w, f)
    within = reach(p, max(net.horizon for lab in w.labs for net in lab.nets))
    wanted = []
    for i, lab in enumerate(w.labs):
        lab.share = f.lab_revenue[i] / total if known else lab.weight
    for i, lab in enumerate(w.labs):
        lab.uses, profit = uses(w, f, i, lab, rents(w, lab, within))
        wanted.append(sum(lab.uses))
        lab.factor = wanted[i] / (lab.eta * profit)
    leader = max(wanted)
    for i, lab in enumerate(w.labs):
        if lab.rule == "race":
            wanted[i] = max(wanted[i], 0.8 * leader)
        elif lab.rule == "erdil":
            wanted[i] = max(lab.serving_cost, 1e-3 * lab.budget) / p["lab.compute_share_of_rd"]
        elif lab.rule == "revenue_share":
            wanted[i] = 0.7 * belief(p, lab) / 12.0
    return wanted


def share_architecture(w, f):
    """Eq. N.11b: share of next month's experiments that a lab gives to architecture."""
    p = w.p
    for lab in w.labs:
        algorithms = lab.earned * neural.algorithmic_pace(p, lab.ln_algorithms)
        generated = 0.0
        for net in lab.nets:
            if net.kinds:
                generated += net.tokens * net.kinds[2] * token_cost(f, net)[2]
        left = max(p["neural.decode_gain_max"] - lab.gain, 0.0)
        saved = generated * p["neural.architecture_per_year"] * left / lab.gain
        lab.architecture = neural.architecture_share(p, algorithms, saved)


def parents_reach(w, lab):
    """Parents' money in reach of a lab a month (section 7.12)."""
    return lab.parent_share * parent_cash(w) * w.p["lab.parent_rd_share_max"]


def raise_equity(w, f):
    """Eq. L.6: parents, the supplier and investors fill what the runway lacks."""
    p = w.p
    flows = [
        r - s - sum(x) - k - c
        for r, s, x, k, c in zip(f.lab_revenue, f.serving_paid, f.research_paid, f.staff, f.contracts_paid, strict=True)
    ]
    lacks = [max(p["lab.runway_months"] * max(-x, 0.0) - lab.cash, 0.0) for x, lab in zip(flows, w.labs, strict=False)]
    counted, market = counted_on(w)
    growth = sum(lab.growth for lab in w.labs) / len(w.labs)
    coming = logistic(counted, market, growth, 12.0 * p["lab.valuation_years"])
    r = p["lab.valuation_discount_per_year"]
    offers = []
    for lab in w.labs:
        share = belief(p, lab) / (12.0 * counted)
        worth = share * margin(lab) * 12.0 * coming / r * (1.0 + r) ** -p["lab.valuation_years"]
        offers.append(p["lab.equity_share_per_year"] / 12.0 * worth)
    f.equity_raised = 0.0
    parents = [min(need, parents_reach(w, lab)) for need, lab in zip(lacks, w.labs, strict=False)]
    lacks = [need - x for need, x in zip(lacks, parents, strict=False)]
    pot = p["lab.vendor_equity_share"] * max(got_less_paid(f, "hardware_suppliers"), 0.0)
    part = min(1.0, pot / sum(lacks)) if sum(lacks) > 0.0 else 0.0
    vendor = [need * part for need in lacks]
    investors = [min(need - x, offer) for need, x, offer in zip(lacks, vendor, offers, strict=False)]
    sources = [
        ("parents", "parents' capital", parents),
        ("hardware_suppliers", "vendor equity", vendor),
        ("investors", "equity", investors),
    ]
    for owner, item, amounts in sources:
        for lab, usd in zip(w.labs, amounts, strict=False):
            pay(w, f, owner, "labs", item, usd)
            claim(w, owner, "labs", usd)
            lab.equity[owner] = lab.equity.get(owner, 0.0) + usd
            lab.cash += usd
            f.equity_raised += usd


def set_budgets(w, f, wanted):
    """Eq. L.5: budgets move toward what is wanted at bounded speed, not above funds."""
    p = w.p
    top = p["lab.budget_growth_max_per_month"]
    for i, lab in enumerate(w.labs):
        now = max(lab.budget, 1.0)
        goal = max(wanted[i], 1.0)
        step = clip(p["lab.budget_speed_per_month"] * math.log(goal / now), -top, top)
        profit = f.lab_revenue[i] - f.serving_paid[i]
        money = max(lab.cash, 0.0) / 3.0 + max(profit, 0.0) + max(parents_reach(w, lab), 0.0)
        lab.budget = min(now * math.exp(step), money)


def pay_owners(w, f):
    """Owners get a share of cash beyond two runways (section 7.12)."""
    p = w.p
    for i, lab in enumerate(w.labs):
        spending = max(lab.budget, f.serving_paid[i])
        spare = max(lab.cash - 2.0 * p["lab.runway_months"] * spending, 0.0)
        usd = p["lab.payout_per_month"] * spare
        total = sum(lab.equity.values())
        parts = {owner: value / total for owner, value in lab.equity.items()} if total > 0.0 else {"investors": 1.0}
        for owner, part in parts.items():
            pay(w, f, "labs", owner, "payout to owners", usd * part)
        lab.cash -= usd


def fail_and_enter(w, f):
    """Labs without cash fail, those with next to no budget give up; entrants follow (section 7.12)."""
    p = w.p
    entrant = p["lab.entrant_share"] * sum(lab.budget for lab in w.labs) / len(w.labs)
    for lab in w.labs:
        failed = lab.cash < -p["lab.failure_months"] * max(lab.budget, 1e6)
        if not failed and lab.budget >= 0.01 * entrant:
            continue
        for owner, usd in lab.equity.items():
            claim(w, owner, "labs", -usd)
        lab.budget = entrant
        w.defaulted += lab.contract_hours * lab.contract_price * p["lab.contract_months"]
        lab.contract_hours = 0.0
        capital = max(p["lab.runway_months"] * entrant - lab.cash, 0.0)
        pay(w, f, "investors", "labs", "capital of an entrant", capital)
        claim(w, "investors", "labs", capital)
        lab.cash += capital
        lab.equity = {"investors": capital}


def split_research(w):
    """Eq. L.7: shares of research money by use."""
    for lab in w.labs:
        total = sum(lab.uses)
        lab.split = [x / total for x in lab.uses] if total > 0.0 else [1.0, 0.0, 0.0, 0.0, 0.0]


def sign_contracts(w, f):
    """Eq. L.15 and L.16: take-or-pay contracts on planned hours."""
    p = w.p
    market = f.price * f.paid
    n = p["lab.contract_months"]
    rate = 1.0 / n + p["provider.interest_per_year"] / 12.0
    price = market * rate / max(rate - w.expected_change / 12.0, 0.1 * rate)
    for lab in w.labs:
        usd = lab.serving_cost + lab.budget * p["lab.compute_share_of_rd"]
        planned = usd / market * math.exp(lab.market_growth * p["provider.lead_months"])
        left = lab.contract_hours * (1.0 - 1.0 / n)
        added = max(p["lab.contracted_share"] * planned - left, 0.0)
        if left + added > 0.0:
            lab.contract_price = (left * lab.contract_price + added * price) / (left + added)
        lab.contract_hours = left + added


def laboratories(w, f):
    """Step 12, plans of labs."""
    learn(w, f)
    learn_growth(w, f)
    learn_token_growth(w, f)
    wanted = wanted_research(w, f)
    share_architecture(w, f)
    raise_equity(w, f)
    pay_owners(w, f)
    fail_and_enter(w, f)
    set_budgets(w, f, wanted)
    split_research(w)
    sign_contracts(w, f)
    list_prices(w, f)
    choose_nets(w)
