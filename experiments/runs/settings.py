"""Whether two results were made with the same settings, and in words where they were not."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from experiments.runs.files import cut, finite

#: Entries of a manifest that decide a result; code and package versions apart.
SETTINGS = ("posterior", "seeds", "run", "scenario", "parameters", "interventions", "plugins", "added")


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return in which settings two manifests differ, in words.

    >>> differences({"seeds": [1, 2], "run": {"months": 12}}, {"seeds": [1], "run": {"months": 12}})
    ['seeds: 1, 2 there, 1 here']
    """
    a, b = flat(there), flat(here)
    return [
        f"{name}: {_words(name, a.get(name))} there, {_words(name, b.get(name))} here"
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    ]


def flat(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: value} of all settings in a manifest, as they are after writing and reading."""
    plain = json.loads(json.dumps(finite({key: manifest[key] for key in SETTINGS if manifest.get(key)})))
    out: dict[str, Any] = {}
    for key, value in plain.items():
        for name, item in value.items() if isinstance(value, dict) else ():
            inner = item if isinstance(item, dict) else None
            out |= {f"{key}.{name}": item} if inner is None else {f"{name}.{k}": v for k, v in inner.items()}
        if not isinstance(value, dict):
            out[key] = value
    return out


def _words(name: str, value: Any) -> str:
    if name == "seeds" and isinstance(value, list):
        return numbers(value)
    if name in ("posterior", "interventions"):
        return f"{len(value)} of these" if value else "none"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return "none" if value is None else cut(value, 40).strip("'")


def numbers(values: Collection[int]) -> str:
    """Return whole numbers in words.

    >>> numbers([4, 1, 2, 3]), numbers([7]), numbers([1, 5])
    ('1 to 4', '7', '1, 5')
    """
    low, high = min(values), max(values)
    if len(values) > 2 and len(set(values)) == high - low + 1:
        return f"{low} to {high}"
    return ", ".join(map(str, sorted(values)[:8])) + (", ..." if len(values) > 8 else "")
