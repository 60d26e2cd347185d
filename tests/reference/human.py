"""Humans again, as the text of the equations. Twin of agents/human.py."""

import math
from statistics import NormalDist

normal = NormalDist().inv_cdf


def build(n, trait, p, job_theta):
    """Eq. H.1, a dict of columns for each person.

    trait : function (stream, id) -> a number in (0, 1)
    """
    rows = []
    for i in range(n):
        u = trait("human.wage", i)
        wage = p.wage_mean_usd_per_h * math.exp(p.wage_sigma * normal(u) - p.wage_sigma**2 / 2)
        minutes = p.task_minutes_median * math.exp(p.task_minutes_sigma * normal(trait("human.task_minutes", i)))
        hours = p.task_hours_per_month * math.exp(
            p.task_hours_sigma * normal(trait("human.task_hours", i)) - p.task_hours_sigma**2 / 2
        )
        job = p.job_value_usd_per_month * wage / p.wage_mean_usd_per_h
        job *= math.exp(p.job_value_sigma * normal(trait("human.job_value", i)) - p.job_value_sigma**2 / 2)
        row = {
            "wage_usd_per_h": wage,
            "segment": min(math.floor(8 * u), 7),
            "task_minutes": minutes,
            "task_hours_per_month": min(hours, p.task_hours_share_max * p.work_hours_per_month),
            "shadow_usd_per_h": wage,
            "job_value": job ** (1 / job_theta),
        }
        rows.append(row)
    return rows


def people(rows, p, free_hours, loop):
    """What follows from the traits that rows keep."""
    out = []
    for h in rows:
        wage, minutes = float(h["wage_usd_per_h"]), float(h["task_minutes"])
        value = p.task_value_multiple * wage * minutes / 60
        row = {
            "log_task_minutes": math.log(minutes),
            "free_weight_usd": wage * free_hours,
            "task_value_usd": value,
            "log_task_value": math.log(value),
            "chat_length_factor": (minutes / p.task_minutes_median) ** p.chat_length_elasticity,
            "loop_length_factor": (minutes / loop[0]) ** loop[1],
        }
        out.append(row)
    return out


def adopt(share, ceiling, peers, usefulness, innovation, imitation, p):
    """Eq. H.2: a month of a Bass hazard."""
    out = []
    for s, top, seen, good in zip(share, ceiling, peers, usefulness, strict=True):
        pull = good / p.usefulness_reference
        if pull > 1:
            pull = 1.0
        per_year = pull * (innovation + imitation * seen)
        left = top - s if top > s else 0.0
        out.append(s + left * (1 - math.exp(-per_year / 12)))
    return out


def bass(t, innovation, imitation):
    """Share of adopters at year t of the mean field."""
    fall = math.exp(-(innovation + imitation) * t)
    return (1 - fall) / (1 + imitation / innovation * fall)


def logistic(x):
    """1 / (1 + exp(-x)), cut at 500."""
    x = min(max(x, -500.0), 500.0)
    return 1 / (1 + math.exp(-x))


def choose(rows, offer, chat, agent, tau, p):
    """Eq. H.3 to H.6, one row a turn, as dicts.

    rows : dicts of columns
    offer : dict like agents.human.Offer
    chat : for each row (success frontier, small)
    agent : for each row ((success, attempts) frontier, (success, attempts) small)
    """
    out = []
    for h, (good, plain), ((sure, tries), (fair, small_tries)), think in zip(rows, chat, agent, tau, strict=True):
        minutes, value, sigma = h["task_minutes"], h["task_value_usd"], p.choice_scale
        minute_usd = h["shadow_usd_per_h"] / 60

        # H.3, an assistant: minutes saved where the answer serves - minutes of asking - money - habit
        dear, cheap = (usd * h["chat_length_factor"] for usd in offer["chat_usd"])
        dear += offer["chat_thinking_usd"][h["segment"]] * h["chat_length_factor"]  # frontier nets think
        saved_usd = p.assistant_time_saving * minutes * minute_usd
        small_chat = logistic(-(saved_usd * (good - plain) - (dear - cheap)) / value / sigma)
        success_chat = (1 - small_chat) * good + small_chat * plain
        chat_usd = (1 - small_chat) * dear + small_chat * cheap
        gain = saved_usd * success_chat - minute_usd * p.assistant_prompt_minutes - chat_usd
        u_assistant = gain / value - p.assistant_habit

        # H.4, an agent: all minutes but the review - what fails - money - habit
        per_try = offer["loop_usd"][0] + (think - 1) * offer["loop_generated_usd"]
        frontier_usd = per_try * tries * h["loop_length_factor"]
        small_usd = offer["loop_usd"][1] * small_tries * h["loop_length_factor"]
        small_agent = logistic(-(p.error_loss * (sure - fair) - (frontier_usd - small_usd) / value) / sigma)
        success_agent = (1 - small_agent) * sure + small_agent * fair
        agent_usd = (1 - small_agent) * frontier_usd + small_agent * small_usd + offer["fee_usd"]
        review = p.review_share_min * success_agent + p.review_share_max * (1 - success_agent)
        gain = minute_usd * minutes * (1 - review) - p.error_loss * value * (1 - success_agent) - agent_usd
        u_agent = gain / value - p.agent_habit

        # H.5, a logit against doing it alone (utility 0); H.6, the logsum is surplus
        odds = []
        for u, available, filled in (
            (u_assistant, offer["chat_open"], offer["delivered"][0]),
            (u_agent, offer["agents_open"], offer["delivered"][1]),
        ):
            odds.append(filled * math.exp(min(max(u / sigma, -50.0), 50.0)) if available else 0.0)
        base = 60 * h["task_hours_per_month"] / minutes
        adopter, delegator = 1 + odds[0], 1 + odds[0] + odds[1]
        row = {
            "success_chat": success_chat,
            "small_chat": small_chat,
            "success_agent": success_agent,
            "small_agent": small_agent,
            "assistant": odds[0] / adopter,
            "delegator_assistant": odds[0] / delegator,
            "delegator_agent": odds[1] / delegator,
            "agent_usd": agent_usd,
            "chat_usd": chat_usd,
            "surplus_usd": max(u_agent * value, 0.0),
            "review_h": review * minutes / 60,
            "tasks_adopter": base * (1 + p.rebound_elasticity * sigma * math.log(adopter)),
            "tasks_delegator": base * (1 + p.rebound_elasticity * sigma * math.log(delegator)),
        }
        out.append(row)
    return out


def horizon_elasticities(rows, chosen, slope, p):
    """Eq. H.7: (1 - share) / sigma x dU/dS x dS/d ln horizon, for assistants and agents; chosen: rows of `choose`."""
    out = []
    for h, c in zip(rows, chosen, strict=True):
        hours_worth = h["shadow_usd_per_h"] * h["task_minutes"] / 60 / h["task_value_usd"]
        per_success = (
            p.assistant_time_saving * hours_worth,
            p.error_loss + (p.review_share_max - p.review_share_min) * hours_worth,
        )
        pairs = ((c["assistant"], c["success_chat"]), (c["delegator_agent"], c["success_agent"]))
        out.append(
            tuple(
                (1 - share) / p.choice_scale * gain * slope * s * (1 - s)
                for gain, (share, s) in zip(per_success, pairs, strict=True)
            )
        )
    return out
