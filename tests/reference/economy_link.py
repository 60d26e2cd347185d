"""Link layer, section 7.2: accelerator-seconds of tokens and operations of hours."""

import math

from tests.reference.economy_tables import H100E, HOURS


def kv_bytes(p, n):
    """Eq. K.1b: bytes of context a token holds."""
    return p["link.kv_bytes_per_token"] * (n / p["link.kv_reference_parameters"]) ** (1.0 / 3.0)


def step_seconds(p, n, a, b, c, kv, bandwidth):
    """Eq. K.2: seconds of one decode step."""
    s = p["link.sparsity"]
    touched = n * s * (1.0 - (1.0 - 1.0 / s) ** b) * p["link.weight_bytes"] / (a * bandwidth)
    computed = 2.0 * n * b / (a * H100E * p["link.decode_utilisation"])
    return max(touched, computed) + kv * c * b / (a * bandwidth) + p["link.latency_s_per_step"]


def largest(fits, room):
    """Largest batch in [1, room] that fits, by bisection (K.1, K.1c); 1 where none does."""
    if not fits(1.0):
        return 1.0
    if fits(room):
        return room
    low, high = 1.0, room
    for _ in range(200):
        middle = 0.5 * (low + high)
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def replicas(p, x, can_do):
    """Eq. K.1c: copies of a net kept ready for x tokens a second, where one copy can do so many."""
    return p["link.replicas_min"] * math.sqrt(1.0 + x / can_do)


def batch(p, n, a, c, kv, x, memory, bandwidth):
    """Eq. K.1: decode batch of a replica."""
    held = n * p["link.sparsity"] * p["link.weight_bytes"]
    room = max((a * memory - held) / (kv * c), 1.0)

    def step(b):
        """Eq. K.2 of this replica."""
        return step_seconds(p, n, a, b, c, kv, bandwidth)

    patient = largest(lambda b: step(b) <= p["link.step_seconds_max"], room)
    r = replicas(p, x, patient / step(patient))
    return largest(lambda b: b <= x * step(b) / r and step(b) <= p["link.step_seconds_max"], room)


def context_operations(p, n, c):
    """Operations on the context, q of Eq. K.3."""
    return 4.0 * c * kv_bytes(p, n) / (2.0 * p["link.weight_bytes"])


def serving_seconds(p, n, gain, c, x, memory, bandwidth, overhead):
    """Eq. K.3: accelerator-seconds of a fresh, a cached and a generated token."""
    held = n * p["link.sparsity"] * p["link.weight_bytes"]
    a = max(math.ceil(2.0 * held / memory), 1)
    kv = kv_bytes(p, n)
    b = batch(p, n, a, c, kv, x, memory, bandwidth)
    t = step_seconds(p, n, a, b, c, kv, bandwidth)
    q = context_operations(p, n, c)
    fresh = (2.0 * n + q) / (H100E * p["link.prefill_utilisation"])
    return [fresh * overhead, kv / bandwidth * overhead, a * t / (b * gain) * overhead]


def serving_flop(p, n, c, fresh, cached, generated):
    """Eq. K.4: operations of tokens."""
    q = context_operations(p, n, c)
    return (fresh + generated) * (2.0 * n + q) + cached * q / max(c, 1.0)


def training_flop_an_hour(p, cluster):
    """Eq. K.5: operations of a training hour on a cluster."""
    scale = max(cluster / p["link.reference_cluster_h100e"], 1e-3) ** -p["link.scale_out_penalty"]
    return 3600.0 * H100E * min(p["link.training_utilisation"] * scale, 0.6)


def rollout_flop_an_hour(p):
    """Eq. K.6: operations of a forward-only research hour."""
    return 3600.0 * H100E * p["link.rollout_utilisation"]


def cluster_of(hours):
    """Cluster of a lab's final run (K.5): its hours over those of a month, at least one machine."""
    return max(hours / HOURS, 1.0)


def software_overhead(p, tokens):
    """Eq. K.9: accelerator-seconds over the roofline's."""
    f = p["link.software_floor"]
    learned = (1.0 + tokens / p["link.software_reference_tokens"]) ** -p["link.software_learning"]
    return f + (p["link.software_scale"] - f) * learned
