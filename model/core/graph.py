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
    contacts is a handful of shifted sums and one product with a matrix of little more than an entry a node. Links are kept
    once, at their first end: as its place in its block of 16,384 nodes, and how many steps around the ring they led (those
    taken out) or where they lead (those put in).

    Parameters
    ----------
    links : (n, n) csr_array
        Of `small_world`.
    k : int
        Its contacts.
    width : int
        Nodes in all; those beyond the first n have no contacts.

    >>> ring = Contacts(small_world(5, 2, 0.0, np.random.default_rng(1)), 2, 6)
    >>> ring.means(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))[0].tolist()
    [3.5, 2.0, 3.0, 4.0, 2.5, 0.0]
    """

    def __init__(self, links: sparse.csr_array, k: int, width: int) -> None:
        n = links.shape[0]
        self.n, self.half, self.width = n, _half(n, k), width
        degree = np.diff(links.indptr)
        source = np.repeat(np.arange(n), degree)
        target = links.indices.astype(np.int64)
        step = (target - source + self.half) % max(n, 1)  # of a ring link: 0 .. 2 half
        near = step <= 2 * self.half
        held = np.zeros((n, 2 * self.half + 1), dtype=bool)
        held[source[near], step[near]] = True
        lost, steps = np.nonzero(~held[:, self.half + 1 :])
        made = ~near & (source < target)
        self.lost_place, self.lost_count = _places(lost)
        self.lost_step = (steps + 1).astype(np.min_scalar_type(self.half))
        self.made_place, self.made_count = _places(source[made])
        self.made_target = target[made].astype(np.int32)
        most = int(degree.max(initial=0))
        self.degree = np.zeros(width, dtype=np.min_scalar_type(most))
        self.degree[:n] = degree

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(np.sum([x.nbytes for x in vars(self).values() if isinstance(x, np.ndarray)]))

    def changes(self) -> sparse.coo_array:
        """Return what rewiring changed, each link once, (width, width): 1 where it made one, -1 where it took one."""
        lost, made = _nodes(self.lost_place, self.lost_count), _nodes(self.made_place, self.made_count)
        lost_target = lost + self.lost_step
        lost_target -= np.int32(self.n) * (lost_target >= self.n)
        sign = np.ones(lost.size + made.size)
        sign[: lost.size] = -1.0
        ends = np.concatenate([lost, made]), np.concatenate([lost_target, self.made_target])
        return sparse.coo_array((sign, ends), shape=(self.width, self.width))

    def means(self, *columns: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the mean of each column over each node's contacts, 0 where there is none.

        Parameters
        ----------
        *columns : (width,) float

        Returns
        -------
        list of (width,) float
        """
        n, half = self.n, self.half
        there = self.changes()
        back = there.T
        contacts = np.maximum(self.degree, 1).astype(np.float64)
        out = []
        for x in columns:
            total: NDArray[np.float64] = there @ x
            total += back @ x
            around = np.concatenate([x[n - half : n], x[:n], x[:half]])
            for start in range(0, n if half else 0, BLOCK):
                part = total[start : min(start + BLOCK, n)]
                sums = _windows(around[start : start + part.size + 2 * half], half)
                part += sums[: part.size]
                part += sums[half + 1 :]
            total /= contacts
            out.append(total)
        return out

    def matrix(self) -> sparse.csr_array:
        """Return all links, (width, width) csr_array of ones."""
        steps = np.delete(np.arange(-self.half, self.half + 1), self.half)
        rows = np.repeat(np.arange(self.n), steps.size)
        ring = sparse.csr_array(
            (np.ones(rows.size), (rows, (rows + np.tile(steps, self.n)) % max(self.n, 1))), (self.width, self.width)
        )
        changes = self.changes()
        links = sparse.csr_array(ring + changes + changes.T)
        links.eliminate_zeros()
        return links


def _places(nodes: NDArray[np.int64]) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return nodes in rising order as places within their blocks, and how many lie in each block."""
    return (nodes % BLOCK).astype(np.uint16), np.bincount(nodes // BLOCK)


def _nodes(places: NDArray[np.uint16], counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the nodes that `_places` was given.

    >>> _nodes(*_places(np.array([3, 3, BLOCK, 2 * BLOCK + 1]))).tolist() == [3, 3, BLOCK, 2 * BLOCK + 1]
    True
    """
    return places.astype(np.int32) + np.repeat(np.arange(counts.size, dtype=np.int32) * np.int32(BLOCK), counts)


def _windows(x: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the sums of each `width` >= 1 consecutive values, by doubling.

    >>> _windows(np.array([1.0, 2.0, 3.0, 4.0]), 3).tolist()
    [6.0, 9.0]
    """
    count, done, length = x.size - width + 1, 0, 1
    sums = np.zeros(count)
    while True:
        if width & length:
            sums += x[done : done + count]
            done += length
        if done == width:
            return sums
        x = x[:-length] + x[length:]  # sums of twice as many
        length *= 2


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
