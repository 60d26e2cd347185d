"""The agent loop (layer 5): success against task length, thinking, tokens, retries, standing jobs.

A loop works on a task of human length ``l`` minutes with a net whose 50 % horizon is ``h`` minutes. Thinking ``tau``
times longer raises the horizon to ``h tau**delta`` and multiplies generated tokens only; the loop therefore picks the
``tau`` that maximises value x success - price x tokens. Everything is an array in, array out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model.core.formulas import success as success
from model.core.params import Params, param
from model.core.steps import Guarded
from model.core.units import SERVING_CLASSES

Array = NDArray[np.float64]

#: Classes whose tokens answer people; the others are loops, which read far more than they write.
ANSWERS = ("assistant", "embedded")


@dataclass(frozen=True, kw_only=True)
class AgentLoopParams(Params):
    """Technology of the agent loop."""

    section: ClassVar[str] = "agent_loop"

    # fmt: off
    success_slope: float =           param(  0.7, "-"      ,  0.4,   1.2, dynamic=False, doc="slope of success in ln(task length / horizon)",                                              source="metr2025 for logistic curves in log length; own assumption: .7, so that success is .62 at half the horizon and .89 at a twentieth")
    thinking_exponent: float =       param(0.444, "-"      ,  0.1,   0.8, fit=True,      doc="horizon elasticity of thinking (delta): h grows as tau**delta",                              source="fitted to observations to 2025-11, fitted.csv; prior: snell2024, villalobos2023 for spans; own assumption: centre .4, log-sd .2, so that training and thinking trade nearly evenly")
    thinking_max: float =            param( 40.0, "-"      ,  1.0, 100.0, scale="log",   doc="largest thinking multiplier of generated tokens",                                            source="villalobos2023: efficient span of about 1.6 orders")
    loop_tokens: float =             param(5.0e5, "token"  ,  5e4,   3e6, scale="log",   doc="tokens of a single-call loop on a task of the reference length, before the call network",    source="own assumption: with the four calls of anthropic2025 2e6 tokens for an hour's task")
    loop_reference_minutes: float =  param( 60.0, "min"    ,   10,   600, dynamic=False, doc="task length at which loop_tokens holds",                                                     source="by definition the length at which loop_tokens is stated")
    token_length_elasticity: float = param(  0.8, "-"      ,  0.5,   1.3, dynamic=False, doc="elasticity of tokens to task length",                                                        source="own assumption: below 1, as context is shared")
    generated_share_agent: float =   param( 0.04, "-"      , 0.01,   0.2, scale="log",   doc="share of an agent loop's tokens that is generated without thinking",                         source="own assumption: agents mostly read, one token in 25 is written")
    generated_share_chat: float =    param(  0.2, "-"      , 0.05,   0.7,                doc="share of a chat turn's tokens that is generated without thinking",                           source="own assumption: one token in five is written, the history is read anew at each turn")
    verifiable_share: float =        param( 0.35, "-"      ,  0.1,   0.8,                doc="share of failures that a loop notices and tries again",                                      source="own assumption: a third of failures shows when work is run or compared; no measurement found")
    attempts_max: int =              param(    3, "-"      ,    1,     6,                doc="attempts before a loop gives up",                                                            source="own assumption: what failed twice seldom succeeds the third time")
    job_minutes: float =             param( 60.0, "min"    ,    5,   480,                doc="length of one task inside a standing job",                                                   source="own assumption: a watch-and-act cycle of about an hour of human work")
    job_tasks_per_month: float =     param( 60.0, "1/month",    5,   700, scale="log",   doc="tasks a standing job runs through each month",                                               source="own assumption: two cycles a day")
    job_elasticity: float =          param(  0.9, "-"      ,  0.5,   1.7, dynamic=False, doc="exponent theta of the marginal value of standing jobs; price elasticity of jobs is 1/theta", source="nber2025intelligence: elasticity 1.11 = 1/.9")
    job_scale: float =               param(  0.5, "jobs"   , 0.05,   5.0, scale="log",   doc="k0: number of standing jobs at which marginal value has begun to fall",                      source="own assumption: half a job a delegating person")
    # fmt: on

    def __post_init__(self) -> None:
        """Assert that the thinking optimum is unique."""
        super().__post_init__()
        if self.success_slope * self.thinking_exponent > 1.0:
            from model.core.errors import InputError

            raise InputError(
                "agent_loop.success_slope x agent_loop.thinking_exponent = "
                f"{self.success_slope * self.thinking_exponent:g}: above 1, the best thinking budget would not be unique"
            )


@dataclass
class Loop(Guarded):
    """Thinking and choosing as of last month, and since when there are nets to think and act."""

    log_tau_chat: Array = field(default_factory=lambda: np.zeros(0))  # (G,) assistants' thinking
    reasoning_share: float = 0.0  # assistant users on reasoning nets
    examined: float = 0.0  # candidates examined per agent task beyond the first
    chat_ready_month: int | None = None  # first month with a net good enough for assistants
    agents_ready_month: int | None = None


def think(
    log_tau: Array,
    log_value: Array,
    log_unit_cost: Array,
    log_minutes: Array,
    log_horizon: float,
    p: AgentLoopParams,
    steps: int = 2,
) -> tuple[Array, Array]:
    """Return the best thinking multiplier and the success it buys, Eq. A.2.

    Maximises ``V S(z) - c exp(z)`` over ``z = ln tau`` in ``[0, ln thinking_max]`` by Newton steps on
    ``G(z) = ln(V k S (1-S)) - ln c - z``, ``k = slope x delta``. Since ``k <= 1``, ``G`` falls everywhere and the optimum
    is unique; two steps from last month's choice leave an error far below the spread of values.

    Parameters
    ----------
    log_tau : (n,) float >= 0
        Last month's ln tau: the start.
    log_value : (n,) float
        ln of the task's value in USD.
    log_unit_cost : (n,) float
        ln of the cost in USD of the generated tokens of one task at tau = 1.
    log_minutes : (n,) float
        ln of the task's length in minutes.
    log_horizon : float
        ln of the horizon in minutes at tau = 1.
    p : AgentLoopParams
    steps : int
        Newton steps.

    Returns
    -------
    log_tau, success : (n,) float

    Source: snell2024 for the exchange; own assumption: thinking multiplies generated tokens only. Twin: tests/reference/agent.py.

    >>> p = AgentLoopParams(thinking_exponent=0.4)
    >>> z, s = think(np.zeros(1), np.log([10.0]), np.log([1e-3]), np.log([60.0]), float(np.log(60.0)), p)
    >>> bool(z[0] == np.log(40.0)), round(float(s[0]), 3)
    (True, 0.737)
    """
    k = p.success_slope * p.thinking_exponent
    top = float(np.log(p.thinking_max))
    base = p.success_slope * (log_minutes - log_horizon)
    gain = log_value - log_unit_cost
    gain += float(np.log(k))
    z = log_tau.astype(np.float64, copy=True)
    slack, odds, twice = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    for _ in range(steps):
        np.multiply(z, k, out=slack)
        np.subtract(base, slack, out=slack)  # ln of the odds of failure
        np.exp(slack, out=odds)
        odds += 1.0
        np.log(odds, out=twice)
        twice *= 2.0
        slack += gain
        slack -= twice
        slack -= z
        # G'(z) = k (1 - 2S) - 1 with S = 1/odds
        np.divide(2.0 * k, odds, out=odds)
        np.subtract(k - 1.0, odds, out=odds)
        slack /= odds
        z -= slack
        np.clip(z, 0.0, top, out=z)
    base -= np.multiply(z, k, out=odds)
    np.exp(base, out=base)
    base += 1.0
    return z, np.divide(1.0, base, out=base)


def generated_shares(p: AgentLoopParams) -> Array:
    """Return the share of tokens that is generated without thinking by serving class, (5,).

    Assistants and features answer people; delegated, standing and robots' loops read far more than they write.

    >>> generated_shares(AgentLoopParams()).tolist()
    [0.2, 0.04, 0.04, 0.2, 0.04]
    """
    chat, loop = p.generated_share_chat, p.generated_share_agent
    return np.array([chat if name in ANSWERS else loop for name in SERVING_CLASSES])


def attempts(success_prob: Array, p: AgentLoopParams) -> Array:
    """Return expected attempts per task, Eq. A.3: failures that can be noticed are tried again, up to ``attempts_max``.

    With a share ``q`` of failures noticed, ``1 + x + x**2 + ...``, ``x = q (1 - S)``: 1/S where all are noticed. A task
    then succeeds with probability ``S x attempts`` (Eq. A.3b, `succeeded`).

    Parameters
    ----------
    success_prob : (n,) float in [0, 1]
    p : AgentLoopParams

    Returns
    -------
    (n,) float in [1, attempts_max]

    Twin: tests/reference/agent.py.

    >>> attempts(np.array([1.0, 0.0, 0.5]), AgentLoopParams(verifiable_share=0.5)).tolist()
    [1.0, 1.75, 1.3125]
    """
    again = 1.0 - success_prob
    again *= p.verifiable_share
    power, total = np.ones_like(again), np.ones_like(again)
    for _ in range(p.attempts_max - 1):
        power *= again
        total += power
    return total


def succeeded(success_prob: Array, tried: Array) -> Array:
    """Return the probability that a task succeeds within its attempts, Eq. A.3b: ``S x attempts``, at most 1.

    >>> succeeded(np.array([0.5]), np.array([1.3125])).tolist()
    [0.65625]
    """
    return np.minimum(success_prob * tried, 1.0)


def coverage(samples: Array, success_prob: Array | float, exponent: float = -0.2054) -> Array:
    """Return the share of tasks that at least one of `samples` answers solves, Eq. A.6: ``c(k) = exp(ln(S) k**b)``.

    What repeated sampling could reach if every answer could be checked; what a loop gets out of it is bounded by the share
    it can check and by its patience (Eq. A.3).

    Parameters
    ----------
    samples : (n,) float >= 1
    success_prob : float or (n,) float in (0, 1]
        Of one answer.
    exponent : float < 0
        b; the fit to three points of SWE-bench Lite (k = 1, 5, 250).

    Source: brown2024. Twin: tests/reference/agent.py.

    >>> coverage(np.array([1.0, 250.0]), 0.169).round(3).tolist()
    [0.169, 0.564]
    """
    return np.asarray(np.asarray(success_prob, dtype=np.float64) ** (np.asarray(samples, dtype=np.float64) ** exponent))


def loop_tokens(log_minutes: Array, p: AgentLoopParams) -> Array:
    """Return tokens of one attempt at a task without thinking, before the call network, Eq. A.4.

    ``n = n0 (l / l0)**gamma``.

    >>> float(loop_tokens(np.log(np.array([60.0])), AgentLoopParams())[0])
    500000.0
    """
    exponent = p.token_length_elasticity
    return np.asarray(p.loop_tokens * np.exp(exponent * (log_minutes - float(np.log(p.loop_reference_minutes)))))


def failed_h(success: float, p: AgentLoopParams) -> float:
    """Return hours of a background job's tasks that fail in a month, Eq. A.7.

    >>> failed_h(0.5, AgentLoopParams(job_minutes=60.0, job_tasks_per_month=20.0))
    10.0
    """
    return p.job_tasks_per_month * p.job_minutes / 60.0 * (1.0 - success)


def jobs_wanted(value_to_inverse_theta: Array, ratio: float, p: AgentLoopParams) -> Array:
    """Return the number of standing jobs a principal wants per person, Eq. A.5.

    Marginal value ``v0 S (1 + k/k0)**-theta`` equals the monthly cost of a job, so
    ``k = k0 ((v0 S / cost)**(1/theta) - 1)``, never below zero.

    Parameters
    ----------
    value_to_inverse_theta : (n,) float
        ``v0**(1/theta)``, v0 in USD per month.
    ratio : float
        Success of the job's tasks over its monthly cost in USD.
    p : AgentLoopParams

    Returns
    -------
    (n,) float

    Source: own assumption: the value of one job more falls as a power of their number. Twin: tests/reference/agent.py.

    >>> jobs_wanted(np.array([1.0, 4.0]), 1.0, AgentLoopParams(job_elasticity=1.0, job_scale=1.0)).tolist()
    [0.0, 3.0]
    """
    wanted = p.job_scale * (value_to_inverse_theta * ratio ** (1.0 / p.job_elasticity) - 1.0)
    return np.asarray(np.maximum(wanted, 0.0))
