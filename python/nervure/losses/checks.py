"""What constructors of losses accept: ValueError names the loss, the argument and what came."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["axis_number", "fraction", "number"]


def number(owner: str, name: str, value: Any, low: float = -math.inf, what: str = "a finite number") -> float:
    """A finite number of at least `low`."""
    good = isinstance(value, (int, float)) or (hasattr(value, "dtype") and getattr(value, "shape", None) == ())
    if not good or isinstance(value, bool) or not math.isfinite(value) or value < low:
        raise ValueError(f"{owner}: expected {name} to be {what}, got {value!r}")
    return value if isinstance(value, (int, float)) else float(value)


def fraction(owner: str, value: Any) -> float:
    """A label_smoothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{owner}: expected label_smoothing between 0 and 1, got {value!r}")
    return float(value)


def axis_number(owner: str, axis: Any) -> int:
    """One axis."""
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"{owner}: `axis` must be of type `int`. Received: axis={axis!r} of type {type(axis)}")
    return axis
