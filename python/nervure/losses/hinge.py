"""Losses of margins, for targets -1 and 1: an answer that is right by at least 1 costs nothing."""

from __future__ import annotations

from typing import Any

from .. import ops
from .loss import BuiltIn
from .ranks import floats

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


def _signs(y_true: Any) -> Any:
    """Targets that are all 0 or 1 become -1 or 1; others stay as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true * y_pred, 0)) over the last axis; targets that are all 0 or 1 are taken as -1 or 1.

    >>> import numpy as np
    >>> hinge(np.array([[-1.0, 1.0]]), np.array([[0.5, 2.0]])).tolist()
    [0.75]
    """
    y_true, y_pred = floats(y_true, y_pred, "hinge")
    return ops.mean(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """mean(max(1 - y_true * y_pred, 0) ** 2) over the last axis; targets that are all 0 or 1 are taken as -1 or 1.

    >>> import numpy as np
    >>> squared_hinge(np.array([[-1.0, 1.0]]), np.array([[0.5, 2.0]])).tolist()
    [1.125]
    """
    y_true, y_pred = floats(y_true, y_pred, "squared_hinge")
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(neg - pos + 1, 0) for one-hot targets: pos is the score of the true class, sum(y_true * y_pred), and neg
    the largest of the others, max((1 - y_true) * y_pred), both over the last axis.

    >>> import numpy as np
    >>> categorical_hinge(np.array([[0.0, 1.0, 0.0]]), np.array([[0.5, 1.0, 0.25]])).tolist()
    [0.5]
    """
    y_true, y_pred = floats(y_true, y_pred, "categorical_hinge")
    own = ops.sum(y_true * y_pred, axis=-1)
    other = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(other - own + 1.0, 0.0)


class Hinge(BuiltIn):
    """The loss of a margin (of support vector machines: Cortes & Vapnik, 1995). Targets are -1 and 1, or 0 and 1.

    >>> import numpy as np
    >>> float(Hinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 2.0]])))
    0.75
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(BuiltIn):
    """The square of the loss of a margin, for targets -1 and 1, or 0 and 1.

    >>> import numpy as np
    >>> float(SquaredHinge()(np.array([[0.0, 1.0]]), np.array([[0.5, 2.0]])))
    1.125
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(BuiltIn):
    """The loss of a margin between the score of the true class and the best of the others, for one-hot targets.

    >>> import numpy as np
    >>> float(CategoricalHinge()(np.array([[0.0, 1.0, 0.0]]), np.array([[0.5, 1.0, 0.25]])))
    0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
