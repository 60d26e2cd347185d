"""The core again, as the text of its definitions: loops, lists, plain ints and floats. Twin of model/core."""

import math

MASK = 2**64 - 1
PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71]


# Draws -------------------------------------------------------------------------------------------------------------


def stream_number(stream):
    """CRC-32 bit by bit."""
    crc = 0xFFFFFFFF
    for byte in stream.encode():
        crc ^= byte
        for _ in range(8):
            crc = crc // 2 ^ (0xEDB88320 if crc % 2 else 0)
    return crc ^ 0xFFFFFFFF


def mix(z):
    """SplitMix64 (Steele, Lea and Flood 2014): add the golden gamma, then two rounds of shift, xor, multiply."""
    z = (z + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z // 2**30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z // 2**27) * 0x94D049BB133111EB % 2**64
    return z ^ z // 2**31


def key(seed, stream, month, k):
    """Seed, then stream, then month and k."""
    return mix(mix(mix(seed % 2**64) ^ stream_number(stream)) ^ (month % 2**32 * 2**16 ^ k))


def uniform(seed, stream, month, identifier, k=0):
    """The draw of one id: the top 53 bits as a fraction."""
    z = mix(((identifier + 1) * 0x9E3779B97F4A7C15 & MASK) ^ key(seed, stream, month, k))
    return (z // 2**11) / 2**53


def normal(u):
    """The x with u = Phi(x), by halving."""
    low, high = -9.0, 9.0
    for _ in range(100):
        middle = (low + high) / 2
        if math.erfc(-middle / math.sqrt(2)) / 2 < u:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def trait(seed, stream, identifier, declared):
    """frac(shift + (id + 1) alpha), alpha the fractional part of the root of the stream's prime."""
    others = len(PRIMES) - len(declared)
    place = declared.index(stream) if stream in declared else len(declared) + stream_number(stream) % others
    alpha = math.sqrt(PRIMES[place]) - math.floor(math.sqrt(PRIMES[place]))
    shift = mix(mix(seed % 2**64) ^ stream_number(stream)) / 2**64
    u = math.fmod(shift + (identifier + 1) * alpha, 1.0)
    return min(max(u, 1e-9), 1 - 1e-9)


# Sums and months ---------------------------------------------------------------------------------------------------


def block_sum(rows):
    """The sum, without any rounding on the way."""
    return math.fsum(rows)


def block_partials(rows):
    """The same for each 16,384 rows; one empty block where there are none."""
    return [math.fsum(rows[i : i + 16_384]) for i in range(0, max(len(rows), 1), 16_384)]


def month_index(year, month, start_year, start_month):
    """Count the months one by one."""
    count, step = 0, 1 if (year, month) >= (start_year, start_month) else -1
    while (start_year, start_month) != (year, month):
        start_month += step
        if start_month in (0, 13):
            start_year, start_month = start_year + step, 12 if step < 0 else 1
        count += step
    return count


# Laws and books ----------------------------------------------------------------------------------------------------


def holds(residual, scale):
    """A law holds if what should be zero is at most 1e-9 of what was balanced, or of a thousandth."""
    if math.isnan(residual) or math.isnan(scale) or math.isinf(scale):
        return False
    return abs(residual) / max(abs(scale), 0.001) <= 1e-9


def balances(sectors, opening, movements):
    """Opening balances, residual to rest_of_world, then each (from, to, usd) in turn."""
    held = {name: opening.get(name, 0.0) for name in sectors}
    held["rest_of_world"] -= math.fsum(held.values())
    for giver, taker, usd in movements:
        held[giver] -= usd
        held[taker] += usd
    return held


# Names -------------------------------------------------------------------------------------------------------------


def matched(a, b):
    """Characters in the longest common run, and to both sides of it (Ratcliff and Obershelp 1988)."""
    best, start_a, start_b = 0, 0, 0
    for i in range(len(a)):
        for j in range(len(b)):
            size = 0
            while i + size < len(a) and j + size < len(b) and a[i + size] == b[j + size]:
                size += 1
            if size > best:
                best, start_a, start_b = size, i, j
    if best == 0:
        return 0
    left = matched(a[:start_a], b[:start_b])
    return left + best + matched(a[start_a + best :], b[start_b + best :])


def nearest(name, names):
    """The most similar name if at least two fifths alike; of equals the last in the alphabet."""
    found, likeness = "", 0.0
    for other in names:
        total = len(name) + len(other)
        alike = 2.0 * matched(other, name) / total if total else 1.0
        if alike >= 0.4 and (alike, other) > (likeness, found):
            found, likeness = other, alike
    return found


# Networks: sets of links, with the random numbers given -----------------------------------------------------------


def small_world(n, k, rewire, uniforms, targets):
    """Watts and Strogatz 1998: each node's links to the next k/2 move with probability rewire to the next target."""
    half = min(k // 2, (n - 1) // 2 if n > 0 else 0)
    links, taken = set(), 0
    for i in range(n):
        for step in range(1, half + 1):
            j = (i + step) % n
            if uniforms[i * half + step - 1] < rewire:
                j = targets[taken]
                taken += 1
            if i != j:
                links |= {(i, j), (j, i)}
    return links


def preferential(n, m, fitness, choose):
    """Each node in turn links to m earlier ones, drawn with weight degree x fitness."""
    degree, links = [1.0] * n, set()
    for i in range(1, n):
        weight = [degree[j] * fitness[j] for j in range(i)]
        for j in choose(i, min(m, i), [w / sum(weight) for w in weight]):
            degree[j] += 1.0
            links.add((i, j))
    return links


def neighbour_mean(links, n, x):
    """Mean of x over the nodes each node links to; 0 without any."""
    out = []
    for i in range(n):
        values = [x[j] for a, j in sorted(links) if a == i]
        out.append(sum(values) / len(values) if values else 0.0)
    return out
