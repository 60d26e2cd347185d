"""Which modules are this project's, and what they are called: in a checkout `model.month`, installed `inference_economy.model.month`.

What is kept in files (checkpoints, digests, stored runs) bears the names of a checkout, so that both read it.
"""

from __future__ import annotations

import importlib
import re
from types import ModuleType

PACKAGES = ("agents", "experiments", "model")
#: What stands before the names of our modules: nothing in a checkout.
PREFIX = __name__.partition("model")[0]
#: What `setup.py` has put into the sources of an installed package.
_INSTALLED = re.compile(rb"\b(from|import) inference_economy(?:\.| import )(?=(?:agents|experiments|model)\b)")


def package(module: str) -> str:
    """Return which of our packages a module belongs to, "" if to none.

    >>> package(__name__), package("models.month"), package("numpy")
    ('model', '', '')
    """
    first = module.removeprefix(PREFIX).partition(".")[0]
    return first if module.startswith(PREFIX) and first in PACKAGES else ""


def plain(module: str) -> str:
    """Return the name that a module has in a checkout; another's as it is.

    >>> plain(__name__)
    'model.core.modules'
    """
    return module.removeprefix(PREFIX) if package(module) else module


def found(name: str) -> ModuleType:
    """Return a module of ours by its name in a checkout."""
    return importlib.import_module(PREFIX + name)


def as_written(source: bytes) -> bytes:
    """Return what a source file says in a checkout.

    >>> as_written(b"from inference_economy.model.core import table")
    b'from model.core import table'
    >>> as_written(b"from inference_economy import model as m"), as_written(b"import inference_economy.agents.lab as lab")
    (b'import model as m', b'import agents.lab as lab')
    """
    return _INSTALLED.sub(lambda m: b"import " if m[0].endswith(b" import ") else m[1] + b" ", source)
