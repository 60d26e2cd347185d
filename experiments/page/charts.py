"""Altair charts at the page's pace: built without checks and deep copies, sent as Vega-Lite text, drawn in the browser.

The browser draws a chart from nothing in 10 to 60 ms, the converter on the server takes 90 to 280 ms for the same chart; so no
view is kept alive there. The charts themselves are those of `figures`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Iterator
from typing import Any

import altair as alt
import polars as pl
import vl_convert as vlc
from altair.utils import schemapi

#: What Altair keeps for all threads is changed while charts are built: one tab at a time.
_BUILDING = threading.RLock()


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Build charts that the tests have checked: no validation, and copies that share what no chart changes.

    Altair copies all of a chart whenever it becomes part of another one or gets a title; a figure of seven panels spends nine
    tenths of its time on that. A copy of the charts alone gives the same specification.
    """
    with _BUILDING, schemapi.debug_mode(False):
        whole = schemapi._deep_copy
        schemapi._deep_copy = _charts_only
        try:
            yield
        finally:
            schemapi._deep_copy = whole


def _charts_only(obj: Any, by_ref: set[str]) -> Any:
    """Return a copy of a chart and of the charts in it; marks, encodings and data are shared."""
    if not isinstance(obj, alt.TopLevelMixin):
        return obj
    held = {
        name: [_charts_only(x, by_ref) for x in value] if isinstance(value, list) else _charts_only(value, by_ref)
        for name, value in obj._kwds.items()
    }
    return type(obj)(*obj._args, **held)


def specification(chart: Any) -> str:
    """Return a chart of polars tables as Vega-Lite, JSON; polars writes the tables, what is not finite becomes null."""
    tables: dict[int, tuple[str, pl.DataFrame]] = {}
    with _BUILDING, alt.data_transformers.enable("page", tables=tables):
        plain = chart.to_dict(validate=False)
    held = ",".join(f'"{name}":{table.write_json()}' for name, table in tables.values())
    return f'{json.dumps(plain, separators=(",", ":"), allow_nan=False)[:-1]},"datasets":{{{held}}}}}'


def _named(data: Any, tables: dict[int, tuple[str, pl.DataFrame]]) -> dict[str, str]:
    """Keep a chart's table beside it under a name; charts that share a table share the name."""
    return {"name": tables.setdefault(id(data), (f"table{len(tables)}", data))[0]}


alt.data_transformers.register("page", _named)


@functools.cache
def drawing_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one JavaScript module, 0.9 MB; it comes with the converter, nothing is fetched."""
    return str(vlc.javascript_bundle("export default vegaEmbed;"))
