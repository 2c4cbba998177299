"""Losses of overlap, for images whose pixels are each of a class or not."""

from __future__ import annotations

from typing import Any

from .. import config, ops
from .checks import number
from .loss import BuiltIn
from .ranks import floats

__all__ = ["Dice", "Tversky", "dice", "tversky"]


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + epsilon), the sums over `axis`, or over everything:
    then the loss is one number for the whole batch (Sudre et al., 2017).

    >>> import numpy as np
    >>> round(float(dice(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]))), 4)
    0.3333
    """
    y_true, y_pred = floats(y_true, y_pred, "dice")
    both = ops.sum(y_true * y_pred, axis=axis)
    size = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * both / (size + config.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """1 - both / (both + alpha * missed + beta * extra + epsilon) (Salehi et al., 2017), where both is
    sum(y_true * y_pred), missed is sum(y_true * (1 - y_pred)), extra is sum((1 - y_true) * y_pred), the sums over
    `axis`, or over everything. With alpha = beta = 0.5 it is `dice`.

    >>> import numpy as np
    >>> y, p = np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> round(float(tversky(y, p, alpha=1.0, beta=0.0)), 4)
    0.5
    """
    y_true, y_pred = floats(y_true, y_pred, "tversky")
    both = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    extra = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - both / (both + missed * alpha + extra * beta + config.epsilon())


class Dice(BuiltIn):
    """1 minus the overlap of target and output as a share of their size (Sudre et al., 2017).

    `axis` None makes one number of the whole batch; (1, 2, 3) one for each image.

    >>> import numpy as np
    >>> round(float(Dice()(np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]))), 4)
    0.3333
    """

    axis: Any

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(BuiltIn):
    """1 minus the overlap of target and output, with missed and extra parts weighted (Salehi et al., 2017).

    `alpha` weighs what is in the target only, `beta` what is in the output only. `axis` as in `Dice`.

    >>> import numpy as np
    >>> y, p = np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> round(float(Tversky(alpha=1.0, beta=0.0)(y, p)), 4)
    0.5
    """

    alpha: float
    beta: float
    axis: Any

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        alpha, beta = number("Tversky", "alpha", alpha), number("Tversky", "beta", beta)
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
