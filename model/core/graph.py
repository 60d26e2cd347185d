"""Seeded networks as sparse matrices; networkx at the surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model.core.units import BLOCK


def small_world(n: int, k: int, rewire: float, generator: np.random.Generator) -> sparse.csr_array:
    """Return a Watts-Strogatz graph: a ring of `k` neighbours, a share of whose links lead far away.

    Parameters
    ----------
    n, k : int
        Nodes; contacts of each (even; reduced when n is small).
    rewire : float in [0, 1]
    generator : numpy.random.Generator

    Returns
    -------
    (n, n) csr_array of ones, symmetric, without loops

    Source: wattsstrogatz1998.
    """
    half = _half(n, k)
    if half == 0:
        return sparse.csr_array((n, n), dtype=np.float64)
    source = np.repeat(np.arange(n, dtype=np.int64), half)
    target = (source + np.tile(np.arange(1, half + 1), n)) % n
    moved = generator.random(source.size) < rewire
    target[moved] = generator.integers(0, n, int(moved.sum()))
    keep = source != target
    source, target = source[keep], target[keep]
    ones = np.ones(2 * source.size)
    graph = sparse.csr_array((ones, (np.r_[source, target], np.r_[target, source])), shape=(n, n))
    graph.sum_duplicates()
    graph.data[:] = 1.0
    return graph


def _half(n: int, k: int) -> int:
    """Return contacts on either side of a ring."""
    return min(k // 2, max((n - 1) // 2, 0))


class Contacts:
    """A small world kept as what it is: a ring, the links that rewiring took out of it and those it put in.

    Nine links in ten of a social graph lead to the next neighbours, which need neither memory nor a look-up: a mean over
    contacts is a handful of shifted sums and one product with a matrix of some two entries a node.

    Parameters
    ----------
    links : (n, n) csr_array
        Of `small_world`.
    k : int
        Its contacts.
    width : int
        Nodes in all; those beyond the first n have no contacts.

    >>> ring = Contacts(small_world(5, 2, 0.0, np.random.default_rng(1)), 2, 6)
    >>> ring.mean(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).tolist()
    [3.5, 2.0, 3.0, 4.0, 2.5, 0.0]
    """

    def __init__(self, links: sparse.csr_array, k: int, width: int) -> None:
        n = links.shape[0]
        self.n, self.half = n, _half(n, k)
        degree = np.diff(links.indptr)
        rows = np.repeat(np.arange(n), degree)
        step = (links.indices - rows + self.half) % max(n, 1)  # of a ring link: 0 .. 2 half
        near = step <= 2 * self.half
        held = np.zeros((n, 2 * self.half + 1), dtype=bool)
        held[rows[near], step[near]] = True
        held[:, self.half] = True  # nobody is a contact of one's own
        lost, offset = np.nonzero(~held)
        source = np.concatenate([rows[~near], lost])
        target = np.concatenate([links.indices[~near], (lost + offset - self.half) % max(n, 1)])
        sign = np.repeat(np.array([1, -1], dtype=np.int8), [source.size - lost.size, lost.size])
        changes = sparse.csr_array((sign, (source.astype(np.int32), target.astype(np.int32))), shape=(width, width))
        changes.sort_indices()
        self.changes = changes  # (width, width) 1 where rewiring made a link, -1 where it took one
        most = int(degree.max(initial=0))
        self.degree = np.zeros(width, dtype=np.min_scalar_type(most))
        self.degree[:n] = degree

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(
            self.changes.data.nbytes + self.changes.indices.nbytes + self.changes.indptr.nbytes + self.degree.nbytes
        )

    def mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of `x` over each node's contacts, 0 where there is none.

        Parameters
        ----------
        x : (width,) float

        Returns
        -------
        (width,) float
        """
        n, half = self.n, self.half
        total: NDArray[np.float64] = self.changes @ x
        around = np.concatenate([x[n - half : n], x[:n], x[:half]])
        for start in range(0, n, BLOCK):
            part = total[start : min(start + BLOCK, n)]
            for step in range(2 * half + 1):
                if step != half:
                    part += around[start + step : start + step + part.size]
        total /= np.maximum(self.degree, 1)
        return total

    def matrix(self) -> sparse.csr_array:
        """Return all links, (width, width) csr_array of ones."""
        steps = np.delete(np.arange(-self.half, self.half + 1), self.half)
        rows = np.repeat(np.arange(self.n), steps.size)
        ring = sparse.csr_array(
            (np.ones(rows.size), (rows, (rows + np.tile(steps, self.n)) % max(self.n, 1))), self.changes.shape
        )
        links = sparse.csr_array(ring + self.changes)
        links.eliminate_zeros()
        return links


def preferential(n: int, m: int, fitness: NDArray[np.float64], generator: np.random.Generator) -> sparse.csr_array:
    """Return a directed graph grown by fitness-based preferential attachment: node i links to `m` earlier ones.

    Parameters
    ----------
    n, m : int
    fitness : (n,) float > 0
    generator : numpy.random.Generator

    Source: bianconi2001.
    """
    degree = np.ones(n)
    rows: list[int] = []
    columns: list[int] = []
    for i in range(1, n):
        weight = degree[:i] * fitness[:i]
        count = min(m, i)
        chosen = generator.choice(i, size=count, replace=False, p=weight / weight.sum())
        degree[chosen] += 1.0
        rows.extend([i] * count)
        columns.extend(int(c) for c in chosen)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))


def to_networkx(graph: sparse.csr_array | NDArray[np.float64]) -> Any:
    """Return a networkx DiGraph with edge attribute ``weight``."""
    import networkx as nx

    return nx.from_scipy_sparse_array(sparse.csr_array(graph), create_using=nx.DiGraph)
