"""Applications as firms again. Twin of agents/application.py."""

import math
from statistics import NormalDist

normal = NormalDist().inv_cdf


def build(n, features, assistants, trait, p):
    """Eq. F.1: (assistant, quality, ad load) by application and (application, value, tokens, difficulty, exposure) by feature.

    trait : function (stream, id) -> a number in (0, 1)
    """
    firms, rows = [], []
    for i in range(n):
        quality = math.exp(p.quality_sigma * normal(trait("application.quality", i)))
        firms.append((i < assistants, quality, 0.0 if i < assistants else p.ad_load))
    others = n - assistants
    for j in range(features):
        value = p.feature_value_usd_per_h * math.exp(p.feature_value_sigma * normal(trait("feature.value", j)))
        tokens = p.feature_tokens_per_h * math.exp(p.feature_tokens_sigma * normal(trait("feature.scale", j)))
        difficulty = math.log(p.difficulty_minutes) + p.difficulty_sigma * normal(trait("feature.difficulty", j))
        rows.append((assistants + j % others, value, tokens, difficulty, others / features))
    return firms, rows


def revise(intensity, best, u, p):
    """Eq. F.2: (intensities, which were revised)."""
    chance = 1 - math.exp(-1 / p.product_cycle_months)
    which = [x < chance for x in u]
    return [b if hit else old for old, b, hit in zip(intensity, best, which, strict=True)], which


def logit_shares(last, log_odds, inertia):
    """Eq. F.3 of one row."""
    top = max(log_odds)
    odds = [math.exp(x - top) for x in log_odds]
    total = math.fsum(odds)
    return [inertia * s + (1 - inertia) * o / total for s, o in zip(last, odds, strict=True)]


def fail_and_enter(rows, entrant, p):
    """Eq. F.4. Change rows (dicts of an application's columns); return those taken over.

    entrant : function id -> the quality of a new application
    """
    total = sum(r["attention"] for r in rows)
    gone = []
    for i, r in enumerate(rows):
        ignored = r["attention"] < p.exit_share * total and not r["assistant"]
        r["lean"] = r["lean"] + 1 if r["cash"] < 0 or ignored else 0
        if r["lean"] >= p.failure_months:
            r["entries"] += 1
            r["quality"] = entrant(i + 1000 * r["entries"])
            r["lean"] = 0
            gone.append(i)
    return gone


def build_services(n, trait, p):
    """Eq. F.5: (margin, quality) by service."""
    out = []
    for i in range(n):
        margin = math.exp(p.service_margin_sigma * normal(trait("service.margin", i)) - p.service_margin_sigma**2 / 2)
        out.append((margin, math.exp(p.service_quality_sigma * normal(trait("service.quality", i)))))
    return out
