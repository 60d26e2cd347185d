"""Step 11 and births and exits of step 12 again: payments, auctions, agents, robots (MODEL.md 7.10 to 7.12)."""

import math

from tests.oracle import ai_agent, auction, compute, robot
from tests.oracle.economy_base import (
    ASSISTANT,
    DELEGATED,
    EMBEDDED,
    LEGACY,
    OTHER,
    RANKING,
    RESEARCH,
    ROBOT,
    SERVING,
    STANDING,
    dot,
    issue,
    table,
)
from tests.oracle.economy_opening import auction_markets


def pay(f, payer, payee, item, usd):
    """Payments of the same payer, payee and item add up; nothing is no payment."""
    if usd:
        f.payments[payer, payee, item] = f.payments.get((payer, payee, item), 0.0) + usd


def net(f, sector):
    """Receipts less payments of a sector so far this month."""
    return math.fsum(usd * ((b == sector) - (a == sector)) for (a, b, _), usd in f.payments.items())


def settle(e, f):
    """11: hours, tokens, attention; then each operating payment of the transaction table."""
    p, w = e.p, f.w
    f.payments = {}
    buy_hours(e, f)
    buy_tokens(e, f)
    sell_attention(e, f)
    metered = f.token_usd_by_class[DELEGATED] + f.token_usd_by_class[STANDING]
    routing = metered * e.take_rate
    fees = pay_fees(e, f)
    f.assistant_usd = f.token_usd_by_class[ASSISTANT] * (1 + p.application.assistant_margin)
    f.agent_usd = metered + routing + fees

    pay(f, "rest_of_world", "humans", "income", w.income_usd)
    pay(f, "humans", "applications", "assistants", f.assistant_usd)
    pay(f, "humans", "ai_agents", "metered work of agents", metered + routing)
    pay(f, "humans", "ai_agents", "surplus fees", fees)
    pay(f, "humans", "energy_suppliers", "electricity of devices", f.usd[13])
    pay(f, "ai_agents", "labs", "tokens of agents", metered)
    pay(f, "ai_agents", "orchestrators", "routing", routing)
    pay(f, "rest_of_world", "orchestrators", "invocations by agents", f.invocation_spend_usd)
    kept = share_invocation_fees(e, f)
    left = routing + f.invocation_spend_usd - kept
    pay(f, "orchestrators", "rest_of_world", "operations", left * p.orchestrator.operating_share)
    run_applications(e, f)
    pay(f, "labs", "providers", "serving hours", math.fsum(f.usd[s] for s in SERVING))
    pay(f, "labs", "providers", "research hours", math.fsum(f.usd[u] for u in RESEARCH))
    pay(f, "labs", "rest_of_world", "research staff", math.fsum(f.staff_usd))
    pay(f, "rest_of_world", "providers", "other AI hours", f.usd[OTHER])
    pay(f, "rest_of_world", "robot_owners", "work of robots", w.robot_work_usd)
    pay(f, "robot_owners", "labs", "tokens of robots", f.token_usd_by_class[ROBOT])
    pay(f, "robot_owners", "energy_suppliers", "electricity of robots", f.usd[12])
    pay(f, "robot_owners", "humans", "supervision", w.supervision_usd)

    f.lab_flow = []  # what a lab has left before financing
    for i, me in enumerate(e.labs):
        f.lab_flow.append(f.lab_revenue[i] - f.lab_serving[i] - f.lab_research[i] - f.staff_usd[i])
        me["cash"] += f.lab_flow[i]
    for v, kwh, hours, usd in zip(e.providers, f.provider_kwh, f.capacity, f.provider_revenue, strict=True):
        energy, operations = kwh * p.physical.electricity_usd_per_kwh, hours * p.provider.opex_usd_per_h
        pay(f, "providers", "energy_suppliers", "electricity", energy)
        pay(f, "providers", "rest_of_world", "operations", operations)
        v["cash"] += usd - energy - operations


def buy_hours(e, f):
    """Each buyer pays the mean price of its hours, with the factor of the class (M.5)."""
    p, n = e.p, len(e.labs)
    factors = compute.price_factors(p.compute)
    factors[STANDING] = f.known.discount
    paid = [c * f.paid_factor for c in f.contract]
    mean = []
    for row in f.routed:
        hours = math.fsum(row)
        mean.append(dot(row, paid) / hours if hours > 0 else math.fsum(paid) / len(paid))
    serving = [
        [f.serving_hours[s][j] * f.fill[s] * factors[s] * mean[1 + j % n] for j in range(2 * n)] for s in SERVING
    ]
    f.serving_usd = [math.fsum(serving[s][j] for s in SERVING) for j in range(2 * n)]  # by net
    f.research_usd = [
        [hours * f.fill[u] * factors[u] * mean[1 + i] for hours, u in zip(f.research_hours[i], RESEARCH, strict=True)]
        for i in range(n)
    ]
    f.usd = [math.fsum(row) for row in serving]
    f.usd += [f.served[u] * factors[u] * mean[0] for u in LEGACY]
    f.usd += [math.fsum(row[x] for row in f.research_usd) for x in range(5)]
    f.usd += [kwh * p.physical.electricity_usd_per_kwh for kwh in f.kwh[12:]]
    f.lab_serving = [f.serving_usd[i] + f.serving_usd[n + i] for i in range(n)]
    f.lab_research = [math.fsum(row) for row in f.research_usd]
    f.staff_usd = [usd * (1 / p.lab.compute_share_of_rd - 1) for usd in f.lab_research]
    spent = [f.usd[RANKING] + f.usd[OTHER]] + [a + b for a, b in zip(f.lab_serving, f.lab_research, strict=True)]
    f.provider_revenue = [0.0] * len(paid)  # a buyer's money goes where its hours are, at each provider's price
    for row, usd in zip(f.routed, spent, strict=True):
        weight = [h * c for h, c in zip(row, paid, strict=True)]
        total = math.fsum(weight)
        for j, x in enumerate(weight):
            f.provider_revenue[j] += usd * x / total if total > 0 else 0.0


def buy_tokens(e, f):
    """List prices for tokens served; standing jobs at the batch discount."""
    n = len(e.labs)
    f.token_revenue = []
    for s in SERVING:
        discount = f.known.discount if s == STANDING else 1.0
        f.token_revenue.append([dot(f.served_tokens[s][j], f.token_usd[j]) * discount for j in range(2 * n)])
    f.token_usd_by_class = [math.fsum(row) for row in f.token_revenue]
    f.net_revenue = [math.fsum(f.token_revenue[s][j] for s in SERVING) for j in range(2 * n)]
    f.lab_revenue = [f.net_revenue[i] + f.net_revenue[n + i] for i in range(n)]


def sell_attention(e, f):
    """Both auctions (M.30 to M.32), the split of budgets (M.37), next month's bids (M.34, M.35)."""
    p, w = e.p, f.w
    quality = [z["quality"] for z in e.services]
    markets, usd, strength = auction_markets(p), [], []
    for market in markets:
        values = [z["margin"] * market.value for z in e.services]
        bids = [z[market.bid] for z in e.services]
        _, payment, _ = auction.run(bids, values, quality, market.rates, p.auction.rule, p.auction.reserve_usd)
        usd.append(math.fsum(payment))
        strength.append(math.fsum(values) / len(values) * market.rates[0])
        noise = [e.draws.normal("auction.bid", e.month, i + len(values) * markets.index(market))
                 for i in range(len(values))]  # fmt: skip
        for z, bid in zip(e.services, auction.respond(bids, values, quality, market.rates, noise, p.auction),
                          strict=True):  # fmt: skip
            z[market.bid] = bid
    moved = math.fsum(z["agent_share"] for z in e.services) / len(e.services)
    hours = dot(f.application_hours, [a["ad_load"] for a in e.applications])
    calls = w.tasks_agent * f.fill[DELEGATED] + w.jobs * p.agent_loop.job_tasks_per_month * f.fill[STANDING]
    sponsored = calls * p.ai_agent.ad_funded_share
    f.ad_usd_per_hour = usd[0] * (1 - moved)
    f.ad_spend_usd = hours * f.ad_usd_per_hour
    f.invocation_spend_usd = min(sponsored * usd[1], moved * hours * usd[0])
    f.invocation_usd = f.invocation_spend_usd / sponsored if sponsored > 0 else 0.0
    shares = auction.split_budget([z["agent_share"] for z in e.services], hours * strength[0], sponsored * strength[1],
                                  p.auction)  # fmt: skip
    for z, share in zip(e.services, shares, strict=True):
        z["agent_share"] = share


def pay_fees(e, f):
    """Surplus fees of work served go to the wallets of the agents that did it."""
    total = 0.0
    for rows, name, s in ((e.delegates, "delegate_fee_usd", DELEGATED), (e.standing, "standing_fee_usd", STANDING)):
        for row, following in zip(rows, f.next, strict=True):
            row["wallet"] += following[name] * f.fill[s]
            total += following[name] * f.fill[s]
    return total


def share_invocation_fees(e, f):
    """Delegates' part of invocation fees, alike for each of them."""
    delegates = math.fsum(row["weight"] for row in e.delegates)
    kept = f.invocation_spend_usd * e.p.orchestrator.agent_fee_share if delegates > 0 else 0.0
    for row in e.delegates:
        row["wallet"] += kept * row["weight"] / delegates if delegates > 0 else 0.0
    pay(f, "orchestrators", "ai_agents", "share of invocation fees", kept)
    return kept


def run_applications(e, f):
    """Each application's income and cost; payout of cash; investors rescue those deep in debt."""
    p, k = e.p.application, e.assistants
    total = math.fsum(f.application_hours)
    features, chats = f.token_usd_by_class[EMBEDDED], f.token_usd_by_class[ASSISTANT]
    sums = [0.0] * 3
    for i, (a, hours) in enumerate(zip(e.applications, f.application_hours, strict=True)):
        income = hours * a["ad_load"] * f.ad_usd_per_hour + (f.assistant_usd / k if i < k else 0.0)
        cost = hours / total * (features + f.usd[RANKING]) + (chats / k if i < k else 0.0)
        operations = p.operating_share * max(income - cost, 0.0)
        a["cash"] += income - cost - operations
        payout = p.payout_per_month * max(a["cash"], 0.0)
        rescue = -a["cash"] if a["cash"] < -max(income, 1.0) / 2 else 0.0
        a["cash"] += rescue - payout
        sums = [x + y for x, y in zip(sums, (operations, payout, rescue), strict=True)]
    pay(f, "rest_of_world", "applications", "advertising", f.ad_spend_usd)
    pay(f, "applications", "labs", "tokens of assistants", chats)
    pay(f, "applications", "labs", "tokens of features", features)
    pay(f, "applications", "providers", "ranking hours", f.usd[RANKING])
    pay(f, "applications", "rest_of_world", "operations", sums[0])
    pay(f, "applications", "rest_of_world", "payout to owners", sums[1])
    pay(f, "investors", "applications", "capital of an entrant", sums[2])
    issue(e.claims, "applications", "investors", sums[2])


# --- Step 12: births and exits --------------------------------------------------------------------------------------


def live(e, f):
    """12: people's new values are stored; turnover of agents (I.1, I.2) and robots (R.1, R.6, R.7)."""
    p, r = e.p, e.p.robot
    for h, row, following in zip(e.humans, e.delegates, f.next, strict=True):
        names = "adopted", "delegating", "shadow_usd_per_h", "assistant_usefulness", "agent_usefulness"
        h |= {name: following[name] for name in names}
        row["log_thinking"] = following["log_thinking"]
    f.born = f.exited = returned = 0.0
    for rows, name in ((e.delegates, "delegates_wanted"), (e.standing, "jobs_wanted")):
        wanted = [following[name] for following in f.next]
        for row, goal in zip(rows, wanted, strict=True):
            row["lean"] = row["lean"] + 1 if goal <= 0 and row["weight"] > 0 else 0
        columns = [[row[x] for row in rows] for x in ("weight", "lean", "wallet")]
        moves = ai_agent.turnover(columns[0], wanted, columns[1], columns[2], p.ai_agent)
        for row, (born, exited, usd) in zip(rows, moves, strict=True):
            row["weight"] = max(row["weight"] + born - exited, 0.0)
            row["wallet"] -= usd
            f.born, f.exited, returned = f.born + born, f.exited + exited, returned + usd
    pay(f, "ai_agents", "humans", "wallets returned", returned)

    backlog = math.fsum(x["on_order"] for x in e.robots)
    arrived = robot.deliver([x["on_order"] for x in e.robots], backlog, e.robot_capacity)
    e.robot_capacity = robot.next_capacity(e.robot_capacity, backlog, r)
    f.robots_retired = math.fsum(x["weight"] for x in e.robots) * r.depreciation_per_year / 12
    for x, came in zip(e.robots, arrived, strict=True):
        x["weight"] += came - x["weight"] * r.depreciation_per_year / 12
        x["on_order"] = max(x["on_order"] - came, 0.0)
    gaps = [
        max(following["robots_wanted"] - x["weight"] - x["on_order"], 0.0)
        for x, following in zip(e.robots, f.next, strict=True)
    ]
    waiting = math.fsum(x["on_order"] for x in e.robots)
    for x, signed in zip(e.robots, robot.orders(gaps, waiting, e.robot_capacity, r), strict=True):
        x["on_order"] += signed
    f.robots_bought = math.fsum(arrived)
    usd = f.robots_bought * robot.price(e.robots_made, r)
    pay(f, "robot_owners", "hardware_suppliers", "robots", usd)
    pay(f, "hardware_suppliers", "rest_of_world", "robot production", usd)
    e.robots_made += f.robots_bought


# --- The month's end ------------------------------------------------------------------------------------------------


def close(e, f):
    """Seven sectors pass on what is left; payments move the balances."""
    for sectors, out, into in table("sector"):
        for sector in sectors.split(", "):
            left = net(f, sector)
            if left > 0:
                pay(f, sector, "rest_of_world", out, left)
            else:
                pay(f, "rest_of_world", sector, into, -left)
    for (payer, payee, _), usd in f.payments.items():
        e.money[payer] -= usd
        e.money[payee] += usd
    f.balances = dict(e.money), dict(e.claims)
