"""Agents of one kind as a table to sort, and one of them: its account this month and its life so far."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from experiments.figures import share as figures_share
from experiments.page.blocks import Block, Choice, Table, paragraph, picture, plain, table

if TYPE_CHECKING:
    from experiments.page.player import Part, Scene

#: Rows shown, and beside an agent's account; sorting reaches all of them.
SHOWN, BESIDE = 40, 10


def view(scene: Scene) -> list[Part]:
    """Return the table of a kind, the account of the agent that was picked, and its life."""
    e, state = scene.economy, scene.state
    kind = state.option("kind") if state.option("kind") in e.kinds else "Lab"
    rows = e.kinds[kind][1]
    frame, columns = rows.frame(), rows.columns()
    names = names_of(scene, kind)
    sort = state.option("sort").removeprefix("-")
    sort = sort if sort in frame.columns else "id"
    down = state.option("sort").startswith("-")
    picked = state.option("agent")
    count = BESIDE if picked else SHOWN
    shown = frame.sort(sort, "id", descending=[down, False], nulls_last=True).head(count)
    if picked and int(picked) not in shown["id"]:
        shown = pl.concat([shown, frame.filter(pl.col("id") == int(picked))])
    heads = [("id", "", "number, never used again")]
    heads += [(n, "" if c.unit == "-" else c.unit, c.meaning) for n, c in columns.items()]
    cells = tuple(tuple(_cell(row[c]) for c, _, _ in heads) for row in shown.iter_rows(named=True))
    if names:
        heads.insert(1, ("name", "", "name of the firm"))
        cells = tuple((row[0], names.get(row[0], ""), *row[1:]) for row in cells)
    items = tuple((k, f"{words(k)} ({t.n:,})") for k, (_, t) in e.kinds.items())
    more = f"{shown.height} of {frame.height:,} rows; " if frame.height > shown.height else ""
    blocks: list[Part] = [
        Choice("kind", "Kind", items, kind),
        paragraph(f"{more}a click on a heading sorts, a click on a row opens it.", kind="small"),
        Table(tuple(heads), cells, ("-" if down else "") + sort, picked),
    ]
    ids = frame["id"].to_list()
    if not picked or int(picked) not in ids:
        return blocks
    return [*blocks, *account(scene, kind, ids.index(int(picked)))]


def words(kind: str) -> str:
    """Return the name of a kind as words.

    >>> words("ComputeProvider"), words("AIAgent")
    ('Compute provider', 'AI agent')
    """
    return re.sub(r"(?<=[a-z])([A-Z])|(?<=[A-Z])([A-Z])(?=[a-z])", lambda m: " " + m[0].lower(), kind)


def names_of(scene: Scene, kind: str) -> dict[str, str]:
    """Return the names of firms by id, where a kind has names."""
    e = scene.economy
    held = {"Lab": e.opening.lab_names, "ComputeProvider": e.opening.provider_names}.get(kind, ())
    return {str(i): name for i, name in zip(e.kinds[kind][1].id.tolist(), held, strict=False)}


def account(scene: Scene, kind: str, index: int) -> list[Part]:
    """Return what an agent is, what it decided this month and why, its columns, and its life so far."""
    found = scene.economy.trace(scene.economy.row(kind, index))
    told = [
        paragraph(found.title, kind="title"),
        paragraph(*found.sentences),
        table(found.head, found.rows, (0, 2, 3)),
    ]
    return [*life(scene, kind), *told]


def life(scene: Scene, kind: str) -> list[Block]:
    """Return the picked agent's columns over time, those that vary."""
    if len(scene.life) < 3:
        return []
    frame = pl.DataFrame(scene.life)
    columns = scene.economy.kinds[kind][1].columns()
    units = {n: c.unit for n, c in columns.items() if n in frame.columns}
    return [picture("one-life", figures_share.life(frame, units, words(kind), 300 if scene.narrow else 720))]


def _cell(x: object) -> str:
    if isinstance(x, bool):
        return "yes" if x else "no"
    return plain(x) if isinstance(x, float) else f"{x}"
