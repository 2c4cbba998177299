"""Sums and means of values over batches; a function of (y_true, y_pred) as a metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import losses, ops
from .._masks import get_mask
from .._trace import current
from ..losses import squeeze_or_expand_to_same_rank
from .metric import Metric, compiled

__all__ = ["Mean", "MeanMetricWrapper", "MeanOfBuiltIn", "Sum"]


def _samplewise(values: Any, sample_weight: Any, reduce: Callable[..., Any], dtype: str) -> tuple[Any, Any]:
    """One weighted value for each entry of the first axis, and its weight (None if there are no weights)."""
    mask = get_mask(values)
    values = ops.cast(values, dtype)
    if sample_weight is not None:
        sample_weight = _masked(ops.cast(sample_weight, dtype), mask, dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        ndim = len(sample_weight.shape)
        if len(values.shape) > ndim:
            values = reduce(values, axis=tuple(range(ndim, len(values.shape))))
        try:
            sample_weight = ops.broadcast_to(sample_weight, tuple(values.shape))
        except ValueError:
            raise ValueError(
                f"sample_weight of shape {tuple(sample_weight.shape)} does not fit values of shape "
                f"{tuple(values.shape)}"
            ) from None
        values = values * sample_weight
        if ndim > 1:
            sample_weight = reduce(sample_weight, axis=tuple(range(1, ndim)))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, sample_weight


def _masked(sample_weight: Any, mask: Any, dtype: str) -> Any:
    """sample_weight, 0 where the mask is False."""
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, ops.cast(sample_weight, dtype))
    missing = len(mask.shape) - len(sample_weight.shape)
    if sample_weight.shape and missing > 0:  # one weight a sample, of several steps
        sample_weight = ops.reshape(sample_weight, (*sample_weight.shape, *(1,) * missing))
    return sample_weight * mask


class Sum(Metric):
    """The weighted sum of all values.

    >>> float(Sum()([1.0, 2.0], sample_weight=[1.0, 0.5]))
    2.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable(dtype=self._dtype, name="total")

    @compiled
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = _samplewise(values, sample_weight, ops.sum, self._dtype)
        self.total.assign_add(ops.sum(values))

    @compiled
    def result(self) -> Any:
        return ops.cast(self.total, self._dtype)


class Mean(Metric):
    """The weighted mean of all values; without any, 0.

    Of values with several axes the mean over all but the first is taken, so that each sample counts once.

    >>> float(Mean()([1.0, 4.0], sample_weight=[2.0, 1.0]))
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable(dtype=self._dtype, name="total")
        self.count = self.add_variable(dtype=self._dtype, name="count")

    @compiled
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, sample_weight = _samplewise(values, sample_weight, ops.mean, self._dtype)
        self.total.assign_add(ops.sum(values))
        if sample_weight is not None:
            self.count.assign_add(ops.sum(sample_weight))
        else:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)

    @compiled
    def result(self) -> Any:
        return ops.divide_no_nan(self.total, self.count)


def _is_a_loss(fn: Any) -> bool:
    """Is it one of `nervure.losses`: a function, or an object of one of its classes?"""
    kind = fn if hasattr(fn, "__name__") else type(fn)
    return kind.__name__ in losses.__all__ and getattr(losses, kind.__name__) is kind


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred, **kwargs) that gives one value a sample, or several.

    Where y_pred has a mask, only what it leaves counts.

    >>> from nervure.metrics import mean_squared_error
    >>> float(MeanMetricWrapper(mean_squared_error, name="mine")([[0.0]], [[2.0]]))
    4.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}: fn must be a function of (y_true, y_pred), got {fn!r}")
        self._fn = fn
        self._fn_kwargs = kwargs
        if _is_a_loss(fn):
            self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        mask = get_mask(y_pred)
        if current() is None:  # on arrays a function of the user's sees what it would see elsewhere: numbers
            y_true, y_pred = (ops.convert_to_tensor(y) if isinstance(y, (list, tuple)) else y for y in (y_true, y_pred))
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if values is None:
            raise TypeError(f"metric '{self.name}' must return a tensor, got None")
        super().update_state(values, _masked(sample_weight, mask, self._dtype))

    def get_config(self) -> dict[str, Any]:
        from ..saving import serialize_keras_object

        described = {"fn": serialize_keras_object(self._fn)} | serialize_keras_object(self._fn_kwargs)
        return super().get_config() | described

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        if "fn" in config:
            from ..saving import deserialize_keras_object

            config = deserialize_keras_object(config)
        return cls(**config)


class MeanOfBuiltIn(MeanMetricWrapper):
    """The mean of a function of nervure's: on arrays it is compiled together with the mean. Not for direct use."""

    @compiled
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        super().update_state(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred), sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self._dtype} | self._fn_kwargs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)
