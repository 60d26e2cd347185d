"""The application layer (layer 7): attention into embedded tokens, ranking and other incumbent workloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core import formulas
from model.core.params import Params, param
from model.core.steps import Guarded

Array = NDArray[np.float64]

#: Uplift of an hour in units of which its coefficient in the log-odds is stated.
UPLIFT_USD_PER_H = 0.1


@dataclass(frozen=True, kw_only=True)
class AppNetworkParams(Params):
    """The application network and the workloads of applications."""

    section: ClassVar[str] = "app_network"

    # fmt: off
    assistants: int =               param(    4, "applications",    1,   20, dynamic=False,              doc="assistant applications",                                                   source="own assumption: a few hold almost all users")
    applications: int =             param(   20, "applications",    2,  200, dynamic=False,              doc="other applications",                                                       source="own assumption: enough for a heavy tail of users, few enough to look at")
    features: int =                 param(    8, "features"    ,    1,   50, dynamic=False,              doc="AI features an application could have",                                    source="own assumption: enough for a smooth spread of thresholds")
    inertia: float =                param(  0.9, "-"           ,    0, 0.99,                             doc="share of attention that stays where it was last month",                    source="own assumption: habits change over a year")
    quality_coefficient: float =    param(  1.0, "-"           ,    0,    4,                             doc="log-odds per unit of ln quality",                                          source="own assumption: odds in proportion to quality, no measurement found")
    ad_load_coefficient: float =    param(  0.5, "-"           ,    0,    3,                             doc="fall of log-odds per unit of advertising load",                            source="own assumption: a doubled load costs two fifths of the odds")
    feature_coefficient: float =    param(  2.0, "-"           ,    0,   10,                             doc="log-odds per USD of feature uplift an hour over .1",                       source="own assumption: an uplift of a few cents an hour is felt, not decisive")
    users_coefficient: float =      param(  0.3, "-"           ,    0,  0.9,                             doc="log-odds per unit of ln users: network effect",                            source="own assumption: twice the users, a quarter more odds; no measurement found")
    net_inertia: float =            param(  0.9, "-"           ,    0, 0.99,                             doc="share of an application's calls that stay with last month's nets",         source="fradkin2025: new nets settle within weeks; own assumption: a tenth of calls moves in a month, as users of assistants stay with their firm longer than callers of an API")
    open_penalty: float =           param(  0.4, "-"           ,   -1,    3,                             doc="log-odds lost by open weights (support, liability)",                       source="nber2025intelligence: open nets some 90 % cheaper have below 30 % of tokens; own assumption: .4 beside what their capability costs them")
    ranking_share: float =          param( 0.45, "-"           ,  0.1,  0.8, dynamic=False,              doc="share of hours offered at the opening that rank",                          source="own assumption: before assistants ranking held nearly half of hours, with other AI three quarters")
    other_share: float =            param( 0.30, "-"           , 0.05,  0.6, dynamic=False,              doc="share of hours offered at the opening for other AI (enterprise, science)", source="own assumption: before assistants enterprise and science held a third of hours, with ranking three quarters")
    legacy_speed: float =           param(  0.5, "1/month"     , 0.01,    1,                             doc="speed at which ranking and other AI adapt to the price of compute",        source="own assumption: deeper ranking and more batch science follow the price within a quarter")
    other_background_share: float = param(  0.5, "-"           ,    0,    1,                             doc="f_o: share of other AI that is inference",                                 source="observations inference_share_ai_compute: between .33 (2023) and .6-.7 for mature workloads")
    device_parameters: float =      param(3.0e9, "parameters"  ,  1e8, 2e10, scale="log", dynamic=False, doc="largest net users' devices run well at the opening",                       source="own assumption: phones with 8 GB")
    device_share_max: float =       param(  0.3, "-"           ,    0,  0.9,                             doc="share of small-tier chat and feature calls that could run on devices",     source="own assumption: short, private, simple calls")
    device_exponent: float =        param(  2.0, "-"           ,  0.5,    8,                             doc="how steeply devices' share falls with the size of a net",                  source="own assumption: a net of twice the size that devices run well runs on a fifth of them")
    # fmt: on


@dataclass
class Choices(Guarded):
    """What applications and their users have settled on."""

    net_share: Array = field(default_factory=lambda: np.zeros(0))  # (S, T, L) nets that each class calls
    app_share: Array = field(
        default_factory=lambda: np.zeros(0)
    )  # (G, K') attention by segment over other applications
    ranking_intensity: float = 1.0  # ranking hours per attention-hour over the opening's
    other_intensity: float = 1.0  # other AI over the opening's


def success(log_minutes: Array, horizon_minutes: float, slope: float) -> Array:
    """Return the success of features' tasks with a net of the given horizon, Eq. Y.1 (as Eq. A.1)."""
    return formulas.success(log_minutes, float(np.log(max(horizon_minutes, 1e-12))), slope)


def uplift(value_usd_per_h: Array, success_share: Array, required: float) -> Array:
    """Return the value a feature adds per attention-hour, net of errors, Eq. Y.2: ``u (S - S_req)+ / (1 - S_req)``.

    >>> uplift(np.array([0.01]), np.array([0.5]), 0.7).tolist()
    [0.0]
    """
    return np.asarray(value_usd_per_h * np.maximum(success_share - required, 0.0) / (1.0 - required))


def intensity(uplift_usd_per_h: Array, scale_tokens_per_h: Array, token_usd: float) -> Array:
    """Return the best tokens per attention-hour of a feature, Eq. Y.3: ``e0 ln(uplift / (p e0))`` above threshold, else 0.

    Maximises ``uplift (1 - exp(-e/e0)) - p e``.

    Parameters
    ----------
    uplift_usd_per_h, scale_tokens_per_h : (F,) float
    token_usd : float

    Source: own assumption: uplift saturates in the tokens spent on it. Twin: tests/reference/application.py.

    >>> intensity(np.array([0.0, 1e-3]), np.array([1000.0, 1000.0]), 1e-6).tolist()
    [0.0, 0.0]
    """
    ratio = uplift_usd_per_h / np.maximum(token_usd * scale_tokens_per_h, 1e-300)
    return np.asarray(scale_tokens_per_h * np.log(np.maximum(ratio, 1.0)))


def intensity_elasticity(
    uplift_usd_per_h: Array, success_share: Array, ratio: Array, slope: float, required: float
) -> Array:
    """Return d ln(tokens) / d ln(horizon) of a feature in use, Eq. Y.3b.

    Of ``e0 ln(ratio)``, ratio = uplift / (p e0): ``slope S (1 - S) / (S - S_req) / ln(ratio)``, 0 where the feature is off.

    Parameters
    ----------
    uplift_usd_per_h, success_share, ratio : (F,) float
    slope, required : float

    >>> intensity_elasticity(np.ones(1), np.array([0.8]), np.array([np.e]), 0.5, 0.6).round(6).tolist()
    [0.4]
    """
    on = (uplift_usd_per_h > 0.0) & (ratio > 1.0)
    gap = np.where(on, success_share - required, 1.0)
    log_ratio = np.log(np.where(on, ratio, np.e))
    return np.asarray(np.where(on, slope * success_share * (1.0 - success_share) / gap / log_ratio, 0.0))


def attention_log_odds(
    quality: Array, ad_load: Array, uplift_usd_per_h: Array, hours: Array, p: AppNetworkParams
) -> Array:
    """Return log-odds of applications for people's attention, Eq. Y.10.

    ``a ln quality - b ad load + c uplift/.1 + d ln(hours/mean hours)``.

    Parameters
    ----------
    quality, ad_load : (K,) float
    uplift_usd_per_h : (K,) float
        Value of an application's features in use per attention-hour.
    hours : (K,) float
        This month's attention-hours.
    p : AppNetworkParams

    Twin: tests/reference/economy_platforms.py.

    >>> attention_log_odds(np.ones(2), np.zeros(2), np.zeros(2), np.full(2, 9.0), AppNetworkParams()).tolist()
    [0.0, 0.0]
    """
    mean = max(float(hours.mean()), 1.0)
    users = np.log(np.maximum(hours, 1.0) / mean)
    odds = p.quality_coefficient * np.log(quality) - p.ad_load_coefficient * ad_load
    return np.asarray(odds + p.feature_coefficient * uplift_usd_per_h / UPLIFT_USD_PER_H + p.users_coefficient * users)


def legacy_step(
    intensity_now: float, price_usd: float, opening_usd: float, elasticity: float, p: AppNetworkParams
) -> float:
    """Return next month's legacy intensity (ranking per attention-hour, other AI) over the opening's, Eq. Y.4.

    It moves toward ``(price / opening price)**-elasticity`` at the speed of product cycles.

    >>> legacy_step(1.0, 6.0, 6.0, 1.2, AppNetworkParams())
    1.0
    """
    best = (price_usd / opening_usd) ** -elasticity
    return float(intensity_now * np.exp(p.legacy_speed * np.log(best / intensity_now)))


def device_share(net_parameters: float, device_parameters: float, p: AppNetworkParams) -> float:
    """Return the share of small-tier calls served on users' devices, Eq. Y.5: devices run nets below their size.

    ``m / (1 + (N/N_dev)**a)``.

    >>> device_share(1e12, 1e9, AppNetworkParams()) < 1e-5
    True
    """
    return float(p.device_share_max / (1.0 + (net_parameters / device_parameters) ** p.device_exponent))


def feature_tokens(hours: Array, exposure: Array, intensity_tokens_per_h: Array) -> float:
    """Return the tokens that features invoke in a month, Eq. Y.7: hours they meet times their intensity.

    Parameters
    ----------
    hours : (F,) float
        Attention-hours of each feature's application.
    exposure : (F,) float
        Share of them that the feature meets.
    intensity_tokens_per_h : (F,) float

    >>> feature_tokens(np.array([10.0]), np.array([0.5]), np.array([100.0]))
    500.0
    """
    return float((hours * exposure * intensity_tokens_per_h).sum())


def legacy_hours(opening_hours: float, intensity_now: float, waiting_hours: float, attention: float = 1.0) -> float:
    """Return hours that ranking or other AI asks for, Eq. Y.8, hours that waited included.

    Parameters
    ----------
    opening_hours : float
        Hours a month at the opening.
    intensity_now : float
        Over the opening's (Eq. Y.4).
    waiting_hours : float
    attention : float
        Attention-hours over the opening's, for ranking.

    >>> legacy_hours(100.0, 0.5, 10.0, 2.0)
    110.0
    """
    return opening_hours * intensity_now * attention + waiting_hours


def on_devices(tokens: Array, net_share: Array, runs: Array) -> Array:
    """Return the small-tier tokens that users' devices serve, Eq. Y.9: the share of Eq. Y.5, mean over nets called.

    Parameters
    ----------
    tokens : (C,) float
        Small-tier tokens by class of calls that may run on devices.
    net_share : (C, L) float
        Spread of these calls over small nets.
    runs : (L,) float in [0, 1]
        Share that devices serve, by net.

    Returns
    -------
    (C,) float

    >>> on_devices(np.array([100.0]), np.array([[0.5, 0.5]]), np.array([0.2, 0.0])).tolist()
    [10.0]
    """
    return np.asarray(tokens * (net_share @ runs))


def sustainability(revenue_usd: float, compute_usd: float, research_usd: float) -> float:
    """Return the self-sustainability index, Eq. Y.6: application revenue over compute and research cost."""
    return revenue_usd / max(compute_usd + research_usd, 1e-300)
