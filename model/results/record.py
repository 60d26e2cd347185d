"""Recorded monthly series as data: name, unit, meaning, formula; and the recorder that keeps what tables are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.errors import InputError, shown, unknown
from model.core.flows import MonthFlows
from model.core.formulas import hhi, ratio
from model.core.frames import check_process
from model.core.units import (
    CACHED,
    FRESH,
    GENERATED,
    INPUT,
    LAB_USES,
    ON_BOARD,
    PROVIDER_RUN,
    SERVING,
    TIERS,
    WORK,
    month_date,
)
from model.markets import settlement
from model.month import Month
from model.results import accounts, measures
from model.scenario import Scenario
from model.stages.people import Known, Wishes
from model.state import ASSISTANT, DELEGATED, EMBEDDED, FRONTIER, ROBOT, SMALL, STANDING
from model.world import World

Array = NDArray[np.float64]


class Snapshot(NamedTuple):
    """All a formula may read at the end of a month."""

    e: World
    f: MonthFlows
    w: Wishes
    known: Known
    shares: dict[str, Array]
    heads: float  # AI agents
    delegates: float
    revenue_usd: float  # of labs
    rd_usd: float
    residual_usd: float  # largest residual of money, relative
    residual_flop: float


class Series(NamedTuple):
    """One recorded series.

    Parameters
    ----------
    name : str
        Letters, digits and _; a column of the table of monthly series.
    unit : str
        "-" for none.
    meaning : str
    formula : callable
        The number at the end of a month, of a `Snapshot`; NaN where it is not defined.
    """

    name: str
    unit: str
    meaning: str
    formula: Callable[[Snapshot], float]

    def at(self, x: Snapshot) -> float:
        """Return the number of a month.

        Raises
        ------
        InputError
            If the formula gives none; names the series.
        """
        value = self.formula(x)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise InputError(f"series '{self.name}': its formula gives {shown(value)}: must be a number") from None


def _eta(x: Snapshot) -> float:
    labs = x.e.labs
    weight = np.maximum(labs.revenue_usd, 0.0)
    weight = weight if weight.sum() > 0.0 else np.ones(labs.n)
    return float((labs.eta * weight).sum() / weight.sum())


def _growth_factor(x: Snapshot) -> float:
    weight = np.maximum(x.e.labs.rd_usd, 1.0)
    return float((x.e.labs.growth_factor * weight).sum() / weight.sum())


def _frontier(x: Snapshot) -> int:
    return int(np.argmax(x.e.nets.horizon_minutes[: x.e.labs.n]))


def _horizon(x: Snapshot) -> float:
    """Horizon of the best net with the thinking its agents' users pay for."""
    best, p = _frontier(x), x.e.params.agent_loop
    tau = 1.0 + ratio(x.w.thinking, x.w.loop_frontier * p.generated_share_agent)
    think = tau if x.e.nets.reasoning[best] and math.isfinite(tau) else 1.0
    return float(x.e.nets.horizon_minutes[best] * min(think, p.thinking_max) ** p.thinking_exponent)


def _list_price(s_class: int, tier: int) -> Callable[[Snapshot], float]:
    """Return the list price of fresh input, weighted by use, USD per million tokens."""
    return lambda x: float(x.known.price[s_class, tier, FRESH]) * 1e6


def _sustainability(x: Snapshot) -> float:
    revenue = x.f.assistant_usd + x.f.agent_usd + float(x.f.token_revenue_usd[[EMBEDDED, ROBOT]].sum())
    return ratio(revenue, float(x.f.usd[SERVING].sum()) + x.rd_usd)


def _leading_lab(x: Snapshot) -> float:
    """Return the serving share of the hours of the lab that uses most."""
    serving = (x.f.serving_hours * x.f.fill[SERVING, None]).sum(axis=0).reshape(len(TIERS), -1).sum(axis=0)
    research = (x.f.research_hours * x.f.fill[None, LAB_USES]).sum(axis=1)
    lead = int(np.argmax(serving + research))
    return ratio(float(serving[lead]), float(serving[lead] + research[lead]))


def _reasoning_tokens(x: Snapshot) -> float:
    tokens, reasoning = x.f.served_tokens.sum(axis=2), x.e.nets.reasoning
    return float(tokens[ASSISTANT][reasoning].sum()) * x.known.reasoning_share + float(tokens[1:, reasoning].sum())


def _tokens(kind: int) -> Callable[[Snapshot], float]:
    return lambda x: float(x.f.served_tokens[:, :, kind].sum())


SERIES: tuple[Series, ...] = (
    Series("humans", "people", "people online", lambda x: x.w.humans),
    Series("adopters", "people", "people who use an assistant", lambda x: x.w.adopters),
    Series("delegators", "people", "people who delegate to agents", lambda x: x.w.delegators),
    Series("ai_agents", "agents", "AI agents in service", lambda x: x.heads),
    Series("ai_agents_born", "agents", "agents born", lambda x: x.f.agents_born),
    Series("ai_agents_exited", "agents", "agents that left", lambda x: x.f.agents_exited),
    Series("standing_agents", "agents", "agents with standing jobs", lambda x: x.heads - x.delegates),
    Series("robots", "robots", "robots in service", lambda x: x.e.total(x.e.robots.weight_robots)),
    Series("robots_bought", "robots", "robots delivered", lambda x: x.f.robots_bought),
    Series("robots_retired", "robots", "robots retired", lambda x: x.f.robots_retired),
    Series("tasks", "tasks", "tasks that could be given away", lambda x: x.w.tasks),
    Series("tasks_assistant", "tasks", "done with an assistant", lambda x: x.w.tasks_assistant),
    Series("tasks_agent", "tasks", "given to agents", lambda x: x.w.tasks_agent),
    Series("calls", "calls", "calls of nets", lambda x: float(x.f.class_calls.sum())),
    Series("call_multiplier", "-", "calls per agent task", lambda x: x.f.calls_per_task),
    Series("spectral_distance", "-", "1 - spectral radius of the call network", lambda x: x.e.state.calls.radius_distance),
    Series("tokens", "token", "tokens served", lambda x: float(x.f.served_tokens.sum())),
    Series("tokens_fresh", "token", "fresh input", _tokens(FRESH)),
    Series("tokens_cached", "token", "cached input", _tokens(CACHED)),
    Series("tokens_generated", "token", "generated", _tokens(GENERATED)),
    Series("tokens_thinking", "token", "generated by thinking", lambda x: x.f.thinking_tokens * _served(x)),
    Series("tokens_reasoning_models", "token", "served by nets that think", _reasoning_tokens),
    Series("tokens_queued", "token", "waiting for next month", lambda x: float(x.f.queued_tokens.sum())),
    Series("tokens_examination", "token", "read to examine candidates", lambda x: x.f.examination_tokens),
    Series("tokens_on_device", "token", "served on users' devices", lambda x: x.f.device_tokens),
    Series("cache_hit_share", "-", "cached share of input", lambda x: ratio(_tokens(CACHED)(x), _tokens(FRESH)(x) + _tokens(CACHED)(x))),
    Series("reviews_unanswered", "h", "hours of review and supervision not given", lambda x: x.w.unanswered_h),
    Series("inference_flop", "FLOP", "serving", lambda x: float(x.f.flop[SERVING].sum())),
    Series("training_flop", "FLOP", "research and development", lambda x: float(x.f.flop[LAB_USES].sum())),
    Series("gross_margin", "-", "of labs: 1 - serving compute over token revenue", lambda x: x.e.state.labs.margin),
    Series("rd_to_revenue", "-", "rho: R&D over token revenue", lambda x: ratio(x.rd_usd, x.revenue_usd)),
    Series("equity_to_revenue", "-", "equity raised by labs over revenue", lambda x: ratio(x.f.equity_usd, x.revenue_usd)),
    Series("gross_profit_elasticity", "-", "eta, as labs see it", _eta),
    Series("growth_factor", "-", "G: research wanted over elasticity times gross profit", _growth_factor),
    Series("demand_elasticity", "-", "of AI spending to the horizon", lambda x: x.e.state.labs.demand_elasticity),
    Series("installed_h100e", "H100e", "machines installed", lambda x: float(x.e.providers.stock_h100e.sum())),
    Series("chips_sold_cumulative_h100e", "H100e", "delivered since the opening", lambda x: float(x.e.suppliers.sold_h100e[0])),
    Series("backlog_h100e", "H100e", "ordered, not delivered", lambda x: float(x.e.providers.backlog_h100e.sum())),
    Series("utilisation", "-", "hours used over hours offered", lambda x: x.e.state.market.utilisation),
    Series("price_usd_per_h100e_hour", "USD/h", "mean contract price", lambda x: x.f.market_usd),
    Series("price_spot_usd_per_h100e_hour", "USD/h", "spot price", lambda x: x.f.spot_usd),
    Series("user_cost_usd_per_h100e_hour", "USD/h", "user cost of an hour", lambda x: x.e.state.providers.user_cost_usd),
    Series("machine_usd_per_h100e", "USD", "machine with its share of the data centre", lambda x: x.e.state.providers.machine_usd),
    Series("price_frontier_usd_per_mtoken", "USD/Mtoken", "fresh input of frontier nets as assistants call them", _list_price(ASSISTANT, FRONTIER)),
    Series("price_small_usd_per_mtoken", "USD/Mtoken", "fresh input of small nets as features call them", _list_price(EMBEDDED, SMALL)),
    Series("task_horizon_minutes", "min", "50 % task horizon of the best net", _horizon),
    Series("horizon_small_minutes", "min", "best small net", lambda x: float(x.e.nets.horizon_minutes[x.e.labs.n :].max())),
    Series("frontier_training_flop", "FLOP", "largest run released", lambda x: max(r.training_flop for r in x.e.state.labs.releases)),
    Series("capex_usd", "USD", "paid for machines and data centres", lambda x: x.f.capex_usd),
    Series("lab_revenue_usd", "USD", "token revenue of labs", lambda x: x.revenue_usd),
    Series("lab_rd_usd", "USD", "R&D of labs, compute and staff", lambda x: x.rd_usd),
    Series("leading_lab_serving_share", "-", "serving share of the hours of the lab that uses most", _leading_lab),
    Series("lab_rd_compute_usd", "USD", "R&D compute of labs", lambda x: float(x.f.research_usd.sum())),
    Series("human_attention_price_usd_per_hour", "USD/h", "price of an attention-hour to advertisers", lambda x: x.f.ad_usd_per_hour),
    Series("human_shadow_price_usd_per_hour", "USD/h", "shadow price of a free hour", lambda x: ratio(x.w.attention_value_usd, x.w.application_h + x.w.leisure_h)),
    Series("agent_invocation_price_usd", "USD", "price of an invocation by an agent", lambda x: x.f.invocation_usd),
    Series("click_price_usd", "USD", "price of a click", lambda x: x.f.click_usd),
    Series("routing_spend_usd", "USD", "skills' spending on orchestrators' lists", lambda x: x.f.routing_spend_usd),
    Series("ad_funded_share", "-", "agents paid by advertisers, next month", lambda x: x.e.state.auction.ad_funded_share),
    Series("ranking_quality_kept", "-", "what the auction of invocations leaves of the gain from choosing by quality", lambda x: x.e.state.auction.quality_kept),
    Series("services_value_usd", "USD", "value of clicks and invocations to the services that got them", lambda x: x.f.services_value_usd),
    Series("principals_value_usd", "USD", "value of tasks that agents did with success", lambda x: x.w.success_value_usd * float(x.f.fill[DELEGATED])),
    Series("service_hhi", "-", "concentration of clicks and invocations", lambda x: hhi(x.f.service_custom)),
    Series("examination_hours", "h", "H100e-hours spent on reading candidates", lambda x: _examined_share(x.e, x.f) * float(x.f.hours[1])),
    Series("attention_spend_agent_share", "-", "spending on attention that goes to agents'", lambda x: ratio(x.f.invocation_spend_usd, x.f.invocation_spend_usd + x.f.ad_spend_usd)),
    Series("energy_twh", "TWh", "electricity of providers", lambda x: float(x.f.provider_kwh.sum()) / 1e9),
    Series("rents_lost_usd", "USD", "rents of houses lost to AI in the month", lambda x: float((x.e.opening.rents_usd * (1.0 - x.e.labs.rents_kept_share)).sum()) / 12.0),
    Series("contracts_outstanding_usd", "USD", "to be paid under labs' take-or-pay contracts", lambda x: float((x.e.labs.take_or_pay_hours * x.e.labs.take_or_pay_usd_per_h).sum()) * x.e.params.lab.contract_months),
    Series("contracts_defaulted_usd", "USD", "of them lost with labs that failed, since the opening", lambda x: x.e.state.labs.defaulted_usd),
    Series("price_peak_usd_per_h100e_hour", "USD/h", "posted price of the peak half of the day", lambda x: float(x.f.block_usd[0])),
    Series("price_valley_usd_per_h100e_hour", "USD/h", "posted price of the valley half of the day", lambda x: float(x.f.block_usd[1])),
    Series("expected_spending_usd", "USD", "on accelerator-hours in the month when what is ordered now works, as providers expect it", lambda x: x.e.state.providers.expected_spending_usd),
    Series("market_within_reach_usd", "USD", "spending a month at which boards believe the market ends", lambda x: x.e.state.belief.market_usd),
    Series("powered_gw", "GW", "sites in use or being built for machines on order", lambda x: x.e.state.power.powered_gw),
    Series("self_sustainability", "-", "revenue of AI applications over serving and R&D cost", _sustainability),
    Series("device_hours", "h", "H100e-hours on robots and devices", lambda x: float(x.f.hours[ON_BOARD].sum())),
    Series("consumer_surplus_usd", "USD", "value agents create over cost and attention", lambda x: x.w.surplus_usd),
    Series("application_hhi", "-", "concentration of attention", lambda x: hhi(x.f.application_hours)),
    Series("orchestrator_hhi", "-", "concentration of routed calls", lambda x: hhi(x.e.state.calls.entry_share)),
    Series("money_residual_usd", "-", "largest residual of money over its scale so far", lambda x: x.residual_usd),
    Series("compute_residual_flop", "-", "largest residual of compute over its scale so far", lambda x: x.residual_flop),
)  # fmt: skip


def _served(x: Snapshot) -> float:
    """Share of thinking work that was served."""
    return float(min(x.f.fill[ASSISTANT], x.f.fill[DELEGATED]))


SHARES = tuple(measures.PREFIX + name for name in measures.DEFINITIONS)
#: What a month keeps by class of work, by provider, and by class of work that providers run.
WORK_ROWS = ("flop", "hours", "kwh", "usd")
CAPACITY_ROWS = ("capacity", "used", "idle", "price")
DEMAND_ROWS = ("demanded", "served", "queued", "lost", "fill")
KAYA = tuple(f"{quantity}_of_{name}" for quantity in accounts.KAYA_QUANTITIES for name in accounts.KAYA_CLASSES)
NAMES = tuple(s.name for s in SERIES) + SHARES + KAYA


def added_to(scenario: Scenario) -> tuple[Series, ...]:
    """Return the series that a scenario has beside the shipped ones.

    Raises
    ------
    InputError
        If one has no name of its own, or no formula; if a kind of agent adds value to a layer that there is not.
    """
    for kind in scenario.additions()[0].kinds:
        if kind.layer not in ("", *accounts.LAYERS):
            raise unknown(f"layer of Kind '{kind.name}'", kind.layer, accounts.LAYERS)
    added: tuple[Series, ...] = scenario.additions()[0].series
    for s in added:
        where = f"series {shown(s.name)}"
        if not isinstance(s.name, str) or not s.name.isidentifier() or s.name in (*NAMES, "month", "seed"):
            raise InputError(f"{where}: its name must be letters, digits and _, and none that is recorded already")
        if not isinstance(s.unit, str) or not isinstance(s.meaning, str) or not callable(s.formula):
            raise InputError(
                f"{where}: must be Series(name, unit, meaning, formula), the formula a function of a Snapshot"
            )
    return added


def names_of(*scenarios: Scenario) -> tuple[str, ...]:
    """Return the names of all series that each of some scenarios records, the shipped ones first."""
    each = [[s.name for s in added_to(scenario)] for scenario in scenarios]
    return NAMES + tuple(name for name in each[0] if all(name in names for names in each))


def kaya_quantities(x: Snapshot) -> Array:
    """Return heads, tasks, calls, tokens and FLOP by serving class, (5, 5); a task is an attention-hour, a job-month or an active hour where it is no task."""
    active_h = x.w.robots * x.e.params.robot.duty_hours_per_month
    heads = [x.w.adopters, x.delegates, x.heads - x.delegates, x.w.humans, x.w.robots]
    tasks = [x.w.tasks_assistant, x.w.tasks_agent, x.w.jobs, x.w.application_h, active_h]
    return np.array(
        [heads, tasks, x.f.class_calls, x.f.served_tokens.sum(axis=(1, 2)), x.f.flop[SERVING]], dtype=np.float64
    )


class Recorder:
    """Keeps what each month leaves for the result tables."""

    def __init__(self, e: World) -> None:
        self.added = added_to(e.settings)
        self.names = NAMES + tuple(s.name for s in self.added)
        self.months: list[str] = []
        self.rows: list[list[float]] = []
        self.work: list[Array] = []  # WORK_ROWS x U
        self.capacity: list[Array] = []  # CAPACITY_ROWS x P
        self.demand: list[Array] = []  # DEMAND_ROWS x W
        self.flows: list[list[tuple[str, str, str, float]]] = []
        self.balances: list[tuple[Array, Array]] = [(e.opening_books.money_usd, e.opening_books.equity_usd)]
        self.stack: list[accounts.StackAccounts] = []
        self.attention: list[list[tuple[str, str, float | None, float | None, float, float]]] = []

    def add(self, e: World, done: Month) -> None:
        """Record a month."""
        f, w = done.flows, done.wishes
        worst = e.laws.worst
        agents = e.ai_agents.weight_agents
        delegates = e.total(agents[: e.humans.n])
        x = Snapshot(
            e=e,
            f=f,
            w=w,
            known=done.known,
            shares=measures.shares(f.hours, f.flop, f.kwh, f.usd, e.params.app_network.other_background_share),
            heads=delegates + e.total(agents[e.humans.n :]),
            delegates=delegates,
            revenue_usd=float(f.token_revenue_usd.sum()),
            rd_usd=float(f.research_usd.sum() + f.staff_usd.sum()),
            residual_usd=max((v for k, v in worst.items() if k.startswith("money")), default=0.0),
            residual_flop=max((v for k, v in worst.items() if k.startswith("compute")), default=0.0),
        )
        self.months.append(e.label)
        row = [s.at(x) for s in SERIES]
        row += [float(x.shares[name]) for name in SHARES]
        row += kaya_quantities(x).ravel().tolist()
        row += [s.at(x) for s in self.added]
        self.rows.append(row)
        self.work.append(np.stack([f.flop, f.hours, f.kwh, f.usd]))
        used = f.routed_hours.sum(axis=0)
        idle = np.maximum(f.capacity_hours - used, 0.0)  # the law lets rounding use a last bit more than there is
        self.capacity.append(np.stack([f.capacity_hours, used, idle, f.contract_usd]))
        self.demand.append(np.stack([f.demand_hours, f.served_hours, f.queued_hours, f.lost_hours, f.fill]))
        self.flows.append(done.books.flows)
        self.balances.append((done.books.money_usd, done.books.equity_usd))
        self.stack.append(stack_accounts(e, f, done.books.flows))
        self.attention.append(attention_rows(x))

    def monthly(self, e: World) -> Any:
        """Return the monthly series as polars.DataFrame, undefined values null."""
        check_process()
        import polars as pl

        dates = [month_date(i, e.settings.start) for i in range(len(self.months))]
        columns: dict[str, Any] = {"month": pl.Series(dates, dtype=pl.Date)}
        values = np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.names))
        columns.update({name: values[:, k] for k, name in enumerate(self.names)})
        return pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))


def latest(place: int, e: Any) -> float:
    """Return the last recorded value of the series in a place (what Mesa's DataCollector collects)."""
    return e.recorder.rows[-1][place] if e.recorder.rows else math.nan


def reporters(names: Sequence[str] = NAMES) -> dict[str, Callable[[Any], float]]:
    """Return one Mesa model reporter for each series; plain functions, Mesa 3.4 calls any other kind without the model."""

    def reporter(place: int) -> Callable[[Any], float]:
        return lambda e: latest(place, e)

    return {name: reporter(place) for place, name in enumerate(names)}


def _examined_share(e: World, f: MonthFlows) -> float:
    """Return the share of delegated work that reads candidates, by accelerator-seconds."""
    seconds = (f.tokens[DELEGATED] * f.seconds_per_token).sum(axis=0)  # (Q,)
    frontier = slice(e.labs.n)
    fresh = f.tokens[DELEGATED, frontier, FRESH]
    total, read = float(seconds.sum()), float((fresh * f.seconds_per_token[frontier, FRESH]).sum())
    return min(f.examination_tokens / float(fresh.sum()), 1.0) * read / total if total > 0.0 and read > 0.0 else 0.0


def stack_accounts(e: World, f: MonthFlows, flows: list[tuple[str, str, str, float]]) -> accounts.StackAccounts:
    """Return the month's accounts of the seven layers."""
    seconds = (f.tokens * f.seconds_per_token[None]).sum(axis=1)  # (S, Q)
    total = seconds.sum(axis=1)
    safe = np.where(total > 0.0, total, 1.0)
    read, examined = np.zeros(len(WORK)), np.zeros(len(WORK))
    read[SERVING] = np.where(total > 0.0, seconds[:, INPUT].sum(axis=1) / safe, 0.0)
    examined[DELEGATED] = _examined_share(e, f)
    read[DELEGATED] -= examined[DELEGATED]
    paid = f.served_tokens * f.token_usd[None]
    revenue = float(paid.sum())
    idle = float(f.provider_kwh.sum() - f.kwh[PROVIDER_RUN].sum())
    return accounts.stack_accounts(
        flows, f.flop, f.kwh, read, examined, float(paid[:, :, INPUT].sum()) / revenue if revenue > 0.0 else 0.0,
        settlement.TRANSFERS, settlement.REFUNDS, idle, {k.sector: accounts.LAYERS.index(k.layer) for k in e.added if k.layer},
    )  # fmt: skip


def attention_rows(x: Snapshot) -> list[tuple[str, str, float | None, float | None, float, float]]:
    """Return (market, claimant, minutes, context tokens, price, spend): USD per minute, USD per invocation."""
    w, f = x.w, x.f
    shadow = ratio(w.attention_value_usd, w.application_h + w.leisure_h) / 60.0
    hours = {
        "own_work": w.own_h, "assistant_work": w.assistant_h, "review": w.review_h, "supervision": w.supervision_h,
        "leisure": w.leisure_h,
    }  # fmt: skip
    rows: list[tuple[str, str, float | None, float | None, float, float]] = [
        ("human", name, h * 60.0, None, shadow, 0.0) for name, h in hours.items()
    ]
    rows.append(("human", "applications", w.application_h * 60.0, None, f.ad_usd_per_hour / 60.0, f.ad_spend_usd))
    task_tokens = float(f.new_tokens[[DELEGATED, STANDING]].sum()) - f.examination_tokens
    rows.append(("agent", "task", None, task_tokens, 0.0, 0.0))
    rows.append(("agent", "services", None, f.examination_tokens, f.invocation_usd, f.invocation_spend_usd))
    return rows
