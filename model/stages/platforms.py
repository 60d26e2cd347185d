"""Applications and orchestrators by month: features and routing are revised, firms enter and fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents import application, orchestrator
from model.core.draws import MonthDraws
from model.core.flows import MonthFlows
from model.layers import application as application_layer
from model.stages.people import Known
from model.state import EMBEDDED, SMALL
from model.world import World

Array = NDArray[np.float64]


def feature_elasticity(e: World, f: MonthFlows, known: Known) -> float:
    """Return d ln(embedded tokens) / d ln(horizon) of the features in use (Y.3b)."""
    p, features = e.params, e.features
    success, gain, token_usd = feature_gains(e, known)
    ratio = gain / (token_usd * features.tokens_per_h)
    slope, needed = p.agent_loop.success_slope, p.application.required_success
    each = application_layer.intensity_elasticity(gain, success, ratio, slope, needed)
    weight = f.application_hours[features.application] * features.exposure * features.intensity_tokens_per_h
    return float((each * weight).sum() / weight.sum()) if weight.sum() > 0.0 else 0.0


def feature_gains(e: World, known: Known) -> tuple[Array, Array, float]:
    """Return success and uplift per attention-hour by feature, and what a token costs features (Y.1, Y.2)."""
    p = e.params
    small_h = float(np.exp(known.log_horizon[EMBEDDED, SMALL]))
    o, hits, price = known.generated_share[EMBEDDED], e.state.memory.hits[EMBEDDED], known.price[EMBEDDED, SMALL]
    token_usd = float(application.token_usd(o, hits, price))
    success = application_layer.success(e.features.log_difficulty, small_h, p.agent_loop.success_slope)
    gain = application_layer.uplift(e.features.value_usd_per_h, success, p.application.required_success)
    return success, gain, token_usd


def platforms(e: World, f: MonthFlows, known: Known, draw: MonthDraws) -> None:
    """Applications revise features and compete for hours; orchestrators route and price; both enter and fail.

    Changes both networks.
    """
    p, s, apps, features, nodes, k = e.params, e.state, e.applications, e.features, e.orchestrators, e.assistants
    _, gain, token_usd = feature_gains(e, known)
    best = application_layer.intensity(gain, features.tokens_per_h, token_usd)
    application.revise(features, best, draw, p.application)
    apps.attention_hours[:] = f.application_hours
    on = gain * features.exposure * (features.intensity_tokens_per_h > 0.0)
    uplift = np.bincount(features.application, weights=on, minlength=apps.n)[k:].astype(np.float64, copy=False)
    odds = application_layer.attention_log_odds(
        apps.quality[k:], apps.ad_load[k:], uplift, f.application_hours[k:], p.app_network
    )
    s.choices.app_share = application.logit_shares(
        s.choices.app_share, np.broadcast_to(odds, s.choices.app_share.shape), p.app_network.inertia
    )
    application.fail_and_enter(apps, draw, p.application)

    nodes.traffic_calls[:] = f.traffic_calls
    s.calls.edges = orchestrator.reweigh(
        s.calls.edges, nodes, s.auction.sponsored, s.auction.ad_funded_share, p.orchestrator
    )
    s.calls.edges, _ = orchestrator.turnover(nodes, s.calls.edges, s.calls.fan_out, draw, p.orchestrator)
    nodes.take_rate[:] = orchestrator.take_rates(nodes, p.orchestrator)
    s.calls.entry_share = orchestrator.entry_shares(nodes.node_kind, nodes.traffic_calls)
    s.calls.take_rate = float((nodes.take_rate * s.calls.entry_share).sum())
