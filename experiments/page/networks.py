"""To come."""

from __future__ import annotations

from typing import Any

from experiments.page.blocks import Block, paragraph


def view(*_: Any) -> list[Block]:
    """Return nothing yet."""
    return [paragraph("to come")]
