"""Losses of numbers: squared, absolute and relative errors, and the angle between vectors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import config, ops
from .checks import number
from .loss import BuiltIn
from .ranks import floats

__all__ = [
    "CosineSimilarity", "Huber", "LogCosh", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "cosine_similarity", "huber", "log_cosh", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
]  # fmt: skip


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred) ** 2) over the last axis.

    >>> import numpy as np
    >>> mean_squared_error(np.zeros((1, 2)), np.array([[1.0, 3.0]])).tolist()
    [5.0]
    """
    y_true, y_pred = floats(y_true, y_pred, "mean_squared_error")
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_absolute_error(y, p).tolist()
    [0.5]
    """
    y_true, y_pred = floats(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 * mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_absolute_percentage_error(y + 1, p + 1).tolist()
    [37.5]
    """
    y_true, y_pred = floats(y_true, y_pred, "mean_absolute_percentage_error")
    share = ops.absolute((y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()))
    return ops.multiply(100.0, ops.mean(share, axis=-1))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred)) ** 2) over the last axis, values below epsilon raised to it.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_squared_logarithmic_error(y, y).tolist()
    [0.0]
    """
    y_true, y_pred = floats(y_true, y_pred, "mean_squared_logarithmic_error")
    a = ops.log(ops.maximum(y_true, config.epsilon()) + 1.0)
    b = ops.log(ops.maximum(y_pred, config.epsilon()) + 1.0)
    return ops.mean(ops.square(a - b), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Squared near zero, linear beyond `delta` (Huber, 1964): the mean over the last axis.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> huber(y, p).tolist()
    [0.125]
    """
    y_true, y_pred = floats(y_true, y_pred, "huber")
    error = ops.absolute(y_true - y_pred)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta * delta), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """mean(log(cosh(y_pred - y_true))) over the last axis: x ** 2 / 2 near zero, |x| - log 2 far away.

    >>> import numpy as np
    >>> log_cosh(np.zeros((1, 2)), np.array([[0.0, 1000.0]])).round(3).tolist()
    [499.653]
    """
    y_true, y_pred = floats(y_true, y_pred, "log_cosh")
    x = y_pred - y_true
    # cosh x = 1 + 2 sinh(x / 2) ** 2 keeps its digits near zero, where |x| + log(1 + exp(-2|x|)) - log 2 loses them.
    near = ops.log1p(2.0 * ops.square(ops.sinh(0.5 * ops.clip(x, -2.0, 2.0))))
    size = ops.absolute(x)
    far = size + ops.softplus(-2.0 * size) - math.log(2.0)
    return ops.mean(ops.where(size <= 1.0, near, far), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between y_true and y_pred along `axis`: -1 for the same direction, 0 for right
    angles and for vectors of zeros, 1 for opposite directions.

    >>> import numpy as np
    >>> cosine_similarity(np.array([[0.0, 2.0]]), np.array([[0.0, 3.0]])).tolist()
    [-1.0]
    """
    y_true, y_pred = floats(y_true, y_pred, "cosine_similarity")
    unit = ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis)
    return ops.negative(ops.sum(unit, axis=axis))


class MeanSquaredError(BuiltIn):
    """The mean of squared errors.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(MeanSquaredError()(y, p))
    0.25
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(BuiltIn):
    """The mean of absolute errors.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(MeanAbsoluteError()(y, p))
    0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(BuiltIn):
    """The mean of errors in percent of the true value.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(MeanAbsolutePercentageError()(y + 1, p + 1))
    37.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(BuiltIn):
    """The mean of squared differences of logarithms.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(MeanSquaredLogarithmicError()(y, y))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(BuiltIn):
    """Squared error near zero, absolute beyond `delta` (Huber, 1964). ValueError if `delta` is not a finite number.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(Huber(delta=1.0)(y, p))
    0.125
    """

    delta: float
    _implied: ClassVar[dict[str, Any]] = {"delta": 1.0}

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=number("Huber", "delta", delta))


class LogCosh(BuiltIn):
    """The mean of log(cosh(error)): like the squared error near zero, like the absolute one far away.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> round(float(LogCosh()(y, p)), 4)
    0.1201
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(BuiltIn):
    """Minus the cosine of the angle between target and output along `axis`.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0, 0.5]])
    >>> float(CosineSimilarity()(y, p))
    -1.0
    """

    axis: int
    _implied: ClassVar[dict[str, Any]] = {"axis": -1}

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
