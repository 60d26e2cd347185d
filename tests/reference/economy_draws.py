"""Random draws of section 4 (stochasticity): functions of seed, stream, month and identity."""

import math
import zlib
from statistics import NormalDist

from tests.reference.economy_tables import PRIMES

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15
NORMAL = NormalDist()


def mix(word):
    """The SplitMix64 step: add the constant, then the finaliser (section 4)."""
    z = (word + STEP) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def crc(name):
    """CRC-32 of a stream's name (section 4)."""
    return zlib.crc32(name.encode())


def uniform(seed, stream, month, identity, k=0):
    """A uniform draw (section 4)."""
    key = mix(mix(mix(seed) ^ crc(stream)) ^ ((month << 16) + k))
    return (mix((((identity + 1) * STEP) & MASK) ^ key) >> 11) / 2.0**53


def normal_of(u):
    """A normal is the inverse distribution function of a uniform (section 4)."""
    return NORMAL.inv_cdf(max(u, 1e-17))


def normal(seed, stream, month, identity, k=0):
    """A normal draw (section 4)."""
    return normal_of(uniform(seed, stream, month, identity, k))


def trait(seed, name, identity):
    """A trait: low-discrepancy sequence by the square root of its prime (section 4)."""
    root = math.sqrt(PRIMES[name])
    u = (mix(mix(seed) ^ crc(name)) / 2.0**64 + (identity + 1) * (root - math.floor(root))) % 1.0
    return min(max(u, 1e-9), 1.0 - 1e-9)


def trait_normal(seed, name, identity):
    """Normal score of a trait (section 4)."""
    return normal_of(trait(seed, name, identity))
