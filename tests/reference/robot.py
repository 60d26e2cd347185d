"""Robots again, as the text of the equations. Twin of agents/robot.py."""

import math


def price(cumulative, p):
    """Eq. R.1."""
    made = cumulative if cumulative > 1 else 1.0
    usd = p.price_usd * (p.price_reference_robots / made) ** p.learning_exponent
    return usd if usd > p.price_floor_usd else p.price_floor_usd


def success(horizon_minutes, slope, p):
    """Eq. R.2."""
    horizon = max(p.embodiment_gap * horizon_minutes, 1e-12)
    return horizon**slope / (horizon**slope + p.work_minutes**slope)


def wanted(wages, shadows, success_share, price_usd, running_usd, p):
    """Eq. R.3, robots a person."""
    out = []
    for wage, mu in zip(wages, shadows, strict=True):
        value = max(p.duty_hours_per_month * success_share * wage, 1e-9)
        cost = price_usd * (p.interest_per_year + p.depreciation_per_year) / 12
        cost += running_usd
        cost += mu * p.supervision_h_per_month * (1 - success_share)
        try:
            out.append(p.owner_share_max / (1 + (cost / value) ** (1 / p.demand_scale)))
        except OverflowError:
            out.append(0.0)
    return out


def cloud_calls(call_usd, hour_value_usd, p):
    """Eq. R.4."""
    burden = p.cloud_calls_per_h * call_usd / max(hour_value_usd, 1e-9)
    return p.cloud_calls_per_h / (1 + burden) ** p.cloud_price_elasticity


def on_board_flop_per_s(p):
    """Eq. R.5."""
    return p.fast_flop_per_s + 2 * p.policy_parameters * p.tokens_per_s


def deliver(on_order, backlog, capacity):
    """Eq. R.6."""
    return [x if backlog <= capacity else x * capacity / backlog for x in on_order]


def next_capacity(capacity, backlog, p):
    """Eq. R.7."""
    months = max(backlog / max(capacity, 1e-300), 1e-3)
    growth = p.production_response_per_month * (math.log(months) - math.log(p.target_backlog_months))
    return max(capacity + capacity * max(growth, -0.5), 1.0)


def orders(gaps, backlog, capacity, p):
    """Eq. R.8: a share of each gap; all shrink alike where makers could not deliver within the longest wait."""
    wished = [p.purchase_per_month * x for x in gaps]
    room = max(p.queue_months * capacity - backlog, 0.0)
    total = math.fsum(wished)
    return wished if total <= room else [x * room / total for x in wished]
