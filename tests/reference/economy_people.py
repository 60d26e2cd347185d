"""People's month: adoption, choice, budget, agents' thinking, hours, robots wanted (sections 7.9, 7.11, 7.12)."""

import math
import struct

from tests.reference import economy_neural as neural
from tests.reference.economy_offer import attempts, examined, generated_share, logistic, loop_tokens, mean_gain, think


def single(x):
    """A number in single precision (H.2)."""
    return struct.unpack("f", struct.pack("f", x))[0]


def adopt(w, f):
    """Eq. H.2: a Bass hazard on the graph, slower while the tool would be chosen for few tasks."""
    p = w.p
    old = [(h.adopted, h.delegating) for h in w.people]
    inverse = single(1.0 / p["human.usefulness_reference"])
    for i, h in enumerate(w.people):
        peers = [0.0, 0.0]
        if w.contacts[i]:
            peers = [sum(old[j][k] for j in w.contacts[i]) / len(w.contacts[i]) for k in (0, 1)]
        useful = [min(1.0, single(single(u) * inverse)) for u in (h.useful_assistant, h.useful_agent)]
        own = p["human.innovation_per_year"] * p["human.media_pulse"]
        hazard = (own + p["human.imitation_per_year"] * peers[0]) * useful[0]
        room = max(p["human.saturation_share"] - h.adopted, 0.0)
        h.adopted += room * (1.0 - math.exp(-hazard / 12.0))
        hazard = p["human.delegation_innovation_per_year"] + p["human.delegation_imitation_per_year"] * peers[1]
        room = max(h.adopted - h.delegating, 0.0)
        h.delegating += room * (1.0 - math.exp(-hazard * useful[1] / 12.0))


def surplus_odds(p, phi, utility, open_for_use):
    """Eq. H.5: E."""
    if not open_for_use:
        return 0.0
    return phi * math.exp(min(max(utility / p["human.choice_scale"], -50.0), 50.0))


def choose_assistant(w, f, h):
    """Eq. H.3: tier, success, cost and utility of an assistant."""
    p = w.p
    sigma = p["agent_loop.success_slope"]
    saving = p["human.assistant_time_saving"]
    o = generated_share(p, "assistant")
    tokens = p["human.chat_turns"] * h.length_factor * f.prompt["assistant"] / (1.0 - o)
    tau = f.assistant_tau[h.segment]
    h.chat_multiplier = 1.0 + f.think_share * (tau - 1.0)
    margin = 1.0 + p["application.assistant_margin"]
    cost = [tokens * c * margin for c in f.token_cost["assistant"]]
    cost[0] += tokens * o * (h.chat_multiplier - 1.0) * 5.0 * f.input_price[0] * margin
    stretch = h.chat_multiplier ** p["agent_loop.thinking_exponent"]
    s_f = neural.succeed(sigma, h.minutes, f.horizon[0] * stretch)
    s_s = neural.succeed(sigma, h.minutes, f.horizon[1])
    gain = saving * h.y * (s_f - s_s) - (cost[0] - cost[1]) / h.value
    small = logistic(-gain / p["human.choice_scale"])
    h.chat_tier = [1.0 - small, small]
    h.chat_success = (1.0 - small) * s_f + small * s_s
    h.chat_cost = (1.0 - small) * cost[0] + small * cost[1]
    h.chat_tokens = tokens
    asking = h.shadow * p["human.assistant_prompt_minutes"] / (60.0 * h.value)
    h.chat_utility = saving * h.y * h.chat_success - asking - h.chat_cost / h.value - p["human.assistant_habit"]


def loops_of(w, f, h):
    """Attempts (A.3), tokens (A.4) and success (A.1, M.22, A.3b) of an agent's task by tier."""
    p = w.p
    gain = mean_gain(w, h.candidates)
    tau = math.exp(h.delegates.think)
    loops = loop_tokens(p, h.minutes) * w.multiplier
    h.loop_tokens = []
    h.loop_attempts = []
    success = []
    for tier in (0, 1):
        stretch = tau ** p["agent_loop.thinking_exponent"] if tier == 0 else 1.0
        s = min(neural.succeed(p["agent_loop.success_slope"], h.minutes, f.horizon[tier] * stretch) * gain, 1.0)
        n = attempts(p, s)
        h.loop_attempts.append(n)
        h.loop_tokens.append(loops * n)
        success.append(min(s * n, 1.0))
    return success


def choose_agent(w, f, h):
    """Eq. H.4: tier, success, cost and utility of an agent."""
    p = w.p
    o = generated_share(p, "delegated")
    h.candidates = examined(p, p["attention.candidate_tokens"] * f.input_price[0], h.value)
    think_agents(w, f, h)
    success = loops_of(w, f, h)
    tau = math.exp(h.delegates.think)
    cost = []
    reading = w.read_a_task * p["attention.candidate_tokens"] * f.input_price[0]
    for tier in (0, 1):
        each = f.token_cost["delegated"][tier]
        if tier == 0:
            each += o * (tau - 1.0) * 5.0 * f.input_price[0]
        cost.append(h.loop_tokens[tier] * each * (1.0 + f.take) + reading)
    edge = p["human.error_loss"] * (success[0] - success[1]) - (cost[0] - cost[1]) / h.value
    small = logistic(-edge / p["human.choice_scale"])
    h.agent_tier = [1.0 - small, small]
    h.agent_success = (1.0 - small) * success[0] + small * success[1]
    h.agent_cost = (1.0 - small) * cost[0] + small * cost[1]
    span = p["human.review_share_max"] - p["human.review_share_min"]
    h.review = p["human.review_share_min"] + span * (1.0 - h.agent_success)
    loss = p["human.error_loss"] * (1.0 - h.agent_success)
    h.agent_utility = h.y * (1.0 - h.review) - loss - h.agent_cost / h.value - p["human.agent_habit"]


def choose(w, f, h):
    """Eq. H.3 to H.6: how many tasks a row wants to do with assistants and agents."""
    p = w.p
    h.value = p["human.task_value_multiple"] * h.wage * h.minutes / 60.0
    h.y = h.shadow * h.minutes / (60.0 * h.value)
    choose_assistant(w, f, h)
    choose_agent(w, f, h)
    e_c = surplus_odds(p, w.fill[0], h.chat_utility, f.launch["assistant"])
    e_a = surplus_odds(p, w.fill[1], h.agent_utility, f.launch["agent"])
    h.odds = (e_c, e_a)
    base = 60.0 * h.task_hours / h.minutes
    scale = p["human.rebound_elasticity"] * p["human.choice_scale"]
    with_chat = base * (1.0 + scale * math.log(1.0 + e_c))
    with_agent = base * (1.0 + scale * math.log(1.0 + e_c + e_a))
    h.useful_assistant = single(e_c / (1.0 + e_c))
    h.useful_agent = single(e_a / (1.0 + e_c + e_a))
    chatters = h.weight * (h.adopted - h.delegating)
    delegators = h.weight * h.delegating
    h.tasks = h.weight * (1.0 - h.adopted) * base + chatters * with_chat + delegators * with_agent
    h.want_chat = chatters * with_chat * e_c / (1.0 + e_c) + delegators * with_agent * e_c / (1.0 + e_c + e_a)
    h.want_agent = delegators * with_agent * e_a / (1.0 + e_c + e_a)


def spend(w, f, h):
    """The budget: jobs in service first, then tasks; then the agents in service (section 7.12, A.5)."""
    p = w.p
    fee = p["human.surplus_fee_share"]
    h.income = h.weight * h.wage * p["human.work_hours_per_month"]
    budget = p["human.ai_spending_share_max"] * h.income
    h.jobs = h.standing.number
    h.job_spending = h.jobs * f.job_cost * (1.0 + fee)
    rest = max(budget - h.job_spending, 0.0)
    h.task_fee = fee * max(h.agent_utility * h.value, 0.0)
    tasks = h.want_chat * h.chat_cost + h.want_agent * (h.agent_cost + h.task_fee)
    part = min(1.0, rest / tasks) if tasks > 0.0 else 1.0
    h.chat_tasks = h.want_chat * part
    h.agent_wanted = h.want_agent * part
    h.agent_tasks = min(h.agent_wanted, h.delegates.number * p["ai_agent.tasks_per_month_max"])
    wanted = 0.0
    if f.launch["agent"] and h.delegating > 0.0:
        worth = h.job_value * f.job_success / f.job_cost
        each = p["agent_loop.job_scale"] * max(worth ** (1.0 / p["agent_loop.job_elasticity"]) - 1.0, 0.0)
        most = p["human.job_spending_share_max"] * budget * h.delegating / (f.job_cost * (1.0 + fee))
        wanted = min(h.weight * h.delegating * each, most)
    h.jobs_wanted = wanted


def allot(w, f, h):
    """Eq. M.20: own work, answered requests, shadow price, applications, leisure."""
    p = w.p
    month = p["attention.hours_per_month"]
    saving = p["human.assistant_time_saving"]
    alone = h.tasks - h.chat_tasks - h.agent_tasks
    with_chat = (p["human.assistant_prompt_minutes"] + h.minutes * (1.0 - saving * h.chat_success)) / 60.0
    work = h.weight * (p["human.work_hours_per_month"] - h.task_hours)
    work += alone * h.minutes / 60.0 + h.chat_tasks * with_chat
    h.alone = alone
    total = h.weight * month
    review = h.agent_tasks * h.review * h.minutes / 60.0
    job_hours = h.jobs * p["agent_loop.job_tasks_per_month"] * p["agent_loop.job_minutes"] / 60.0
    review += job_hours * p["human.review_share_min"] * (1.0 - f.job_success)
    supervision = h.robots * p["robot.supervision_h_per_month"] * (1.0 - w.robot_success)
    requests = review + supervision
    room = max(p["attention.committed_share_max"] * total - work, 0.0)
    h.answered = min(1.0, room / requests) if requests > 0.0 else 1.0
    h.unanswered = (1.0 - h.answered) * requests
    committed = work + h.answered * requests
    h.mu = h.free_weight * h.weight / (total - committed)
    h.app_hours = (total - committed) * p["attention.application_share"]
    h.agent_tasks *= h.answered
    h.jobs_done = h.jobs * h.answered
    h.robot_hours = h.robots * p["robot.duty_hours_per_month"] * h.answered
    h.supervised = supervision * h.answered


def think_agents(w, f, h):
    """Thinking (A.2) of a row's delegates, two Newton steps before the choice."""
    p = w.p
    if f.nets_think:
        o = generated_share(p, "delegated")
        cost = loop_tokens(p, h.minutes) * w.multiplier * o * 5.0 * f.input_price[0] * (1.0 + f.take)
        h.delegates.think = think(p, single(h.delegates.think), h.value, cost, h.minutes, f.horizon[0])


def robot_price(w):
    """Eq. R.1: price of a robot by Wright's law."""
    p = w.p
    fallen = (w.robots_made / p["robot.price_reference_robots"]) ** -p["robot.learning_exponent"]
    return max(p["robot.price_usd"] * fallen, p["robot.price_floor_usd"])


def robots_wanted(w, h, price):
    """Eq. R.3: robots a row of people wants."""
    p = w.p
    value = h.wage * p["robot.duty_hours_per_month"] * w.robot_success
    cost = price * (p["robot.interest_per_year"] + p["robot.depreciation_per_year"]) / 12.0 + w.robot_running
    cost += h.shadow * p["robot.supervision_h_per_month"] * (1.0 - w.robot_success)
    if value <= 0.0:
        return 0.0
    x = math.log(cost / value) / p["robot.demand_scale"]
    return h.weight * p["robot.owner_share_max"] / (1.0 + math.exp(min(x, 700.0)))


def people(w, f):
    """Steps 4 to 6."""
    adopt(w, f)
    price = robot_price(w)
    for h in w.people:
        choose(w, f, h)
        spend(w, f, h)
        allot(w, f, h)
        h.robots_wanted = robots_wanted(w, h, price)
    f.tasks_agent = sum(h.agent_tasks for h in w.people)
    f.jobs_tasks = sum(h.jobs_done for h in w.people) * w.p["agent_loop.job_tasks_per_month"]
    f.agent_success = 0.0
    if f.tasks_agent > 0.0:
        f.agent_success = sum(h.agent_tasks * h.agent_success for h in w.people) / f.tasks_agent
    for h in w.people:
        h.shadow += w.p["attention.shadow_damping"] * (h.mu - h.shadow)
