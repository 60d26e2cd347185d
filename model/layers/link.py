"""The link layer (layer 2): from work to accelerator-hours. Scale-out for training, the roofline and batches for serving, queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import H100_FLOP_PER_S, HOURS_PER_MONTH, SECONDS_PER_HOUR, TOKEN_KINDS

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LinkParams(Params):
    """How well machines are used together."""

    section: ClassVar[str] = "link"

    # fmt: off
    training_utilisation: float =      param(  0.40, "-"             ,    0.3,  0.5,                        doc="achieved over peak FLOP/s in training at the reference cluster",                                       source="ai2027: .40; sardana2024 uses .5")
    scale_out_penalty: float =         param(  0.05, "-"             ,    0.0, 0.15,                        doc="elasticity of that utilisation to cluster size",                                                       source="own assumption: efficiency falls slowly as clusters grow")
    reference_cluster_h100e: float =   param(4000.0, "H100e"         ,    100,  1e5, scale="log",           doc="cluster at which training_utilisation holds",                                                          source="own assumption: size of the clusters of 2022")
    rollout_utilisation: float =       param(  0.12, "-"             ,   0.02,  0.4,                        doc="achieved over peak in roll-outs, synthetic data and research automation (large-batch decoding)",       source="ai2027: 10 % in inference; large batches raise it")
    legacy_utilisation: float =        param(  0.20, "-"             ,   0.02,  0.5,                        doc="achieved over peak in ranking and other AI",                                                           source="ai2027: 30 % overall; own assumption: lower for memory-bound ranking")
    prefill_utilisation: float =       param(  0.50, "-"             ,    0.3, 0.76,                        doc="achieved over peak in prefill",                                                                        source="sardana2024; pope2023 .76")
    decode_utilisation: float =        param(  0.35, "-"             ,   0.05,  0.6,                        doc="achieved over peak of decode once it is compute-bound",                                                source="own assumption: below that of prefill, as batches are never full")
    weight_bytes: float =              param(   1.0, "byte/parameter",    0.5,    2,                        doc="bytes per weight when served",                                                                         source="pope2023: int8; own assumption: one byte a weight, as serving in 8 bits spreads")
    sparsity: float =                  param(   8.0, "-"             ,      1,   32,                        doc="total over active parameters (mixture of experts)",                                                    source="own assumption: open mixtures of experts have up to 32 times their active parameters")
    kv_bytes_per_token: float =        param( 1.6e5, "byte/token"    ,    1e4,  6e5, scale="log",           doc="bytes of context per token for a net of the reference size",                                           source="erdil2025inference: 3.3e5 at bf16 for a 70B net; 8-bit halves it")
    kv_reference_parameters: float =   param(7.0e10, "parameters"    ,    1e9, 1e12, scale="log",           doc="net to which kv_bytes_per_token refers; grows with the cube root of size",                             source="erdil2025inference: 131 to 516 kB from 8B to 405B")
    latency_s_per_step: float =        param( 0.008, "s"             , 0.0005, 0.05, scale="log",           doc="all-reduce and launch latency of one decode step",                                                     source="erdil2025inference: 4 all-reduces of some 10 us a layer, 80-120 layers")
    step_seconds_max: float =          param(  0.08, "s"             ,   0.02,  0.5,                        doc="slowest decode step users accept",                                                                     source="own assumption: 12 tokens a second, reading speed")
    replicas_min: float =              param(   8.0, "replicas"      ,      1, 1000, scale="log",           doc="copies of a net kept ready while its load would not fill one (regions, versions, daily peaks)",        source="own assumption: some eight regions, several versions, daily peaks of several times the mean")
    software_scale: float =            param(  43.2, "-"             ,      1,  200, fit=True, scale="log", doc="accelerator-seconds over the roofline's at the opening (peaks, safety nets, unripe serving software)", source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: log-sd .6 around 66, the level that list prices and serving money of 2023-24 ask for")
    software_learning: float =         param(  0.38, "-"             ,      0,  0.5,                        doc="exponent with which that overhead falls in cumulative tokens served: learning by doing",               source="own assumption: Wright's law at a learning rate of 23 % a doubling, as in semiconductors; decisions/0007")
    software_reference_tokens: float = param(1.0e12, "token"         ,   1e10, 1e15, scale="log",           doc="cumulative tokens at which the overhead has fallen by 2**-software_learning",                          source="own assumption: of the order of all tokens served by nets before 2022")
    software_floor: float =            param(   1.5, "-"             ,      1,    5,                        doc="overhead that stays: daily peaks, failures, safety nets",                                              source="own assumption: half again for peaks and failures, as in other online services")
    # fmt: on


@dataclass
class Served(Guarded):
    """What serving has taught so far, and what it cost last month."""

    tokens: float = 0.0  # since the opening
    usd_per_token: Array = field(default_factory=lambda: np.zeros(0))  # (N,) at last month's mix


class Serving(NamedTuple):
    """Serving work of a month, by class (S) and net (N)."""

    hours: Array  # (S, N) accelerator-hours
    flop: Array  # (S, N) operations performed
    seconds_per_token: Array  # (N, 3) accelerator-seconds by kind
    batch: Array  # (N,)
    step_seconds: Array  # (N,)


def serving(
    tokens: Array,
    active_parameters: Array,
    context_tokens: Array,
    decode_gain: Array,
    bytes_per_s: float,
    hbm_bytes: float,
    p: LinkParams,
    overhead: float = 1.0,
) -> Serving:
    """Return accelerator-hours and operations of serving, Eq. K.1 to K.4.

    Fresh input is compute-bound (``2N`` operations a token at the prefill utilisation). Cached input costs the reading of
    its context. Generated tokens run in steps of a batch ``b`` on a replica: a step reads the weights it touches and the
    contexts of the batch and cannot be shorter than its arithmetic; ``b`` is the load that meets a replica during one step,
    between 1 and what memory and patience allow. More load therefore means larger batches and cheaper tokens.

    Parameters
    ----------
    tokens : (S, N, 3) float
        Fresh, cached and generated tokens of the month.
    active_parameters : (N,) float
    context_tokens : (S,) float
        Prompt of a call by class.
    decode_gain : (N,) float in [1, 1.42]
        Decode throughput gained by an inference-efficient architecture.
    bytes_per_s, hbm_bytes : float
        Memory bandwidth and memory per H100e of the fleet.
    p : LinkParams
    overhead : float
        Accelerator-seconds over the roofline's (`software_overhead`).

    Returns
    -------
    Serving

    Source: pope2023; erdil2025inference. Twin: tests/reference/link.py.
    """
    n = np.maximum(active_parameters, 1.0)
    by_net = tokens.sum(axis=0)
    generated_per_s = by_net[:, 2] / (HOURS_PER_MONTH * SECONDS_PER_HOUR)
    weight = tokens.sum(axis=2)
    context = (weight * context_tokens[:, None]).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300)
    context = np.where(weight.sum(axis=0) > 0.0, context, context_tokens.mean())
    kv = kv_bytes(n, p)
    total_bytes = n * p.sparsity * p.weight_bytes
    accelerators = np.maximum(np.ceil(2.0 * total_bytes / hbm_bytes), 1.0)
    room = batch_room(n, kv * context, accelerators, hbm_bytes, p)

    def step(batch: Array) -> Array:
        return step_seconds(batch, n, kv * context, accelerators, bytes_per_s, p)

    largest = _largest_batch(lambda batch: step(batch) <= p.step_seconds_max, room)
    copies = replicas(generated_per_s * step(largest) / largest, p)
    batch = _largest_batch(lambda batch: batch <= generated_per_s * step(batch) / copies, largest)
    seconds_per_step = step(batch)
    attention = (
        4.0 * context * kv / (2.0 * p.weight_bytes)
    )  # operations per token on its context, of the order of its KV bytes
    seconds = np.empty((n.size, len(TOKEN_KINDS)))
    seconds[:, 0] = (2.0 * n + attention) / (H100_FLOP_PER_S * p.prefill_utilisation)
    seconds[:, 1] = kv / bytes_per_s
    seconds[:, 2] = accelerators * seconds_per_step / (batch * decode_gain)
    seconds *= overhead
    hours = (tokens * seconds[None]).sum(axis=2) / SECONDS_PER_HOUR
    flop = (tokens[:, :, 0] + tokens[:, :, 2]) * (2.0 * n + attention) + tokens[:, :, 1] * (
        attention / np.maximum(context, 1.0)
    )
    return Serving(hours, flop, seconds, batch, seconds_per_step)


def software_overhead(served_tokens: float, p: LinkParams) -> float:
    """Return accelerator-seconds over the roofline's, Eq. K.9: they fall with experience, ``f + (s - f)(1 + Q/Q0)**-b``.

    Parameters
    ----------
    served_tokens : float
        Tokens served by all nets since the opening.
    p : LinkParams

    Source: own assumption: Wright's law, see decisions/0007-serving-overhead-learns-by-doing.md. Twin: tests/reference/link.py.

    >>> software_overhead(0.0, LinkParams(software_scale=38.0))
    38.0
    """
    floor = min(p.software_floor, p.software_scale)
    experience = 1.0 + served_tokens / p.software_reference_tokens
    return floor + (p.software_scale - floor) * float(experience**-p.software_learning)


def _largest_batch(allowed: Callable[[Array], NDArray[np.bool_]], bound: Array) -> Array:
    """Return the largest batches in [1, bound] that are `allowed`, (N,); a step takes longer with b, by less than b itself."""
    low, high = np.zeros_like(bound), np.log(bound)
    for _ in range(55):
        middle = 0.5 * (low + high)
        good = allowed(np.exp(middle))
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return np.exp(low)


def batch_room(active: Array, kv_context_bytes: Array, accelerators: Array, hbm_bytes: float, p: LinkParams) -> Array:
    """Return the largest batch whose contexts fit beside the weights, Eq. K.1d; at least 1.

    >>> batch_room(np.array([7e10]), np.array([3e8]), np.array([16.0]), 8e10, LinkParams()).tolist()
    [2400.0]
    """
    weights = active * p.sparsity * p.weight_bytes
    return np.asarray(np.maximum((accelerators * hbm_bytes - weights) / kv_context_bytes, 1.0))


def all_reduce_seconds(layers: int, accelerators: float, per_layer: int = 4) -> float:
    """Return the latency of a decode step's all-reduces, Eq. K.10: ``layers x per layer x (6 + 2 (sqrt(n) - 1))`` us.

    What stands behind ``link.latency_s_per_step``: `accelerators` hold one copy of the net; 2 a layer with parallel attention.

    Source: erdil2025inference. Twin: tests/reference/link.py.

    >>> round(1e3 * all_reduce_seconds(80, 16.0), 2)
    3.84
    """
    return layers * per_layer * (6e-6 + 2e-6 * (float(np.sqrt(accelerators)) - 1.0))


def replicas(load: Array, p: LinkParams) -> Array:
    """Return the copies of a net kept ready, Eq. K.1c: square-root staffing, ``r0 sqrt(1 + load)``.

    Parameters
    ----------
    load : (N,) float
        Copies that the net's generated tokens would fill, each run at the largest batch that memory and patience allow.

    >>> replicas(np.array([0.0, 3.0]), LinkParams(replicas_min=10.0)).tolist()
    [10.0, 20.0]
    """
    return np.asarray(p.replicas_min * np.sqrt(1.0 + load))


def kv_bytes(active_parameters: Array, p: LinkParams) -> Array:
    """Return bytes of context that one token holds, Eq. K.1b: they grow with the cube root of the net.

    >>> float(kv_bytes(np.array(7.0e10), LinkParams()))
    160000.0
    """
    return np.asarray(p.kv_bytes_per_token * (active_parameters / p.kv_reference_parameters) ** (1.0 / 3.0))


def step_seconds(
    batch: Array, active: Array, kv_context_bytes: Array, accelerators: Array, bytes_per_s: float, p: LinkParams
) -> Array:
    """Return the seconds of one decode step, Eq. K.2: the longer of reading weights and arithmetic, plus contexts and latency.

    A batch touches ``1 - (1 - 1/s)**b`` of a mixture's experts.
    """
    touched = active * p.sparsity * (1.0 - (1.0 - 1.0 / p.sparsity) ** batch) if p.sparsity > 1.0 else active
    reading = touched * p.weight_bytes / (accelerators * bytes_per_s)
    arithmetic = 2.0 * active * batch / (accelerators * H100_FLOP_PER_S * p.decode_utilisation)
    return np.asarray(
        np.maximum(reading, arithmetic) + kv_context_bytes * batch / (accelerators * bytes_per_s) + p.latency_s_per_step
    )


def training_flop(hours: Array, cluster_h100e: Array, p: LinkParams) -> Array:
    """Return operations performed in training hours, Eq. K.5: utilisation falls with the cluster, ``MFU (n/n0)**-eps``.

    Parameters
    ----------
    hours : (...,) float, H100e-hours
    cluster_h100e : (...,) float

    >>> f"{float(training_flop(np.array(1.0), np.array(4000.0), LinkParams())):.3e}"
    '1.424e+18'
    """
    utilisation = (
        p.training_utilisation * np.maximum(cluster_h100e / p.reference_cluster_h100e, 1e-3) ** -p.scale_out_penalty
    )
    return np.asarray(hours * (SECONDS_PER_HOUR * H100_FLOP_PER_S) * np.minimum(utilisation, 0.6))


def rollout_flop(hours: Array, p: LinkParams) -> Array:
    """Return operations performed in forward-only research hours (roll-outs, synthetic data, research automation), Eq. K.6."""
    return np.asarray(hours * (SECONDS_PER_HOUR * H100_FLOP_PER_S * p.rollout_utilisation))


def erlang_c(servers: int, load: float) -> float:
    """Return the probability of waiting in an M/M/c queue, Eq. K.7.

    Parameters
    ----------
    servers : int
    load : float
        Offered load in servers, below `servers`.

    Source: by definition of an M/M/c queue. Twin: tests/reference/link.py.

    >>> round(erlang_c(2, 1.5), 6), round(erlang_c(10, 8.0), 6)
    (0.642857, 0.40918)
    """
    if load <= 0.0:
        return 0.0
    if load >= servers:
        return 1.0
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = load * blocking / (k + load * blocking)
    return blocking / (1.0 - load / servers * (1.0 - blocking))


def waiting(servers: int, arrivals: float, service_rate: float) -> float:
    """Return the mean wait in queue, Eq. K.8: ``C / (c mu - lambda)``; infinite at or above capacity.

    >>> round(waiting(2, 1.5, 1.0), 6), round(waiting(10, 8.0, 1.0), 6)
    (1.285714, 0.20459)
    """
    free = servers * service_rate - arrivals
    return erlang_c(servers, arrivals / service_rate) / free if free > 0.0 else float("inf")
