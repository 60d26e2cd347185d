"""The neural-network layer again, as the text of the equations and by search. Twin of model/layers/neural/."""

import math


def loss(n, d, law):
    """Eq. N.1."""
    return law.e + law.a * n**-law.alpha + law.b * d**-law.beta


def minimum(f, low, high, points=60, rounds=12):
    """The best point of a dense grid, then of ever finer grids around it."""
    left, right = low, high
    for _ in range(rounds):
        grid = [left + (right - left) * i / points for i in range(points + 1)]
        best = min(grid, key=f)
        width = 2.0 * (right - left) / points
        left, right = max(best - width, low), min(best + width, high)
    return best


def compute_optimal(flop, law):
    """Eq. N.2 by search over ln N."""
    n = math.exp(minimum(lambda x: loss(math.exp(x), flop / 6.0 / math.exp(x), law), 0.0, math.log(flop / 6.0)))
    return n, flop / 6.0 / n


def tokens_at_loss(n, target, law):
    """Eq. N.3 by halving ln D."""
    if target - law.e - law.a * n**-law.alpha <= 0.0:
        return math.inf
    low, high = -700.0, 700.0
    for _ in range(100):
        middle = (low + high) / 2
        if law.b * math.exp(-law.beta * middle) > target - law.e - law.a * n**-law.alpha:
            low = middle
        else:
            high = middle
    return math.exp(low) if low < 699.0 else math.inf


def lifetime_cost(n, d, train_usd, serve_usd, rollout_factor=0.0):
    """Eq. N.4."""
    return train_usd * 6.0 * n * d + train_usd * 6.0 * n * d * rollout_factor + 2.0 * n * serve_usd


def size_net(target, train_usd, serve_usd, law, data_limit=math.inf, n_min=1.0, rollout_factor=0.0):
    """Eq. N.5 by search over ln N: of all nets that reach the target with the data there are, the cheapest."""

    def cost(log_n):
        n = math.exp(log_n)
        gap = target - law.e - law.a * n**-law.alpha
        if gap <= 0.0 or n < n_min * (1.0 - 1e-12):
            return math.inf
        d = (law.b / gap) ** (1.0 / law.beta)
        return math.inf if d > data_limit else lifetime_cost(n, d, train_usd, serve_usd, rollout_factor)

    n = math.exp(minimum(cost, 0.0, 60.0, points=240))
    return n, tokens_at_loss(n, target, law)


def equivalent_flop(target, law):
    """Eq. N.5b by halving: the compute whose compute-optimal net has this loss."""
    low, high = 10.0, 90.0
    for _ in range(30):
        middle = (low + high) / 2
        if loss(*compute_optimal(math.exp(middle), law), law) > target:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def data_limit(synthetic, text, usable, epochs):
    """Eq. N.6."""
    return text * usable * epochs + synthetic


def algorithmic_growth(log_s, experiment_flop, automation, frontier, p):
    """Eq. N.7, lab by lab: theta/12 (X M / (X0 (T/C)**omega))**lambda S**-phi (1 - ln S / ln S_max)."""
    out = []
    beside = p.experiment_reference_flop * math.exp(
        p.frontier_exponent * (math.log(frontier) - math.log(p.effective_reference_flop))
    )
    for own, flop, factor in zip(log_s, experiment_flop, automation, strict=True):
        inputs = (flop * factor / beside) ** p.algorithmic_input_exponent
        growth = p.algorithmic_gain / 12.0 * inputs / math.exp(own) ** p.algorithmic_stock_exponent
        out.append(growth * max(1.0 - own / math.log(p.algorithmic_ceiling), 0.0))
    return out


def algorithmic_step(log_s, growth, p):
    """Eq. N.7b: own growth, and a share of the gap."""
    closed = 1.0 - math.exp(-p.idea_diffusion_per_year / 12.0)
    return [own + g + closed * (max(log_s) - own) for own, g in zip(log_s, growth, strict=True)]


def algorithmic_fading(log_s, growth, p, step=1e-6):
    """Eq. N.7c: how much growth falls for a unit of ln S (by a difference, at fixed inputs), and the spread of ideas."""
    out = []
    top = math.log(p.algorithmic_ceiling)
    for own, g in zip(log_s, growth, strict=True):

        def at(x, own=own, g=g):
            left, was = max(top - x, 1e-3), max(top - own, 1e-3)
            return g * math.exp(-p.algorithmic_stock_exponent * (x - own)) * left / was

        slope = (at(own - step) - at(own + step)) / (2 * step) if top - own > 2e-3 else None
        slope = g * (p.algorithmic_stock_exponent + 1.0 / max(top - own, 1e-3)) if slope is None else slope
        out.append(slope + (p.idea_diffusion_per_year / 12.0 if len(log_s) > 1 else 0.0))
    return out


def run_elasticity(n, d, law):
    """How effective compute grows with tokens at a given size, Eq. N.2b, by a difference."""
    step = 1e-2
    more, less = (equivalent_flop(loss(n, d * math.exp(x), law), law) for x in (step, -step))
    return math.log(more / less) / (2 * step)


def distillation(synthetic, orders, reference):
    """Eq. N.8: so many orders at most, half of them at the reference."""
    return math.pow(10.0, orders / (1.0 + reference / synthetic)) if synthetic > 0.0 else 1.0


def verified(horizon_minutes, verifier_minutes):
    """Eq. N.9: a logistic curve of slope 1.4 in ln horizon."""
    x = 1.4 * (math.log(max(horizon_minutes, 1e-9)) - math.log(verifier_minutes))
    return math.exp(x) / (1.0 + math.exp(x))


def horizon(effective_flop, rollout_flop, p):
    """Eq. N.10."""
    by_training = (effective_flop / p.effective_reference_flop) ** p.capability_exponent
    by_rollouts = (1.0 + rollout_flop / p.rollout_reference_flop) ** p.rollout_exponent
    return p.horizon_reference_minutes * by_training * by_rollouts


def architecture_step(gain, experiments, p):
    """Eq. N.11: what is missing shrinks at a rate with the returns of experiments."""
    effort = (
        math.pow(experiments / p.experiment_reference_flop, p.algorithmic_input_exponent) if experiments > 0.0 else 0.0
    )
    bound = p.decode_gain_max
    return bound - (bound - gain) * math.exp(-p.architecture_per_year * effort / 12.0)


def architecture_worth(z, gain, log_algorithms, profit_usd, decode_usd, p):
    """Eq. N.11b: what a month's experiments are worth when a share `z` of them goes to architecture."""
    ceiling = math.log(p.algorithmic_ceiling)
    slowed = math.exp(-p.algorithmic_stock_exponent * log_algorithms) * max(1.0 - log_algorithms / ceiling, 0.0)
    algorithms = profit_usd * p.algorithmic_gain * slowed * math.pow(1.0 - z, p.algorithmic_input_exponent)
    saved = decode_usd * p.architecture_per_year * (p.decode_gain_max / gain - 1.0)
    return algorithms + saved * math.pow(z, p.algorithmic_input_exponent)


def architecture_share(gain, log_algorithms, profit_usd, decode_usd, p):
    """Eq. N.11b by search: the worth is concave in the share."""
    low, high = 0.0, 1.0
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        worth = [architecture_worth(z, gain, log_algorithms, profit_usd, decode_usd, p) for z in (a, b)]
        low, high = (a, high) if worth[0] < worth[1] else (low, b)
    return (low + high) / 2


def net_for_budget(flop, train_usd, serve_usd, law, data_limit, n_min):
    """Eq. N.5c by halving the target: the loss whose cheapest net takes `flop`; the rest of the budget goes to data."""
    low, high = loss(*compute_optimal(flop, law), law), law.e + 8.0
    for _ in range(40):
        target = (low + high) / 2
        n, d = size_net(target, train_usd, serve_usd, law, data_limit, n_min)
        if 6.0 * n * d > flop:
            low = target
        else:
            high = target
    return n, min(flop / 6.0 / n, data_limit)


def marginal_rate(n, d, law, step=1e-5):
    """Eq. N.12 by differences: what the loss falls with ln N over what it falls with ln D."""
    more_n = loss(n * math.exp(-step), d, law) - loss(n * math.exp(step), d, law)
    more_d = loss(n, d * math.exp(-step), law) - loss(n, d * math.exp(step), law)
    return more_n / more_d
