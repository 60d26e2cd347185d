"""What decides the results of a run beside its scenario and seed: our code and data, and the packages that compute."""

from __future__ import annotations

import functools
import hashlib
from importlib import metadata
from pathlib import Path

import agents
import model

#: Other versions of these may give other last digits.
PACKAGES = ("mesa", "networkx", "numpy", "polars", "scipy")
#: What a sweep keeps of a run is computed here.
KEPT_BY = ("answer.py", "engine.py")


@functools.cache
def code_digest() -> str:
    """Return a digest of all that decides results but scenario and seed: 16 letters, read once a process.

    Sources of `model` and `agents`, data files in TOML, what a sweep computes of a run, versions of the packages
    that compute. Scenario files do not count: what they say is part of a run's own facts.
    """
    ours, here = (Path(model.__file__).parent, Path(agents.__file__).parent), Path(__file__).parent
    found = [(root, path) for root in ours for path in _sources(root)] + [(here, here / name) for name in KEPT_BY]
    digest = hashlib.sha256()
    for root, path in found:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root.parent).as_posix()} {len(data)}\n".encode() + data)
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    return digest.hexdigest()[:16]


def _sources(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml") and "__pycache__" not in p.parts)
