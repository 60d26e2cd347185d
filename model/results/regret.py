"""Planned against realised, and regret, per released net, on the realised path (rivals, prices, tokens held fixed).

Perfect foresight, the benchmark of forecasters, is hindsight on an earlier pass of the same seed.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from agents.lab import FORECASTERS, Foreseen, Foresight, Release
from model.layers import neural
from model.scenario import Scenario

#: Most passes of a seed, the one that counts included.
PASSES = 4
#: Passes agree when no plan misses what came by more than this, in logarithms.
AGREEMENT = 0.01
#: Profit is concave in research: larger elasticities, seen in months of a threshold, cannot last.
ELASTICITY_MAX = 0.95
#: Run sizes among which the best one is sought, over the chosen one.
SCALE_MIN, SCALE_MAX = 0.1, 10.0


class Hindsight(NamedTuple):
    """What would have been right for a released net."""

    realised_usd: float
    parameters: float
    training_tokens: float
    size_regret_flop: float
    size_regret_usd: float
    scale_regret_usd: float
    run_scale: float  # best research over the chosen, .1 to 10


def hindsight(r: Release, p: neural.NeuralParams) -> Hindsight:
    """Return the size of least cost at the same loss for realised tokens, and regrets, Eq. X.20 to X.22.

    ``size_regret = K(chosen) - min K >= 0`` over nets of the same loss within the data there were, united with the chosen
    one; in USD at the prices paid and in operations. ``scale_regret``: gross profit earned until the
    successor, to the power of the elasticity the lab saw, minus the cost of all research the net needed (of a small net, its
    run), best over a tenth to ten times as much, minus the chosen one's.

    Parameters
    ----------
    r : Release
    p : NeuralParams

    Source: sardana2024 for the cost of a net's life; own assumption: rivals, prices and tokens stay as they were. Twin: tests/reference/regret.py.
    """
    law = neural.LAWS[p.law]
    n, d = np.array([r.parameters]), np.array([r.training_tokens])
    target = neural.loss(n, d, law)
    factor, limit = 1.0 + r.rollout_factor, max(r.data_limit_tokens, r.training_tokens)
    per_token = r.serving_usd / (2.0 * r.parameters)

    def regret(train: float, serve: float) -> tuple[float, float, float]:
        best, tokens = neural.size_net(
            target, np.array([train * factor]), np.array([serve]), law, limit, p.parameters_min
        )
        chosen = float(neural.lifetime_cost(n, d, train, serve, r.rollout_factor)[0])
        other = float(neural.lifetime_cost(best, tokens, train, serve, r.rollout_factor)[0])
        if not other < chosen:
            return 0.0, r.parameters, r.training_tokens
        return chosen - other, float(best[0]), float(tokens[0])

    usd, size, tokens = regret(r.train_usd_per_flop, per_token)
    flop, _, _ = regret(1.0, r.tokens)
    cost = r.train_usd_per_flop * r.training_flop * factor
    profit, all_research = r.revenue_usd - r.serving_usd, max(r.research_usd, cost)
    scale = np.append(np.exp(np.linspace(np.log(SCALE_MIN), np.log(SCALE_MAX), 81)), 1.0)
    value = profit * scale ** min(r.profit_elasticity, ELASTICITY_MAX) - all_research * scale
    lost = float(value.max() - (profit - all_research))
    best = float(scale[value.argmax()]) if lost > 0.0 else 1.0
    return Hindsight(cost + r.serving_usd, size, tokens, flop, usd, lost, best)


def offline(r: Release, p: neural.NeuralParams) -> Release:
    """Return the net that the same training budget buys when it is sized on what came (Eq. X.20), and its cost of serving.

    Perfect foresight on the realised path: it has no size regret.
    """
    law, limit = neural.LAWS[p.law], max(r.data_limit_tokens, r.training_tokens)
    serve, train = r.serving_usd / (2.0 * r.parameters), r.train_usd_per_flop * (1.0 + r.rollout_factor)
    n, d = neural.net_for_budget(6.0 * r.parameters * r.training_tokens, train, serve, law, limit, p.parameters_min)
    return dataclasses.replace(r, parameters=n, training_tokens=d, serving_usd=2.0 * n * serve)


def foresight(releases: Sequence[Release]) -> Foresight:
    """Return what each net came to that has ended serving, by lab, tier and place in their order, Eq. X.23.

    Parameters
    ----------
    releases : sequence of Release
        Of a whole pass. Nets of the opening were planned by nobody; nets still on offer are censored.
    """
    found: Foresight = {}
    place: Counter[tuple[str, str]] = Counter()
    for r in releases:
        if r.opening:
            continue
        key = (r.lab, r.tier, place[r.lab, r.tier])
        place[r.lab, r.tier] += 1
        if r.retired_month is not None:
            train = r.train_usd_per_flop * (1.0 + r.rollout_factor)
            found[key] = Foreseen(r.tokens, r.serving_usd / (2.0 * r.parameters), train)
    return found


def earlier_passes(settings: Scenario, releases: Callable[[Foresight], Sequence[Release]]) -> Foresight:
    """Return what labs with perfect foresight know: their nets' lives in the last of the earlier passes, Eq. X.23.

    A pass is the whole run with the same seed, planned on the lives that the pass before it gave (the first plans as
    `adaptive` does). At most `PASSES` with the one that counts; fewer where plans and lives agree. Labs without perfect
    foresight learn nothing from it.

    Parameters
    ----------
    settings : Scenario
    releases : callable
        Makes a pass on what is known, and returns what was released in it.
    """
    names, known = settings.firms["lab"], Foresight()
    if not any(FORECASTERS[firm.forecaster].foresees for firm in names.values()):
        return known
    for _ in range(PASSES - 1):
        lived = foresight(releases(known))
        lived = {key: x for key, x in lived.items() if FORECASTERS[names[key[0]].forecaster].foresees}
        agree = known.keys() == lived.keys() and all(
            abs(math.log(max(known[k].tokens, 1.0) / max(x.tokens, 1.0))) < AGREEMENT for k, x in lived.items()
        )
        known = lived
        if agree:
            break
    return known
