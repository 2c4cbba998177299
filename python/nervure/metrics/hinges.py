"""Hinge losses as metrics: for labels -1 and 1 (0 and 1 are taken for these)."""

from __future__ import annotations

from typing import Any

from ..losses import categorical_hinge, hinge, squared_hinge
from .reduction import MeanOfBuiltIn

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


class Hinge(MeanOfBuiltIn):
    """The mean of max(1 - y_true * y_pred, 0).

    >>> round(float(Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])), 4)
    1.3
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, name=name, dtype=dtype)


class SquaredHinge(MeanOfBuiltIn):
    """The mean of max(1 - y_true * y_pred, 0) ** 2.

    >>> round(float(SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])), 4)
    1.86
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(squared_hinge, name=name, dtype=dtype)


class CategoricalHinge(MeanOfBuiltIn):
    """The mean of max(0, 1 + the largest score of a wrong class - that of the right one), for one-hot targets.

    >>> round(float(CategoricalHinge()([[0, 1], [1, 0]], [[0.6, 0.4], [0.4, 0.6]])), 4)
    1.2
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(categorical_hinge, name=name, dtype=dtype)
