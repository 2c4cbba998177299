"""Correlations of y_true and y_pred."""

from __future__ import annotations

from typing import Any

from .. import config, ops
from ..losses import same_shape
from .reduction import MeanOfBuiltIn

__all__ = ["ConcordanceCorrelation", "PearsonCorrelation", "concordance_correlation", "pearson_correlation"]


def _floats(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_true, y_pred = same_shape(name, y_true, y_pred)
    if not str(y_pred.dtype).startswith("float"):
        y_pred = ops.cast(y_pred, config.floatx())
    return ops.cast(y_true, str(y_pred.dtype)), y_pred


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """covariance / (standard deviation of y_true * that of y_pred) along `axis` (Pearson, 1895): -1 to 1; NaN where one
    of them is constant. ValueError unless the shapes agree.

    >>> pearson_correlation([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]]).round(4).tolist()
    [1.0]
    """
    y_true, y_pred = _floats("pearson_correlation", y_true, y_pred)
    a = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    b = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    a = a / ops.sqrt(ops.mean(ops.square(a), axis=axis, keepdims=True))
    b = b / ops.sqrt(ops.mean(ops.square(b), axis=axis, keepdims=True))
    return ops.mean(a * b, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """2 * covariance / (variance of y_true + that of y_pred + (difference of means) ** 2) along `axis` (Lin, 1989): 1
    only where y_pred equals y_true. ValueError unless the shapes agree.

    >>> concordance_correlation([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]])
    array([0.615...], dtype=float32)
    """
    y_true, y_pred = _floats("concordance_correlation", y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    a, b = y_true - mean_true, y_pred - mean_pred
    spread = ops.mean(ops.square(a), axis=axis) + ops.mean(ops.square(b), axis=axis)
    apart = ops.squeeze(ops.square(mean_true - mean_pred), axis=axis)
    return 2.0 * ops.mean(a * b, axis=axis) / (spread + apart + config.epsilon())


class PearsonCorrelation(MeanOfBuiltIn):
    """The mean of `pearson_correlation`.

    >>> round(float(PearsonCorrelation()([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]])), 4)
    1.0
    """

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanOfBuiltIn):
    """The mean of `concordance_correlation`.

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]])), 4)
    0.6154
    """

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
