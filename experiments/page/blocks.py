"""What a view is made of: text, tables to sort, choices, pictures that follow the page's light or dark theme."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.page.charts import specification


@dataclass(frozen=True)
class Html:
    """A piece of page; whoever makes it escapes what it did not write."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A chart as Vega-Lite, or a picture as SVG; `name` is the stem of the file it is saved under."""

    name: str
    chart: str = ""
    svg: str = ""


@dataclass(frozen=True)
class Choice:
    """A choice inside a view: `items` are (value, words)."""

    option: str
    label: str
    items: tuple[tuple[str, str], ...]
    value: str


@dataclass(frozen=True)
class Table:
    """A table sorted by its headings; a click on a row opens it.

    `columns` are (name, unit, meaning), `rows` texts whose first is the row's key; `sort` may begin with '-' for descending.
    """

    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    sort: str
    picked: str = ""


Block = Html | Picture | Choice | Table


def picture(name: str, chart: Any) -> Picture:
    """Return an Altair chart as a picture."""
    return Picture(name, specification(chart))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,), title: str = "") -> Html:
    """Return a small table of text; the columns `words` are words, the rest numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        kinds = ["word" if i in words else "number" for i in range(len(row))]
        return "".join(f"<{tag} class='{k}'>{html.escape(c)}</{tag}>" for k, c in zip(kinds, row, strict=True))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    return Html(f"<div class='scroll'><table class='plain'>{caption}<tr>{cells(head, 'th')}</tr>{body}</table></div>")


def paragraph(*lines: str, kind: str = "") -> Html:
    """Return lines of text as paragraphs."""
    return Html("".join(f"<p class='{kind}'>{html.escape(line)}</p>" for line in lines))


def tiles(rows: Sequence[Mapping[str, str]]) -> str:
    """Return key numbers: name, value, note and what it is (shown on hover)."""
    return "".join(
        f"<div class='tile' title='{html.escape(r['what'], quote=True)}'><div class='name'>{html.escape(r['name'])}</div>"
        f"<div class='value'>{html.escape(r['value'])}</div><div class='note'>{html.escape(r['note'])}</div></div>"
        for r in rows
    )


_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def plain(x: float | None, unit: str = "") -> str:
    """Return a number in words that need no powers of ten until there is none.

    >>> plain(0.26514), plain(5350000000, "people"), plain(1.94e18), plain(None)
    ('0.265', '5.35 billion people', '1.94·10¹⁸', '-')
    """
    if x is None or not math.isfinite(x):
        return "-"
    size = abs(x)
    if size >= 1e15 or 0 < size < 1e-3:
        digits, power = f"{x:.2e}".split("e")
        text = f"{digits}·10{str(int(power)).translate(_POWERS)}"
    elif size >= 1e6:
        scale, word = next(s for s in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")) if size >= s[0])
        text = f"{x / scale:.3g} {word}" if size / scale < 1000 else f"{x / scale:,.0f} {word}"
    else:
        text = f"{x:,.0f}" if size >= 1000 else f"{x:.3g}"
    return f"{text} {unit}".strip()
