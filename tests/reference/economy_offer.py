"""What everybody knows at the beginning of the month: offers, thinking, standing jobs (sections 7.5, 7.12)."""

import math

from tests.reference import economy_neural as neural
from tests.reference import economy_orchestrator as orchestrator
from tests.reference.economy_tables import CLASSES, SEGMENTS

CHAT = ("assistant", "embedded")


def generated_share(p, name):
    """Generated share of a class's tokens without thinking (section 7.5)."""
    return p["agent_loop.generated_share_chat"] if name in CHAT else p["agent_loop.generated_share_agent"]


def prompt_parameter(p, name):
    """Prompt of a class at opening prices (C.1)."""
    kind = {"assistant": "chat", "embedded": "embedded", "robot_cloud": "robot"}.get(name, "agent")
    return p["context.prompt_" + kind + "_tokens"]


def logistic(x):
    """1/(1 + e^-x) without overflow (H.3, H.4, I.3)."""
    return 1.0 / (1.0 + math.exp(-x)) if x > -700.0 else 0.0


def attempts(p, success):
    """Eq. A.3: expected attempts."""
    x = p["agent_loop.verifiable_share"] * (1.0 - success)
    return sum(x**i for i in range(int(p["agent_loop.attempts_max"])))


def succeeded(p, success):
    """Eq. A.3b: success within the attempts."""
    return min(success * attempts(p, success), 1.0)


def loop_tokens(p, minutes):
    """Eq. A.4: tokens of one attempt before the call network."""
    ratio = minutes / p["agent_loop.loop_reference_minutes"]
    return p["agent_loop.loop_tokens"] * ratio ** p["agent_loop.token_length_elasticity"]


def choice_gain(p, k, kept=1.0):
    """Eq. M.22: factor on success of examining k candidates in a ranking that keeps so much of quality."""
    chosen = max(1.0 + kept * p["attention.candidate_spread"] * math.log(k), 0.0)
    return chosen * (1.0 - p["attention.candidate_dilution"] * (k - 1.0))


def mean_gain(w, k):
    """Eq. M.22: mean over loyal and ad-funded agents."""
    return (1.0 - w.ad_funded) * choice_gain(w.p, k) + w.ad_funded * choice_gain(w.p, k, w.quality_kept)


def examined(p, cost, value):
    """Eq. M.21: candidates an agent reads."""
    k = p["attention.candidate_spread"] / (p["attention.candidate_dilution"] + cost / value)
    return min(max(k, 1.0), p["attention.candidates_max"])


def think(p, z, value, cost, minutes, horizon):
    """Eq. A.2: two Newton steps toward the best thinking multiplier."""
    sigma = p["agent_loop.success_slope"]
    delta = p["agent_loop.thinking_exponent"]
    k = sigma * delta
    top = math.log(p["agent_loop.thinking_max"])
    for _ in range(2):
        s = neural.succeed(sigma, minutes, horizon * math.exp(delta * z))
        gap = math.log(value * k * s * (1.0 - s)) - math.log(cost) - z
        slope = k * (1.0 - 2.0 * s) - 1.0
        z = min(max(z - gap / slope, 0.0), top)
    return z


def tier_mean(w, tier, value):
    """Mean over the nets of a tier weighted by calls (section 7.12, known)."""
    return sum(s * value(lab.nets[tier]) for s, lab in zip(w.calls[tier], w.labs, strict=False))


def what_is_known(w, f):
    """The offer everybody sees (section 7.12): prices, horizons, prompts (C.1), launch."""
    p = w.p
    f.input_price = [tier_mean(w, tier, lambda n: n.price) for tier in (0, 1)]
    f.horizon = [math.exp(tier_mean(w, tier, lambda n: math.log(n.horizon))) for tier in (0, 1)]
    f.nets_think = tier_mean(w, 0, lambda n: 1.0 if n.thinks else 0.0) > 0.5
    ratio = f.input_price[0] / w.opening_input_price
    f.prompt = {}
    f.token_cost = {}
    for s, name in enumerate(CLASSES):
        long = prompt_parameter(p, name) * ratio ** -p["context.prompt_price_elasticity"]
        f.prompt[name] = min(long, p["context.window_tokens"])
        o = generated_share(p, name)
        hit = w.hits[s]
        parts = (1.0 - o) * ((1.0 - hit) + 0.1 * hit) + 5.0 * o
        f.token_cost[name] = [parts * x for x in f.input_price]
    f.take = orchestrator.take_rate(w)
    best = max(lab.nets[0].horizon for lab in w.labs)
    best = max(best, max(lab.nets[1].horizon for lab in w.labs))
    launch = {}
    limits = {
        "assistant": p["application.launch_horizon_minutes"],
        "agent": p["ai_agent.agent_launch_horizon_minutes"],
    }
    for kind, limit in limits.items():
        if w.first_good[kind] is None and best >= limit:
            w.first_good[kind] = w.t
        first = w.first_good[kind]
        launch[kind] = first is not None and w.t >= first + p["application.launch_lag_months"]
    f.launch = launch
    known_assistant_thinking(w, f)
    known_jobs(w, f)


def known_assistant_thinking(w, f):
    """Assistants' thinking by wage segment (A.2) and the share of users that took it up."""
    p = w.p
    o = generated_share(p, "assistant")
    f.assistant_tau = [1.0] * SEGMENTS
    f.think_share = w.think_share
    if not f.nets_think:
        return
    w.think_share += (1.0 - w.think_share) * (1.0 - math.exp(-p["human.reasoning_switch_per_year"] / 12.0))
    minutes = p["human.task_minutes_median"]
    tokens = p["human.chat_turns"] * f.prompt["assistant"] / (1.0 - o) * o
    cost = tokens * 5.0 * f.input_price[0]
    for g in range(SEGMENTS):
        wages = [h.wage for h in w.people if h.segment == g]
        if not wages:
            continue
        wage = sum(wages) / len(wages)
        value = p["human.assistant_time_saving"] * wage * minutes / 60.0
        w.think_z[g] = think(p, w.think_z[g], value, cost, minutes, f.horizon[0])
        f.assistant_tau[g] = math.exp(w.think_z[g])


def known_jobs(w, f):
    """Tier of standing jobs (I.3), their success, attempts, tokens and cost."""
    p = w.p
    sigma = p["agent_loop.success_slope"]
    minutes = p["agent_loop.job_minutes"]
    success = []
    tries = []
    tokens = []
    cost = []
    for tier in (0, 1):
        s = neural.succeed(sigma, minutes, f.horizon[tier])
        tries.append(attempts(p, s))
        success.append(succeeded(p, s))
        n = p["agent_loop.job_tasks_per_month"] * loop_tokens(p, minutes) * tries[tier] * w.multiplier
        tokens.append(n)
        factor = f.class_price["standing"] / f.class_price["delegated"]
        cost.append(n * f.token_cost["standing"][tier] * factor * (1.0 + f.take))
    x = math.log(success[0] / cost[0]) - math.log(success[1] / cost[1])
    small = logistic(-x / p["ai_agent.standing_small_share_scale"])
    f.job_tier = [1.0 - small, small]
    f.job_success = (1.0 - small) * success[0] + small * success[1]
    f.job_attempts = (1.0 - small) * tries[0] + small * tries[1]
    mean = (1.0 - small) * tokens[0] + small * tokens[1]
    f.job_tokens = [(1.0 - small) * mean, small * mean]
    f.job_cost = (1.0 - small) * cost[0] + small * cost[1]
