"""What the columns of the result tables mean: unit and meaning by table and column."""

from __future__ import annotations

_MONTH = {"seed": ("-", "seed of the run"), "month": ("-", "first day of the month")}

#: Units and meanings of the recorded quantities of the Kaya split.
KAYA_UNITS = {
    "heads": ("people, agents or robots", "those who consume"),
    "tasks": (
        "tasks, hours or job-months",
        "tasks; attention-hours (embedded), job-months (standing), active hours (robots)",
    ),
    "calls": ("calls", "calls of nets"),
    "tokens": ("token", "tokens served"),
    "flop": ("FLOP", "operations performed in serving"),
}

COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    "monthly": {**_MONTH},  # its series are explained by record.py
    "compute": {
        **_MONTH,
        "purpose": ("-", "what the work is for"),
        "consumer": ("-", "who asked for it"),
        "kernel": ("-", "forward_only or with_backprop, a property of the workload"),
        "flop": ("FLOP", "operations performed"),
        "accelerator_hours": ("h", "H100e-hours worked"),
        "energy_kwh": ("kWh", "electricity of that work, facility included"),
        "usd": ("USD", "paid for the hours"),
    },
    "capacity": {
        **_MONTH,
        "provider": ("-", "name of the provider"),
        "capacity_accelerator_hours": ("h", "H100e-hours offered"),
        "used_accelerator_hours": ("h", "H100e-hours sold and worked"),
        "idle_accelerator_hours": ("h", "offered and not used"),
        "price_usd_per_accelerator_hour": ("USD/h", "posted contract price"),
    },
    "demand": {
        **_MONTH,
        "purpose": ("-", "what the work is for"),
        "consumer": ("-", "who asked for it"),
        "demanded_accelerator_hours": ("h", "asked for, what waited from last month included"),
        "served_accelerator_hours": ("h", "worked"),
        "queued_accelerator_hours": ("h", "waits for next month"),
        "lost_accelerator_hours": ("h", "given up"),
        "fill_rate": ("-", "served over demanded"),
    },
    "flows": {
        **_MONTH,
        "payer": ("-", "sector that pays"),
        "payee": ("-", "sector that is paid"),
        "item": ("-", "what the payment is for"),
        "usd": ("USD", "amount, never negative"),
    },
    "balances": {
        **_MONTH,
        "sector": ("-", "sector of the books"),
        "money_usd": ("USD", "money at the month's end; sectors sum to zero"),
        "equity_usd": ("USD", "claims held less claims owed, at book; sectors sum to zero"),
    },
    "stack": {
        **_MONTH,
        "layer": ("-", "1 physical, 2 link, 3 neural, 4 context, 5 agent, 6 orchestrator, 7 application"),
        "value_added_usd": ("USD", "what the layer is paid less what it pays other layers"),
        "cost_usd": ("USD", "paid to other layers this month, machines not included"),
        "flop": ("FLOP", "operations that the layer orders"),
        "energy_kwh": ("kWh", "electricity of those operations; idle machines count as physical"),
    },
    "labs": {
        "seed": _MONTH["seed"],
        "lab": ("-", "name of the lab"),
        "tier": ("-", "frontier or small"),
        "released": ("-", "month of release"),
        "parameters": ("parameters", "active parameters"),
        "training_tokens": ("token", "tokens it was trained on"),
        "training_flop": ("FLOP", "pre-training operations"),
        "planned_lifetime_tokens": ("token", "lifetime tokens forecast when it was sized"),
        "realised_lifetime_tokens": ("token", "tokens it served"),
        "planned_cost_usd": ("USD", "lifetime cost planned: training and serving"),
        "realised_cost_usd": ("USD", "lifetime cost that came"),
        "hindsight_parameters": ("parameters", "size that would have cost least"),
        "hindsight_training_tokens": ("token", "training tokens that would have cost least"),
        "size_regret_flop": ("FLOP", "operations above those of the best size"),
        "size_regret_usd": ("USD", "cost above that of the best size"),
        "scale_regret_usd": ("USD", "profit missed by a run of the wrong scale"),
        "hindsight_run_scale": ("-", "run that would have earned most over the run chosen, .1 to 10"),
        "rule": ("-", "investment rule of the lab"),
        "forecaster": ("-", "how the lab forecasts lifetime tokens"),
        "censored": ("-", "still in service when the run ended"),
    },
    "attention": {
        **_MONTH,
        "market": ("-", "human or agent"),
        "claimant": ("-", "what the attention goes to"),
        "minutes": ("min", "minutes of people"),
        "context_tokens": ("token", "tokens that agents read"),
        "price_usd": ("USD", "per minute of people, per invocation by agents"),
        "spend_usd": ("USD", "paid for that attention"),
    },
    "agents": {
        "seed": _MONTH["seed"],
        "kind": ("-", "kind of agent"),
        "unique_id": ("-", "identifier within the kind, stable over runs"),
        "weight": ("-", "people, agents or robots the row stands for; 1 for firms"),
    },
}
