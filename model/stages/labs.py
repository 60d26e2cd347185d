"""Labs by month: nets are released, runs are planned; labs learn, invest, raise money and set prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents import application, belief, lab
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.core.units import H100_FLOP_PER_S, LAB_USES, SECONDS_PER_HOUR, TIERS, U, month_date
from model.layers import agent as loop
from model.layers import link, neural
from model.markets import compute
from model.stages.books import lab_cash_flow, serving_usd_per_token
from model.stages.people import Known, Wishes
from model.stages.platforms import feature_elasticity
from model.state import EMBEDDED, FRONTIER, SMALL
from model.world import World

Array = NDArray[np.float64]


#: Smallest run that is planned: a lab without money trains next to nothing.
MIN_RUN_FLOP = 1e18
#: A run that has made nothing better goes on for this factor of its tokens.
RUN_EXTENSION = 1.25


def release(e: World, draw: MonthDraws) -> None:
    """Release nets whose run is finished and plan the next run of the same lab and tier. Changes labs and nets.

    A lab may always go on serving the net it has: where the new one would be no better, its run goes on (N.14).
    """
    labs, n = e.labs, e.labs.n
    runs = ((FRONTIER, labs.run_target_flop, labs.run_done_flop), (SMALL, labs.small_target_flop, labs.small_done_flop))
    for tier, target, done in runs:
        for i in np.flatnonzero(done >= target):
            if e.month - e.nets.released_month[i + tier * n] < 3:
                continue  # a release needs a quarter of tests
            made = trained(e, int(i), tier)
            if made.horizon_minutes < e.nets.horizon_minutes[i + tier * n]:
                continue_run(e, int(i), tier)
                continue
            launch(e, int(i), tier, made)
            u = draw("lab.cycle", labs.id[i : i + 1], k=tier)
            plan_run(e, int(i), tier, float(lab.run_length(u, e.params.lab)[0]))


class Trained(NamedTuple):
    """What a run has made."""

    effective_flop: float
    rollout_flop: float
    horizon_minutes: float


def trained(e: World, i: int, tier: int) -> Trained:
    """Return the net that the run of lab `i` has made, if it ended now."""
    p, labs, nets = e.params, e.labs, e.nets
    run = lab.run_of(labs, i, tier)
    law = neural.LAWS[p.neural.law]
    size, tokens = np.array(run.parameters), np.array(run.tokens)
    algorithms = float(np.exp(labs.log_algorithms[i]))
    effective = float(neural.equivalent_flop(neural.loss(size, tokens, law), law)) * algorithms
    rollout = float(labs.rollout_flop[i])
    if tier == SMALL:
        taught = labs.synthetic_flop[i : i + 1] / nets.training_flop[i]
        teacher = float(neural.distillation(taught, p.neural)[0])
        effective = min(effective * teacher, float(nets.effective_flop[i]))  # no student surpasses its teacher
        most = float(10.0**p.neural.distillation_orders_max)
        rollout = float(nets.rollout_flop[i]) * (teacher - 1.0) / max(most - 1.0, 1e-9)
    horizon = float(neural.horizon(np.array(effective), np.array(rollout), p.neural))
    return Trained(effective, rollout, horizon)


def continue_run(e: World, i: int, tier: int) -> None:
    """Let a run that has made nothing better go on for a quarter of its tokens more, Eq. N.14. Changes the lab's run."""
    run = lab.run_of(e.labs, i, tier)
    more = run._replace(target_flop=run.target_flop * RUN_EXTENSION, tokens=run.tokens * RUN_EXTENSION)
    lab.set_run(e.labs, i, tier, more)


def launch(e: World, i: int, tier: int, made: Trained) -> None:
    """Put the finished run of lab `i` on offer in place of its last net of that tier. Changes nets and the lab's run."""
    labs, nets, n = e.labs, e.nets, e.labs.n
    j = i + tier * n
    run = lab.run_of(labs, i, tier)
    effective, rollout = made.effective_flop, made.rollout_flop
    flop = 6.0 * run.parameters * run.tokens
    nets.price_usd_per_token[j] *= run.parameters / nets.parameters[j]  # the old markup over the new size
    nets.parameters[j], nets.training_tokens[j], nets.training_flop[j] = run.parameters, run.tokens, flop
    nets.effective_flop[j], nets.rollout_flop[j] = effective, rollout
    nets.horizon_minutes[j] = made.horizon_minutes
    nets.reasoning[j] = rollout >= e.params.neural.reasoning_share * flop
    nets.decode_gain[j] = labs.decode_gain[i]
    nets.released_month[j] = e.month
    old = e.state.labs.releases[e.state.labs.current[j]]
    old.retired_month = e.month
    e.state.labs.current[j] = len(e.state.labs.releases)
    e.state.labs.releases.append(
        lab.Release(
            lab=e.opening.lab_names[i],
            tier=TIERS[tier],
            released_month=e.month,
            parameters=run.parameters,
            training_tokens=run.tokens,
            training_flop=flop,
            planned_tokens=run.planned_tokens,
            planned_usd=run.planned_usd,
            train_usd_per_flop=training_usd_per_flop(e, i),
            rollout_factor=rollout / flop if tier == FRONTIER else 0.0,
            data_limit_tokens=float(data_limit(e)[i]),
            rule=e.opening.rules[i],
            forecaster=e.opening.forecasters[i],
            research_usd=float(labs.research_paid_usd[i]) if tier == FRONTIER else 0.0,
            profit_elasticity=float(labs.eta[i]),
        )
    )
    if tier == FRONTIER:
        labs.run_done_flop[i] = labs.rollout_flop[i] = labs.research_paid_usd[i] = 0.0
    else:
        labs.small_done_flop[i] = 0.0


def plan_run(e: World, i: int, tier: int, months: float) -> None:
    """Choose the next run of lab `i`: its compute from the lab's budget, its size from the forecast of lifetime tokens.

    The loss is the lowest that the compute can buy when the net is sized for training and serving together
    (`neural.size_net`); more forecast tokens mean a smaller net trained on more data. Changes the lab's run.
    """
    p, labs, nets, n = e.params, e.labs, e.nets, e.labs.n
    j = i + tier * n
    cost = training_usd_per_flop(e, i)
    share = p.lab.small_share if tier == SMALL else 1.0 - p.lab.small_share
    monthly = labs.rd_usd[i] * p.lab.compute_share_of_rd * e.state.labs.research_split[i, 0] * share
    flop = max(min(monthly * months / cost, float(nets.training_flop[j]) * p.lab.run_growth_max), MIN_RUN_FLOP)
    planned = float(lab.forecast_tokens(nets, p.lab, e.opening.forecasters, p.lab.planning_months)[j])
    # before products a lab counts on its part of the market it believes in, half of it in each tier
    missing_usd = max(p.lab.seed_market_usd_per_year * e.opening.lab_weights[i] / 12.0 - labs.revenue_usd[i], 0.0)
    blended = float((lab.UNSEEN_MIX * lab.LIST_STRUCTURE).sum()) * float(nets.price_usd_per_token[j])
    planned += 0.5 * float(missing_usd) / blended * p.lab.planning_months
    now = link.software_overhead(e.state.served.tokens, p.link)
    mature = min(p.link.software_floor / now, 1.0)  # labs count on ripe serving software over the life of a net
    per_token = float(e.state.served.usd_per_token[j]) * mature
    serve = planned * per_token / (2.0 * nets.parameters[j])
    law, limit = neural.LAWS[p.neural.law], float(data_limit(e)[i])
    train = cost
    if (life := foreseen(e, i, tier)) is not None:
        planned, serve, train = life
    size, tokens = neural.net_for_budget(flop, train, serve, law, limit, p.neural.parameters_min)
    usd = float(neural.lifetime_cost(np.array(size), np.array(tokens), train, serve))
    lab.set_run(labs, i, tier, lab.Run(6.0 * size * tokens, size, tokens, planned, usd))


def foreseen(e: World, i: int, tier: int) -> lab.Foreseen | None:
    """Return the life of the next net of lab `i` and a tier, if the lab has perfect foresight and there was such a net (X.23)."""
    if not e.foresight or not lab.FORECASTERS[e.opening.forecasters[i]].foresees:
        return None
    name = e.opening.lab_names[i]
    before = [r for r in e.state.labs.releases if r.lab == name and r.tier == TIERS[tier] and not r.opening]
    return e.foresight.get((name, TIERS[tier], len(before)))


def data_limit(e: World) -> lab.Array:
    """Return the tokens each lab can train on, (L,)."""
    p = e.params.neural
    return neural.data_limit(e.labs.synthetic_flop / p.synthetic_flop_per_token, p)


def training_usd_per_flop(e: World, i: int) -> float:
    """Return what an operation of lab `i`'s final run costs at the market's present price."""
    p = e.params
    hours = e.labs.rd_usd[i] * p.lab.compute_share_of_rd * e.state.labs.research_split[i, 0] / e.price_now_usd()
    cluster = np.array(max(hours / 730.0, 1.0))
    per_hour = float(link.training_flop(np.array(1.0), cluster, p.link))
    factor = float(compute.class_prices(e.state.market.block_ratio, compute.DEFERRABLE, p.compute)[LAB_USES.start])
    return e.price_now_usd() * factor / max(per_hour, H100_FLOP_PER_S * SECONDS_PER_HOUR * 1e-3)


def laboratories(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Labs learn from the month, raise money, set budgets and prices. Changes labs and nets."""
    learn(e, f)
    invest(e, f, w, known)
    contract(e, f)
    price_tokens(e, f)


def learn(e: World, f: MonthFlows) -> None:
    """Move runs, roll-outs, synthetic data and algorithms on; estimate growth anew. Changes labs and nets."""
    p, s, labs, nets, n = e.params, e.state, e.labs, e.nets, e.labs.n
    trained, small = f.research_flop, e.params.lab.small_share
    labs.run_done_flop += trained[:, 0] * (1.0 - small)
    labs.small_done_flop += trained[:, 0] * small
    labs.rollout_flop += trained[:, 2] * neural.verified(nets.horizon_minutes[:n], p.neural)
    labs.synthetic_flop += trained[:, 3]
    labs.research_paid_usd += f.research_usd.sum(axis=1) + f.staff_usd
    success = agent_success(e)
    as_experiments = trained[:, 4] * (p.link.training_utilisation / p.link.rollout_utilisation)
    s.labs.automation_share, automation = lab.automation(trained[:, 1], as_experiments, success, p.lab)
    on_architecture = trained[:, 1] * automation * labs.architecture_share
    on_algorithms = trained[:, 1] * (1.0 - labs.architecture_share)
    own = neural.algorithmic_growth(
        labs.log_algorithms, on_algorithms, automation, float(nets.training_flop.max()), p.neural
    )
    s.labs.algorithm_growth = own
    labs.log_algorithms[:] = neural.algorithmic_step(labs.log_algorithms, own, p.neural)
    labs.decode_gain[:] = neural.architecture_step(labs.decode_gain, on_architecture, p.neural)
    s.labs.research_waiting_hours = f.research_hours * (1.0 - f.fill[None, LAB_USES])

    revenue = f.token_revenue_usd.sum(axis=0).reshape(len(TIERS), n).sum(axis=0)
    labs.expected_growth[:] = lab.learn_growth(labs, revenue, s.belief.market_usd, p.lab)
    labs.last_revenue_usd[:] = labs.revenue_usd
    labs.revenue_usd += (revenue - labs.revenue_usd) / 3.0
    labs.serving_usd += (f.serving_usd.reshape(len(TIERS), n).sum(axis=0) - labs.serving_usd) / 3.0
    by_net = f.served_tokens.sum(axis=(0, 2))
    nets.tokens_growth[:] = lab.learn_token_growth(nets, by_net, p.lab)
    nets.tokens_month[:] = by_net
    usd = f.token_revenue_usd.sum(axis=0)
    for j, index in enumerate(s.labs.current):
        record = s.labs.releases[index]
        record.tokens += float(by_net[j])
        record.serving_usd += float(f.serving_usd[j])
        record.revenue_usd += float(usd[j])


def agent_success(e: World) -> Array:
    """Return success of each lab's frontier net at research tasks (A.1), (L,)."""
    p = e.params
    horizon = np.log(np.maximum(e.nets.horizon_minutes[: e.labs.n], 1e-9))
    return np.asarray(loop.success(np.log(p.lab.research_task_minutes), horizon, p.agent_loop.success_slope))


def technology(e: World, f: MonthFlows) -> lab.Technology:
    """Return what labs know of how research works this month."""
    p, s, labs, nets, n = e.params, e.state, e.labs, e.nets, e.labs.n
    usd_per_hour = f.market_usd * f.paid_factor * f.class_price[U["rl_rollout"]] / p.lab.compute_share_of_rd
    revenue = f.token_revenue_usd.sum(axis=0).reshape(len(TIERS), n)
    sold = revenue.sum(axis=0)
    part = np.where(sold > 0.0, revenue / np.where(sold > 0.0, sold, 1.0), 1.0 / len(TIERS))
    profit = revenue - f.serving_usd.reshape(len(TIERS), n)
    profit = np.maximum(profit, 0.0)
    total = profit.sum(axis=0)
    growth = np.log(np.maximum(labs.run_target_flop / nets.training_flop[:n], 1.0)) / p.lab.cycle_months
    kept = 1.0 - labs.architecture_share
    return lab.Technology(
        gamma=p.neural.capability_exponent,
        gamma_rollout=p.neural.rollout_exponent,
        stay_months=1.0 / max(1.0 - p.app_network.net_inertia, 1e-3),
        run_elasticity=neural.run_elasticity(nets.parameters[:n], nets.training_tokens[:n], neural.LAWS[p.neural.law]),
        rollout_reference_flop=p.neural.rollout_reference_flop,
        returns=p.neural.algorithmic_input_exponent,
        progress=s.labs.algorithm_growth
        / np.maximum(kept, 1e-3),  # experiments on architecture are worth as much at the margin
        fading=neural.algorithmic_fading(labs.log_algorithms, s.labs.algorithm_growth, p.neural),
        taught=neural.verified(nets.horizon_minutes[:n], p.neural),
        rollout_flop_per_usd=np.full(n, float(link.rollout_flop(np.array(1.0), p.link)) / usd_per_hour),
        automation_share=s.labs.automation_share,
        distillation_orders=p.neural.distillation_orders_max,
        distillation_reference=p.neural.distillation_reference_share,
        distilled=labs.synthetic_flop / nets.training_flop[:n],
        teacher_flop=nets.training_flop[:n].copy(),
        teacher_growth=growth,
        small_profit_share=np.where(total > 0.0, profit[SMALL] / np.where(total > 0.0, total, 1.0), 0.5),
        cost_share=(part * nets.cost_share.reshape(len(TIERS), n)).sum(axis=0),
        cap_value=(part * nets.cap_value.reshape(len(TIERS), n)).sum(axis=0),
    )


def invest(e: World, f: MonthFlows, w: Wishes, known: Known) -> None:
    """Decide research use by use (L.2-L.4), raise money for it (L.6), split it over uses (L.7). Changes labs."""
    p, s, labs, n = e.params, e.state, e.labs, e.labs.n
    revenue = f.token_revenue_usd.sum(axis=0).reshape(len(TIERS), n).sum(axis=0)
    total = float(revenue.sum())
    response = w.chat_response_usd + w.agent_response_usd
    jobs_usd = w.jobs * known.job_usd
    response += jobs_usd / p.agent_loop.job_elasticity * p.agent_loop.success_slope * (1.0 - known.job_success)
    spend = w.chat_spend_usd + w.agent_spend_usd + jobs_usd
    features_usd = float(f.token_revenue_usd[EMBEDDED].sum())
    response += features_usd * feature_elasticity(e, f, known)
    spend += features_usd
    s.labs.demand_elasticity = response / spend if spend > 0.0 else p.agent_loop.success_slope
    weights = e.opening.lab_weights
    shares = revenue / total if total > p.lab.seed_market_usd_per_year / 1e4 else weights
    coming = month_date(e.month + 1, e.settings.start).isoformat()[:7]
    factors = f.class_price[LAB_USES] / f.class_price[U["assistant"]]
    counted = float(lab.revenue_belief(labs, p.lab, weights).sum()) / 12.0
    market = max(s.belief.market_usd, counted)
    for i, growth in enumerate(labs.expected_growth):
        labs.market_growth[i] = belief.expected_growth(counted, market, float(growth), p.lab.life_months)
    reach = belief.reach(float(e.nets.horizon_minutes.max()), p.belief)
    matched = lab.match(e.nets.horizon_minutes[:n], p.lab)
    labs.rents_kept_share *= 1.0 - lab.rents_lost(matched, reach, p.lab)
    left = e.opening.rents_usd * labs.rents_kept_share
    rents = lab.rents_at_stake(left, matched, reach, p.neural.capability_exponent, p.lab)
    wish = lab.research(
        labs, shares, s.labs.demand_elasticity, rents, technology(e, f), e.opening.rules, weights, p.lab, coming,
        tuple(factors.tolist()),
    )  # fmt: skip
    labs.wanted_rd_usd[:], labs.eta[:], labs.growth_factor[:] = wish.wanted_usd, wish.eta, wish.growth_factor
    generated_usd = (f.served_tokens.sum(axis=0) * serving_usd_per_token(e, f))[:, 2].reshape(len(TIERS), n).sum(axis=0)
    labs.architecture_share[:] = neural.architecture_share(
        labs.decode_gain, labs.log_algorithms, wish.value_usd, generated_usd, p.neural
    )
    s.labs.margin = 1.0 - float(f.serving_usd.sum()) / total if total > 0.0 else float(wish.margin.mean())
    expected = belief.expected(counted, market, float(labs.expected_growth.mean()), 12.0 * p.lab.valuation_years)
    parents = raise_money(e, f, lab_cash_flow(e, f), expected)
    gross = np.maximum(revenue - f.serving_usd.reshape(len(TIERS), n).sum(axis=0), 0.0)
    funds = np.maximum(labs.cash_usd, 0.0) / 3.0 + gross + parents
    labs.rd_usd[:] = lab.budget(labs, wish.wanted_usd, funds, p.lab)
    s.labs.research_split = lab.split(wish.uses_usd)
    paid = lab.prescribed_uses(e.opening.rules, coming) * factors
    bound = np.isfinite(paid).all(axis=1)  # these labs divide next month's hours by rule, whatever they may want
    labs.rd_usd[bound] = np.maximum(wish.wanted_usd[bound], 1.0)
    s.labs.research_split[bound] = paid[bound] / paid[bound].sum(axis=1, keepdims=True)


def raise_money(e: World, f: MonthFlows, cash_flow: Array, expected_usd: float) -> Array:
    """Fill the runway of labs from parents, the chip supplier (vendor equity) and investors; fail. Return parents' reach.

    Changes the cash and equity of labs.
    """
    p, labs, books = e.params.lab, e.labs, e.ledger
    parents = labs.parent_share * e.parent_cash_usd() * p.parent_rd_share_max
    need = np.maximum(np.maximum(-cash_flow, 0.0) * p.runway_months - labs.cash_usd, 0.0)
    from_parents = np.minimum(need, parents)
    need = need - from_parents
    pool = max(books.net("hardware_suppliers"), 0.0) * p.vendor_equity_share
    vendor = need * min(1.0, pool / max(float(need.sum()), 1e-300))
    equity = np.minimum(need - vendor, lab.equity_offer(labs, expected_usd, e.opening.lab_weights, p))
    plenty = 2.0 * np.maximum(labs.rd_usd, f.serving_usd.reshape(len(TIERS), labs.n).sum(axis=0)) * p.runway_months
    payout = p.payout_per_month * np.maximum(labs.cash_usd - plenty, 0.0)
    labs.cash_usd += from_parents + vendor + equity - payout
    labs.parent_equity_usd += from_parents
    labs.vendor_equity_usd += vendor
    labs.investor_equity_usd += equity
    owned = labs.investor_equity_usd + labs.parent_equity_usd + labs.vendor_equity_usd
    for payer, item, usd in (
        ("parents", "parents' capital", from_parents),
        ("hardware_suppliers", "vendor equity", vendor),
        ("investors", "equity", equity),
    ):
        books.pay(payer, "labs", item, float(usd.sum()))
        books.issue("labs", payer, float(usd.sum()))
    holders = (
        ("investors", labs.investor_equity_usd),
        ("parents", labs.parent_equity_usd),
        ("hardware_suppliers", labs.vendor_equity_usd),
    )
    for owner, held in holders:
        part = np.where(owned > 0.0, held / np.where(owned > 0.0, owned, 1.0), owner == "investors")
        books.pay("labs", owner, "payout to owners", float((payout * part).sum()))
    f.equity_usd = float((from_parents + vendor + equity).sum())
    budget = p.entrant_share * float(labs.rd_usd.mean())
    broke = labs.cash_usd < -p.failure_months * np.maximum(labs.rd_usd, 1e6)
    for i in np.flatnonzero(broke | (labs.rd_usd < 0.01 * budget)):
        # owners write off what they hold; investors refinance the row as an entrant
        fresh = max(budget * p.runway_months - float(labs.cash_usd[i]), 0.0)
        for owner, held in holders:
            books.write_off("labs", owner, float(held[i]))
            held[i] = 0.0
        books.pay("investors", "labs", "capital of an entrant", fresh)
        books.issue("labs", "investors", fresh)
        labs.investor_equity_usd[i] = fresh
        labs.cash_usd[i] += fresh
        labs.rd_usd[i] = budget
        owed = float(lab.outstanding(labs.take_or_pay_hours[i], labs.take_or_pay_usd_per_h[i], p))
        e.state.labs.defaulted_usd += owed  # providers get no more of what was contracted
        labs.take_or_pay_hours[i] = 0.0
        e.state.labs.failures += 1
    return parents


def contract(e: World, f: MonthFlows) -> None:
    """Sign take-or-pay contracts on the hours planned for when what is ordered now works (L.15 to L.17). Changes labs."""
    p, s, labs = e.params, e.state, e.labs
    market = f.market_usd * f.paid_factor
    usd = labs.serving_usd + labs.rd_usd * p.lab.compute_share_of_rd
    planned = usd / market * np.exp(labs.market_growth * p.provider.lead_months)
    price = lab.contract_price(market, s.providers.machine_change, p.provider.interest_per_year, p.lab)
    before = lab.outstanding(labs.take_or_pay_hours, labs.take_or_pay_usd_per_h, p.lab)
    done = lab.sign(labs.take_or_pay_hours, labs.take_or_pay_usd_per_h, planned, price, p.lab)
    labs.take_or_pay_hours[:], labs.take_or_pay_usd_per_h[:] = done.hours, done.usd_per_h
    after = lab.outstanding(done.hours, done.usd_per_h, p.lab)
    for name, gap, scale in zip(
        e.opening.lab_names, after - before + done.ended_usd - done.signed_usd, after, strict=True
    ):
        law = "contracts: outstanding = last - ended + signed"
        e.laws.require_zero(law, e.label, name, float(gap), max(float(scale), 1.0))


def price_tokens(e: World, f: MonthFlows) -> None:
    """List prices follow serving cost, market power and open weights (L.8-L.10); users choose nets anew (F.3). Changes nets."""
    p, s, labs, nets, n = e.params, e.state, e.labs, e.nets, e.labs.n
    by_net = f.served_tokens.sum(axis=(0, 2)).reshape(len(TIERS), n)
    total = by_net.sum(axis=1, keepdims=True)
    listed = s.choices.net_share.mean(axis=0)  # before there are tokens, how orders would be spread
    tier_share = np.where(total > 0.0, by_net / np.where(total > 0.0, total, 1.0), listed).ravel()
    coming = lab.forecast_tokens(nets, p.lab, e.opening.forecasters, p.lab.pricing_months)
    now = link.software_overhead(s.served.tokens, p.link)
    then = link.software_overhead(s.served.tokens + e.total(coming), p.link)
    cost = serving_usd_per_token(e, f) * (then / now)
    sold = f.served_tokens.sum(axis=0)
    nets.cost_share[:], nets.cap_value[:] = lab.price_caps(nets, cost, sold, tier_share, labs.open_weights, p.lab)
    nets.price_usd_per_token[:] = lab.list_prices(nets, cost, sold, tier_share, labs.open_weights, p.lab)
    log_h = np.log(nets.horizon_minutes).reshape(len(TIERS), n)
    log_p = np.log(nets.price_usd_per_token).reshape(len(TIERS), n)
    odds = p.lab.quality_coefficient * log_h - p.lab.price_coefficient * log_p
    odds -= p.app_network.open_penalty * labs.open_weights[None, :]
    target = np.broadcast_to(odds, s.choices.net_share.shape)
    s.choices.net_share = application.logit_shares(s.choices.net_share, target, p.app_network.net_inertia)
