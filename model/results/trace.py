"""What one agent is, what it decided this month and why: a readable account of a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import ai_agent, application, human, lab, orchestrator, provider, robot, supplier
from model.core.errors import InputError, shown
from model.core.shown import Shown
from model.core.table import Row
from model.core.units import fmt, percent
from model.layers import agent as loop
from model.month import Month
from model.results.record import Recorder
from model.stages.people import who
from model.state import ASSISTANT, DELEGATED, FRONTIER, SMALL
from model.world import World


@dataclass(frozen=True, repr=False)
class Account(Shown):
    """An agent's account; `numbers` are those its sentences speak of, `columns` its state."""

    kind: str = ""
    id: int = 0
    numbers: dict[str, float] | None = None
    columns: dict[str, Any] | None = None


Told = tuple[str, list[str], dict[str, float]]


def trace(e: World, r: Recorder, last: Month | None, agent: Row) -> Account:
    """Return the account of an agent of this economy.

    Parameters
    ----------
    e : World
    r : Recorder
    last : Month or None
        What the last month left; None before the first.
    agent : Row
        A Mesa agent of this economy.

    Raises
    ------
    InputError
        If it is no agent.
    """
    stories = STORIES | {kind.row: kind.story or _plain(kind.row.__name__) for kind in e.added}
    tell = next((stories[kind] for kind in type(agent).__mro__ if kind in stories), None)
    if not isinstance(agent, Row) or tell is None:
        kinds = ", ".join(e.kinds)
        raise InputError(
            f"trace({shown(agent)}): not an agent of this economy; take one of economy.agents_by_type ({kinds})"
        )
    title, sentences, numbers = tell(e, last, agent._index)
    columns = {name: getattr(agent, name) for name in agent.table_type.columns()}
    rows = [
        (name, _value(columns[name]), column.unit if column.unit != "-" else "", column.meaning)
        for name, column in agent.table_type.columns().items()
    ]
    when = f"as of the end of {r.months[-1]}" if r.months else "at the opening"
    head = ("column", "value", "unit", "meaning")
    return Account(f"{title}, {when}", tuple(sentences), head, tuple(rows), agent.kind, agent.id, numbers, columns)


def _value(x: Any) -> str:
    return str(x).lower() if isinstance(x, bool) else str(x) if isinstance(x, int) else fmt(x)


def _percent(x: float) -> str:
    return percent(x, ".3g")


def _human(e: World, last: Month | None, i: int) -> Told:
    h, p = e.humans, e.params
    people, wage = float(h.weight_people[i]), float(h.wage_usd_per_h[i])
    task = who(e, h.slice(i, i + 1))
    minutes, value_usd = float(task.task_minutes[0]), float(task.task_value_usd[0])
    base = float(task.task_hours_per_month[0]) * 60.0 / minutes
    n: dict[str, float] = {
        "adopted_share": float(h.adopted_share[i]),
        "delegating_share": float(h.delegating_share[i]),
        "assistant_task_share": float(h.assistant_usefulness[i]),
        "agent_task_share": float(h.agent_usefulness[i]),
        "thinking_multiplier": float(np.exp(float(h.log_thinking[i]))),
        "delegates": float(e.ai_agents.weight_agents[i]),
        "standing_agents": float(e.ai_agents.weight_agents[h.n + i]),
        "robots": float(e.robots.weight_robots[i]),
    }
    said = [
        f"Stands for {fmt(people, 'people')} who value an hour at {fmt(wage, 'USD')} (segment {h.segment[i]} of {human.SEGMENTS});"
        f" {_percent(n['adopted_share'])} use an assistant, {_percent(n['delegating_share'])} also delegate to agents.",
        f"Tasks that could be given away last {fmt(minutes)} minutes and are worth"
        f" {fmt(value_usd, 'USD')}; about {fmt(base)} a person and month.",
    ]
    if last is None:
        return f"Human {h.id[i]}", [*said, "No month has run yet."], n
    known, length = last.known, task.log_task_minutes
    offer, slope, g = known.offer, p.agent_loop.success_slope, int(h.segment[i])
    chat_horizon = float(known.log_horizon[ASSISTANT, FRONTIER] + known.log_thinking_gain[g])
    z = float(np.log(n["thinking_multiplier"]))
    agent_horizon = float(known.log_horizon[DELEGATED, FRONTIER]) + p.agent_loop.thinking_exponent * z
    chat_factor, length_factor = float(task.chat_length_factor[0]), float(task.loop_length_factor[0])
    n |= {
        "assistant_success": float(loop.success(length, chat_horizon, slope)[0]),
        "agent_success": float(loop.success(length, agent_horizon, slope)[0]),
        "assistant_usd": (offer.chat_usd[0] + float(offer.chat_thinking_usd[g])) * chat_factor,
        "agent_usd": (offer.loop_usd[0] + (n["thinking_multiplier"] - 1.0) * offer.loop_generated_usd) * length_factor,
        "delegates_wanted": float(last.flows.delegates_wanted[i]),
        "jobs_wanted": float(last.flows.jobs_wanted[i]),
    }
    small = [float(loop.success(length, float(known.log_horizon[c, SMALL]), slope)[0]) for c in (ASSISTANT, DELEGATED)]
    small_usd = offer.chat_usd[1] * chat_factor, offer.loop_usd[1] * length_factor
    minutes_usd = float(h.shadow_usd_per_h[i]) * minutes / 60.0
    n |= {"assistant_success_small": small[0], "assistant_small_usd": small_usd[0]}
    n |= {"agent_success_small": small[1], "agent_small_usd": small_usd[1], "own_minutes_usd": minutes_usd}
    closed = [" (not on offer yet)" if not is_open else "" for is_open in (offer.chat_open, offer.agents_open)]
    said += [
        f"Of an adopter's tasks {_percent(n['assistant_task_share'])} are done with an assistant{closed[0]}. Why: a frontier net answers"
        f" {_percent(n['assistant_success'])} of tasks of this length at {fmt(n['assistant_usd'], 'USD')}, a small one"
        f" {_percent(small[0])} at {fmt(small_usd[0], 'USD')}; own minutes are worth {fmt(minutes_usd, 'USD')}.",
        f"A delegator gives {_percent(n['agent_task_share'])} of tasks to agents{closed[1]}. Why: an attempt on a frontier net (thinking x"
        f" {n['thinking_multiplier']:.3g}) succeeds in {_percent(n['agent_success'])} of cases at {fmt(n['agent_usd'], 'USD')}, on a small"
        f" one in {_percent(small[1])} at {fmt(small_usd[1], 'USD')}; what fails is lost and takes review.",
        f"Wants {fmt(n['delegates_wanted'])} delegates and {fmt(n['jobs_wanted'])} background jobs; has {fmt(n['delegates'])} and"
        f" {fmt(n['standing_agents'])} agents, {fmt(n['robots'])} robots.",
    ]
    return f"Human {h.id[i]}", said, n


def _lab(e: World, last: Month | None, i: int) -> Told:
    labs, p, nets = e.labs, e.params.lab, e.nets
    belief = float(lab.revenue_belief(labs, p, e.opening.lab_weights)[i])
    revenue = float(labs.revenue_usd[i])
    margin = 1.0 - float(labs.serving_usd[i]) / revenue if revenue > 0.0 else 0.5
    margin = min(max(margin, 0.1), 0.9)
    eta, growth, wanted = (float(c[i]) for c in (labs.eta, labs.growth_factor, labs.wanted_rd_usd))
    done = [float(x[i]) for x in (labs.run_done_flop, labs.run_target_flop)]
    n = {
        "eta": eta,
        "margin": margin,
        "growth_factor": growth,
        "rho": eta * margin * growth,
        "revenue_belief_usd_per_year": belief,
        "wanted_rd_usd": wanted,
        "rd_usd": float(labs.rd_usd[i]),
        "run_done_share": done[0] / done[1] if done[1] else 0.0,
    }
    rule = e.opening.rules[i]
    said = [f"Invests by the rule '{rule}', forecasts tokens by '{e.opening.forecasters[i]}'."]
    if last is None:
        said.append("No month has run yet.")
    else:
        asks = f"R&D {'wanted' if rule == 'profit' else 'that profit asks for'}"
        profit = wanted if rule == "profit" else n["rho"] * belief / 12.0
        other = "" if rule == "profit" else f" Rule '{rule}' wants {fmt(wanted, 'USD')} in its place."
        said += [
            f"{asks}: rho = eta m G = {eta:.3g} x {margin:.3g} x {growth:.3g} = {n['rho']:.3g} of the revenue it counts on"
            f" ({fmt(belief, 'USD')} a year), that is {fmt(profit, 'USD')} a month.{other}",
            f"Budget: {fmt(n['rd_usd'], 'USD')} a month, a step of the way to the wish within its funds"
            f" (cash {fmt(float(labs.cash_usd[i]), 'USD')}); revenue {fmt(revenue, 'USD')} a month, expected to grow"
            f" {_percent(float(labs.expected_growth[i]))} a month.",
            "Research compute goes to "
            + ", ".join(
                f"{use.replace('_', ' ')} {_percent(float(x))}"
                for use, x in zip(lab.USES, e.state.labs.research_split[i], strict=True)
            )
            + ".",
        ]
    said.append(
        f"Run under way: {fmt(done[1], 'FLOP')}, {_percent(n['run_done_share'])} done; {fmt(float(labs.run_parameters[i]))} parameters on"
        f" {fmt(float(labs.run_tokens[i]))} tokens, sized for {fmt(float(labs.run_planned_tokens[i]))} tokens of serving."
    )
    for j, tier in ((i, "frontier"), (labs.n + i, "small")):
        said.append(
            f"On offer, {tier}: {fmt(float(nets.parameters[j]))} parameters, horizon {fmt(float(nets.horizon_minutes[j]))} minutes,"
            f" {fmt(1e6 * float(nets.price_usd_per_token[j]))} USD per million tokens, {fmt(float(nets.tokens_month[j]))} tokens last month."
        )
    return f"Lab {e.opening.lab_names[i]}", said, n


def _provider(e: World, last: Month | None, i: int) -> Told:
    firms, p, s = e.providers, e.params.provider, e.state
    ordered = float(s.providers.orders[-1][i]) if s.providers.orders else 0.0
    expected = float(firms.expected_usd_per_h100e_hour[i])
    book = float(firms.book_usd[i])
    n = {
        "user_cost_usd_per_h": s.providers.user_cost_usd,
        "expected_usd_per_h": expected,
        "ordered_h100e": ordered,
        "leverage": float(firms.debt_usd[i]) / book if book > 0.0 else 0.0,
    }
    said = [
        f"Has {fmt(float(firms.stock_h100e[i]), 'H100e')} at work, {fmt(float(firms.backlog_h100e[i]), 'H100e')} on order;"
        f" {_percent(float(firms.used_share[i]))} of its hours were used, at {fmt(float(firms.contract_usd_per_h100e_hour[i]), 'USD')} an hour."
    ]
    if s.providers.orders:
        pull = (
            "above, so it wants more than demand asks for"
            if expected > s.providers.user_cost_usd
            else "below, so it wants less"
        )
        said.append(
            f"Expects {fmt(expected, 'USD')} an hour against a user cost of {fmt(s.providers.user_cost_usd, 'USD')} ({pull}); demand of all providers is"
            f" spending is expected to grow {_percent(s.belief.spending_growth)} a month while the market is small."
        )
        said.append(
            f"Ordered {fmt(ordered, 'H100e')} at {fmt(s.providers.machine_usd, 'USD')} each with their site, as far as demand, power, parents, cash and"
            f" lenders allow; debt is {_percent(n['leverage'])} of book, lenders stop at {_percent(p.leverage_max)}."
        )
    return f"ComputeProvider {e.opening.provider_names[i]}", said, n


def _ai_agent(e: World, last: Month | None, i: int) -> Told:
    a, people = e.ai_agents, e.humans.n
    standing = i >= people
    owner = e.humans.id[i % people]
    n = {"agents": float(a.weight_agents[i])}
    said = [
        f"Stands for {fmt(n['agents'])} agents of Human {owner}; they hold {fmt(float(a.wallet_usd[i]), 'USD')} together."
    ]
    if standing:
        said.append(
            "They run background jobs, as many as their principal's budget carries and their worth exceeds their cost."
        )
        if last is not None:
            known = last.known
            n |= {"job_success": known.job_success, "job_usd": known.job_usd}
            said.append(
                f"A job costs {fmt(known.job_usd, 'USD')} a month and succeeds in {_percent(known.job_success)} of its tasks."
            )
    else:
        n["thinking_multiplier"] = float(np.exp(float(e.humans.log_thinking[i])))
        said.append(f"They work on tasks handed over and think x {n['thinking_multiplier']:.3g} where it pays.")
    return f"AIAgent {a.id[i]} ({'standing' if standing else 'delegate'})", said, n


def _robot(e: World, last: Month | None, i: int) -> Told:
    r, s = e.robots, e.state
    n = {"robots": float(r.weight_robots[i]), "success": s.robots.success, "running_usd": s.robots.running_usd}
    said = [
        f"Stands for {fmt(n['robots'])} robots of Human {e.humans.id[i]}, {fmt(float(r.on_order[i]))} on order.",
        f"A robot succeeds in {_percent(s.robots.success)} of its work and costs {fmt(s.robots.running_usd, 'USD')} a month in inference and"
        f" energy; a new one costs {fmt(robot.price(s.robots.sold, e.params.robot), 'USD')}.",
    ]
    return f"Robot {r.id[i]}", said, n


def _application(e: World, last: Month | None, i: int) -> Told:
    apps = e.applications
    mine = e.features.application == i
    n = {"features": float(mine.sum()), "features_in_use": float((e.features.intensity_tokens_per_h[mine] > 0.0).sum())}
    what = "an assistant" if apps.assistant[i] else "an application"
    said = [
        f"Is {what} that received {fmt(float(apps.attention_hours[i]))} hours of attention and {fmt(float(apps.revenue_usd[i]), 'USD')} last month."
    ]
    if mine.any():
        said.append(
            f"{n['features_in_use']:.0f} of its {n['features']:.0f} AI features are worth their tokens and errors at this month's prices."
        )
    return f"Application {apps.id[i]}", said, n


def _orchestrator(e: World, last: Month | None, i: int) -> Told:
    nodes = e.orchestrators
    kind = ("orchestrator", "skill", "tool")[int(nodes.node_kind[i])]
    n = {"traffic_calls": float(nodes.traffic_calls[i]), "callees": float((e.state.calls.edges[i] > 0.0).sum())}
    said = [
        f"Is a node of the call network ({kind}) with {fmt(n['traffic_calls'])} calls last month; it calls {n['callees']:.0f} others."
    ]
    if kind == "orchestrator":
        said.append(
            f"Takes {_percent(float(nodes.take_rate[i]))} of metered cost; {_percent(float(e.state.calls.entry_share[i]))} of tasks enter here."
        )
    return f"Orchestrator {nodes.id[i]}", said, n


def _supplier(e: World, last: Month | None, i: int) -> Told:
    firm, s, p = e.suppliers, e.state, e.params.supplier
    n = {"growth": s.suppliers.expansions[-1], "price_usd": float(firm.price_usd_per_h100e[i])}
    said = [
        f"Can make {fmt(float(firm.capacity_chips_per_month[i]))} chips a month; {fmt(float(firm.backlog_h100e[i]), 'H100e')} wait.",
        f"Sells at {fmt(n['price_usd'], 'USD')} per H100e, unit cost {fmt(float(firm.unit_cost_usd[i]), 'USD')} and a markup that rises with the"
        f" backlog; decided to let capacity grow {_percent(n['growth'])} in {p.lead_months} months, content with {p.target_backlog_months:g} months"
        " of backlog.",
    ]
    return f"ChipSupplier {firm.id[i]}", said, n


def _plain(kind: str) -> Callable[[World, Month | None, int], Told]:
    """Return the story of a kind that tells none."""
    return lambda e, last, i: (f"{kind} {e.kinds[kind][1].id[i]}", [], {})


STORIES: dict[type[Row], Callable[[World, Month | None, int], Told]] = {
    human.Human: _human,
    ai_agent.AIAgent: _ai_agent,
    robot.Robot: _robot,
    provider.ComputeProvider: _provider,
    lab.Lab: _lab,
    application.Application: _application,
    orchestrator.Orchestrator: _orchestrator,
    supplier.ChipSupplier: _supplier,
}
