"""Tables of the paper as plain literals, so that they can be held against it; nothing else repeats them."""

# conventions
FIRST_MONTH = "2022-01"
H100E = 9.89e14
HOURS = 730.0

# section 2: wage segments, tiers
SEGMENTS = 8
TIERS = ["frontier", "small"]

# section 2: class of work, purpose, consumer, kernel, price factor, elasticity
WORK = [
    ("assistant", "serving", "human", "forward_only", "interactive", "serving"),
    ("delegated", "serving", "ai_agent", "forward_only", "interactive", "serving"),
    ("standing", "serving", "ai_agent", "forward_only", "deferrable", "serving"),
    ("embedded", "serving", "application", "forward_only", "interactive", "serving"),
    ("robot_cloud", "serving", "robot", "forward_only", "interactive", "serving"),
    ("ranking", "ranking", "application", "forward_only", "interactive", "legacy"),
    ("other", "other", "other", "with_backprop", "steady", "legacy"),
    ("final_run", "final_run", "lab", "with_backprop", "steady", "research"),
    ("experiment", "experiment", "lab", "with_backprop", "deferrable", "research"),
    ("rl_rollout", "rl_rollout", "lab", "forward_only", "deferrable", "research"),
    ("synthetic_data", "synthetic_data", "lab", "forward_only", "deferrable", "research"),
    ("research_automation", "research_automation", "lab", "forward_only", "deferrable", "research"),
    ("robot_on_board", "on_board", "robot", "forward_only", None, None),
    ("device", "on_board", "human", "forward_only", None, None),
]

# section 4: primes of traits
PRIMES = {
    "human.wage": 2,
    "human.task_minutes": 3,
    "human.task_hours": 5,
    "human.job_value": 7,
    "feature.value": 11,
    "feature.scale": 13,
    "feature.difficulty": 17,
    "application.quality": 19,
    "orchestrator.quality": 23,
    "orchestrator.price": 29,
    "service.margin": 31,
    "service.quality": 37,
}

# section 7.1: generation, launched, FLOP/s, W, bytes, bytes/s, USD
GENERATIONS = [
    ("V100", "2017-06", 1.25e14, 300.0, 32e9, 0.9e12, 11500.0),
    ("A100", "2020-05", 3.12e14, 400.0, 80e9, 2.0e12, 15000.0),
    ("H100", "2022-09", 9.894e14, 700.0, 80e9, 3.35e12, 33600.0),
    ("B200", "2024-11", 2.25e15, 1000.0, 192e9, 8.0e12, 40000.0),
]

# section 7.3: constants E, A, B, alpha, beta of the loss
LAWS = {
    "hoffmann": (1.69, 406.4, 410.7, 0.34, 0.28),
    "sardana": (1.69, 406.4, 410.7, 0.336, 0.283),
    "besiroglu": (1.81686, 482.006, 2085.43, 0.34781, 0.36585),
}

# section 7.11: rules and forecasters of labs that the twin has (not L.4e with L.7b, not X.23)
RULES = ["profit", "race", "erdil", "revenue_share"]
FORECASTERS = ["adaptive", "trend"]

# section 7.12: sectors of the books
SECTORS = [
    "humans",
    "ai_agents",
    "robot_owners",
    "applications",
    "orchestrators",
    "labs",
    "providers",
    "parents",
    "hardware_suppliers",
    "energy_suppliers",
    "investors",
    "rest_of_world",
]

# section 7.12: sectors that pass on: surplus to, gap from the rest of the world
PASS_ON = {
    "humans": ("other consumption", "dissaving"),
    "orchestrators": ("payout to owners", "capital from owners"),
    "robot_owners": ("payout to owners", "capital from owners"),
    "hardware_suppliers": ("payout to owners", "capital from owners"),
    "parents": ("payout to owners", "capital from owners"),
    "energy_suppliers": ("fuel, grid, owners", "capital from owners"),
    "investors": ("returned to savers", "savings placed with investors"),
}

# read off the table of work: serving classes (S) and uses of research (X)
CLASSES = [row[0] for row in WORK if row[1] == "serving"]
USES = [row[0] for row in WORK if row[5] == "research"]
TIMING = {row[0]: row[4] for row in WORK}
ELASTICITY = {row[0]: row[5] for row in WORK}
KERNEL = {row[0]: row[3] for row in WORK}
