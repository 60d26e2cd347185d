"""Parameters that former versions had: what a scenario file or a stored sweep that still names one is told."""

from __future__ import annotations

_PRICE = "an hour has one price for all uses (MODEL.md M.2); leave it out"
_BELIEF = "providers order on what they expect to be spent (section 'belief', MODEL.md B.1 to B.7)"
_CAP = "growth has no cap; the cost of expansion rises with its pace"

#: Name of a removed parameter: what replaces it.
REMOVED: dict[str, str] = {
    "compute.interactive_factor": _PRICE,
    "compute.reserved_factor": _PRICE,
    "compute.batch_factor": _PRICE,
    "compute.operating_usd_per_h": "running cost follows watts: 'provider.upkeep_usd_per_w_per_year', 'physical.electricity_usd_per_kwh'",
    "provider.opex_usd_per_h": "use 'provider.upkeep_usd_per_w_per_year'",
    "provider.extrapolation": _BELIEF,
    "provider.adaptive_per_month": _BELIEF,
    "provider.growth_max_per_month": _BELIEF,
    "provider.profit_elasticity": "machines are ordered until the expected price is the user cost (MODEL.md V.3)",
    "provider.sites_ahead": "sites are built with machines; use 'supplier.site_elasticity'",
    "physical.power_opening_gw": "sites are built with machines; use 'supplier.site_reference_gw_per_year'",
    "physical.power_growth_per_month": f"{_CAP}; use 'supplier.site_elasticity'",
    "physical.power_slack_share": "sites are built with machines; use 'supplier.site_elasticity'",
    "supplier.growth_max_per_month": f"{_CAP}; use 'supplier.response'",
    "supplier.shrink_max_per_month": "use 'supplier.shrink_share'",
    "robot.production_growth_per_month": f"{_CAP}; use 'robot.production_response_per_month'",
    "lab.experiment_elasticity": "labs decide experiments by what they earn (MODEL.md L.3b); use 'neural.algorithmic_input_exponent'",
    "lab.synthetic_elasticity": "labs decide synthetic data by what small nets gain (MODEL.md L.3d)",
    "lab.equity_multiple": "use 'lab.equity_share_per_year', equity a year over what the lab is worth",
    "lab.equity_world_max_usd_per_year": "equity follows the expected market; use 'lab.equity_share_per_year'",
}
