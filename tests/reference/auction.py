"""Position auctions again, as the text of the equations. Twin of model/markets/auction.py, one market at a time."""

import math


def ranking(scores, luck=None):
    """Bidders from the highest score to the lowest, found one by one; among equals the first or the lower draw comes first."""
    left = list(range(len(scores)))
    order = []
    while left:
        best = left[0]
        for i in left:
            luckier = luck is not None and scores[i] == scores[best] and luck[i] < luck[best]
            if scores[i] > scores[best] or luckier:
                best = i
        order.append(best)
        left.remove(best)
    return order


def welfare(scores, rates):
    """The most that positions can be worth to those with these scores: best to best."""
    total = 0.0
    for slot, i in enumerate(ranking(scores)):
        if slot < len(rates):
            total += scores[i] * rates[slot]
    return total


def run(bids, values, quality, rates, rule, reserve=0.0, luck=None):
    """Eq. M.30 to M.33: (winner, payment, efficiency)."""
    present = [i for i in range(len(bids)) if bids[i] >= 0 and (rule == "logit" or bids[i] >= reserve)]
    scores = [quality[i] if rule == "logit" else quality[i] * bids[i] for i in present]
    if rule == "logit" and luck is not None:
        scores = [score / -math.log(luck[i]) for score, i in zip(scores, present, strict=True)]
    order = [present[j] for j in ranking(scores, luck and [luck[i] for i in present])]
    winner, payment = [], []
    for slot, rate in enumerate(rates):
        if slot >= len(order):
            winner.append(-1)
            payment.append(0.0)
            continue
        i = order[slot]
        if rule == "logit":
            usd = 0.0
        elif rule == "first_price":
            usd = bids[i] * rate
        elif rule == "gsp":
            below = quality[order[slot + 1]] * bids[order[slot + 1]] if slot + 1 < len(order) else 0.0
            usd = max(below / quality[i], reserve) * rate
        elif rule == "vcg" and reserve > 0.0:  # for each step up, the least bid that makes it, the reserve at least
            usd = 0.0
            for j in range(slot, len(rates)):
                below = quality[order[j + 1]] * bids[order[j + 1]] if j + 1 < len(order) else 0.0
                step = rates[j] - (rates[j + 1] if j + 1 < len(rates) else 0.0)
                usd += max(below / quality[i], reserve) * step
        elif rule == "vcg":  # what the others would have without i, less what they have with i
            everyone = [quality[j] * bids[j] for j in order]
            others = everyone[:slot] + everyone[slot + 1 :]
            have = welfare(everyone, rates) - everyone[slot] * rate
            usd = (welfare(others, rates) - have) / quality[i]
        winner.append(i)
        payment.append(usd)
    realised = 0.0
    for i, rate in zip(winner, rates, strict=True):
        if i >= 0:
            realised += quality[i] * values[i] * rate
    best = welfare([w * v for w, v in zip(quality, values, strict=True)], rates)
    return winner, payment, realised / best if best > 0 else 1.0


def envy_free_bids(values, quality, rates):
    """Eq. M.34 as the sum it solves: w_i b_i alpha_(i-1) = sum over j >= i of w_j v_j (alpha_(j-1) - alpha_j)."""
    scores = [w * v for w, v in zip(quality, values, strict=True)]
    order = ranking(scores)
    bids = [0.0] * len(values)
    for place, i in enumerate(order):
        if place == 0 or place > len(rates):
            bids[i] = values[i]
            continue
        harm = 0.0
        for j in range(place, len(order)):
            above = rates[j - 1] if j - 1 < len(rates) else 0.0
            here = rates[j] if j < len(rates) else 0.0
            harm += scores[order[j]] * (above - here)
        bids[i] = harm / rates[place - 1] / quality[i]
    return bids


def varian_upper(values, rates):
    """Varian's upper bounds, plain values in falling order, from the second bidder on."""
    out = []
    for place in range(1, len(values)):
        total = 0.0
        for j in range(place, len(values)):
            above = rates[j - 1] if j - 1 < len(rates) else 0.0
            here = rates[j] if j < len(rates) else 0.0
            total += values[j - 1] * (above - here)
        out.append(total / rates[place - 1] if place - 1 < len(rates) else math.inf)
    return out


def respond(bids, values, quality, rates, noise, p, reserve=None):
    """Eq. M.35."""
    out = []
    for b, v, target, z in zip(bids, values, envy_free_bids(values, quality, rates), noise, strict=True):
        target = max(target, min(v, p.reserve_usd if reserve is None else reserve))
        moved = (b + p.bid_speed * (target - b)) * math.exp(p.bid_noise * z)
        out.append(min(max(moved, 0.0), v))
    return out


def custom(winner, rates, bidders):
    """Eq. M.39."""
    taken = [(i, rate) for i, rate in zip(winner, rates, strict=True) if i >= 0]
    total = math.fsum(rate for _, rate in taken)
    return [math.fsum(rate for i, rate in taken if i == j) / total if total > 0 else 0.0 for j in range(bidders)]


def quality_kept(quality, winner, rates):
    """Eq. M.38."""
    chance = math.fsum(quality) / len(quality)
    best = sorted(quality, reverse=True)
    share = custom(winner, rates, len(quality))
    if not any(share):
        return 1.0
    taken = [a for i, a in zip(winner, rates, strict=True) if i >= 0]
    top = math.fsum(w * a for w, a in zip(best, taken, strict=False)) / math.fsum(taken)
    if top - chance <= 1e-12 * chance:
        return 1.0
    got = math.fsum(w * part for w, part in zip(quality, share, strict=True))
    return (got - chance) / (top - chance)


def click_rates(first, p):
    """Eq. M.36."""
    out = [first]
    while len(out) < p.slots:
        out.append(out[-1] * p.slot_decay)
    return out


def split_budget(share, strength_human, strength_agent, p):
    """Eq. M.37: the point where A x b**(x-1) is the same in both markets, and a step toward it."""
    if strength_agent == 0:
        best = 0.0
    elif strength_human == 0:
        best = 1.0
    else:  # ln (b_agent / b_human)
        odds = math.log(strength_agent / strength_human) / (1 - p.budget_exponent)
        best = 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
    return [s + p.budget_speed * (best - s) for s in share]
