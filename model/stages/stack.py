"""Stages 7-9: wishes go down the stack, from applications and orchestrators to accelerator-hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import lab, robot
from model.core.flows import MonthFlows
from model.core.units import FRESH, LAB_USES, LEGACY, PROVIDER_CLASSES, SERVING, SERVING_CLASSES, TIERS, U
from model.layers import application as application_layer
from model.layers import context, link
from model.layers import orchestrator as call_network
from model.stages.people import Known, Wishes
from model.state import ASSISTANT, DELEGATED, EMBEDDED, FRONTIER, ROBOT, SMALL, STANDING
from model.world import World

Array = NDArray[np.float64]


def apply(e: World, f: MonthFlows) -> float:
    """Layer 7: attention-hours by application, (K,), and the tokens that features invoke in them (returned)."""
    spread = f.attention_hours @ e.state.choices.app_share
    f.application_hours = np.append(np.zeros(e.assistants), spread)
    features = e.features
    hours = f.application_hours[features.application]
    return application_layer.feature_tokens(hours, features.exposure, features.intensity_tokens_per_h)


def orchestrate(e: World, f: MonthFlows, w: Wishes) -> None:
    """Layer 6: external calls become traffic on the call network; templates and edges make the multiplier (O.1-O.4)."""
    p, s = e.params, e.state
    success = w.successes / w.tasks_agent if w.tasks_agent > 0.0 else 0.0
    several = call_network.multi_share(success, p.call_network)
    external = s.calls.entry_share * max(w.tasks_agent + w.jobs * p.agent_loop.job_tasks_per_month, 1.0)
    most = p.call_network.spectral_radius_max
    agent, multi = (call_network.capped(x, s.calls.edges, most) for x in (s.calls.agent_scale, s.calls.multi_scale))
    f.traffic_calls = call_network.task_traffic(s.calls.edges, (agent, multi), several, external)
    f.calls_per_task = float(f.traffic_calls.sum() / external.sum())
    s.calls.radius_distance = 1.0 - (multi if several > 0.0 else agent) * call_network.spectral_radius(s.calls.edges)


def contextualise(e: World, f: MonthFlows, w: Wishes, known: Known, embedded_tokens: float) -> None:
    """Layers 5 and 4: loops and calls become fresh, cached and generated tokens, by serving class and tier (C.1-C.4)."""
    p, s = e.params, e.state
    base = np.zeros((len(SERVING_CLASSES), len(TIERS)))
    base[ASSISTANT] = known.chat_tokens * w.chat_frontier, known.chat_tokens * w.chat_small
    base[DELEGATED] = s.calls.calls_per_task * w.loop_frontier, s.calls.calls_per_task * w.loop_small
    base[STANDING] = w.jobs * known.job_tokens * np.array([1.0 - known.job_small, known.job_small])
    base[EMBEDDED, SMALL] = embedded_tokens
    active_h = w.robots * p.robot.duty_hours_per_month
    s.robots.calls_per_h = robot.cloud_calls(s.robots.call_usd, e.opening.mean_wage * s.robots.success, p.robot)
    base[ROBOT, SMALL] = active_h * s.robots.calls_per_h * known.prompts[ROBOT]

    small_nets = e.nets.parameters[e.labs.n :]
    runs = np.array([application_layer.device_share(float(x), e.device_parameters, p.app_network) for x in small_nets])
    own = application_layer.on_devices(base[:, SMALL], s.choices.net_share[:, SMALL], runs)
    own[[DELEGATED, STANDING, ROBOT]] = 0.0
    base[:, SMALL] -= own  # what users' own devices serve never reaches a provider
    f.device_tokens = float(own.sum())

    thought = np.zeros((len(SERVING_CLASSES), len(TIERS)))
    answer_tokens = known.chat_tokens * known.generated_share[ASSISTANT]
    thought[ASSISTANT, FRONTIER] = answer_tokens * float(f.chat_by_segment @ (known.tau_chat - 1.0))
    thought[DELEGATED, FRONTIER] = s.calls.calls_per_task * w.thinking
    tokens = context.expand(base, thought, known.generated_share, s.memory.hits)
    f.thinking_tokens = float(thought.sum())
    f.examination_tokens = w.examined * p.attention.candidate_tokens
    tokens[DELEGATED, FRONTIER, FRESH] += f.examination_tokens
    f.new_tokens = tokens
    calls = base.sum(axis=1) / known.prompts
    agents = w.attempts, w.jobs * p.agent_loop.job_tasks_per_month * known.job_attempts
    calls[[DELEGATED, STANDING]] = f.calls_per_task * np.array(agents)
    f.class_calls = calls


def serve(e: World, f: MonthFlows, known: Known) -> None:
    """Layers 3 to 1: tokens become operations, bytes and accelerator-hours on this fleet (K.1-K.4)."""
    p, s = e.params, e.state
    f.tokens = context.to_nets(f.new_tokens + s.market.queue, s.choices.net_share)
    serving = link.serving(
        f.tokens,
        e.nets.parameters,
        known.prompts,
        e.nets.decode_gain,
        e.cohorts.mean(e.cohorts.bytes_per_s),
        e.cohorts.mean(e.cohorts.hbm_bytes),
        p.link,
        link.software_overhead(s.served.tokens, p.link),
    )
    f.serving_hours, f.work_flop = serving.hours, serving.flop
    f.seconds_per_token, f.batch = serving.seconds_per_token, serving.batch


def demand(e: World, f: MonthFlows) -> None:
    """Put serving, research and the incumbents' workloads side by side: hours by class (W).

    Research budgets buy hours at posted prices; hours that waited come on top, as far as the months of budget that a lab
    keeps (`lab.runway_months`) would buy them now. Labs under a schedule (L.7b) use the hours it prescribes beside their
    serving. Ranking and other AI keep the intensity that their price of compute has led to.
    """
    p, s = e.params, e.state
    budget = e.labs.rd_usd[:, None] * p.lab.compute_share_of_rd * s.labs.research_split
    bought = budget / (f.market_usd * f.paid_factor * f.class_price[LAB_USES])
    waited, most = s.labs.research_waiting_hours.sum(axis=1), p.lab.runway_months * bought.sum(axis=1)
    kept = np.where(waited > most, most / np.where(waited > 0.0, waited, 1.0), 1.0)  # the rest is given up
    bought = bought + s.labs.research_waiting_hours * kept[:, None]
    serving = f.serving_hours.sum(axis=0).reshape(len(TIERS), -1).sum(axis=0)
    prescribed = serving[:, None] * lab.prescribed_uses(e.opening.rules, e.label)
    f.research_hours = np.where(np.isfinite(prescribed), prescribed, bought)
    hours = np.zeros(len(PROVIDER_CLASSES))
    hours[SERVING] = f.serving_hours.sum(axis=1)
    attention = float(f.application_hours.sum()) / e.opening.attention_hours
    waited = dict(zip(LEGACY, s.market.legacy_queue_hours, strict=True))
    hours[U["ranking"]] = application_layer.legacy_hours(
        e.opening.ranking_hours, s.choices.ranking_intensity, waited["ranking"], attention
    )
    hours[U["other"]] = application_layer.legacy_hours(
        e.opening.other_hours, s.choices.other_intensity, waited["other"]
    )
    hours[LAB_USES] = f.research_hours.sum(axis=0)
    f.demand_hours = hours
