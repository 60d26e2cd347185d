"""What training makes of compute: data limits, algorithmic progress, distillation, horizons, architecture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.layers.neural.params import NeuralParams

Array = NDArray[np.float64]


def data_limit(synthetic_tokens: Array, p: NeuralParams) -> Array:
    """Return the tokens a lab can train on, Eq. N.6: repeated unique text and synthetic data.

    Source: muennighoff2023; epoch2024.
    """
    return p.text_tokens * p.usable_text_share * p.epochs_useful + synthetic_tokens


def algorithmic_step(log_algorithms: Array, experiment_flop: Array, automation: Array, p: NeuralParams) -> Array:
    """Return next month's ln algorithmic efficiency by lab, Eq. N.7.

    ``S'/S = theta/12 (I/I_ref)**lambda S**-phi`` slowed toward the ceiling (GATE equations 4 to 6); research automation
    multiplies experiments; followers close a share of the gap to the leader.

    Parameters
    ----------
    log_algorithms : (L,) float
    experiment_flop : (L,) float
        Operations of the month's experiments.
    automation : (L,) float >= 1
        Factor by which own agents multiply experiments.
    p : NeuralParams

    Source: gate2025. Twin: tests/oracle/neural.py.
    """
    ceiling = np.log(p.algorithmic_ceiling)
    inputs = np.maximum(experiment_flop * automation / p.experiment_reference_flop, 0.0) ** p.algorithmic_input_exponent
    growth = p.algorithmic_gain / 12.0 * inputs * np.exp(-p.algorithmic_stock_exponent * log_algorithms)
    growth = growth * np.maximum(ceiling - log_algorithms, 0.0) / ceiling
    spread = (log_algorithms.max() - log_algorithms) * (1.0 - np.exp(-p.idea_diffusion_per_year / 12.0))
    return np.asarray(log_algorithms + growth + spread)


def distillation(synthetic_share: Array, p: NeuralParams) -> Array:
    """Return the factor on a small net's effective compute, Eq. N.8: at most 10**1.5, with accumulated synthetic data.

    >>> float(distillation(np.array(0.0), NeuralParams()))
    1.0
    """
    return np.asarray(
        10.0 ** (p.distillation_orders_max * synthetic_share / (synthetic_share + p.distillation_reference_share))
    )


def verified(horizon_minutes: Array, p: NeuralParams) -> Array:
    """Return the share of roll-outs that can be checked and so teach, Eq. N.9."""
    return np.asarray(1.0 / (1.0 + (p.verifier_minutes / np.maximum(horizon_minutes, 1e-9)) ** 1.4))


def horizon(effective_flop: Array, rollout_flop: Array, p: NeuralParams) -> Array:
    """Return the 50 % task horizon in human minutes at tau = 1, Eq. N.10.

    ``h = h_ref (C_eff / C_ref)**gamma (1 + R / R_ref)**gamma_R``.

    Parameters
    ----------
    effective_flop : (n,) float
        Pre-training compute times algorithmic efficiency.
    rollout_flop : (n,) float
        Roll-out compute that taught (Eq. N.9).
    p : NeuralParams

    Source: design 5; metr2025.

    >>> float(horizon(np.array(2.5e24), np.array(0.0), NeuralParams()))
    0.55
    """
    base = p.horizon_reference_minutes * (effective_flop / p.effective_reference_flop) ** p.capability_exponent
    return np.asarray(base * (1.0 + rollout_flop / p.rollout_reference_flop) ** p.rollout_exponent)


def architecture_step(gain: Array, p: NeuralParams) -> Array:
    """Return next month's decode gain by lab, Eq. N.11: it approaches the bound."""
    return np.asarray(gain + (p.decode_gain_max - gain) * (1.0 - np.exp(-p.architecture_per_year / 12.0)))
