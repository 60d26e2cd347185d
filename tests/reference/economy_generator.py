"""NumPy's generators of the two networks (section 4); no other module needs NumPy."""

from numpy.random import SeedSequence, default_rng


def generator(seed, word):
    """Generator of a graph by seed and the CRC-32 of its name (section 4)."""
    return default_rng(SeedSequence(seed, spawn_key=(word,)))
