"""Planned against realised, and regret, per released net, on the realised path (rivals, prices, tokens held fixed)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from model.layers import neural
from model.stages.state import Release


class Hindsight(NamedTuple):
    """What would have been right for a released net."""

    realised_usd: float
    parameters: float
    training_tokens: float
    size_regret_flop: float
    size_regret_usd: float
    scale_regret_usd: float


def hindsight(r: Release, p: neural.NeuralParams) -> Hindsight:
    """Return the size of least cost at the same loss for realised tokens, and regrets, Eq. X.20 to X.22.

    ``size_regret = K(chosen) - min K >= 0`` over nets of the same loss within the data there were, united with the chosen
    one; in USD at the prices paid and in operations. ``scale_regret``: gross profit earned, scaled by run size to the power
    of the elasticity the lab saw, minus training cost, best over a tenth to ten times the run, minus the chosen run's.

    Parameters
    ----------
    r : Release
    p : NeuralParams

    Source: design 7; sardana2024. Twin: tests/oracle/regret.py.
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
    profit = r.revenue_usd - r.serving_usd
    scale = np.append(np.exp(np.linspace(np.log(0.1), np.log(10.0), 81)), 1.0)
    value = profit * scale**r.profit_elasticity - cost * scale
    return Hindsight(cost + r.serving_usd, size, tokens, flop, usd, float(value.max() - (profit - cost)))
