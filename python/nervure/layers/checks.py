"""Checks of constructor arguments, with one wording."""

from typing import Any

import numpy as np


def positive_int(owner: str, name: str, value: Any) -> int:
    """`value` as an int; ValueError naming the class and the argument unless it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: expected `{name}` to be a positive integer, got {name}={value!r}")
    return int(value)


def fraction(owner: str, name: str, value: Any) -> float:
    """`value` as a float; ValueError unless it is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"{owner}: expected `{name}` to be a number between 0 and 1, got {name}={value!r}")
    return float(value)
