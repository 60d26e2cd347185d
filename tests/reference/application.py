"""The application layer again, as the text of the equations. Twin of model/layers/application.py."""

import math


def success(log_minutes, horizon_minutes, slope):
    """Eq. Y.1: S = 1 / (1 + (l/h)**slope)."""
    return 1.0 / (1.0 + (math.exp(log_minutes) / max(horizon_minutes, 1e-12)) ** slope)


def uplift(value, success_share, required):
    """Eq. Y.2: u (S - S_req)+ / (1 - S_req)."""
    return value * (success_share - required) / (1.0 - required) if success_share > required else 0.0


def intensity(gain, scale, token_usd):
    """Eq. Y.3: nothing until gain > p e0, then e0 ln(gain / (p e0))."""
    return scale * (math.log(gain) - math.log(token_usd * scale)) if gain > token_usd * scale else 0.0


def intensity_elasticity(gain, success_share, ratio, slope, required):
    """Eq. Y.3b by differences: how ln e moves when the horizon, and with it success, moves by a little."""
    if gain <= 0.0 or ratio <= 1.0:
        return 0.0

    def log_tokens(dx):
        odds = success_share / (1.0 - success_share) * math.exp(slope * dx)
        return math.log(math.log(ratio * (odds / (1.0 + odds) - required) / (success_share - required)))

    dx = 1e-5 * min(1.0, (success_share - required) / slope, math.log(ratio) * (success_share - required) / slope)
    return (log_tokens(dx) - log_tokens(-dx)) / (2.0 * dx)


def surplus(e, gain, scale, token_usd):
    """What Eq. Y.3 maximises: gain (1 - exp(-e/e0)) - p e."""
    return gain * (1.0 - math.exp(-e / scale)) - token_usd * e


def legacy_step(now, price, opening, speed, elasticity):
    """Eq. Y.4: a geometric mean of today's intensity and of the best one at this price."""
    return now ** (1.0 - speed) * (opening / price) ** (elasticity * speed)


def device_share(net, device, largest, power):
    """Eq. Y.5."""
    return largest * device**power / (device**power + net**power)


def sustainability(revenue, compute, research):
    """Eq. Y.6."""
    return revenue / (compute + research) if compute + research > 0.0 else revenue * 1e300


def feature_tokens(hours, exposure, intensities):
    """Eq. Y.7: hours met x tokens an hour, feature by feature."""
    return math.fsum(h * x * e for h, x, e in zip(hours, exposure, intensities, strict=True))


def legacy_hours(opening, now, waited, attention=1.0):
    """Eq. Y.8."""
    return waited + attention * now * opening


def on_devices(tokens, net_share, runs):
    """Eq. Y.9: a class calls each net for a part of its tokens, devices serve a share of those."""
    return [
        math.fsum(x * part * own for part, own in zip(row, runs, strict=True))
        for x, row in zip(tokens, net_share, strict=True)
    ]


def attention_log_odds(quality, ad_load, uplifts, hours, p):
    """Eq. Y.10 by products: the odds, then their logarithm."""
    met = [max(x, 1.0) for x in hours]
    mean = max(math.fsum(hours) / len(hours), 1.0)
    out = []
    for q, load, gain, x in zip(quality, ad_load, uplifts, met, strict=True):
        odds = q**p.quality_coefficient * (x / mean) ** p.users_coefficient
        out.append(math.log(odds) - p.ad_load_coefficient * load + 10 * p.feature_coefficient * gain)
    return out
