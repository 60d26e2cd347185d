"""The context layer (layer 4): prompts, prefix-cache hits and the memory hierarchy behind them.

A call carries a prompt. Part of the prompt repeats what was sent before; whether it is found again depends on how many
seconds of the fleet's contexts fit into the tiers of memory (HBM left beside the weights, host memory, SSD), as in a
processor's cache hierarchy. What is not found is fresh input and must be computed again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import CACHED, FRESH, GENERATED, SERVING_CLASSES, TOKEN_KINDS

Array = NDArray[np.float64]

#: Share of input that repeats earlier input, by serving class (assistant, delegated, standing, embedded, robot cloud).
REUSE = ("reuse_chat", "reuse_agent", "reuse_agent", "reuse_embedded", "reuse_robot")
#: Prompt parameter of each serving class.
PROMPT = (
    "prompt_chat_tokens",
    "prompt_agent_tokens",
    "prompt_agent_tokens",
    "prompt_embedded_tokens",
    "prompt_robot_tokens",
)


@dataclass(frozen=True, kw_only=True)
class ContextParams(Params):
    """Prompts and the memory behind them."""

    section: ClassVar[str] = "context"

    # fmt: off
    prompt_chat_tokens: float =        param( 400.0, "token" ,   50,  3000, scale="log", doc="prompt of a chat turn at opening prices",                                                                                                    source="sardana2024: 70 tokens in and 215 out a turn in LMSYS chats; own assumption: a short history on top")
    prompt_agent_tokens: float =       param(8000.0, "token" , 1000, 60000, scale="log", doc="prompt of an agent's call at opening prices",                                                                                                source="own assumption: above the mean of all requests at the end of 2025, 6e3 after observations tokens_per_request_growth_prompt")
    prompt_embedded_tokens: float =    param(1000.0, "token" ,  100, 10000, scale="log", doc="prompt of an embedded feature's call at opening prices",                                                                                     source="own assumption: one page of text")
    prompt_robot_tokens: float =       param( 800.0, "token" ,  100,  4000, scale="log", doc="prompt of a robot's cloud call",                                                                                                             source="own assumption: 600 to 800 tokens a step, a picture and an instruction")
    prompt_price_elasticity: float =   param(   0.4, "-"     ,  0.0,   1.0,              doc="prompts lengthen as the price of fresh input falls: elasticity",                                                                             source="observations tokens_per_request_growth_prompt: fourfold; own assumption: because input prices fell by 10 to 30 times")
    window_tokens: float =             param( 1.0e6, "token" ,  8e3,   1e7, scale="log", doc="largest prompt a net accepts",                                                                                                               source="own assumption: list pages of 2024-25")
    reuse_chat: float =                param(   0.6, "-"     ,    0,     1,              doc="share of a chat prompt that repeats earlier input",                                                                                          source="pope2023: a chat with a long cached history; own assumption: shorter histories in the mean")
    reuse_agent: float =               param(  0.93, "-"     ,    0,     1,              doc="share of an agent's input that repeats earlier input",                                                                                       source="own assumption: long prefixes are sent again at each turn, so most of the input repeats")
    reuse_embedded: float =            param(   0.4, "-"     ,    0,     1,              doc="share of a feature's input that repeats (instructions)",                                                                                     source="own assumption: instructions repeat, the page does not")
    reuse_robot: float =               param(   0.5, "-"     ,    0,     1,              doc="share of a robot's input that repeats (instructions, map)",                                                                                  source="own assumption: instructions and map repeat, the picture does not")
    memory_exponent: float =           param(   0.6, "-"     ,  0.1,   2.0,              doc="zeta: how fast hits rise with memory, h = 1 - (1 + M/M0)**-zeta",                                                                            source="liang2025 for the hierarchy; own assumption: hits saturate with size as a processor cache's do")
    memory_reference_s: float =        param( 600.0, "s"     ,   10, 36000, scale="log", doc="M0: seconds of context the fleet must hold for the knee of the hit curve",                                                                   source="own assumption: minutes between two turns of a conversation")
    host_ratio: float =                param(   8.0, "-"     ,    1,    32, scale="log", doc="host memory over HBM",                                                                                                                       source="own assumption: 2 TB host beside 8 x 80 GB")
    ssd_ratio: float =                 param(  60.0, "-"     ,    1,   500, scale="log", doc="SSD over HBM",                                                                                                                               source="own assumption: 30-40 TB a server of eight")
    host_weight: float =               param(   0.7, "-"     ,    0,     1,              doc="value of a host byte against an HBM byte (slower to bring back)",                                                                            source="own assumption: reloading over the bus is slower than HBM, far faster than recomputing")
    ssd_weight: float =                param(  0.25, "-"     ,    0,     1,              doc="value of an SSD byte against an HBM byte",                                                                                                   source="own assumption: much slower than host memory, still worth keeping for long prefixes")
    kv_share_of_hbm: float =           param(   0.4, "-"     , 0.05,   0.9,              doc="share of HBM left for contexts beside the weights",                                                                                          source="own assumption: weights and activations take the rest")
    caching_maturity_per_year: float = param(   1.0, "1/year",    0,     3,              doc="hazard at which serving software that still recomputes prefixes is replaced by software that caches, once storing is cheaper than recomputing", source="own assumption: prefix caching became general over about two years")
    # fmt: on


@dataclass
class Memory(Guarded):
    """What of the contexts was found in memory last month."""

    hits: Array = field(default_factory=lambda: np.zeros(len(SERVING_CLASSES)))  # (S,) share of input found in memory
    caching_share: float = 0.0  # serving on software that caches prefixes


def prompts(price_ratio: float, p: ContextParams) -> Array:
    """Return prompt tokens per call by serving class, Eq. C.1.

    Parameters
    ----------
    price_ratio : float > 0
        Price of fresh input now over its opening level.
    p : ContextParams

    Returns
    -------
    (5,) float, tokens

    >>> prompts(1.0, ContextParams())[:2].tolist()
    [400.0, 8000.0]
    """
    growth = float(max(price_ratio, 1e-9)) ** -p.prompt_price_elasticity
    base = np.array([getattr(p, name) for name in PROMPT], dtype=np.float64)
    return np.asarray(np.minimum(base * growth, p.window_tokens))


def hit_share(
    input_tokens_per_s: Array, kv_bytes_per_token: float, hbm_bytes: float, adopted: float, p: ContextParams
) -> Array:
    """Return the share of input found in memory by serving class, Eq. C.2.

    The fleet's tiers hold ``M`` seconds of the input that streams through it; a repeated prefix is found with probability
    ``1 - (1 + M/M0)**-zeta``. Storage wins over recomputation only on machines whose software caches (``adopted``).

    Parameters
    ----------
    input_tokens_per_s : (5,) float
        Input of each class; the tiers are shared by their sum.
    kv_bytes_per_token : float
        Mean bytes that one token of context holds.
    hbm_bytes : float
        HBM of the accelerators that serve, bytes.
    adopted : float in [0, 1]
        Share of serving that runs on caching software.
    p : ContextParams

    Returns
    -------
    (5,) float in [0, 1]

    Source: liang2025 (contextual memory as a processor's hierarchy); pope2023. Twin: tests/reference/context.py.

    >>> hit_share(np.zeros(5), 3e5, 0.0, 1.0, ContextParams()).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    tiers = p.kv_share_of_hbm + p.host_weight * p.host_ratio + p.ssd_weight * p.ssd_ratio
    stream = float(input_tokens_per_s.sum()) * kv_bytes_per_token
    reuse = np.array([getattr(p, name) for name in REUSE], dtype=np.float64)
    if hbm_bytes <= 0.0:
        return np.zeros_like(reuse)
    seconds = hbm_bytes * tiers / max(stream, 1e-300)
    found = 1.0 - float((1.0 + min(seconds / p.memory_reference_s, 1e12)) ** -p.memory_exponent)
    return np.asarray(reuse * (found * adopted))


def mature(adopted: float, recompute_usd: float, store_usd: float, p: ContextParams) -> float:
    """Return next month's share of serving that caches, Eq. C.3: a hazard that runs while storing is the cheaper way.

    Parameters
    ----------
    adopted : float in [0, 1]
    recompute_usd, store_usd : float
        Cost of computing a repeated token again and of keeping and reading it.
    p : ContextParams

    >>> mature(0.0, 1.0, 2.0, ContextParams())
    0.0
    """
    if store_usd >= recompute_usd:
        return adopted
    return adopted + (1.0 - adopted) * -float(np.expm1(-p.caching_maturity_per_year / 12.0))


def to_nets(tokens: Array, net_share: Array) -> Array:
    """Return tokens by class and net, Eq. C.5: those of a tier go to its nets as the class calls them.

    Parameters
    ----------
    tokens : (S, T, Q) float
    net_share : (S, T, L) float

    Returns
    -------
    (S, N, Q) float
        Nets of the first tier first.

    >>> to_nets(np.ones((1, 2, 1)), np.array([[[0.25, 0.75], [1.0, 0.0]]])).tolist()
    [[[0.25], [0.75], [1.0], [0.0]]]
    """
    tiers = range(tokens.shape[1])
    return np.concatenate([tokens[:, t, None, :] * net_share[:, t, :, None] for t in tiers], axis=1)


def expand(base_tokens: Array, thinking_tokens: Array, generated_share: Array, hits: Array) -> Array:
    """Return fresh, cached and generated tokens, Eq. C.4.

    Parameters
    ----------
    base_tokens : (5, 2) float
        Tokens of each serving class and tier without thinking.
    thinking_tokens : (5, 2) float
        Additional generated tokens.
    generated_share : (5,) float
        Share of base tokens that is generated.
    hits : (5,) float
        Share of input found in memory.

    Returns
    -------
    (5, 2, 3) float
        Last axis: fresh input, cached input, generated; sums to base + thinking.

    Twin: tests/reference/context.py.

    >>> expand(np.ones((5, 2)), np.zeros((5, 2)), np.full(5, 0.25), np.full(5, 0.5))[0, 0].tolist()
    [0.375, 0.375, 0.25]
    """
    out = np.empty((*base_tokens.shape, len(TOKEN_KINDS)))
    generated = base_tokens * generated_share[:, None]
    entered = base_tokens - generated
    out[..., CACHED] = entered * hits[:, None]
    out[..., FRESH] = entered - out[..., CACHED]
    out[..., GENERATED] = generated + thinking_tokens
    return out
