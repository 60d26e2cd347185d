"""Payments of the month and the books of twelve sectors (step 11, section 7.12)."""

import math

from tests.reference import economy_physical as physical
from tests.reference.economy_market import paid_hours
from tests.reference.economy_tables import CLASSES, PASS_ON, SECTORS


def open_books(w):
    """Opening balances (section 5): owners put cash in at book value, the rest of the world holds the residual."""
    w.money = dict.fromkeys(SECTORS, 0.0)
    w.equity = dict.fromkeys(SECTORS, 0.0)
    for firm, sector in [(x, "labs") for x in w.labs] + [(x, "providers") for x in w.providers]:
        w.money[sector] += firm.cash
        w.money["rest_of_world"] -= firm.cash
        for owner, usd in firm.equity.items():
            w.equity[owner] += usd
            w.equity[sector] -= usd


def pay(w, f, payer, payee, item, usd):
    """One posting (section 7.12)."""
    if not (math.isfinite(usd) and usd >= 0.0):
        raise ValueError(f"payment {payer} {payee} {item} {usd} in month {w.t}")
    if usd == 0.0:
        return
    key = (payer, payee, item)
    f.payments[key] = f.payments.get(key, 0.0) + usd
    w.money[payer] -= usd
    w.money[payee] += usd


def claim(w, owner, issuer, usd):
    """A claim at book value is issued or, negative, taken back (section 7.12)."""
    w.equity[owner] += usd
    w.equity[issuer] -= usd


def energy_price(w):
    """Price of a kWh (section 7.12)."""
    return w.p["physical.electricity_usd_per_kwh"]


def token_bills(w, f):
    """What each net earns at list prices (L.10), by class, lab and tier."""
    f.bills = []
    for s in range(len(CLASSES)):
        factor = f.class_price["standing"] / f.class_price["delegated"] if CLASSES[s] == "standing" else 1.0
        rows = []
        for i, lab in enumerate(w.labs):
            row = []
            for tier in (0, 1):
                fresh, cached, generated = f.served[s][tier]
                list_tokens = fresh + 0.1 * cached + 5.0 * generated
                row.append(w.calls[tier][i] * lab.nets[tier].price * list_tokens * factor)
            rows.append(row)
        f.bills.append(rows)
    f.class_bill = [sum(sum(row) for row in rows) for rows in f.bills]
    f.lab_revenue = [sum(sum(f.bills[s][i]) for s in range(len(CLASSES))) for i in range(len(w.labs))]


def pay_people(w, f):
    """Income, assistants, agents and wallets (section 7.12)."""
    p = w.p
    pay(w, f, "rest_of_world", "humans", "income", sum(h.income for h in w.people))
    f.assistant_income = f.class_bill[0] * (1.0 + p["application.assistant_margin"])
    pay(w, f, "humans", "applications", "assistants", f.assistant_income)
    agents = f.class_bill[1] + f.class_bill[2]
    f.routing = agents * f.take
    pay(w, f, "humans", "ai_agents", "metered work of agents", agents + f.routing)
    pay(w, f, "ai_agents", "labs", "tokens of agents", agents)
    pay(w, f, "ai_agents", "orchestrators", "routing", f.routing)
    fee = p["human.surplus_fee_share"]
    f.surplus_fees = 0.0
    for h in w.people:
        tasks = f.phi[1] * h.agent_tasks * h.task_fee
        jobs = f.phi[2] * h.jobs_done * f.job_cost * fee
        h.delegates.wallet += tasks
        h.standing.wallet += jobs
        f.surplus_fees += tasks + jobs
    pay(w, f, "humans", "ai_agents", "surplus fees", f.surplus_fees)
    pay(w, f, "humans", "energy_suppliers", "electricity of devices", f.board.device_kwh * energy_price(w))


def pay_invocations(w, f):
    """Invocations by agents, shared with delegates; operations of orchestrators (section 7.12)."""
    p = w.p
    pay(w, f, "rest_of_world", "orchestrators", "invocations by agents", f.invocation_spend)
    number = sum(h.delegates.number for h in w.people)
    shared = p["orchestrator.agent_fee_share"] * f.invocation_spend if number > 0.0 else 0.0
    for h in w.people:
        if number > 0.0:
            h.delegates.wallet += shared * h.delegates.number / number
    pay(w, f, "orchestrators", "ai_agents", "share of invocation fees", shared)
    rest = f.invocation_spend - shared + f.routing
    pay(w, f, "orchestrators", "rest_of_world", "operations", rest * p["orchestrator.operating_share"])


def pay_applications(w, f):
    """Income and cost of applications, operations, payout, capital of entrants (section 7.12)."""
    p = w.p
    hours = sum(f.app_hours)
    assistants = sum(1 for a in w.apps if a.assistant)
    pay(w, f, "rest_of_world", "applications", "advertising", sum(f.advertising))
    pay(w, f, "applications", "providers", "ranking hours", f.ranking_paid)
    pay(w, f, "applications", "labs", "tokens of assistants", f.class_bill[0])
    pay(w, f, "applications", "labs", "tokens of features", f.class_bill[3])
    for k, a in enumerate(w.apps):
        part = f.app_hours[k] / hours
        income = f.advertising[k]
        cost = part * (f.ranking_paid + f.class_bill[3])
        if a.assistant:
            income += f.assistant_income / assistants
            cost += f.class_bill[0] / assistants
        a.cash += income - cost
        operations = p["application.operating_share"] * max(income - cost, 0.0)
        pay(w, f, "applications", "rest_of_world", "operations", operations)
        a.cash -= operations
        payout = p["application.payout_per_month"] * max(a.cash, 0.0)
        pay(w, f, "applications", "rest_of_world", "payout to owners", payout)
        a.cash -= payout
        if a.cash < -p["application.credit_months"] * max(income, 1.0):
            pay(w, f, "investors", "applications", "capital of an entrant", -a.cash)
            claim(w, "investors", "applications", -a.cash)
            a.cash = 0.0


def pay_robots(w, f):
    """Robots' work, supervision, tokens and electricity (section 7.12)."""
    work = sum(h.robot_hours * h.wage for h in w.people) * w.robot_success
    pay(w, f, "rest_of_world", "robot_owners", "work of robots", work)
    pay(w, f, "robot_owners", "labs", "tokens of robots", f.class_bill[4])
    pay(w, f, "robot_owners", "energy_suppliers", "electricity of robots", f.board.robot_kwh * energy_price(w))
    pay(w, f, "robot_owners", "humans", "supervision", sum(h.supervised * h.wage for h in w.people))


def pay_labs(w, f):
    """Serving and research hours, staff (section 7.12)."""
    p = w.p
    f.staff = []
    for i, lab in enumerate(w.labs):
        research = sum(f.research_paid[i])
        staff = research * (1.0 / p["lab.compute_share_of_rd"] - 1.0)
        f.staff.append(staff)
        pay(w, f, "labs", "providers", "serving hours", f.serving_paid[i])
        pay(w, f, "labs", "providers", "research hours", research)
        pay(w, f, "labs", "rest_of_world", "research staff", staff)
        lab.cash += f.lab_revenue[i] - f.serving_paid[i] - research - staff - f.contracts_paid[i]


def pay_contracts(w, f):
    """Eq. L.18: take-or-pay contracts, contract price less the market's for every hour under contract."""
    market = f.price * f.paid
    f.contracts_paid = [lab.contract_hours * (lab.contract_price - market) for lab in w.labs]
    f.contract_income = [0.0] * len(w.providers)
    above = sum(max(x, 0.0) for x in f.contracts_paid)
    pay(w, f, "labs", "providers", "take-or-pay above the market", above)
    below = sum(max(-x, 0.0) for x in f.contracts_paid)
    pay(w, f, "providers", "labs", "take-or-pay below the market", below)
    for i, usd in enumerate(f.contracts_paid):
        hours = f.routed[1 + i]
        if sum(hours) <= 0.0:
            hours = f.offered
        for j, h in enumerate(hours):
            f.contract_income[j] += usd * h / sum(hours)


def pay_providers(w, f):
    """Other AI hours, electricity and operations of providers (section 7.12)."""
    p = w.p
    pay(w, f, "rest_of_world", "providers", "other AI hours", f.other_paid)
    for j, v in enumerate(w.providers):
        electricity = f.provider_kwh[j] * energy_price(w)
        operations = physical.upkeep(p, physical.facility_watts(p, f.watts[j])) * f.offered[j]
        pay(w, f, "providers", "energy_suppliers", "electricity", electricity)
        pay(w, f, "providers", "rest_of_world", "operations", operations)
        v.cash += f.provider_revenue[j] + f.contract_income[j] - electricity - operations


def pay_all(w, f):
    """Step 11."""
    f.payments = {}
    paid_hours(w, f)
    token_bills(w, f)
    pay_people(w, f)
    pay_invocations(w, f)
    pay_applications(w, f)
    pay_robots(w, f)
    pay_contracts(w, f)
    pay_labs(w, f)
    pay_providers(w, f)


def got_less_paid(f, sector):
    """What a sector got less what it paid so far this month (section 7.12)."""
    got = sum(usd for (_, payee, _), usd in f.payments.items() if payee == sector)
    return got - sum(usd for (payer, _, _), usd in f.payments.items() if payer == sector)


def pass_on(w, f):
    """Sectors that pass on what is left at the month's end (section 7.12)."""
    for sector, (surplus, gap) in PASS_ON.items():
        left = got_less_paid(f, sector)
        if left > 0.0:
            pay(w, f, sector, "rest_of_world", surplus, left)
        else:
            pay(w, f, "rest_of_world", sector, gap, -left)
