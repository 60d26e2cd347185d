"""The context layer again, as the text of the equations. Twin of model/layers/context.py."""

import math


def prompts(price_ratio, base, elasticity, window):
    """Eq. C.1: prompts lengthen as input gets cheaper, up to the window."""
    return [min(b / max(price_ratio, 1e-9) ** elasticity, window) for b in base]


def hit_share(input_per_s, kv_bytes, hbm_bytes, adopted, reuse, tiers, m0, zeta):
    """Eq. C.2. tiers: (size over HBM, value of a byte) of each tier of memory."""
    held = 0.0
    for size, value in tiers:
        held += hbm_bytes * size * value
    stream = 0.0
    for tokens in input_per_s:
        stream += tokens * kv_bytes
    if held <= 0.0:
        return [0.0 for _ in reuse]
    seconds = held / stream / m0 if stream > 0.0 else 1e12
    found = 1.0 - (1.0 + min(seconds, 1e12)) ** -zeta
    return [r * found * adopted for r in reuse]


def mature(adopted, recompute_usd, store_usd, per_year):
    """Eq. C.3: those who do not cache yet switch with a hazard, while storing is cheaper."""
    if store_usd < recompute_usd:
        return 1.0 - (1.0 - adopted) * math.exp(-per_year / 12.0)
    return adopted


def expand(base, thinking, generated_share, hits):
    """Eq. C.4: (fresh, cached, generated) for each class and tier."""
    out = []
    for s, row in enumerate(base):
        out.append([])
        for t, tokens in enumerate(row):
            entered = tokens * (1.0 - generated_share[s])
            out[s].append([entered * (1.0 - hits[s]), entered * hits[s], tokens * generated_share[s] + thinking[s][t]])
    return out


def to_nets(tokens, net_share):
    """Eq. C.5: (class, net, kind), nets of the first tier first."""
    out = []
    for row, shares in zip(tokens, net_share, strict=True):
        pairs = [(kinds, part) for kinds, nets in zip(row, shares, strict=True) for part in nets]
        out.append([[x * part for x in kinds] for kinds, part in pairs])
    return out
