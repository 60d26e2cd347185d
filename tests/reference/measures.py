"""Measures again, as the text of the equations: loops, lists, plain floats. Twin of model/results/measures.py and accounts.py."""

import math

RD = ("final_run", "experiment", "rl_rollout", "synthetic_data", "research_automation")


def share(definition, rows, f_o=0.5):
    """Eq. X.1 for one month. rows: (purpose, kernel, hours, flop, energy, usd)."""
    on_board = definition.endswith("_with_on_board")
    base = definition[: -len("_with_on_board")] if on_board else definition
    which = {"accelerator_hours": 2, "purpose": 3, "kernel": 2, "usd": 5, "energy": 4, "all_ai": 2}[base]
    top, bottom = 0.0, 0.0
    for row in rows:
        purpose, kernel, x = row[0], row[1], row[which]
        if purpose == "serving" or (purpose == "on_board" and on_board):
            top += x
            bottom += x
        elif purpose in RD:
            if base == "kernel" and kernel == "forward_only":
                top += x
            bottom += x
        elif base == "all_ai" and purpose == "ranking":
            top += x
            bottom += x
        elif base == "all_ai" and purpose == "other":
            top += f_o * x
            bottom += x
    return top / bottom if bottom else math.nan


def rolling(numerator, denominator, window=12):
    """Eq. X.2."""
    out = []
    for t in range(len(numerator)):
        if t < window - 1:
            out.append(math.nan)
            continue
        top = bottom = 0.0
        for s in range(t - window + 1, t + 1):
            top += 0.0 if math.isnan(numerator[s]) else numerator[s]
            bottom += 0.0 if math.isnan(denominator[s]) else denominator[s]
        out.append(top / bottom if bottom else math.nan)
    return out


def crossover(numerator, denominator, first=23, window=12, level=0.5):
    """Eq. X.3: (outcome, index, provisional)."""
    r = rolling(numerator, denominator, window)
    n = len(r)
    if first >= n:
        return ("never", None, True)
    t = first
    while t > 0 and r[first] > level and r[t - 1] > level:  # where did the spell at the first date begin?
        t -= 1
    began_earlier = t < first or (r[first] > level and (first == 0 or math.isnan(r[first - 1])))
    rose = False
    while t < n:
        if not r[t] > level:
            t += 1
            continue
        stay = 0
        while t + stay < n and r[t + stay] > level:
            stay += 1
        if stay >= window or t + stay == n:
            outcome = ("before_start", first) if began_earlier and not rose else ("month", t)
            return (*outcome, stay < window)
        rose = True
        t += stay
    return ("reverted" if rose else "never", None, False)


def summary(indices):
    """Eq. X.4 as month indices: (median, low, high, share). indices: int or None."""
    ranked = sorted(math.inf if i is None else i for i in indices)
    n = len(ranked)
    crossed = sum(1 for i in ranked if i != math.inf)

    def at(tenths):
        rank = 0
        while 10 * rank < tenths * n:
            rank += 1
        x = ranked[max(rank, 1) - 1]
        return None if x == math.inf else x

    return (at(5) if crossed > n / 2 else None, at(1), at(9), crossed / n)


def log_mean(a, b):
    """Eq. X.5."""
    x = math.log(a / b)
    if abs(x) < 1e-4:
        return (a + b) / 2 * (1 - x * x / 12)
    return (a - b) / x


def kaya(before, after):
    """Eq. X.5. before, after: five lists of class totals; returns five lists."""
    quantities, classes = len(before), len(before[0])
    v0, v1 = [list(q) for q in before], [list(q) for q in after]
    for q in range(quantities):
        total = sum(before[q]) + sum(after[q])
        small = 1e-60 * (total if total > 0 else 1.0)
        for i in range(classes):
            v0[q][i] = max(v0[q][i], small)
            v1[q][i] = max(v1[q][i], small)
    out = []
    for q in range(quantities):
        out.append([])
        for i in range(classes):
            x0 = v0[q][i] / (v0[q - 1][i] if q else 1.0)
            x1 = v1[q][i] / (v1[q - 1][i] if q else 1.0)
            change = math.log(x1) - math.log(x0)
            out[q].append(log_mean(v1[-1][i], v0[-1][i]) * change)
    return out


def hinge(rd, revenue, gross_profit):
    """Eq. X.6: rho, m, 1 - m, implied share."""
    if revenue == 0:
        return (math.nan,) * 4
    rho, m = rd / revenue, gross_profit / revenue
    below = 1 - m + rho
    return (rho, m, 1 - m, (1 - m) / below if below else math.nan)


def hhi(sizes):
    """Eq. X.8."""
    total = sum(sizes)
    return sum((x / total) ** 2 for x in sizes) if total > 0 else math.nan


def degree_tail(degrees, k_min):
    """Eq. X.9."""
    tail = [k for k in degrees if k >= k_min]
    if len(tail) < 2:
        return math.nan
    return 1 + len(tail) / sum(math.log(k / (k_min - 0.5)) for k in tail)


LAYER = {
    "hardware_suppliers": 1, "energy_suppliers": 1, "providers": 2, "labs": 3, "ai_agents": 5,
    "orchestrators": 6, "applications": 7,
}  # fmt: skip


def stack_money(flows, reading, transfers=(), refunds=()):
    """Eq. X.11: (value added by layer, cost by layer, final demand)."""
    output, cost, final = dict.fromkeys(range(1, 8), 0.0), dict.fromkeys(range(1, 8), 0.0), 0.0
    for payer, payee, item, usd in flows:
        if item in transfers or payer == "investors" or payee == "investors":
            continue
        sells, buys = payee in LAYER, payer in LAYER
        if item in refunds and buys and not sells:
            output[LAYER[payer]] -= usd
            final -= usd
        elif sells:
            output[LAYER[payee]] += usd
            if buys and payee != "hardware_suppliers":
                cost[LAYER[payer]] += usd
            else:
                final += usd
    for books in (output, cost):
        labs = books[3]
        books[4] = reading * labs
        books[3] = (1 - reading) * labs
    return [output[n] - cost[n] for n in range(1, 8)], [cost[n] for n in range(1, 8)], final
