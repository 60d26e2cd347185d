"""What decides the results of a run beside its scenario and seed: our code and data, and the packages that compute."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import agents
import model
from model.core.modules import as_written

#: Other versions of these may give other last digits.
PACKAGES = ("mesa", "networkx", "numpy", "polars", "scipy")
#: What a sweep keeps of a run is computed here.
KEPT_BY = ("answer.py", "pool.py")


def code_digest(*outside: Any) -> str:
    """Return a digest of all that decides results but scenario and seed: 16 letters.

    Sources of `model` and `agents` as a checkout has them, data files in TOML, what a sweep computes of a run, versions of the packages
    that compute, read once a process. Scenario files do not count: what they say is part of a run's own facts. `outside` are classes of
    users, functions and plug-ins that the run needs (`Scenario.outside`), read at each call: users change them as they work.
    """
    digest = _of_ours().copy()
    for x in outside:
        name = x.__name__ if isinstance(x, ModuleType) else f"{x.__module__}.{x.__qualname__}"
        digest.update(f"{name}\n{_written(x)}".encode())
    return str(digest.hexdigest()[:16])


@functools.cache
def _of_ours() -> Any:
    ours, here = (Path(model.__file__).parent, Path(agents.__file__).parent), Path(__file__).parent
    found = [(root, path) for root in ours for path in _sources(root)] + [(here, here / name) for name in KEPT_BY]
    digest = hashlib.sha256()
    for root, path in found:
        data = source(path)
        digest.update(f"{path.relative_to(root.parent).as_posix()} {len(data)}\n".encode() + data)
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    return digest


def source(path: str | Path) -> bytes:
    """Return what a source file of ours says in a checkout; in an installed package imports have longer names."""
    return as_written(Path(path).read_bytes())


def _written(kind: Any) -> str:
    """Return the file that a class or function stands in, all of a package; of one written in a notebook its values and methods."""
    module = kind.__name__ if isinstance(kind, ModuleType) else kind.__module__
    package = sys.modules.get(module.partition(".")[0])
    folder = getattr(package, "__path__", None)
    file = getattr(sys.modules.get(module), "__file__", None)
    if folder:
        return "".join(path.read_text(encoding="utf-8") for root in folder for path in _sources(Path(root)))
    if file is not None and Path(file).is_file():
        return Path(file).read_text(encoding="utf-8")
    kind = kind if isinstance(kind, type) else type("Function", (), {"call": kind})
    code = {name: getattr(x, "__code__", None) for name, x in vars(kind).items()}
    methods = {
        n: (c.co_code, c.co_names, [x for x in c.co_consts if not inspect.iscode(x)]) for n, c in code.items() if c
    }
    plain = {name: x for name, x in vars(kind).items() if isinstance(x, str | int | float | tuple)}
    return repr((sorted(methods.items()), sorted(plain.items())))


def _sources(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml") and "__pycache__" not in p.parts)
