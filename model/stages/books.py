"""Stage 11: every payment of the month, each with payer, payee and item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import application
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.core.ledger import MonthBooks
from model.core.units import (
    LAB_USES,
    ON_BOARD,
    PROVIDER_RUN,
    SECONDS_PER_HOUR,
    SERVING,
    SERVING_CLASSES,
    TIERS,
    WORK,
    U,
)
from model.markets import settlement
from model.stages import sales
from model.stages.people import Known, Wishes
from model.state import ASSISTANT, DELEGATED, EMBEDDED, ROBOT, STANDING
from model.world import World

Array = NDArray[np.float64]


def pay(e: World, f: MonthFlows, w: Wishes, known: Known, draw: MonthDraws) -> None:
    """Collect and post the month's operating payments. Changes the cash of labs, providers, applications and agents."""
    p = e.params
    buy_hours(e, f)
    buy_tokens(e, f, known)
    pay_contracts(e, f)
    sales.sell_attention(e, f, w, draw)
    sales.sell_routing(e, f, draw)
    public = {name: float(f.usd[U[name]]) for name in ("ranking", "other")}
    by_class = f.token_revenue_usd.sum(axis=1)
    metered = float(by_class[DELEGATED] + by_class[STANDING])
    routing = metered * e.state.calls.take_rate
    fees = fees_paid(e, f)
    f.assistant_usd = float(by_class[ASSISTANT]) * (1.0 + p.application.assistant_margin)
    f.agent_usd = metered + routing + fees

    kept, operations, payout, rescue = run_applications(e, f, by_class, public["ranking"])
    energy = f.provider_kwh * p.physical.electricity_usd_per_kwh
    opex = f.capacity_hours * e.upkeep_usd_per_h(e.cohorts.by_provider(e.cohorts.watts))
    settlement.post(
        e.ledger,
        settlement.Operating(
            income=w.income_usd,
            assistants=f.assistant_usd,
            assistant_tokens=float(by_class[ASSISTANT]),
            metered=metered,
            routing=routing,
            surplus=fees,
            embedded=float(by_class[EMBEDDED]),
            robot_cloud=float(by_class[ROBOT]),
            serving=float(f.serving_usd.sum()),
            research=float(f.research_usd.sum()),
            staff=float(f.staff_usd.sum()),
            ranking=public["ranking"],
            other=public["other"],
            electricity=float(energy.sum()),
            provider_operations=float(opex.sum()),
            on_board=float(f.usd[U["robot_on_board"]]),
            device=float(f.usd[U["device"]]),
            ads=f.ad_spend_usd,
            invocations=f.invocation_spend_usd,
            agent_share=kept,
            orchestrator_operations=p.orchestrator.operating_share,
            application_operations=operations,
            application_payout=payout,
            application_rescue=rescue,
            robot_work=w.robot_work_usd,
            supervision=w.supervision_usd,
        ),
    )
    e.labs.cash_usd += lab_cash_flow(e, f)
    hours = f.routed_hours[1:]
    total = hours.sum(axis=1, keepdims=True)
    offered = f.capacity_hours / float(f.capacity_hours.sum())
    sellers = np.where(total > 0.0, hours / np.where(total > 0.0, total, 1.0), offered)
    e.providers.cash_usd += f.provider_revenue_usd + f.take_or_pay_usd @ sellers - energy - opex


def buy_hours(e: World, f: MonthFlows) -> None:
    """Charge each buyer its providers' contract prices, that of the block of the day, and the spot premium."""
    n = e.labs.n
    factor = f.class_price
    paid = f.contract_usd * f.paid_factor
    bought = f.routed_hours.sum(axis=1)
    mean_usd = np.where(bought > 0.0, f.routed_hours @ paid / np.where(bought > 0.0, bought, 1.0), paid.mean())  # (B,)
    serving = f.serving_hours * f.fill[SERVING, None] * factor[SERVING, None] * np.tile(mean_usd[1:], len(TIERS))
    research = f.research_hours * f.fill[None, LAB_USES] * factor[None, LAB_USES] * mean_usd[1:, None]
    usd = np.zeros(len(WORK))
    usd[SERVING], usd[LAB_USES] = serving.sum(axis=1), research.sum(axis=0)
    for name in ("ranking", "other"):
        usd[U[name]] = f.served_hours[U[name]] * factor[U[name]] * mean_usd[0]
    usd[ON_BOARD] = f.kwh[ON_BOARD] * e.params.physical.electricity_usd_per_kwh
    f.usd, f.serving_usd, f.research_usd = usd, serving.sum(axis=0), research
    f.staff_usd = research.sum(axis=1) * (1.0 / e.params.lab.compute_share_of_rd - 1.0)
    # a provider receives its buyers' payments in the proportion of hours at its own price
    spent = np.append(
        usd[U["ranking"]] + usd[U["other"]],
        serving.sum(axis=0).reshape(len(TIERS), n).sum(axis=0) + research.sum(axis=1),
    )
    weight = f.routed_hours * paid
    total = weight.sum(axis=1, keepdims=True)
    f.provider_revenue_usd = (weight / np.where(total > 0.0, total, 1.0) * spent[:, None]).sum(axis=0)
    gap = float(f.provider_revenue_usd.sum() - usd[PROVIDER_RUN].sum())
    e.laws.require_zero(
        "money: providers receive what buyers of hours pay", e.label, "providers", gap, float(usd.sum())
    )


def pay_contracts(e: World, f: MonthFlows) -> None:
    """Settle take-or-pay contracts: labs pay their contract prices for hours they may use, or providers sell on, Eq. L.18.

    Hours are bought at the market's price by whoever uses them; the difference to the contract's is settled here, whether
    the lab used its hours or not.
    """
    labs = e.labs
    market = f.market_usd * f.paid_factor
    f.take_or_pay_usd = labs.take_or_pay_hours * (labs.take_or_pay_usd_per_h - market)
    books = e.ledger
    books.pay("labs", "providers", "take-or-pay above the market", float(np.maximum(f.take_or_pay_usd, 0.0).sum()))
    books.pay("providers", "labs", "take-or-pay below the market", float(np.maximum(-f.take_or_pay_usd, 0.0).sum()))


def buy_tokens(e: World, f: MonthFlows, known: Known) -> None:
    """Charge list prices for tokens, standing work that waits at the batch discount."""
    discount = np.ones(len(SERVING_CLASSES))
    discount[STANDING] = known.batch_discount
    f.token_revenue_usd = (f.served_tokens * f.token_usd[None]).sum(axis=2) * discount[:, None]


def lab_cash_flow(e: World, f: MonthFlows) -> Array:
    """Return what each lab has left of its token revenue after hours, contracts and staff, before financing, (L,)."""
    revenue = f.token_revenue_usd.sum(axis=0) - f.serving_usd
    spent = f.research_usd.sum(axis=1) + f.staff_usd + f.take_or_pay_usd
    return np.asarray(revenue.reshape(len(TIERS), e.labs.n).sum(axis=0) - spent)


def fees_paid(e: World, f: MonthFlows) -> float:
    """Return surplus fees of work done; they go to the wallets of the agents that did it. Changes wallets."""
    n, agents = e.humans.n, e.ai_agents
    delegates = f.delegate_fee_usd * float(f.fill[DELEGATED])
    standing = f.standing_fee_usd * float(f.fill[STANDING])
    agents.wallet_usd[:n] += delegates
    agents.wallet_usd[n:] += standing
    return e.total(delegates) + e.total(standing)


def run_applications(e: World, f: MonthFlows, by_class: Array, ranking_usd: float) -> tuple[float, float, float, float]:
    """Account for each application's month; return agents' part of invocation fees, operations, payout, rescue.

    Advertising and assistants' revenue in; tokens, ranking hours and operations out. An application that cannot pay is
    rescued by investors, who take a claim. Changes applications and wallets.
    """
    p, apps, k = e.params, e.applications, e.assistants
    income = f.application_hours * apps.ad_load * f.ad_usd_per_hour
    income[:k] += f.assistant_usd / k
    share = f.application_hours / max(float(f.application_hours.sum()), 1e-300)
    costs = share * (float(by_class[EMBEDDED]) + ranking_usd)
    costs[:k] += float(by_class[ASSISTANT]) / k
    month = application.settle(apps.cash_usd, income, costs, p.application)
    apps.revenue_usd[:], apps.cash_usd[:] = income, month.cash_usd
    rescue = float(month.rescue_usd.sum())
    e.ledger.issue("applications", "investors", rescue)

    delegates = e.ai_agents.weight_agents[: e.humans.n]
    working = e.total(delegates)
    kept = f.invocation_spend_usd * p.orchestrator.agent_fee_share if working > 0.0 else 0.0
    e.ai_agents.wallet_usd[: e.humans.n] += delegates * (kept / max(working, 1e-300))
    return kept, float(month.operations_usd.sum()), float(month.payout_usd.sum()), rescue


def serving_usd_per_token(e: World, f: MonthFlows) -> Array:
    """Return serving cost by net and kind of token at the market's price, (N, Q)."""
    return f.seconds_per_token / SECONDS_PER_HOUR * (f.market_usd * f.paid_factor)


def close(e: World) -> MonthBooks:
    """Settle sectors that keep no money with the rest of the world; close the month's books."""
    settlement.pass_on(e.ledger)
    return e.close_books()
