"""The position auction, section 7.10: one engine for clicks, invocations and routed calls (M.30 to M.39)."""

import math


def click_rates(p, first):
    """Eq. M.36: click rates of positions from that of the first."""
    return [first * p["auction.slot_decay"] ** j for j in range(p["auction.slots"])]


def ranking(rule, reserve, qualities, bids, lucks):
    """Eq. M.30: bidders in the order of their positions."""
    everybody = range(len(bids))
    if rule == "logit":
        return sorted(everybody, key=lambda i: qualities[i] / math.log(lucks[i]) if lucks[i] > 0.0 else 0.0)
    admitted = [i for i in everybody if bids[i] >= reserve]
    return sorted(admitted, key=lambda i: (-qualities[i] * bids[i], lucks[i]))


def payment(rule, reserve, rates, qualities, bids, order):
    """Eq. M.31 and M.32: payment for all positions of a page or a list."""
    if rule == "logit":
        return 0.0
    taken = min(len(rates), len(order))
    score = [qualities[i] * bids[i] for i in order] + [0.0]
    total = 0.0
    for place in range(taken):
        i = order[place]
        if rule == "gsp":
            total += max(score[place + 1] / qualities[i], reserve) * rates[place]
        elif rule == "first_price":
            total += bids[i] * rates[place]
        else:
            for j in range(place, taken):
                below = rates[j + 1] if j + 1 < len(rates) else 0.0
                total += max(score[j + 1] / qualities[i], reserve) * (rates[j] - below)
    return total


def envy_free_bids(qualities, values, rates):
    """Eq. M.34: lowest locally envy-free bids, in order of quality times value."""
    order = sorted(range(len(values)), key=lambda i: -qualities[i] * values[i])
    weighted = [0.0] * (len(order) + 1)
    for place in range(len(order) - 1, -1, -1):
        worth = qualities[order[place]] * values[order[place]]
        if place == 0 or place >= len(rates):
            weighted[place] = worth
        else:
            weighted[place] = worth - rates[place] / rates[place - 1] * (worth - weighted[place + 1])
    bids = [0.0] * len(values)
    for place, i in enumerate(order):
        bids[i] = weighted[place] / qualities[i]
    return bids


def respond(p, reserve, bid, best, value, z):
    """Eq. M.35: a bid climbs toward the envy-free one, with noise."""
    best = max(best, min(reserve, value))
    moved = (bid + p["auction.bid_speed"] * (best - bid)) * math.exp(p["auction.bid_noise"] * z)
    return min(max(moved, 0.0), value)


def quality_kept(rates, qualities, order):
    """Eq. M.38: what a ranking leaves of the gain from choosing by quality."""
    taken = min(len(rates), len(order))
    if taken == 0:
        return 1.0
    total = sum(rates[:taken])
    chance = sum(qualities) / len(qualities)
    best = sum(a * q for a, q in zip(rates, sorted(qualities, reverse=True)[:taken], strict=False)) / total
    here = sum(a * qualities[i] for a, i in zip(rates, order[:taken], strict=False)) / total
    return (here - chance) / (best - chance) if best != chance else 1.0


def custom(rates, count, order):
    """Eq. M.39: each bidder's share of clicks or calls."""
    taken = min(len(rates), len(order))
    shares = [0.0] * count
    for a, i in zip(rates, order[:taken], strict=False):
        shares[i] = a / sum(rates[:taken])
    return shares
