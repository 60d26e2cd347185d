"""How labs forecast the tokens that their next nets will serve: one class each, mixable across labs."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from model.core.params import Registry, enter


class Forecaster:
    """A forecaster of lifetime tokens, Eq. L.11."""

    name: ClassVar[str]
    #: Part of the expected growth that is taken to last over the planning span.
    trust_in_growth: ClassVar[float] = 1.0
    #: Knows the lifetime tokens that the net served in an earlier pass of the same seed.
    foresees: ClassVar[bool] = False


FORECASTERS = Registry()
_Forecaster = TypeVar("_Forecaster", bound=type[Forecaster])


def register(kind: _Forecaster) -> _Forecaster:
    """Make a forecaster known by its name."""
    enter(FORECASTERS, kind)
    return kind


@register
class Adaptive(Forecaster):
    """Growth goes on as it was learnt (Eq. L.14)."""

    name = "adaptive"


@register
class Trend(Forecaster):
    """Growth falls linearly to zero: half of it on average."""

    name = "trend"
    trust_in_growth = 0.5


@register
class Perfect(Forecaster):
    """Perfect foresight, a benchmark (Eq. X.23); adaptive where nothing can be foreseen, as in the first pass."""

    name = "perfect"
    foresees = True
