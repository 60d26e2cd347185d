"""Call network, section 7.6, and orchestrators (T.1 to T.3)."""

import math

from tests.reference import economy_draws as draws


def solve(matrix, right):
    """Solution of a linear system by Gaussian elimination with pivoting (O.1)."""
    n = len(right)
    a = [[*row[:], r] for row, r in zip(matrix, right, strict=False)]
    for c in range(n):
        pivot = max(range(c, n), key=lambda r: abs(a[r][c]))
        a[c], a[pivot] = a[pivot], a[c]
        for r in range(c + 1, n):
            factor = a[r][c] / a[c][c]
            if factor != 0.0:
                for k in range(c, n + 1):
                    a[r][k] -= factor * a[c][k]
    x = [0.0] * n
    for r in range(n - 1, -1, -1):
        x[r] = (a[r][n] - sum(a[r][k] * x[k] for k in range(r + 1, n))) / a[r][r]
    return x


def traffic(edges, scale, entering):
    """Eq. O.1: calls by node."""
    n = len(entering)
    matrix = [[(1.0 if i == j else 0.0) - scale * edges[j][i] for j in range(n)] for i in range(n)]
    return solve(matrix, entering)


def radius(edges):
    """Spectral radius of the edges, by power iteration (O.3)."""
    n = len(edges)
    x = [1.0 / n] * n
    y = x
    # power iteration of (edges + 1)/2, which has no cycles of period two
    value = 1.0
    for _ in range(20000):
        y = [0.5 * x[i] + 0.5 * sum(edges[i][j] * x[j] for j in range(n) if edges[i][j] > 0.0) for i in range(n)]
        total = sum(y)
        y = [v / total for v in y]
        change = abs(total - value)
        value = total
        x = y
        if change < 1e-16:
            break
    return 2.0 * value - 1.0


def template_scale(w, calls):
    """Eq. O.2 within O.3: the scale at which one external call causes so many calls."""
    cap = w.p["call_network.spectral_radius_max"] / radius(w.edges)
    low, high = 0.0, cap
    if sum(traffic(w.edges, high, w.entry)) <= calls:
        return high
    for _ in range(100):
        middle = 0.5 * (low + high)
        if sum(traffic(w.edges, middle, w.entry)) < calls:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def multi_share(p, success):
    """Eq. O.4: share of tasks done by several agents."""
    x = (success - p["call_network.multi_threshold"]) / p["call_network.multi_width"]
    return p["call_network.multi_share_max"] / (1.0 + math.exp(x))


def batch_share(p, discount):
    """Eq. O.5: share of work that can wait on the batch tier."""
    return 1.0 / (1.0 + math.exp(-discount / p["call_network.batch_scale"]))


def orchestrate(w, f):
    """Step 7: external calls become traffic."""
    p = w.p
    outside = max(1.0, f.tasks_agent + f.jobs_tasks)
    share = multi_share(p, f.agent_success)
    r = radius(w.edges)
    scales = [min(s, p["call_network.spectral_radius_max"] / r) for s in w.scales]
    f.traffic = [0.0] * len(w.nodes)
    for scale, part in zip(scales, (1.0 - share, share), strict=False):
        entering = [outside * part * e for e in w.entry]
        f.traffic = [a + b for a, b in zip(f.traffic, traffic(w.edges, scale, entering), strict=False)]
    f.outside = outside
    f.multiplier = sum(f.traffic) / outside
    f.multi_share = share
    f.spectral_distance = 1.0 - (scales[1] if share > 0.0 else scales[0]) * r
    routed = sum(n_t for n_t, n in zip(f.traffic, w.nodes, strict=False) if n.kind == 0)
    f.orchestrator_shares = [t / routed if n.kind == 0 else 0.0 for t, n in zip(f.traffic, w.nodes, strict=False)]


def take_rate(w):
    """Mean take rate by where external calls enter (T.2)."""
    return sum(e * n.take for e, n in zip(w.entry, w.nodes, strict=False))


def reweigh(w, f):
    """Eq. T.1: edges to skills and tools by the logit with inertia; callbacks stay."""
    p = w.p
    inertia = p["orchestrator.routing_inertia"]
    mean = sum(f.traffic) / len(f.traffic)
    odds = []
    for n, t in zip(w.nodes, f.traffic, strict=False):
        o = p["orchestrator.quality_coefficient"] * math.log(n.quality)
        o -= p["orchestrator.price_coefficient"] * math.log(n.price)
        o += p["orchestrator.traffic_coefficient"] * math.log(1.0 + t / mean)
        odds.append(o)
    for i, row in enumerate(w.edges):
        called = [j for j in range(len(row)) if row[j] > 0.0 and w.nodes[j].kind > 0]
        if not called:
            continue
        given = sum(row[j] for j in called)
        best = max(odds[j] for j in called)
        weights = [math.exp(odds[j] - best) for j in called]
        target = {j: given * x / sum(weights) for j, x in zip(called, weights, strict=False)}
        if i in f.bought:
            sell_places(w, target, f.bought[i])
        for j, x in target.items():
            row[j] = inertia * row[j] + (1.0 - inertia) * x


def sell_places(w, target, bought):
    """Eq. T.5: the ad-funded share of calls to skills goes where places were bought."""
    calls = sum(x for j, x in target.items() if w.nodes[j].kind == 1)
    for j, share in bought.items():
        target[j] = (1.0 - w.ad_funded) * target[j] + w.ad_funded * calls * share


def take_rates(w, f):
    """Eq. T.2: take rates; next month's calls enter in proportion to the traffic of orchestrators."""
    p = w.p
    for n, s in zip(w.nodes, f.orchestrator_shares, strict=False):
        if n.kind == 0:
            elastic = p["orchestrator.price_elasticity"] * (1.0 - s)
            target = min(1.0 / max(elastic - 1.0, 1.0), p["orchestrator.take_rate_max"])
            n.take += p["orchestrator.revision_per_month"] * (target - n.take)
    w.entry = f.orchestrator_shares[:]


def turnover(w, f):
    """Eq. T.3: skills and tools with little traffic are replaced."""
    p = w.p
    ordered = sorted(f.traffic)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])
    hazard = 1.0 - math.exp(-p["orchestrator.exit_per_year"] / 12.0)
    leaving = []
    for i, n in enumerate(w.nodes):
        if n.kind > 0 and f.traffic[i] <= median and draws.uniform(w.seed, "orchestrator.exit", w.t, i) < hazard:
            leaving.append(i)
    if leaving:
        replace(w, leaving)


def replace(w, leaving):
    """Newcomers of Eq. T.3 take the rows of those that leave, one after another."""
    n = len(w.nodes)
    below = [j for j in range(n) if w.nodes[j].kind > 0]
    given = [sum(row[j] for j in below) for row in w.edges]
    calls = [sum(row) for row in w.edges]
    for i in leaving:
        node = w.nodes[i]
        node.entries += 1
        node.identity = i + 10000 * node.entries
        z = draws.normal(w.seed, "orchestrator.entry", w.t, node.identity)
        node.quality = math.exp(w.p["orchestrator.quality_sigma"] * z)
        mean = sum(x.quality for x in w.nodes) / n
        chance = w.p["orchestrator.entry_link_share"] * node.quality / (node.quality + mean)
        for c, row in enumerate(w.edges):
            had, row[i] = row[i] > 0.0, 0.0
            may = w.nodes[c].kind < node.kind and calls[c] > 0.0
            u = draws.uniform(w.seed, "orchestrator.link", w.t, (c << 32) + node.identity)
            if (may and u < chance) or (had and sum(row[j] for j in below) <= 0.0):
                row[i] = w.p["orchestrator.entry_call_share"] * calls[c]
    for c, row in enumerate(w.edges):
        total = sum(row[j] for j in below)
        for j in below:
            row[j] *= given[c] / total if total > 0.0 else 0.0
