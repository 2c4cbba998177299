"""Checks of the numbers that optimizers are made with: what is wrong fails in the constructor."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["at_least_zero", "at_most_zero", "between", "real"]


def real(name: str, value: Any) -> Any:
    """`value` as it is, if it is a number; ValueError otherwise, and for NaN."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"`{name}` must be a number. Received: {name}={value!r}.")
    return value


def at_least_zero(name: str, value: Any, optional: bool = False) -> Any:
    """`value` as it is, if it is a number that is not negative (or None, if optional); ValueError otherwise."""
    if value is None and optional:
        return None
    value = real(name, value)
    if value < 0:
        raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value!r}.")
    return value


def at_most_zero(name: str, value: Any) -> Any:
    """`value` as it is, if it is a number that is not positive; ValueError otherwise."""
    value = real(name, value)
    if value > 0:
        raise ValueError(f"`{name}` needs to be negative or zero. Received: {name}={value!r}.")
    return value


def between(name: str, value: Any) -> Any:
    """`value` as it is, if it is a number in the range [0, 1]; ValueError otherwise."""
    value = real(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a float between [0, 1]. Received: {name}={value!r}.")
    return value
