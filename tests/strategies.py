"""What tests draw: amounts with ties, zeros and extremes, and parameters anywhere in their declared range."""

from __future__ import annotations

import math
import random

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

FEW = (0.0, 1.0, 1.0, 2.0, 3.0)


def amounts(low=1e-6, high=1e9, zero=True):
    """Numbers that tie, vanish or are extreme."""
    few = [x for x in FEW if (zero or x > 0) and (low <= x <= high or x == 0.0)] or [low, high]
    return st.one_of(st.sampled_from([*few, low, high]), st.floats(low, high))


def column(n, elements):
    """An array of n numbers."""
    return hnp.arrays(np.float64, n, elements=elements)


def columns(count, elements, low=0, high=20):
    """Arrays of one common size between low and high; elements: one strategy or one for each array."""
    each = elements if isinstance(elements, list) else [elements] * count
    return st.integers(low, high).flatmap(lambda n: st.tuples(*(column(n, e) for e in each)))


def params(kind, **fixed):
    """Sections with every number at its default, at a bound or between, by a seed; seed 0 is the default."""

    def build(seed):
        if seed == 0:
            return kind(**fixed)
        rng, values = random.Random(seed), {}
        for d in kind.declared():
            if isinstance(d.default, bool | str):
                values[d.name] = rng.choice(d.choices) if d.choices else d.default
                continue
            inside = rng.uniform(d.low, d.high)
            if d.scale == "log":
                inside = min(max(math.exp(rng.uniform(math.log(d.low), math.log(d.high))), d.low), d.high)
            x = rng.choice([d.default, d.low, d.high, inside, inside, inside])
            values[d.name] = round(x) if isinstance(d.default, int) else float(x)
        return kind(**{**values, **fixed})

    return st.integers(0, 2**32).map(build)


def same(got, expected, rtol=1e-12, atol=0.0):
    """Assert equality to rounding, for numbers and nested lists."""
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(expected, dtype=float), rtol=rtol, atol=atol)


def lumpy(rng, n, size, zeros=0.2):
    """Amounts around `size`, some equal, some zero."""
    x = size * rng.lognormal(0, 1.5, n)
    x[rng.random(n) < 0.2] = size
    x[rng.random(n) < zeros] = 0.0
    return x


def fill(table, **values):
    """Write columns of a table and return it."""
    for name, x in values.items():
        getattr(table, name)[:] = x
    return table
