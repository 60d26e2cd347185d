"""Parameters of nets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from model.core.params import Params, param
from model.layers.neural.sizing import LAWS


@dataclass(frozen=True, kw_only=True)
class NeuralParams(Params):
    """Technology of nets."""

    section: ClassVar[str] = "neural"

    # fmt: off
    law: str =                            param("besiroglu", "-", choices=LAWS, dynamic=False,                 doc="constant set of the loss law",                                                                    source="besiroglu2024; hoffmann2022; sardana2024")
    horizon_reference_minutes: float =    param(  0.55, "min"       ,  0.05,    5, scale="log", dynamic=False, doc="horizon of a net of the reference effective compute without roll-outs",                           source="observations metr_horizon_p50 2022-03: .6 min")
    effective_reference_flop: float =     param(2.5e24, "FLOP"      ,  1e23, 1e26, scale="log", dynamic=False, doc="effective compute at which it holds",                                                             source="observations train_compute_frontier 2022-04: 2.5e24")
    capability_exponent: float =          param(   0.27, "-"         ,   0.2,  0.5, fit=True,                   doc="gamma: horizon elasticity of effective compute",                                                  source="fitted to observations to 2025-11, fitted.csv; prior: villalobos2023 for spans of exchange; own assumption: centre .35, log-sd .15, so that training and thinking trade nearly evenly")
    rollout_exponent: float =             param(  0.191, "-"         ,   0.0,  0.5, fit=True,                   doc="gamma_R: horizon elasticity of roll-out compute",                                                 source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: below the exponent of training, as roll-outs teach only what can be checked")
    rollout_reference_flop: float =       param(1.0e22, "FLOP"      ,  1e20, 1e25, scale="log",                doc="R_ref: roll-out compute at which it begins to matter",                                            source="own assumption: a hundredth of a 2022 run; metr2025 between GPT-3.5 and o1")
    verifier_minutes: float =             param(  10.0, "min"       ,     1,  480, scale="log",                doc="length of the tasks on which roll-outs can be checked: useful once nets reach them",              source="own assumption: tasks with checkable answers are short (competition problems, unit tests), and many samples pay only there (brown2024)")
    reasoning_share: float =              param(   0.1, "-"         , 0.001,  0.5, scale="log",                doc="roll-out over pre-training compute from which a net can think",                                   source="own assumption: first reasoning nets in autumn 2024")
    algorithmic_gain: float =             param(    1.04, "1/year"    ,   0.0,    5, fit=True,                           doc="theta: growth of ln efficiency a year at the reference experiments and the opening's stock",      source="fitted to observations to 2025-11, fitted.csv; prior: epoch2024: about 3x a year; observations algorithmic_progress_rate")
    algorithmic_input_exponent: float =   param(    0.68, "-"         ,  0.15,  0.8, fit=True,                             doc="lambda: returns to experiments",                                                                  source="fitted to observations to 2025-11, fitted.csv; prior: own assumption: .15 to .8; davidson2025 for labour, parallel work on compute returns a little more")
    algorithmic_stock_exponent: float =   param(  0.14, "-"         ,   0.0,    1,                             doc="phi: ideas get harder to find",                                                                   source="own assumption: steady growth of runs, experiments and algorithms at the paces of epoch2024 asks for .27 lambda at omega .7")
    algorithmic_ceiling: float =          param( 1.0e4, "-"         ,   1e2,  1e7, scale="log",                doc="largest algorithmic efficiency over that of the opening",                                         source="gate2025 S_max 1e4")
    frontier_exponent: float =            param(   0.7, "-"         ,     0,    1,                              doc="omega: experiments count by their size over that of the frontier run, to this power",               source="whitfill2025: between 0 and 1, as the data of four labs do not choose; gundlach2025 for progress that is tied to scale")
    experiment_reference_flop: float =    param(1.0e24, "FLOP/month",  1e22, 1e27, scale="log",                doc="experiments of the opening's leading lab",                                                        source="own assumption: of the order of a 2022 run a month")
    idea_diffusion_per_year: float =      param(   0.6, "1/year"    ,     0,    3,                             doc="rate at which the gap in algorithms to the leader closes",                                        source="own assumption: ideas spread within a year or so")
    text_tokens: float =                  param(3.0e14, "token"     ,  1e14, 1e15, scale="log",                doc="unique text",                                                                                     source="epoch2024: 3e14")
    usable_text_share: float =            param(  0.10, "-"         ,  0.01,    1, scale="log",                doc="share of it that a lab can use",                                                                  source="own assumption: access, quality, languages")
    epochs_useful: float =                param(  15.0, "epoch"     ,     2,   40,                             doc="repetitions after which more add nothing",                                                        source="muennighoff2023")
    synthetic_flop_per_token: float =     param(2.0e12, "FLOP/token",  1e10, 1e15, scale="log",                doc="roll-out compute per useful synthetic token",                                                     source="own assumption: 2N for a net of 1e11, a tenth kept")
    distillation_orders_max: float =      param(   1.5, "-"         ,     0,  2.5,                             doc="orders of effective compute a small net can gain from a teacher",                                 source="own assumption: a teacher is worth at most thirty times the student's own compute")
    distillation_reference_share: float = param(  0.03, "-"         , 0.003,    1, scale="log",                doc="accumulated synthetic data, over the teacher's training compute, at which half of it is reached", source="own assumption: a student reads a tenth of its teacher's tokens, made at 2N operations each where training takes 6N")
    decode_gain_max: float =              param(  1.42, "-"         ,     1, 1.42,                             doc="decode throughput of an inference-efficient architecture over a plain one",                       source="bian2025")
    architecture_per_year: float =        param(   0.8, "1/year"    ,     0,    3,                             doc="rate at which a lab with the reference experiments on architecture approaches that bound",        source="own assumption: one or two model generations")
    parameters_min: float =               param( 5.0e8, "parameters",   1e7, 1e10, scale="log",                doc="smallest net sold",                                                                               source="own assumption: smaller nets are given away with devices")
    # fmt: on
