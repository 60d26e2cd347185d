"""The chip supplier again. Twin of agents/supplier.py."""

import math


def expand(backlog, capacity, p):
    """Eq. S.1."""
    months = max(backlog / max(capacity, 1e-12), 1e-6)
    growth = p.response * (math.log(months) - math.log(p.target_backlog_months))
    if growth > p.growth_max_per_month:
        return p.growth_max_per_month
    return max(growth, -p.shrink_max_per_month)


def price(unit_cost, backlog, capacity, p):
    """Eq. S.2."""
    months = max(backlog / max(capacity, 1e-12), 1e-3)
    markup = p.markup * math.exp(p.markup_elasticity * math.log(months / p.target_backlog_months))
    markup = min(max(markup, p.markup_low), p.markup_high)
    return unit_cost + unit_cost * markup
