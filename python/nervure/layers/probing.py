"""Sizes that are not known yet: while shapes are inferred, a number stands for each, and what it is must not matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from .._trace import current

Shape = Sequence[int | None]


def unknown_size() -> int | None:
    """The number that stands for unknown sizes in the probe that is going on; None if there is none."""
    scope = current()
    return scope.notes.get("rows") if scope is not None and scope.frozen else None


def with_unknown(shape: Sequence[int]) -> tuple[int | None, ...]:
    """The shape with None where an unknown size is."""
    rows = unknown_size()
    return tuple(None if rows is not None and n == rows else n for n in shape)


def stand_in(shape: Shape, dtype: Any) -> Any:
    """A tensor for a result of which a probe can only know the shape."""
    rows = unknown_size()
    return ops.broadcast_to(ops.cast(0, dtype), tuple(rows if n is None else n for n in shape))
