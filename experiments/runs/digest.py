"""What decides the results of a run beside its scenario and seed: our code and data, and the packages that compute."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from importlib import metadata
from pathlib import Path

import agents
import model
from model.core.modules import as_written

#: Other versions of these may give other last digits.
PACKAGES = ("mesa", "networkx", "numpy", "polars", "scipy")
#: What a sweep keeps of a run is computed here.
KEPT_BY = ("answer.py", "pool.py")


@functools.cache
def code_digest(*outside: type) -> str:
    """Return a digest of all that decides results but scenario and seed: 16 letters, read once a process.

    Sources of `model` and `agents` as a checkout has them, data files in TOML, what a sweep computes of a run, versions of the packages
    that compute. Scenario files do not count: what they say is part of a run's own facts. `outside` are classes of
    users that the run needs (`Scenario.outside`).
    """
    ours, here = (Path(model.__file__).parent, Path(agents.__file__).parent), Path(__file__).parent
    found = [(root, path) for root in ours for path in _sources(root)] + [(here, here / name) for name in KEPT_BY]
    digest = hashlib.sha256()
    for root, path in found:
        data = source(path)
        digest.update(f"{path.relative_to(root.parent).as_posix()} {len(data)}\n".encode() + data)
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for kind in outside:
        digest.update(f"{kind.__module__}.{kind.__qualname__}\n{_written(kind)}".encode())
    return digest.hexdigest()[:16]


def source(path: str | Path) -> bytes:
    """Return what a source file of ours says in a checkout; in an installed package imports have longer names."""
    return as_written(Path(path).read_bytes())


def _written(kind: type) -> str:
    """Return the file that a class stands in; of one written in a notebook its values and methods."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is not None and Path(file).is_file():
        return Path(file).read_text(encoding="utf-8")
    code = {name: getattr(x, "__code__", None) for name, x in vars(kind).items()}
    methods = {
        n: (c.co_code, c.co_names, [x for x in c.co_consts if not inspect.iscode(x)]) for n, c in code.items() if c
    }
    plain = {name: x for name, x in vars(kind).items() if isinstance(x, str | int | float | tuple)}
    return repr((sorted(methods.items()), sorted(plain.items())))


def _sources(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml") and "__pycache__" not in p.parts)
