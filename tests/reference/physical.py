"""The physical layer again, as the text of the equations. Twin of model/layers/physical.py."""

import math

H100_FLOP_PER_S = 9.89e14


def generations(observed, launched, months, p):
    """Eq. P.1. observed: (flop_per_s, watts, hbm_bytes, bytes_per_s, price_usd) per chip, launched: months.

    Returns the months of launch and, per H100e: chips, watts, bytes, bytes per second, price over the H100's.
    """
    chips, dates = [list(row) for row in observed], list(launched)
    step = p.generation_months
    while dates[-1] + step < months:
        flop, watts, hbm, bandwidth, price = chips[-1]
        for _ in range(step):  # one month of each trend after the other
            flop *= p.chip_performance_growth ** (1 / 12)
            watts *= (p.chip_performance_growth / p.energy_efficiency_growth) ** (1 / 12)
            hbm *= p.bandwidth_growth ** (1 / 12)
            bandwidth *= p.bandwidth_growth ** (1 / 12)
            price *= (p.chip_performance_growth / p.price_performance_growth) ** (1 / 12)
        chips.append([flop, watts, hbm, bandwidth, price])
        dates.append(dates[-1] + step)
    h100 = observed[2][4] / observed[2][0]
    rows = []
    for flop, watts, hbm, bandwidth, price in chips:
        size = flop / H100_FLOP_PER_S
        rows.append((size, watts / size, hbm / size, bandwidth / size, price / flop / h100))
    return dates, rows


def mix(month, launched, ramp):
    """Eq. P.2: what a generation has reached, less what all later ones have taken over."""
    reached = [min(max((month - date) / ramp, 0.0), 1.0) for date in launched]
    out = []
    for v, own in enumerate(reached):
        for later in reached[v + 1 :]:
            own *= 1.0 - later
        out.append(own)
    return out


def alive(age, scale, shape):
    """Weibull: the share of a cohort that reaches an age."""
    return math.exp(-((max(age, 0.0) / scale) ** shape))


def survival(age, scale, shape):
    """Eq. P.3: the share that lives one month more, of those alive."""
    return alive(age + 1.0, scale, shape) / alive(age, scale, shape)


def facility_watts(chip_watts, server, pue, load):
    """Eq. P.4."""
    return chip_watts * server * pue * load


def energy_kwh(used, capacity, watts, idle_share):
    """Eq. P.5: working hours and idle hours."""
    return (used * watts + (capacity - used) * idle_share * watts) / 1000.0


def capacity_hours(stock, availability):
    """Eq. P.6: 730 hours a month."""
    return stock * 730.0 * availability


def kept(ages, running, price, scrap, scale, shape):
    """Eq. P.7: who lives on, less a part of those that cost more than they earn."""
    lives = [math.exp((a / scale) ** shape - ((a + 1) / scale) ** shape) for a in ages]
    return [x * (1 - scrap) if cost > price else x for x, cost in zip(lives, running, strict=True)]


def upkeep_usd_per_h(watts, usd_per_w_year, pue, load):
    """Eq. P.9: server watts are facility watts less cooling and load."""
    return watts / pue / load * usd_per_w_year / (365 * 24)


def class_load(serving, load, serving_load):
    """Eq. P.8: serving draws its own load over the mean one, all else draws the mean."""
    return [serving_load / load if s else 1.0 for s in serving]
