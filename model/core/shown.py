"""Small readable objects: they print as text and show as HTML where a notebook asks for it."""

from __future__ import annotations

import html
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Shown:
    """A title, sentences and a table of text.

    >>> print(Shown("A day", ("It was long.",), ("hour", "light"), (("9", "yes"), ("21", "no"))))
    A day
    It was long.
      hour  light
      9     yes
      21    no
    """

    title: str
    sentences: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        """Return the account as plain text."""
        table = [self.head, *self.rows] if self.head else [*self.rows]
        wide = [max(len(row[k]) for row in table) for k in range(len(table[0]))] if table else []
        lines = ["  " + "  ".join(cell.ljust(n) for cell, n in zip(row, wide, strict=True)).rstrip() for row in table]
        return "\n".join([self.title, *self.sentences, *lines])

    def __repr__(self) -> str:
        """Return the text, so that a prompt shows it."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the account as a small piece of HTML."""
        head = "".join(f"<th style='text-align:left'>{html.escape(cell)}</th>" for cell in self.head)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        said = "".join(f"<br>{html.escape(line)}" for line in self.sentences)
        table = f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>" if body else ""
        return f"<div><b>{html.escape(self.title)}</b>{said}{table}</div>"
