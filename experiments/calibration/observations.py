"""Tables of observed points as people have them: read row by row and checked, or refused with the line and the cure.

A comma, semicolon, tab or bar stands between cells. Where the cells of a file leave open whether a mark in a number is a decimal
one or one of thousands, the number is refused: nothing is guessed.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import math
import re
from pathlib import Path
from typing import Any

import polars as pl

import model
from model.core.errors import InputError, hint, nearest, within
from model.core.files import read_text
from model.core.units import month_index

FILE = Path(model.__file__).parent / "data" / "observations.csv"
SERIES_FILE = Path(model.__file__).parent / "data" / "scored_series.csv"
NEEDED = ("series", "date", "value")
ORIGIN = "read_or_memory"
OPTIONAL = ("low", "high", ORIGIN, "unit")
ADDED = ("line", "index")  # columns of these names in a file are left out
SEPARATORS = ",;\t|"
YEAR_MIN, MONTHS_MAX = 1950, 168
LINE_MAX = 100_000
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:([.,])[0-9]*)?|([.,])[0-9]+)(?:[eE][+-]?[0-9]+)?")
OPEN = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")  # 1.234: thousands in one country, decimals in the other
DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
SPREADSHEET_ERROR = re.compile(r"#(?:REF|N/A|NAME|VALUE|DIV|NUM|NULL|SPILL|CALC)")
NAMED_MAX = 5


@functools.cache
def series_table() -> pl.DataFrame:
    """Return the scored series: series, block, operator, scale, sd, why."""
    return pl.read_csv(SERIES_FILE)


@functools.cache
def _scales() -> dict[str, str]:
    return dict(series_table().select("series", "scale").iter_rows())


@functools.cache
def _units() -> dict[str, str]:
    return dict(pl.read_csv(FILE, infer_schema=False).select("series", "unit").iter_rows())


def table(path: str | Path = FILE) -> pl.DataFrame:
    """Return all rows of a file: line, series, date, index, value, low, high, and its other columns as text.

    Parameters
    ----------
    path : path
        The first line that is no comment names the columns, in any case and order. Blank lines, rows of empty cells and lines
        that begin with `#` are left out.

    Raises
    ------
    InputError
        If the file cannot be read, or a row makes no sense.
    """
    name = f"observations {str(path)!r}"
    lines = read_text(path, "observations").split("\n")
    at = next((i for i, line in enumerate(lines, 1) if line.strip() and not _comment(line) and not _sep(line)), 0)
    if not at:
        raise InputError(f"{name}: is empty; the first line names the columns: series,date,value")
    with within(f"{name}, line {at}"):
        separator, columns = _header(lines[at - 1])
    rows = []
    for number, line in enumerate(lines[at:], at + 1):
        with within(f"{name}, line {number}"):
            if cells := _row(line, separator, columns):
                rows.append((number, cells))
    if not rows:
        raise InputError(f"{name}: no rows below the header in line {at}")
    mark = "." if separator == "," else _mark([cells.get(c, "") for _, cells in rows for c in ("value", "low", "high")])
    out = []
    for number, cells in rows:
        with within(f"{name}, line {number}"):
            out.append({"line": number, **_checked(cells, mark)})
    others = {c: pl.String for c in columns if c and c not in (*NEEDED, *ADDED, "low", "high")}
    schema: dict[str, Any] = {"line": pl.Int64, "series": pl.String, "date": pl.String, "index": pl.Int64}
    schema |= dict.fromkeys(("value", "low", "high"), pl.Float64) | others
    return pl.DataFrame(out, schema)


def check_told_once(rows: pl.DataFrame, path: str | Path) -> None:
    """Refuse a table that tells two values of one series and month."""
    first: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows.sort("line").iter_rows(named=True):
        before = first.setdefault((row["series"], row["index"]), row)
        if before["value"] != row["value"]:
            raise InputError(
                f"observations {str(path)!r}, line {row['line']}: {row['series']} of {row['date']} = {row['value']:g}, but"
                f" {before['value']:g} in line {before['line']}; keep one, with the other as low or high"
            )


def not_scored(rows: pl.DataFrame) -> str:
    """Return in words which series of a table have no counterpart in the model, "" if all have."""
    first = rows.filter(~pl.col("series").is_in(list(_scales()))).unique("series", keep="first", maintain_order=True)
    told = []
    for name, line in first.select("series", "line").head(NAMED_MAX).iter_rows():
        close = "observed, but without a counterpart" if name in _units() else ""
        close = close or hint(name.lower(), _scales()).removeprefix("; ") or "no series of ours"
        told.append(f"{_short(name)} (line {line}; {close})")
    more = f" and {first.height - NAMED_MAX} more" if first.height > NAMED_MAX else ""
    return f"not scored: {', '.join(told)}{more}" if told else ""


def _comment(text: str) -> bool:
    begins = text.lstrip(' \t"')  # a comment with a comma is in quotation marks
    return begins.startswith("#") and not SPREADSHEET_ERROR.match(begins)


def _cells(line: str, separator: str) -> list[str]:
    if len(line) > LINE_MAX:
        raise InputError(f"{len(line)} characters, more than {LINE_MAX}")
    try:
        found = next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
    except csv.Error:
        raise InputError("quotation marks that do not close in this line, or text after them") from None
    return [cell.strip() for cell in found]


def _sep(line: str) -> bool:
    """Return whether a line is the one by which spreadsheets are told what stands between cells."""
    return re.fullmatch(r'"?sep=.?"?', line.strip(), re.IGNORECASE) is not None


def _header(line: str) -> tuple[str, list[str]]:
    """Return what stands between cells, and the names of the columns in lower case."""
    found, refused = [], InputError("")
    for separator in SEPARATORS:
        try:
            names = [cell.lower() for cell in _cells(line, separator)]
            found.append((len(set(NEEDED) & set(names)), len(names), separator, names))
        except InputError as error:
            refused = error
    if not found:
        raise refused
    known, _, separator, names = max(found, key=lambda one: one[:2])
    if known < len(NEEDED):
        missing = next(c for c in NEEDED if c not in names)
        close = hint(missing, [_short(n) for n in names if n not in NEEDED])
        raise InputError(f"no column '{missing}'; needed are {', '.join(NEEDED)}{close}")
    for i, name in enumerate(names):
        if name and name in names[:i]:
            raise InputError(f"column {_short(name)!r} stands twice")
        close = nearest(name, [c for c in OPTIONAL if c not in names])
        if name not in (*NEEDED, *OPTIONAL) and _alike(name, close):
            raise InputError(f"column {_short(name)!r} is not known; nearest: '{close}'; rename or remove it")
    return separator, names


def _alike(name: str, other: str) -> bool:
    """Return whether a name is another with letters swapped, or one too many or too few.

    >>> _alike("hihg", "high"), _alike("lows", "low"), _alike("note", "unit")
    (True, True, False)
    """
    near = abs(len(name) - len(other)) <= 1 and bool(other)
    return near and (sorted(name) == sorted(other) or other in name or name in other)


def _row(line: str, separator: str, columns: list[str]) -> dict[str, str]:
    """Return the cells of a line by column, none where it is no row."""
    if not line.strip() or _comment(line):
        return {}
    cells = _cells(line, separator)
    if not any(cells):
        return {}
    named = max(i for i, column in enumerate(columns, 1) if column)
    if not named <= len(cells) <= len(columns):
        cure = ""
        if separator == "," and len(cells) > len(columns):
            cure = "; a number with a decimal comma? write 2.4 for 2,4, or put semicolons between the cells"
        raise InputError(f"{len(cells)} cells, but {len(columns)} columns{cure}")
    for i, cell in enumerate(cells):
        if cell and not columns[i] and i > 0:
            raise InputError(f"{_short(cell)!r} in a column without a name")
    return {column: cell for column, cell in zip(columns, cells, strict=False) if column}


def _mark(texts: list[str]) -> str:
    """Return the decimal mark that numbers give away: "." or ",", "?" if both, "" if neither.

    >>> _mark(["2,4", "1,234"]), _mark(["1.234"]), _mark(["2,4", "2.4"])
    (',', '', '?')
    """
    found = [NUMBER.fullmatch(text) for text in texts if not OPEN.fullmatch(text)]
    marks = {m[1] or m[2] for m in found if m and (m[1] or m[2])}
    return "?" if len(marks) > 1 else next(iter(marks), "")


def _checked(cells: dict[str, str], mark: str) -> dict[str, Any]:
    """Return a row with its numbers and month, or refuse it."""
    series, date = cells["series"], cells["date"]
    if not series:
        raise InputError("no series")
    if series.startswith("#"):
        raise InputError(f"series = {_short(series)!r}: an error of the spreadsheet")
    index = _month(date)
    value = _number("value", cells["value"], mark)
    low, high = (_number(c, cells[c], mark) if cells.get(c) else None for c in ("low", "high"))
    scale = _scales().get(series)
    for name, x in ((series, value), ("low", low), ("high", high)):
        if x is not None and scale == "log" and not x > 0.0:
            raise InputError(f"{name} = {x:g}: must be above 0")
        if x is not None and scale == "logit" and not 0.0 <= x <= 1.0:
            raise InputError(f"{name} = {x:g}: a share, must be in [0, 1]; write 0.52 for 52 %")
    if (low is None) != (high is None):
        given, wanted = ("low", "high") if high is None else ("high", "low")
        raise InputError(f"{given} without {wanted}; give both or neither")
    if low is not None and high is not None:
        if low > high:
            raise InputError(f"low = {low:g} above high = {high:g}")
        if not low <= value <= high:
            raise InputError(f"value = {value:g} outside its own interval [{low:g}, {high:g}]")
    origin = cells.get(ORIGIN)
    if origin is not None and origin.lower() not in ("read", "memory"):
        raise InputError(f"{ORIGIN} = {_short(origin)!r}: must be read or memory; only rows that were read count")
    unit, ours = cells.get("unit"), _units().get(series)
    if unit and ours and unit != ours:
        raise InputError(
            f"unit = {_short(unit)!r}: {series} is in {ours!r}; give the value in it, or leave the unit out"
        )
    kept = {c: cell.lower() if c == ORIGIN else cell or None for c, cell in cells.items() if c not in ADDED}
    return {**kept, "index": index, "value": value, "low": low, "high": high}


def _month(text: str) -> int:
    """Return the index of the last month that a date covers."""
    found = DATE.fullmatch(text)
    if not found:
        raise InputError(
            f"date = {_short(text)!r}: must be YYYY-MM, for instance 2025-06 (a quarter by its last month), or YYYY"
        )
    year, month, day = int(found[1]), int(found[2] or 12), int(found[3] or 1)
    try:
        dt.date(year, month, day)
    except ValueError:
        raise InputError(f"date = {text!r}: is no date; must be YYYY-MM, for instance 2025-06") from None
    index = month_index(f"{year:04}-{month:02}")
    if year < YEAR_MIN or index >= MONTHS_MAX:
        raise InputError(f"date = {text!r}: outside [{YEAR_MIN}-01, 2035-12]; must be YYYY-MM, for instance 2025-06")
    return index


def _number(name: str, text: str, mark: str) -> float:
    found = NUMBER.fullmatch(text)
    used = found and (found[1] or found[2])
    value = float(text.replace(",", ".")) if found and used in (None, mark) else math.nan
    if math.isfinite(value):
        return value
    cure = ""
    if text.endswith("%"):
        cure = "; write 0.52 for 52 %"
    elif used and mark == "?":
        cure = "; the file has decimal points and decimal commas, write one of them"
    elif used and not mark:
        whole = re.sub(r"[.,]", "", text)
        cure = f"; {whole} or {text.replace(',', '.')}? write {whole}, or {text}0 for the other"
    elif re.fullmatch(r"[-+0-9.,'\u2019_\s]*[0-9][-+0-9.,'\u2019_\s]*", text):
        cure = f"; write it with a decimal {'comma' if mark == ',' else 'point'} and without thousands marks"
    raise InputError(f"{name} = {_short(text)!r}: must be a finite number{cure}")


def _short(text: str) -> str:
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= 40 else text[:37] + "..."
