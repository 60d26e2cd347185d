"""The agent loop again, as the text of the equations. Twin of model/layers/agent.py."""

import math

CLASSES = ("assistant", "delegated", "standing", "embedded", "robot_cloud")


def success(log_minutes, log_horizon, slope):
    """Eq. A.1: S = 1 / (1 + (l/h)**slope)."""
    return 1.0 / (1.0 + math.exp(slope * (log_minutes - log_horizon)))


def worth(z, log_value, log_cost, log_minutes, log_horizon, slope, delta):
    """V S(z) - c exp(z), what thinking exp(z) times longer leaves; the horizon grows as exp(z)**delta."""
    return math.exp(log_value) * success(log_minutes, log_horizon + delta * z, slope) - math.exp(log_cost + z)


def think(log_value, log_cost, log_minutes, log_horizon, slope, delta, largest):
    """Eq. A.2 by search: a dense grid over [0, ln largest], then ever finer ones around the best point."""
    low, high = 0.0, math.log(largest)
    top = high
    for _ in range(6):
        grid = [low + (high - low) * i / 60 for i in range(61)]
        best = max(grid, key=lambda z: worth(z, log_value, log_cost, log_minutes, log_horizon, slope, delta))
        width = (high - low) / 30
        low, high = max(best - width, 0.0), min(best + width, top)
    return best, success(log_minutes, log_horizon + delta * best, slope)


def generated_shares(chat, loop):
    """Assistants and features answer people; delegated, standing and robots' loops read more than they write."""
    return [chat if name in ("assistant", "embedded") else loop for name in CLASSES]


def attempts(success_prob, largest, noticed):
    """Eq. A.3: 1 x P(ends at the first) + 2 x P(at the second) + ...; it goes on after a failure that is noticed."""
    expected, reached = 0.0, 1.0
    for j in range(1, largest + 1):
        goes_on = 0.0 if j == largest else (1.0 - success_prob) * noticed
        expected += j * reached * (1.0 - goes_on)
        reached *= goes_on
    return expected


def succeeded(success_prob, largest, noticed):
    """Eq. A.3b: P(the first succeeds) + P(the second is tried and succeeds) + ..."""
    return math.fsum(success_prob * ((1.0 - success_prob) * noticed) ** j for j in range(largest))


def loop_tokens(log_minutes, n0, reference_minutes, gamma):
    """Eq. A.4: n0 (l / l0)**gamma."""
    return n0 * (math.exp(log_minutes) / reference_minutes) ** gamma


def jobs_wanted(value_to_inverse_theta, ratio, theta, k0):
    """Eq. A.5 by halving: the k at which v0 S (1 + k/k0)**-theta falls to the cost."""
    v0 = value_to_inverse_theta**theta
    if v0 * ratio <= 1.0:
        return 0.0
    low, high = 0.0, 1.0
    while v0 * ratio * (1.0 + high / k0) ** -theta > 1.0:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2
        if v0 * ratio * (1.0 + middle / k0) ** -theta > 1.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def coverage(samples, success_prob, exponent):
    """Eq. A.6: exp(a k**b), a the logarithm of the success of one answer."""
    return math.exp(math.log(success_prob) * samples**exponent)


def failed_h(success_share, tasks, minutes):
    """Eq. A.7: hours of a job's tasks, those that succeed left out."""
    return tasks * minutes / 60.0 - tasks * minutes / 60.0 * success_share
