"""Which cases of a long list `make test` runs: a few, others after each change of the model; `make test-all` runs them all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from experiments.runs.digest import code_digest


def chosen(cases: Sequence[Any], count: int) -> list[Any]:
    """Return so many cases in their order; the digest of the code says which, so that it is the same in every process."""
    turn = {k: hashlib.sha256(f"{code_digest()} {k}".encode()).digest() for k in range(len(cases))}
    return [cases[k] for k in sorted(sorted(turn, key=turn.__getitem__)[:count])]


def some(cases: Sequence[Any], count: int) -> list[Any]:
    """Return all cases as parameters of a test, those that are not chosen marked long; a tuple is several values."""
    short = chosen(range(len(cases)), count)
    marks = [() if k in short else pytest.mark.long for k in range(len(cases))]
    return [pytest.param(*(c if isinstance(c, tuple) else (c,)), marks=m) for c, m in zip(cases, marks, strict=True)]
