"""From attention to tokens, hours and operations (steps 7 to 9)."""

import math
from types import SimpleNamespace

from tests.reference import economy_link as link
from tests.reference import economy_neural as neural
from tests.reference.economy_offer import generated_share, tier_mean
from tests.reference.economy_tables import CLASSES, H100E, HOURS, SEGMENTS, USES


def uplift(p, x, horizon):
    """Eq. Y.2: value per attention-hour of a feature net of errors."""
    s = neural.succeed(p["agent_loop.success_slope"], x.minutes, horizon)
    need = p["application.required_success"]
    return x.value * max(s - need, 0.0) / (1.0 - need)


def intensity(p, x, horizon, price):
    """Eq. Y.3: best tokens per attention-hour of a feature."""
    gain = uplift(p, x, horizon)
    if gain <= price * x.scale:
        return 0.0
    return x.scale * math.log(gain / (price * x.scale))


def device_size(w):
    """Largest net that devices run (Y.5)."""
    return w.p["app_network.device_parameters"] * w.p["physical.bandwidth_growth"] ** (w.t / 12.0)


def device_share(w):
    """Eq. Y.5: share of small-tier chat and feature calls served on devices, mean over small nets called."""
    top = w.p["app_network.device_share_max"]
    limit = device_size(w)
    return tier_mean(w, 1, lambda n: top / (1.0 + (n.parameters / limit) ** w.p["app_network.device_exponent"]))


def apply(w, f):
    """Step 7: attention-hours of applications invoke features."""
    hours = [0.0] * SEGMENTS
    for h in w.people:
        hours[h.segment] += h.app_hours
    count = len(w.apps)
    f.segment_hours = hours
    f.app_hours = [sum(hours[g] * w.attention[g][k] for g in range(SEGMENTS)) for k in range(count)]
    per = w.p["app_network.features"]
    f.feature_tokens = [f.app_hours[x.app] / per * x.intensity for x in w.features]


def expand(tokens, o, hit, thinking=0.0):
    """Eq. C.4: fresh, cached, generated tokens."""
    return [(1.0 - o) * tokens * (1.0 - hit), (1.0 - o) * tokens * hit, o * tokens + thinking]


def robot_calls(w, f):
    """Eq. R.4: cloud calls per active hour."""
    p = w.p
    n = p["robot.cloud_calls_per_h"]
    wage = sum(h.weight * h.wage for h in w.people) / sum(h.weight for h in w.people)
    value = wage * w.robot_success
    if value <= 0.0:
        return n
    return n * (1.0 + n * w.robot_call_cost / value) ** -p["robot.cloud_price_elasticity"]


def plain_tokens(w, f):
    """Tokens without thinking by class and tier, thinking tokens beside them (section 7.12)."""
    p = w.p
    plain = [[0.0, 0.0] for _ in CLASSES]
    thinking = [0.0] * len(CLASSES)
    o = generated_share(p, "assistant")
    for h in w.people:
        for tier in (0, 1):
            plain[0][tier] += h.chat_tasks * h.chat_tier[tier] * h.chat_tokens
            plain[1][tier] += h.agent_tasks * h.agent_tier[tier] * h.loop_tokens[tier]
            plain[2][tier] += h.jobs_done * f.job_tokens[tier]
        thinking[0] += h.chat_tasks * h.chat_tier[0] * h.chat_tokens * o * (h.chat_multiplier - 1.0)
        extra = (
            h.agent_tier[0] * h.loop_tokens[0] * generated_share(p, "delegated") * (math.exp(h.delegates.think) - 1.0)
        )
        thinking[1] += h.agent_tasks * extra
    f.robot_hours = sum(h.robot_hours for h in w.people)
    plain[3][1] = sum(f.feature_tokens)
    plain[4][1] = f.robot_hours * robot_calls(w, f) * f.prompt["robot_cloud"]
    f.attempts = sum(
        h.agent_tasks * sum(a * b for a, b in zip(h.agent_tier, h.loop_attempts, strict=False)) for h in w.people
    )
    f.read = sum(h.agent_tasks * (h.candidates - 1.0) for h in w.people)
    f.examination = f.read * p["attention.candidate_tokens"]
    return plain, thinking


def contextualise(w, f):
    """Step 8: fresh, cached and generated tokens; what devices serve leaves."""
    plain, thinking = plain_tokens(w, f)
    device = device_share(w)
    f.device_tokens = 0.0
    f.device_by_class = [0.0] * len(CLASSES)
    f.new = []
    f.calls = []
    f.thinking = thinking
    for s, name in enumerate(CLASSES):
        if name in ("assistant", "embedded"):
            f.device_by_class[s] = device * plain[s][1]
            plain[s][1] -= f.device_by_class[s]
        o = generated_share(w.p, name)
        tiers = [expand(plain[s][0], o, w.hits[s], thinking[s]), expand(plain[s][1], o, w.hits[s])]
        if name == "delegated":
            tiers[0][0] += f.examination
        f.new.append(tiers)
        f.calls.append(sum(plain[s]) / f.prompt[name])
    f.device_tokens = sum(f.device_by_class)
    jobs = f.jobs_tasks
    f.calls[1] = f.attempts * f.multiplier
    f.calls[2] = jobs * f.job_attempts * f.multiplier
    f.plain = plain
    f.total = [
        [[a + b for a, b in zip(f.new[s][t], w.queue[s][t], strict=False)] for t in (0, 1)] for s in range(len(CLASSES))
    ]


def serve(w, f):
    """Step 9: accelerator-seconds and hours of serving by net and class."""
    p = w.p
    f.overhead = link.software_overhead(p, w.served_ever)
    f.net_hours = [[[0.0, 0.0] for _ in w.labs] for _ in CLASSES]
    f.net_flop = [[[0.0, 0.0] for _ in w.labs] for _ in CLASSES]
    prompts = [f.prompt[name] for name in CLASSES]
    f.tier_prompt = []
    for tier in (0, 1):
        weights = [sum(f.total[s][tier]) for s in range(len(CLASSES))]
        if sum(weights) <= 0.0:
            weights = [1.0] * len(CLASSES)
        c = sum(a * b for a, b in zip(weights, prompts, strict=False)) / sum(weights)
        f.tier_prompt.append(c)
        kinds = [sum(f.total[s][tier][q] for s in range(len(CLASSES))) for q in range(3)]
        for i, lab in enumerate(w.labs):
            net = lab.nets[tier]
            share = w.calls[tier][i]
            x = kinds[2] * share / (HOURS * 3600.0)
            net.seconds = link.serving_seconds(p, net.parameters, net.gain, c, x, f.memory, f.bandwidth, f.overhead)
            net.overhead = f.overhead
            for s in range(len(CLASSES)):
                tokens = [share * k for k in f.total[s][tier]]
                f.net_hours[s][i][tier] = sum(a * b for a, b in zip(tokens, net.seconds, strict=False)) / 3600.0
                f.net_flop[s][i][tier] = link.serving_flop(p, net.parameters, c, *tokens)


def demand(w, f):
    """Hours demanded beside serving: research, ranking and other AI (section 7.12)."""
    p = w.p
    f.serving_hours = [sum(sum(row) for row in f.net_hours[s]) for s in range(len(CLASSES))]
    factors = [f.class_price[name] for name in USES]
    f.research_new = []
    f.research_hours = []
    for lab in w.labs:
        money = lab.budget * p["lab.compute_share_of_rd"]
        new = [money * x / (f.price * f.paid * k) for x, k in zip(lab.split, factors, strict=False)]
        f.research_new.append(new)
        waited = sum(lab.waiting)
        kept = min(1.0, p["lab.runway_months"] * sum(new) / waited) if waited > 0.0 else 1.0
        f.research_hours.append([a + kept * b for a, b in zip(new, lab.waiting, strict=False)])
    attention = sum(f.app_hours)
    f.ranking_new = p["app_network.ranking_share"] * w.opening_hours * w.legacy[0] * attention / w.opening_attention
    f.other_new = p["app_network.other_share"] * w.opening_hours * w.legacy[1]
    f.legacy_hours = [f.ranking_new + w.queue_legacy[0], f.other_new + w.queue_legacy[1]]


def devices(w, f):
    """Work of robots (R.5) and devices on board: operations, hours, electricity (section 7.12)."""
    p = w.p
    flow = SimpleNamespace()
    per_second = 2.0 * p["robot.policy_parameters"] * p["robot.tokens_per_s"] + p["robot.fast_flop_per_s"]
    flow.robot_flop = f.robot_hours * 3600.0 * per_second
    size = min(tier_mean(w, 1, lambda n: n.parameters), device_size(w))
    flow.device_flop = f.device_tokens * 2.0 * size
    an_hour = 3600.0 * H100E * p["robot.on_board_utilisation"]
    flow.robot_hours = flow.robot_flop / an_hour
    flow.device_hours = flow.device_flop / an_hour
    watts = p["robot.on_board_w_per_h100e"] / 1000.0
    flow.robot_kwh = flow.robot_hours * watts
    flow.device_kwh = flow.device_hours * watts
    f.board = flow
