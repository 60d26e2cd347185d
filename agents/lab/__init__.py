"""Labs: how much to invest in research, in what; which nets to train; at which price to serve them.

The investment rule of the baseline, ``profit``, has no share in it: a lab spends until the marginal expected discounted gross
profit equals cost. The elasticity of its profit to capability (eta), its margin (m) and the growth of its profit (G) are
computed every month from what the lab can see; their product is the rho = R&D / revenue it wants.
"""

from __future__ import annotations

from agents.lab.contracts import contract_price as contract_price
from agents.lab.contracts import outstanding as outstanding
from agents.lab.contracts import sign as sign
from agents.lab.decisions import LIST_STRUCTURE as LIST_STRUCTURE
from agents.lab.decisions import UNSEEN_MIX as UNSEEN_MIX
from agents.lab.decisions import Array as Array
from agents.lab.decisions import Research as Research
from agents.lab.decisions import Technology as Technology
from agents.lab.decisions import automation as automation
from agents.lab.decisions import budget as budget
from agents.lab.decisions import equity_offer as equity_offer
from agents.lab.decisions import forecast_tokens as forecast_tokens
from agents.lab.decisions import learn_growth as learn_growth
from agents.lab.decisions import learn_token_growth as learn_token_growth
from agents.lab.decisions import list_prices as list_prices
from agents.lab.decisions import match as match
from agents.lab.decisions import prescribed_uses as prescribed_uses
from agents.lab.decisions import price_caps as price_caps
from agents.lab.decisions import rents_at_stake as rents_at_stake
from agents.lab.decisions import rents_lost as rents_lost
from agents.lab.decisions import research as research
from agents.lab.decisions import revenue_belief as revenue_belief
from agents.lab.decisions import run_length as run_length
from agents.lab.decisions import split as split
from agents.lab.forecasts import FORECASTERS as FORECASTERS
from agents.lab.params import FIRMS as FIRMS
from agents.lab.params import FORMER as FORMER
from agents.lab.params import LabFirm as LabFirm
from agents.lab.params import LabParams as LabParams
from agents.lab.releases import Foreseen as Foreseen
from agents.lab.releases import Foresight as Foresight
from agents.lab.releases import Portfolio as Portfolio
from agents.lab.releases import Release as Release
from agents.lab.rules import AI2027 as AI2027
from agents.lab.rules import RULES as RULES
from agents.lab.rules import USES as USES
from agents.lab.rules import Seen as Seen
from agents.lab.tables import Lab as Lab
from agents.lab.tables import Labs as Labs
from agents.lab.tables import Nets as Nets
from agents.lab.tables import Run as Run
from agents.lab.tables import run_of as run_of
from agents.lab.tables import set_run as set_run
