"""Counter-based randomness: a draw is a function of (seed, stream, month, k, id), not of what was drawn before.

Two scenarios with the same seed differ only where their mechanisms differ, and an added agent changes nobody's luck.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)


def mix(z: int) -> int:
    """Return the SplitMix64 finaliser of a 64-bit integer."""
    z = (z + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@functools.cache
def stream_number(stream: str) -> int:
    """Return the CRC-32 of a stream's name."""
    return zlib.crc32(stream.encode())


def key(seed: int, stream: str, month: int, k: int) -> int:
    """Return the 64-bit key that all ids of one behaviour in one month share."""
    return mix(mix(mix(seed & _MASK) ^ stream_number(stream)) ^ (((int(month) & 0xFFFFFFFF) << 16) ^ int(k)))


def _uniform(base: int, ids: NDArray[np.uint64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        z = (ids + np.uint64(1)) * np.uint64(_GOLDEN)
        z ^= np.uint64(base)
        z += np.uint64(_GOLDEN)
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return np.asarray((z >> np.uint64(11)) * (1.0 / (1 << 53)), dtype=np.float64)


class MonthDraws:
    """The draws of one month: call with a stream name and ids."""

    def __init__(self, seed: int, month: int) -> None:
        """Keep seed and month."""
        self.seed, self.month = seed, month

    def __call__(self, stream: str, ids: ArrayLike, k: int = 0) -> NDArray[np.float64]:
        """Return uniforms in [0, 1), one for each id, of draw `k` of `stream`.

        Parameters
        ----------
        stream : str
            ``file.behaviour``.
        ids : (n,) int
        k : int
            Number of the draw inside one behaviour.
        """
        return _uniform(key(self.seed, stream, self.month, k), np.asarray(ids).astype(np.uint64))

    def normal(self, stream: str, ids: ArrayLike, k: int = 0) -> NDArray[np.float64]:
        """Return standard normals by the inverse distribution function of the same uniforms."""
        return np.asarray(ndtri(np.maximum(self(stream, ids, k), 1e-17)))


class Draws:
    """All randomness of one run.

    >>> a = Draws(1).at(3)("human.adopt", [5, 7])
    >>> float(a[1]) == float(Draws(1).at(3)("human.adopt", [7])[0])
    True
    """

    def __init__(self, seed: int) -> None:
        """Keep the seed."""
        self.seed = int(seed)

    def at(self, month: int) -> MonthDraws:
        """Return the draws of a month."""
        return MonthDraws(self.seed, month)

    def trait(self, stream: str, ids: ArrayLike) -> NDArray[np.float64]:
        """Return initial heterogeneity in (0, 1): a randomly shifted low-discrepancy sequence over ids.

        ``frac(shift + id x alpha)`` with an irrational ``alpha`` of the stream: few rows already describe the distribution
        well, and each value depends on (seed, stream, id) alone (Cranley and Patterson 1976 rotation of a Kronecker
        sequence; alpha is the fractional part of the root of a prime).

        Parameters
        ----------
        stream : str
        ids : (n,) int
        """
        position = trait_dimension(stream)
        alpha = float(np.sqrt(_PRIMES[position]) % 1.0)
        shift = mix(mix(self.seed & _MASK) ^ stream_number(stream)) / 2.0**64
        u = (shift + (np.asarray(ids, dtype=np.float64) + 1.0) * alpha) % 1.0
        return np.clip(u, 1e-9, 1.0 - 1e-9)

    def generator(self, name: str) -> np.random.Generator:
        """Return a seeded generator, for networks only."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(stream_number(name),)))


TRAITS = (
    "human.wage",
    "human.task_minutes",
    "human.task_hours",
    "human.job_value",
    "feature.value",
    "feature.scale",
    "feature.difficulty",
    "application.quality",
    "orchestrator.quality",
    "orchestrator.price",
    "service.margin",
    "service.quality",
)


def trait_dimension(stream: str) -> int:
    """Return the place of a stream in the joint sequence: declared ones first, others by their hash."""
    if stream in TRAITS:
        return TRAITS.index(stream)
    return len(TRAITS) + stream_number(stream) % (len(_PRIMES) - len(TRAITS))
