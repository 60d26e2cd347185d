"""The link layer again, as the text of the equations. Twin of model/layers/link.py."""

import math

H100_FLOP_PER_S = 9.89e14
SECONDS_PER_MONTH = 730.0 * 3600.0


def step_seconds(batch, active, kv_context_bytes, accelerators, bytes_per_s, p):
    """Eq. K.2: max(weights read, arithmetic) + contexts read + latency."""
    touched = active
    if p.sparsity > 1.0:
        touched = active * p.sparsity * (1.0 - (1.0 - 1.0 / p.sparsity) ** batch)
    reading = touched * p.weight_bytes / (accelerators * bytes_per_s)
    arithmetic = 2.0 * active * batch / (accelerators * H100_FLOP_PER_S * p.decode_utilisation)
    return max(reading, arithmetic) + kv_context_bytes * batch / (accelerators * bytes_per_s) + p.latency_s_per_step


def kv_bytes(active, p):
    """Eq. K.1b: the cube root of the net over the reference net."""
    return p.kv_bytes_per_token * math.cbrt(active / p.kv_reference_parameters)


def patience(step, room, longest):
    """The largest batch up to `room` whose step takes no longer than `longest`, at least 1; by halving."""
    if step(room) <= longest:
        return room
    low, high = 1.0, room
    for _ in range(200):
        middle = (low + high) / 2
        if step(middle) <= longest:
            low = middle
        else:
            high = middle
    return low


def batch_size(step, per_s, replicas, room, longest):
    """Eq. K.1: b = tokens per second and replica x step(b), by plain iteration from one; room and patience bound it.

    The iteration climbs, so it may stop as soon as it passes the bound.
    """
    largest, batch = patience(step, room, longest), 1.0
    for _ in range(200_000):
        following = max(per_s * step(batch) / replicas, 1.0)
        if following >= largest:
            return largest
        if following <= batch * (1.0 + 1e-15):
            break
        batch = following
    return batch


def replicas(per_s, step, room, p):
    """Eq. K.1c: the square root of one plus the copies that the load would fill, times the least number of copies."""
    largest = patience(step, room, p.step_seconds_max)
    return p.replicas_min * (1.0 + per_s / (largest / step(largest))) ** 0.5


def serving(tokens, active_parameters, context_tokens, decode_gain, bytes_per_s, hbm_bytes, p, overhead=1.0):
    """Eq. K.1 to K.4, net by net. Returns hours[s][n], flop[s][n], seconds[n], batch[n], step[n]."""
    classes = range(len(tokens))
    hours, flop = [[] for _ in classes], [[] for _ in classes]
    seconds, batches, steps = [], [], []
    for j in range(len(active_parameters)):
        n = max(active_parameters[j], 1.0)
        weight = [sum(tokens[s][j]) for s in classes]
        if sum(weight) > 0.0:
            context = sum(w * c for w, c in zip(weight, context_tokens, strict=True)) / sum(weight)
        else:
            context = sum(context_tokens) / len(context_tokens)
        kv = kv_bytes(n, p)
        weights = n * p.sparsity * p.weight_bytes
        machines = max(math.ceil(2.0 * weights / hbm_bytes), 1)
        room = max((machines * hbm_bytes - weights) / (kv * context), 1.0)

        def step(b, n=n, held=kv * context, machines=machines):
            return step_seconds(b, n, held, machines, bytes_per_s, p)

        per_s = sum(tokens[s][j][2] for s in classes) / SECONDS_PER_MONTH
        batch = batch_size(step, per_s, replicas(per_s, step, room, p), room, p.step_seconds_max)
        attention = 2.0 * context * kv / p.weight_bytes
        each = [
            (2.0 * n + attention) / (H100_FLOP_PER_S * p.prefill_utilisation),
            kv / bytes_per_s,
            machines * step(batch) / (batch * decode_gain[j]),
        ]
        each = [overhead * x for x in each]
        for s in classes:
            fresh, cached, generated = tokens[s][j]
            hours[s].append((fresh * each[0] + cached * each[1] + generated * each[2]) / 3600.0)
            flop[s].append(
                (fresh + generated) * (2.0 * n + attention) + cached * 2.0 * kv / p.weight_bytes * min(context, 1.0)
            )
        seconds.append(each)
        batches.append(batch)
        steps.append(step(batch))
    return hours, flop, seconds, batches, steps


def software_overhead(served, p):
    """Eq. K.9: of what exceeds the floor, each doubling of experience leaves the share 2**-b."""
    floor = min(p.software_floor, p.software_scale)
    doublings = math.log2(1.0 + served / p.software_reference_tokens)
    return floor + (p.software_scale - floor) * (2.0**-p.software_learning) ** doublings


def training_flop(hours, cluster, p):
    """Eq. K.5: utilisation falls with the cluster, between a thousandth of the reference and the bound of .6."""
    utilisation = p.training_utilisation / max(cluster / p.reference_cluster_h100e, 1e-3) ** p.scale_out_penalty
    return hours * 3600.0 * H100_FLOP_PER_S * min(utilisation, 0.6)


def rollout_flop(hours, p):
    """Eq. K.6."""
    return hours * 3600.0 * H100_FLOP_PER_S * p.rollout_utilisation


def erlang_c(servers, load):
    """Eq. K.7 as sums: all servers busy over everything that can happen."""
    if load <= 0.0:
        return 0.0
    if load >= servers:
        return 1.0
    below, term = 0.0, 1.0  # term = load**k / k!
    for k in range(servers):
        below += term
        term *= load / (k + 1)
    busy = term * servers / (servers - load)
    return busy / (below + busy)


def waiting(servers, arrivals, service_rate):
    """Eq. K.8: the chance to wait over the rate at which the queue empties."""
    if arrivals >= servers * service_rate:
        return math.inf
    return erlang_c(servers, arrivals / service_rate) / (servers * service_rate - arrivals)


def batch_room(active, kv_context_bytes, accelerators, hbm_bytes, p):
    """Eq. K.1d: memory left beside the weights of all experts, over the context of one sequence."""
    left = accelerators * hbm_bytes - active * p.sparsity * p.weight_bytes
    return max(left / kv_context_bytes, 1.0)


def all_reduce_seconds(layers, accelerators, per_layer):
    """Eq. K.10: one by one, four microseconds and two more a side of the square of accelerators."""
    total = 0.0
    for _ in range(layers * per_layer):
        total += (4.0 + 2.0 * math.sqrt(accelerators)) * 1e-6
    return total
