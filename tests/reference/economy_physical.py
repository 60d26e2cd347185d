"""Physical layer, section 7.1: generations, cohorts, power."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

from tests.reference.economy_tables import FIRST_MONTH, GENERATIONS, H100E, HOURS


@dataclass
class Generation:
    """A generation of chips (P.1): launch in months from the first, then per chip."""

    launch: int
    flops: float
    watts: float
    memory: float
    bandwidth: float
    usd: float

    @property
    def h100e(self):
        """H100e a chip (section 7.1)."""
        return self.flops / H100E


@dataclass
class Cohort:
    """Machines delivered in one month, by provider (section 7.1)."""

    age: int
    machines: list
    watts: float
    memory: float
    bandwidth: float


def months_between(start, date):
    """Months from the start to a date, both 'YYYY-MM' (section 2, scales)."""
    y0, m0 = (int(x) for x in start.split("-")[:2])
    y1, m1 = (int(x) for x in date.split("-")[:2])
    return 12 * (y1 - y0) + m1 - m0


def generations(p, months):
    """Eq. P.1: observed generations and those extrapolated."""
    out = [Generation(months_between(FIRST_MONTH, row[1]), *row[2:]) for row in GENERATIONS]
    a = p["physical.chip_performance_growth"]
    e = p["physical.energy_efficiency_growth"]
    b = p["physical.bandwidth_growth"]
    c = p["physical.price_performance_growth"]
    y = p["physical.generation_months"] / 12.0
    while out[-1].launch <= months:
        v = out[-1]
        out.append(
            Generation(
                v.launch + p["physical.generation_months"],
                v.flops * a**y,
                v.watts * (a / e) ** y,
                v.memory * b**y,
                v.bandwidth * b**y,
                v.usd * (a / c) ** y,
            )
        )
    return out


def mix(gens, t):
    """Eq. P.2: share of each generation in this month's production."""
    r = [min(max((t - g.launch) / 9.0, 0.0), 1.0) for g in gens] + [0.0]
    shares = []
    for v in range(len(gens)):
        share = r[v] * (1.0 - r[v + 1])
        for w in range(v + 2, len(gens)):
            share *= 1.0 - r[w]
        shares.append(share)
    return shares


def make_of(gens, shares):
    """What an H100e of a month's production is: means of the mix (P.2) weighted by H100e."""
    h100e = sum(s * g.h100e for s, g in zip(shares, gens, strict=False))
    names = ("watts", "memory", "bandwidth", "usd")
    means = {n: sum(s * getattr(g, n) for s, g in zip(shares, gens, strict=False)) / h100e for n in names}
    return SimpleNamespace(h100e_a_chip=h100e, **means)


def survival(p, age):
    """Eq. P.3: share of a cohort that lives on."""
    life, k = p["physical.life_months"], p["physical.life_shape"]
    return math.exp((age / life) ** k - ((age + 1) / life) ** k)


def facility_watts(p, watts):
    """Eq. P.4: facility watts per H100e at work."""
    return watts * p["physical.server_power_factor"] * p["physical.pue"] * p["physical.load_factor"]


def energy_kwh(p, used, load, offered, watts):
    """Eq. P.5 with hours at work times the mean load of P.8; idle hours count in full."""
    return (used * load + p["physical.idle_power_share"] * (offered - used)) * watts / 1000.0


def capacity_hours(p, machines):
    """Eq. P.6: hours offered."""
    return machines * HOURS * p["physical.availability"]


def upkeep(p, watts):
    """Eq. P.9: staff, repairs and network of an hour at facility watts."""
    return p["provider.upkeep_usd_per_w_per_year"] * watts / (p["physical.pue"] * p["physical.load_factor"]) / 8760.0


def kept(p, age, watts, price):
    """Eq. P.7: share of a cohort that stays through the month."""
    each = facility_watts(p, watts)
    costs = each / 1000.0 * p["physical.electricity_usd_per_kwh"] + upkeep(p, each)
    return survival(p, age) * (1.0 - p["physical.scrap_share_per_month"] if costs > price else 1.0)


def class_load(p, serving):
    """Eq. P.8: power of a class over the mean power at work."""
    return p["physical.serving_load_factor"] / p["physical.load_factor"] if serving else 1.0


def machines(w):
    """Machines installed by provider (section 7.1)."""
    return [sum(c.machines[j] for c in w.cohorts) for j in range(len(w.providers))]


def fleet_mean(w, name):
    """Mean of watts, memory or bandwidth over all machines (section 7.2)."""
    total = sum(sum(c.machines) for c in w.cohorts)
    return sum(sum(c.machines) * getattr(c, name) for c in w.cohorts) / total


def provider_watts(w, j):
    """Mean watts of a provider's machines, or of all where it has none (section 7.12)."""
    total = sum(c.machines[j] for c in w.cohorts)
    if total <= 0.0:
        return fleet_mean(w, "watts")
    return sum(c.machines[j] * c.watts for c in w.cohorts) / total


def power_used(w):
    """Power used, GW, at facility watts (P.4) of all machines (P.7)."""
    return sum(sum(c.machines) * facility_watts(w.p, c.watts) for c in w.cohorts) / 1e9


def deliver(w, f):
    """Step 1: machines retire, due orders arrive as far as chips go, pro rata."""
    p = w.p
    before = machines(w)
    price = sum(v.price * m for v, m in zip(w.providers, before, strict=True)) / sum(before)
    for c in w.cohorts:
        c.age += 1
        keep = kept(p, c.age, c.watts, price)
        c.machines = [m * keep for m in c.machines]
    f.make = make_of(w.generations, mix(w.generations, w.t))
    f.supply = w.chips * f.make.h100e_a_chip
    due = [max(v.ordered - sum(v.recent_orders), 0.0) for v in w.providers]
    total = sum(due)
    part = min(1.0, f.supply / total) if total > 0.0 else 0.0
    f.delivered = [d * part for d in due]
    for v, d in zip(w.providers, f.delivered, strict=False):
        v.ordered -= d
    w.cohorts.append(Cohort(0, f.delivered[:], f.make.watts, f.make.memory, f.make.bandwidth))
    w.sold += sum(f.delivered)
    f.backlog = sum(v.ordered for v in w.providers)
    f.machines = machines(w)
    young = p["physical.install_months"]
    working = [c for c in w.cohorts if c.age >= young]
    f.offered = [capacity_hours(p, sum(c.machines[j] for c in working)) for j in range(len(w.providers))]
    f.watts = [provider_watts(w, j) for j in range(len(w.providers))]
    f.watts_all = fleet_mean(w, "watts")
    f.memory = fleet_mean(w, "memory")
    f.bandwidth = fleet_mean(w, "bandwidth")
    w.power_used = power_used(w)
    w.power_reach = w.power_used + f.backlog * facility_watts(p, f.make.watts) / 1e9
