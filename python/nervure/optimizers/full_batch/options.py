"""Checks of what full-batch optimizers are made with, beside those of `optimizers.arguments`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arguments import real

__all__ = ["HESSIANS", "LINE_SEARCHES", "chosen", "positive", "positive_int", "wolfe"]

# The words of arguments and the numbers that stand for them in the core.
LINE_SEARCHES = {"strong_wolfe": 0, "hager_zhang": 1, "armijo": 2}
HESSIANS = {"exact": 0, "gauss_newton": 1}


def chosen(name: str, value: Any, among: Mapping[str, Any]) -> str:
    """`value` in lower case, if it is a key of `among`; ValueError listing the keys otherwise.

    >>> chosen("hessian", "Exact", HESSIANS)
    'exact'
    """
    if isinstance(value, str) and value.lower() in among:
        return value.lower()
    raise ValueError(f"`{name}` must be one of {sorted(among)}. Received: {name}={value!r}.")


def positive(name: str, value: Any, optional: bool = False) -> Any:
    """`value` as it is, if it is a finite number above 0 (or None, if optional); ValueError otherwise.

    >>> positive("radius", 0.5)
    0.5
    """
    if value is None and optional:
        return None
    value = real(name, value)
    if not 0 < value < math.inf:
        raise ValueError(f"`{name}` must be a number above 0. Received: {name}={value!r}.")
    return value


def positive_int(name: str, value: Any, optional: bool = False) -> Any:
    """`value` as an int, if it is a whole number above 0 (or None, if optional); ValueError otherwise.

    >>> positive_int("patience", 3)
    3
    """
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"`{name}` must be an integer of at least 1{' or None' if optional else ''}. Received: {name}={value!r}."
        )
    return int(value)


def wolfe(c1: Any, c2: Any) -> tuple[Any, Any]:
    """The two constants of a line search, if 0 < c1 < c2 < 1; ValueError otherwise.

    >>> wolfe(1e-4, 0.9)
    (0.0001, 0.9)
    """
    c1, c2 = real("c1", c1), real("c2", c2)
    if not 0 < c1 < c2 < 1:
        raise ValueError(f"`c1` and `c2` must be in the order 0 < c1 < c2 < 1. Received: c1={c1!r}, c2={c2!r}.")
    return c1, c2
