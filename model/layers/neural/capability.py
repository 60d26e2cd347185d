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


def algorithmic_growth(
    log_algorithms: Array, experiment_flop: Array, automation: Array, frontier_flop: float, p: NeuralParams
) -> Array:
    """Return the growth of ln algorithmic efficiency that a month of own experiments brings, by lab, Eq. N.7.

    ``theta/12 (X / (I_ref (T / C_ref)**omega))**lambda S**-phi`` slowed toward the ceiling: experiments count by their size
    over that of the frontier run, whoever made it, and ideas get harder to find.

    Parameters
    ----------
    log_algorithms : (L,) float
    experiment_flop : (L,) float
        Operations of the month's experiments.
    automation : (L,) float >= 0
        Factor by which own agents multiply experiments.
    frontier_flop : float
        Training compute of the largest net on offer, of any lab.
    p : NeuralParams

    Source: whitfill2025 for near-frontier experiments; gate2025 for the ceiling. Twin: tests/reference/neural.py.
    """
    ceiling = np.log(p.algorithmic_ceiling)
    scale = p.experiment_reference_flop * (frontier_flop / p.effective_reference_flop) ** p.frontier_exponent
    inputs = np.maximum(experiment_flop * automation / scale, 0.0) ** p.algorithmic_input_exponent
    growth = p.algorithmic_gain / 12.0 * inputs * np.exp(-p.algorithmic_stock_exponent * log_algorithms)
    return np.asarray(growth * np.maximum(ceiling - log_algorithms, 0.0) / ceiling)


def algorithmic_step(log_algorithms: Array, growth: Array, p: NeuralParams) -> Array:
    """Return next month's ln algorithmic efficiency by lab, Eq. N.7b: own growth; followers close a share of the gap.

    Parameters
    ----------
    log_algorithms : (L,) float
    growth : (L,) float
        Of Eq. N.7.
    p : NeuralParams
    """
    spread = (log_algorithms.max() - log_algorithms) * (1.0 - np.exp(-p.idea_diffusion_per_year / 12.0))
    return np.asarray(log_algorithms + growth + spread)


def algorithmic_fading(log_algorithms: Array, growth: Array, p: NeuralParams) -> Array:
    """Return the rate at which an advantage in algorithms is lost, by lab, Eq. N.7c, 1/month.

    Ideas get harder to find where more are known, the ceiling is nearer, and what is known spreads to rivals, if there are any.

    Parameters
    ----------
    log_algorithms, growth : (L,) float
    p : NeuralParams
    """
    left = np.maximum(np.log(p.algorithmic_ceiling) - log_algorithms, 1e-3)
    spread = p.idea_diffusion_per_year / 12.0 if log_algorithms.size > 1 else 0.0
    return np.asarray(growth * (p.algorithmic_stock_exponent + 1.0 / left) + spread)


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

    Source: metr2025 for the horizon; own assumption: powers of compute and of roll-outs.

    >>> float(horizon(np.array(2.5e24), np.array(0.0), NeuralParams()))
    0.55
    """
    base = p.horizon_reference_minutes * (effective_flop / p.effective_reference_flop) ** p.capability_exponent
    return np.asarray(base * (1.0 + rollout_flop / p.rollout_reference_flop) ** p.rollout_exponent)


def architecture_step(gain: Array, experiment_flop: Array, p: NeuralParams) -> Array:
    """Return next month's decode gain by lab, Eq. N.11: experiments on architecture close the gap to the bound.

    Returns to a month's experiments are those of algorithms (Eq. N.7): ``(I/I_ref)**lambda``.

    Parameters
    ----------
    gain : (L,) float in [1, decode_gain_max]
        Decode throughput over a plain architecture (hidden size, MLP-to-attention ratio, grouped queries).
    experiment_flop : (L,) float
        Operations of the month's experiments on architecture.
    p : NeuralParams

    Source: bian2025 for the bound. Twin: tests/reference/neural.py.

    >>> architecture_step(np.array([1.0, 1.42]), np.zeros(2), NeuralParams()).tolist()
    [1.0, 1.42]
    """
    inputs = np.maximum(experiment_flop / p.experiment_reference_flop, 0.0) ** p.algorithmic_input_exponent
    return np.asarray(gain + (p.decode_gain_max - gain) * -np.expm1(-p.architecture_per_year / 12.0 * inputs))


def architecture_share(
    gain: Array, log_algorithms: Array, profit_usd: Array, decode_usd: Array, p: NeuralParams
) -> Array:
    """Return the share of experiments that labs give to architecture, Eq. N.11b: marginal returns equalised.

    A month's experiments ``I`` split into ``z I`` on architecture and ``(1 - z) I`` on algorithms, both with returns
    ``I**lambda``. Algorithms grow at ``theta/12 S**-phi`` slowed toward their ceiling and raise gross profit; architecture
    lowers the cost of generated tokens at ``nu/12 (d_max - d)/d``. With values ``A`` and ``B`` of both at the whole of the
    experiments, ``A (1 - z)**lambda + B z**lambda`` is largest at ``z/(1 - z) = (B/A)**(1/(1 - lambda))``.

    Parameters
    ----------
    gain, log_algorithms : (L,) float
    profit_usd : (L,) float
        What a unit of ln effective compute earns at the lab itself, ``W`` of Eq. L.4, USD a month.
    decode_usd : (L,) float
        Cost of generated tokens, USD a month.
    p : NeuralParams

    Source: bian2025 (efficient architecture, at most 1.42x); own assumption: reached with effort. Twin: tests/reference/neural.py.

    >>> architecture_share(np.array([1.0, 1.42]), np.zeros(2), np.ones(2), np.ones(2), NeuralParams()).round(3).tolist()
    [0.028, 0.0]
    """
    ceiling = np.log(p.algorithmic_ceiling)
    progress = (
        np.exp(-p.algorithmic_stock_exponent * log_algorithms) * np.maximum(ceiling - log_algorithms, 0.0) / ceiling
    )
    a = np.maximum(profit_usd, 0.0) * p.algorithmic_gain * progress
    left = np.maximum(p.decode_gain_max - gain, 0.0)  # none where a dated change put the bound below the gain
    b = np.maximum(decode_usd, 0.0) * p.architecture_per_year * left / gain
    power = 1.0 / (1.0 - p.algorithmic_input_exponent)
    both = np.maximum(a, b)
    safe = np.where(both > 0.0, both, 1.0)
    a, b = (a / safe) ** power, (b / safe) ** power
    return np.asarray(np.where(both > 0.0, b / np.where(both > 0.0, a + b, 1.0), 0.0))
