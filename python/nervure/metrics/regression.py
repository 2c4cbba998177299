"""Errors of real-valued predictions, cosine similarity and the coefficient of determination."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import config, ops
from .._trace import current
from ..losses import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    same_shape,
)
from ..variable import Variable
from .metric import Metric, check_columns, compiled
from .reduction import Mean, MeanOfBuiltIn

__all__ = [
    "CosineSimilarity", "LogCoshError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "R2Score", "RootMeanSquaredError",
]  # fmt: skip


class MeanSquaredError(MeanOfBuiltIn):
    """The mean of squared errors.

    >>> round(float(MeanSquaredError()([[0.0]], [[2.0]])), 4)
    4.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name=name, dtype=dtype)


class MeanAbsoluteError(MeanOfBuiltIn):
    """The mean of absolute errors.

    >>> round(float(MeanAbsoluteError()([[0.0]], [[2.0]])), 4)
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name=name, dtype=dtype)


class MeanAbsolutePercentageError(MeanOfBuiltIn):
    """The mean of errors in percent of the true value.

    >>> round(float(MeanAbsolutePercentageError()([[4.0]], [[3.0]])), 4)
    25.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_percentage_error, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(MeanOfBuiltIn):
    """The mean of squared differences of log(1 + y).

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0]], [[0.0, 3.0]])), 4)
    0.2402
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name=name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """The square root of the mean of squared errors.

    >>> round(float(RootMeanSquaredError()([[0.0]], [[2.0]])), 4)
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        y_true, y_pred = same_shape("RootMeanSquaredError", y_true, y_pred)
        error = ops.cast(y_true, self._dtype) - ops.cast(y_pred, self._dtype)
        super().update_state(ops.square(error), sample_weight)

    @compiled
    def result(self) -> Any:
        return ops.sqrt(super().result())


def _cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between y_true and y_pred along `axis`."""
    y_true, y_pred = same_shape("cosine_similarity", y_true, y_pred)
    if not str(y_pred.dtype).startswith("float"):
        y_pred = ops.cast(y_pred, config.floatx())
    y_true = ops.cast(y_true, str(y_pred.dtype))
    return ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis)


class CosineSimilarity(MeanOfBuiltIn):
    """The mean of the cosine of the angle between y_true and y_pred along `axis`: -1 to 1.

    >>> round(float(CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])), 4)
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine_similarity, name=name, dtype=dtype, axis=axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config["axis"] == -1:  # Keras's configs have none
            del config["axis"]
        return config


class LogCoshError(MeanOfBuiltIn):
    """The mean of log(cosh(y_pred - y_true)): squared error near zero, absolute far from it.

    >>> round(float(LogCoshError()([[0.0, 1.0]], [[1.0, 1.0]])), 4)
    0.2169
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name=name, dtype=dtype)


class R2Score(Metric):
    """The coefficient of determination, 1 - sum((y - p) ** 2) / sum((y - mean(y)) ** 2), of each column.

    `class_aggregation`: "uniform_average" is the mean of the columns' scores, "variance_weighted_average" weighs them
    by the variance of y, None gives an array of them. With `num_regressors` p > 0 the score is adjusted for the number
    of independent variables: 1 - (1 - R2) * (n - 1) / (n - p - 1) (Theil, 1961).

    y_true and y_pred are of shape (batch, columns): ValueError otherwise.

    >>> import numpy as np
    >>> m = R2Score()
    >>> m.update_state(np.array([[1.0], [4.0], [3.0]]), np.array([[2.0], [4.0], [4.0]]))
    >>> round(float(m.result()), 4)
    0.5714
    """

    _direction = "up"
    squared_sum: Variable
    sum: Variable
    total_mse: Variable
    count: Variable

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        known = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in known:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {known}. Received: "
                f"class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(name="num_samples")
        self._built = False

    def _build(self, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
        check_columns("R2Score", y_true_shape, y_pred_shape)
        columns = y_pred_shape[-1]
        self.squared_sum = self.add_variable((columns,), name="squared_sum")
        self.sum = self.add_variable((columns,), name="sum")
        self.total_mse = self.add_variable((columns,), name="residual")
        self.count = self.add_variable((columns,), name="count")
        self._built = True

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = same_shape("R2Score", y_true, y_pred)
        y_true, y_pred = ops.cast(y_true, self._dtype), ops.cast(y_pred, self._dtype)
        check_columns("R2Score", tuple(y_true.shape), tuple(y_pred.shape))
        weight = ops.cast(1.0 if sample_weight is None else sample_weight, self._dtype)
        if len(weight.shape) == 1:
            weight = ops.expand_dims(weight, axis=1)
        weight = ops.broadcast_to(weight, tuple(y_true.shape))
        if not self._built:
            self._build(tuple(y_true.shape), tuple(y_pred.shape))
        weighted = y_true * weight
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(float(np.prod(y_true.shape)))

    def result(self) -> Any:
        if not self._built:
            return np.zeros((), "float32") if current() is None else ops.zeros(())
        if self.num_regressors and current() is None:
            spare = float(self.num_samples.numpy()) - 1 - self.num_regressors
            if spare < 0:
                warnings.warn(
                    "More independent predictors than datapoints in adjusted R2 score. Falling back to standard R2 "
                    "score.",
                    stacklevel=2,
                )
            elif spare == 0:
                warnings.warn("Division by zero in Adjusted R2 score. Falling back to standard R2 score.", stacklevel=2)
        return self._result()

    @compiled
    def _result(self) -> Any:
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        if self.num_regressors:
            spare = self.num_samples - float(self.num_regressors) - 1.0
            adjusted = 1.0 - (1.0 - scores) * (self.num_samples - 1.0) / spare
            scores = ops.where(spare > 0.0, adjusted, scores)
        return scores

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return super().get_config() | own
