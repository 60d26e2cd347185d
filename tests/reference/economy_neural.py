"""Neural-network layer, section 7.3."""

import math

from tests.reference.economy_tables import LAWS


def loss(law, n, d):
    """Eq. N.1."""
    e, a, b, alpha, beta = LAWS[law]
    return e + a / n**alpha + b / d**beta


def compute_optimal(law, flop):
    """Eq. N.2: parameters and tokens of a compute-optimal net."""
    _, a, b, alpha, beta = LAWS[law]
    g = (alpha * a / (beta * b)) ** (1.0 / (alpha + beta))
    n = g * (flop / 6.0) ** (beta / (alpha + beta))
    return n, flop / (6.0 * n)


def equivalent_flop(law, n, d):
    """Eq. N.5b: smallest training compute of the loss of a net."""
    _, a, b, alpha, beta = LAWS[law]
    excess = a / n**alpha + b / d**beta
    best_n = (a * (alpha + beta) / (beta * excess)) ** (1.0 / alpha)
    best_d = (b * (alpha + beta) / (alpha * excess)) ** (1.0 / beta)
    return 6.0 * best_n * best_d


def net_for_budget(law, flop, serving, training, n_min, d_max):
    """Eq. N.5c: the net that spends a budget and is the cheapest of its loss over its life."""
    _, a, b, alpha, beta = LAWS[law]

    def gap(ln_n):
        """Eq. N.5c: left side less right."""
        n = math.exp(ln_n)
        d = flop / (6.0 * n)
        return alpha * a * n**-alpha / (beta * b * d**-beta) - 1.0 - serving / (3.0 * training * d)

    low, high = math.log(1.0), math.log(1e20)
    for _ in range(300):
        middle = 0.5 * (low + high)
        if gap(middle) > 0.0:
            low = middle
        else:
            high = middle
    n = math.exp(0.5 * (low + high))
    n = max(n, n_min, flop / (6.0 * d_max))
    return n, flop / (6.0 * n)


def data_limit(p, synthetic_flop):
    """Eq. N.6: most tokens a lab can train on."""
    text = p["neural.text_tokens"] * p["neural.usable_text_share"] * p["neural.epochs_useful"]
    return text + synthetic_flop / p["neural.synthetic_flop_per_token"]


def effort(p, experiments, multiplier):
    """Input of Eq. N.7 and N.11: experiments times research automation over the reference, to lambda."""
    scaled = experiments * multiplier / p["neural.experiment_reference_flop"]
    return scaled ** p["neural.algorithmic_input_exponent"]


def algorithmic_pace(p, ln_s):
    """Own growth of ln S a year at the reference experiments (N.7): theta S^-phi (1 - ln S/ln S_max)+."""
    room = max(1.0 - ln_s / math.log(p["neural.algorithmic_ceiling"]), 0.0)
    return p["neural.algorithmic_gain"] * math.exp(-p["neural.algorithmic_stock_exponent"] * ln_s) * room


def algorithmic_growth(p, ln_s, experiments, multiplier, frontier):
    """Eq. N.7: growth of ln efficiency by own experiments, beside the largest net on offer."""
    scale = p["neural.experiment_reference_flop"]
    scale *= (frontier / p["neural.effective_reference_flop"]) ** p["neural.frontier_exponent"]
    inputs = max(experiments * multiplier / scale, 0.0) ** p["neural.algorithmic_input_exponent"]
    return algorithmic_pace(p, ln_s) / 12.0 * inputs


def algorithmic_step(p, ln_s, own, best):
    """Eq. N.7b: own growth, and a share of the gap to the leader."""
    return ln_s + own + (best - ln_s) * (1.0 - math.exp(-p["neural.idea_diffusion_per_year"] / 12.0))


def algorithmic_fading(p, ln_s, own):
    """Eq. N.7c: rate at which an advantage is lost."""
    left = max(math.log(p["neural.algorithmic_ceiling"]) - ln_s, 1e-3)
    return own * (p["neural.algorithmic_stock_exponent"] + 1.0 / left) + p["neural.idea_diffusion_per_year"] / 12.0


def automation(p, experiments, as_experiments, success):
    """Eq. N.7d: agents' part in experiments and their factor on them."""
    q = p["lab.automation_share_max"] * success
    if experiments <= 0.0:
        return q, 0.0
    bundle = (experiments / (1.0 - q)) ** (1.0 - q)
    if q > 0.0:
        bundle *= (max(as_experiments, 1e-300) / q) ** q
    return q, bundle / experiments * (1.0 + p["lab.automation_gain"] * success)


def distillation(p, data_flop, teacher_flop):
    """Eq. N.8: factor on a small net's effective compute."""
    x = data_flop / teacher_flop
    return 10.0 ** (p["neural.distillation_orders_max"] * x / (x + p["neural.distillation_reference_share"]))


def verified(p, horizon):
    """Eq. N.9: share of roll-outs that teach."""
    return 1.0 / (1.0 + (p["neural.verifier_minutes"] / horizon) ** 1.4)


def horizon(p, effective, rollouts):
    """Eq. N.10: 50 % task horizon, minutes."""
    base = (effective / p["neural.effective_reference_flop"]) ** p["neural.capability_exponent"]
    learned = (1.0 + rollouts / p["neural.rollout_reference_flop"]) ** p["neural.rollout_exponent"]
    return p["neural.horizon_reference_minutes"] * base * learned


def architecture_step(p, gain, experiments, multiplier):
    """Eq. N.11: decode gain of the architecture from the experiments given to it."""
    pace = p["neural.architecture_per_year"] / 12.0 * effort(p, experiments, multiplier)
    return gain + (p["neural.decode_gain_max"] - gain) * (1.0 - math.exp(-pace))


def architecture_share(p, algorithms_usd, architecture_usd):
    """Eq. N.11b: z with z/(1 - z) = (B/A)^(1/(1 - lambda)), 0 where both are 0."""
    if architecture_usd <= 0.0:
        return 0.0
    ratio = algorithms_usd / architecture_usd
    return 1.0 / (1.0 + ratio ** (1.0 / (1.0 - p["neural.algorithmic_input_exponent"])))


def succeed(sigma, minutes, horizon_minutes):
    """Eq. A.1: success at a task of so many minutes."""
    if horizon_minutes <= 0.0:
        return 0.0
    return 1.0 / (1.0 + (minutes / horizon_minutes) ** sigma)
