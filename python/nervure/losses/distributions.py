"""Losses that compare distributions other than of classes: the Kullback-Leibler divergence and counts."""

from __future__ import annotations

from typing import Any

from .. import config, ops
from .loss import BuiltIn
from .ranks import floats

__all__ = ["KLDivergence", "Poisson", "kl_divergence", "poisson"]


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true * log(y_true / y_pred)) over the last axis (Kullback & Leibler, 1951), both clipped to
    [epsilon, 1].

    >>> import numpy as np
    >>> kl_divergence(np.array([[0.5, 0.5]]), np.array([[0.5, 0.25]])).round(4).tolist()
    [0.3466]
    """
    y_true, y_pred = floats(y_true, y_pred, "kl_divergence")
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true * log(y_pred + epsilon)) over the last axis: minus the logarithm of a count's likelihood,
    without the part that y_pred does not change.

    >>> import numpy as np
    >>> poisson(np.array([[0.0, 2.0]]), np.array([[1.0, 1.0]])).round(4).tolist()
    [1.0]
    """
    y_true, y_pred = floats(y_true, y_pred, "poisson")
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


class KLDivergence(BuiltIn):
    """How far the predicted distribution is from the true one (Kullback & Leibler, 1951).

    >>> import numpy as np
    >>> float(KLDivergence()(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]])))
    0.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(BuiltIn):
    """For targets that are counts, with the mean of a Poisson distribution as the output, above zero.

    >>> import numpy as np
    >>> round(float(Poisson()(np.array([[0.0, 2.0]]), np.array([[1.0, 1.0]]))), 4)
    1.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)
