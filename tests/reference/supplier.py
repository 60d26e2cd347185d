"""The chip supplier again. Twin of agents/supplier.py."""

import math


def expand(backlog, capacity, booked, decided, p):
    """Eq. S.1: the backlog month by month until the decision takes effect."""
    for growth in decided:
        capacity *= 1.0 + growth
        backlog += (math.fsum(booked) / len(booked) if booked else 0.0) - capacity
    months = max(backlog / max(capacity, 1e-12), 1e-6)
    growth = p.response * (math.log(months) - math.log(p.target_backlog_months))
    return growth if growth > 0 else max(growth * p.shrink_share, -0.5)


def site_price(built, p):
    """Eq. S.3."""
    return p.site_usd_per_w * math.exp(math.log1p(built / p.site_reference_gw_per_year) / p.site_elasticity)


def price(unit_cost, backlog, capacity, p):
    """Eq. S.2."""
    months = max(backlog / max(capacity, 1e-12), 1e-3)
    markup = p.markup * math.exp(p.markup_elasticity * math.log(months / p.target_backlog_months))
    markup = min(max(markup, p.markup_low), p.markup_high)
    return unit_cost + unit_cost * markup
