"""Seeded networks as sparse matrices; networkx at the surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


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
    half = min(k // 2, max((n - 1) // 2, 0))
    if n < 2 or half == 0:
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


def padded(graph: sparse.csr_array, n: int) -> sparse.csr_array:
    """Return the graph with nodes without links appended, up to `n` nodes.

    >>> padded(sparse.csr_array((2, 2)), 3).shape
    (3, 3)
    """
    if graph.shape[0] == n:
        return graph
    indptr = np.append(graph.indptr, np.full(n - graph.shape[0], graph.indptr[-1], dtype=graph.indptr.dtype))
    return sparse.csr_array((graph.data, graph.indices, indptr), shape=(n, n))


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


def neighbour_mean(graph: sparse.csr_array, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of `x` over each row's neighbours, 0 where there is none.

    Parameters
    ----------
    graph : (n, n) csr_array
    x : (n,) or (n, m) float

    >>> neighbour_mean(sparse.csr_array([[0, 1.0], [1.0, 0]]), np.array([2.0, 4.0])).tolist()
    [4.0, 2.0]
    """
    degree = np.maximum(np.diff(graph.indptr), 1).astype(np.float64)
    total = graph @ x
    return np.asarray(total / (degree if x.ndim == 1 else degree[:, None]))


def to_networkx(graph: sparse.csr_array | NDArray[np.float64]) -> Any:
    """Return a networkx DiGraph with edge attribute ``weight``."""
    import networkx as nx

    return nx.from_scipy_sparse_array(sparse.csr_array(graph), create_using=nx.DiGraph)
