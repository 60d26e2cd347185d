"""The neural-network layer (layer 3): loss laws, sizing, algorithmic progress, capability as a task horizon.

All functions are vectorised over labs or nets.
"""

from __future__ import annotations

from model.layers.neural.capability import algorithmic_fading as algorithmic_fading
from model.layers.neural.capability import algorithmic_growth as algorithmic_growth
from model.layers.neural.capability import algorithmic_step as algorithmic_step
from model.layers.neural.capability import architecture_share as architecture_share
from model.layers.neural.capability import architecture_step as architecture_step
from model.layers.neural.capability import data_limit as data_limit
from model.layers.neural.capability import distillation as distillation
from model.layers.neural.capability import horizon as horizon
from model.layers.neural.capability import verified as verified
from model.layers.neural.params import NeuralParams as NeuralParams
from model.layers.neural.sizing import LAWS as LAWS
from model.layers.neural.sizing import LossLaw as LossLaw
from model.layers.neural.sizing import compute_optimal as compute_optimal
from model.layers.neural.sizing import equivalent_flop as equivalent_flop
from model.layers.neural.sizing import lifetime_cost as lifetime_cost
from model.layers.neural.sizing import loss as loss
from model.layers.neural.sizing import marginal_rate as marginal_rate
from model.layers.neural.sizing import net_for_budget as net_for_budget
from model.layers.neural.sizing import register as register
from model.layers.neural.sizing import run_elasticity as run_elasticity
from model.layers.neural.sizing import size_net as size_net
from model.layers.neural.sizing import tokens_at_loss as tokens_at_loss
