"""The laws: what must balance every month, always on."""

from __future__ import annotations

import math

TOLERANCE = 1e-9
SMALLEST_SCALE = 1e-3


class LawBreach(RuntimeError):
    """A conservation law that does not hold; names law, month, sector and amount."""

    def __init__(self, law: str, month: str, sector: str, amount: float) -> None:
        """Keep the four facts and say them in one line."""
        super().__init__(f"law '{law}' broken in {month}, sector {sector}: off by {amount:.6g}")
        self.law, self.month, self.sector, self.amount = law, month, sector, amount

    def __reduce__(self) -> tuple[type[LawBreach], tuple[str, str, str, float]]:
        """Travel between processes whole."""
        return (LawBreach, (self.law, self.month, self.sector, self.amount))


class Laws:
    """Named checks that remember the largest relative residual of each law."""

    def __init__(self) -> None:
        """Start with no residuals."""
        self.worst: dict[str, float] = {}

    def require_zero(self, law: str, month: str, sector: str, residual: float, scale: float) -> None:
        """Raise `LawBreach` unless |residual| <= 1e-9 of the scale, which counts as at least 1e-3 and must be finite.

        Parameters
        ----------
        law, month, sector : str
        residual, scale : float
            What should be zero, and the size of what was balanced.

        >>> Laws().require_zero("money", "2022-01", "labs", 1e-3, 1e9)
        """
        relative = abs(residual) / max(abs(scale), SMALLEST_SCALE)
        if not (math.isfinite(scale) and relative <= TOLERANCE):
            raise LawBreach(law, month, sector, float(residual))
        if relative > self.worst.get(law, 0.0):
            self.worst[law] = relative
