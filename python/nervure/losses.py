"""Losses: what training minimizes, as classes with a reduction and as functions of one value a sample.

A loss takes `y_true` and `y_pred` of shape (batch, ...) and gives a scalar. The per-sample functions keep all axes but
the last. Any Python function of (y_true, y_pred) written with `nervure.ops` is a loss too, and runs as fast as these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import config, ops, tree
from ._absent import absent
from ._dtypes import graph_dtype, is_float, standardize_dtype
from ._identify import identify
from .utils import auto_name, to_snake_case

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "Huber", "Loss", "LossFunctionWrapper", "MeanAbsoluteError",
    "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "SparseCategoricalCrossentropy",
    "binary_crossentropy", "categorical_crossentropy", "get", "huber", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
    "sparse_categorical_crossentropy",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def squeeze_or_expand_to_same_rank(a: Any, b: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Evens out ranks that differ by a trailing axis of size 1: (n,) and (n, 1) are the same data."""
    if len(a.shape) == len(b.shape) + 1 and a.shape[-1] == 1:
        if len(b.shape) == 1 and expand_rank_1:
            return a, ops.expand_dims(b, axis=-1)
        return ops.squeeze(a, axis=-1), b
    if len(b.shape) == len(a.shape) + 1 and b.shape[-1] == 1:
        b, a = squeeze_or_expand_to_same_rank(b, a, expand_rank_1)
    return a, b


def same_shape(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Evens out ranks; ValueError unless the shapes then agree, so that no (n, n) is broadcast by mistake."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name} expects y_true and y_pred of the same shape, got y_true {tuple(y_true.shape)} and y_pred "
            f"{tuple(y_pred.shape)}"
        )
    return y_true, y_pred


def _floats(y_true: Any, y_pred: Any, name: str) -> tuple[Any, Any]:
    """y_pred as floats, y_true in the same dtype and shape."""
    y_true, y_pred = same_shape(name, y_true, y_pred)
    if not is_float(str(y_pred.dtype)):
        y_pred = ops.cast(y_pred, config.floatx())
    return ops.cast(y_true, str(y_pred.dtype)), y_pred


def _fit(sample_weight: Any, values: Any) -> tuple[Any, Any]:
    """sample_weight in the dtype and rank of values."""
    sample_weight = ops.cast(sample_weight, str(values.dtype))
    values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
    if len(sample_weight.shape) < len(values.shape):
        extra = (1,) * (len(values.shape) - len(sample_weight.shape))
        sample_weight = ops.reshape(sample_weight, (*sample_weight.shape, *extra))
    return sample_weight, values


def reduce_weighted_values(
    values: Any, sample_weight: Any = None, reduction: str | None = "sum_over_batch_size", valid: Any = None
) -> Any:
    """Weighs the values of the samples, then reduces them: see `Loss`. A mean is over the samples that are `valid`."""
    if valid is not None:
        weight = ops.cast(valid, str(values.dtype))
        if reduction in ("sum_over_batch_size", "mean"):
            weight = weight * ops.divide_no_nan(float(np.prod(valid.shape)), ops.sum(weight))
        if sample_weight is not None:
            sample_weight, weight = _fit(sample_weight, weight)
            weight = weight * sample_weight
        sample_weight = weight
    if sample_weight is not None:
        sample_weight, values = _fit(sample_weight, values)
        try:
            values = values * sample_weight
        except ValueError:
            raise ValueError(
                f"sample_weight of shape {tuple(sample_weight.shape)} does not fit losses of shape "
                f"{tuple(values.shape)}"
            ) from None
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(total, ops.sum(sample_weight))
    return ops.divide(total, float(max(int(np.prod(values.shape)), 1)))


class Loss:
    """Base class: write `call(y_true, y_pred)`, giving one value a sample.

    `reduction`: "sum_over_batch_size" or "mean" (the sum of weighted values over their number),
    "mean_with_sample_weight" (over the sum of the weights), "sum", or None. `dtype` None means `config.floatx()`.

    >>> import numpy as np, nervure as nv
    >>> class Absolute(nv.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return nv.ops.mean(nv.ops.absolute(y_true - y_pred), axis=-1)
    >>> float(Absolute()(np.zeros((2, 1)), np.ones((2, 1))))
    1.0
    """

    integer_targets = False  # are the targets class numbers?
    target_range: tuple[float, float] | None = None  # None: any targets, as in a loss that gives NaN a meaning

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`: expected one of {_REDUCTIONS}, got {reduction!r}"
            )
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_pred = tree.map_structure(lambda t: ops.convert_to_tensor(t, dtype=self._dtype), _arrays(y_pred))
        if not self.integer_targets:
            y_true = tree.map_structure(lambda t: ops.convert_to_tensor(t, dtype=self._dtype), _arrays(y_true))
        values = self.call(y_true, y_pred)
        if values is None:
            raise TypeError(f"loss '{self.name}' must return a tensor, got None")
        values = ops.cast(values, self._dtype)
        return reduce_weighted_values(values, sample_weight, self.reduction, self.valid(y_true))

    def valid(self, y_true: Any) -> Any:
        """Which samples count, as a tensor of bools; None if all do."""
        return None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value a sample, shape (batch, ...)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement call(y_true, y_pred)")

    def check_targets(self, y: np.ndarray[Any, Any], shape: Sequence[int]) -> None:
        """ValueError naming the first row of `y` that cannot be a target of outputs of that shape."""
        if self.target_range is None or type(self).__module__ != __name__ or not y.size:
            return  # a subclass made elsewhere may give NaN a meaning too
        low, high = map(np.float64, self.target_range)
        if low <= y.min() and y.max() <= high:  # false too if any is NaN
            return
        where = np.argwhere(~((y >= low) & (y <= high)))[0]
        limits = "finite targets" if high > 2 else "targets between 0 and 1"
        raise ValueError(f"{self.name} expects {limits}, got {y[tuple(where)]} in row {where[0]}")

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


def _arrays(y: Any) -> Any:
    """Plain lists of numbers become arrays; structures of tensors stay."""
    if isinstance(y, (list, tuple)) and not any(hasattr(leaf, "shape") for leaf in tree.flatten(y)):
        return np.asarray(y)
    return y


class LossFunctionWrapper(Loss):
    """A function of (y_true, y_pred, **kwargs) as a loss.

    >>> import numpy as np
    >>> float(LossFunctionWrapper(huber, delta=0.5)(np.zeros((1, 1)), np.ones((1, 1))))
    0.375
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._fn_kwargs


def _fraction(owner: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{owner}: expected label_smoothing between 0 and 1, got {value!r}")
    return float(value)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred) ** 2) over the last axis.

    >>> import numpy as np
    >>> mean_squared_error(np.zeros((1, 2)), np.array([[1.0, 3.0]])).tolist()
    [5.0]
    """
    y_true, y_pred = _floats(y_true, y_pred, "mean_squared_error")
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_absolute_error(y, p).tolist()
    [0.5]
    """
    y_true, y_pred = _floats(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 * mean(|y_true - y_pred| / max(|y_true|, epsilon)) over the last axis.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_absolute_percentage_error(y + 1, p + 1).tolist()
    [37.5]
    """
    y_true, y_pred = _floats(y_true, y_pred, "mean_absolute_percentage_error")
    share = ops.absolute((y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()))
    return ops.multiply(100.0, ops.mean(share, axis=-1))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """mean((log(1 + y_true) - log(1 + y_pred)) ** 2) over the last axis, values below epsilon raised to it.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> mean_squared_logarithmic_error(y, y).tolist()
    [0.0]
    """
    y_true, y_pred = _floats(y_true, y_pred, "mean_squared_logarithmic_error")
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
    y_true, y_pred = _floats(y_true, y_pred, "huber")
    error = ops.absolute(y_true - y_pred)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta * delta), axis=-1)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-y log p - (1 - y) log(1 - p), the mean over `axis`; p is clipped to [epsilon, 1 - epsilon] unless the model
    gives logits, which stay exact.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> bool(abs(binary_crossentropy(y, p)[0] - np.log(2)) < 1e-6)
    True
    """
    y_true, y_pred = _floats(y_true, y_pred, "binary_crossentropy")
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum(y log p) over `axis`, for one-hot (or soft) targets.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> bool(abs(categorical_crossentropy(y, p)[0] - np.log(2)) < 1e-6)
    True
    """
    y_true, y_pred = _floats(y_true, y_pred, "categorical_crossentropy")
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / float(y_pred.shape[axis])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """-log p[y] for class numbers y; samples of class `ignore_class` count nothing. ValueError if shapes or labels
    do not fit.

    >>> import numpy as np
    >>> y, p = np.array([1]), np.float32([[0.25, 0.75]])
    >>> bool(abs(sparse_categorical_crossentropy(y, p)[0] + np.log(0.75)) < 1e-6)
    True
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    classes = axis % max(len(y_pred.shape), 1)
    expected = tuple(y_pred.shape[:classes]) + tuple(y_pred.shape[classes + 1 :])
    if tuple(y_true.shape) != expected or not y_pred.shape:
        raise ValueError(
            f"sparse_categorical_crossentropy expects y_true of shape {expected} (class numbers) for y_pred of shape "
            f"{tuple(y_pred.shape)}, got {tuple(y_true.shape)}"
        )
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    kept = ops.where(valid, y_true, ops.zeros_like(y_true))
    values = ops.sparse_categorical_crossentropy(kept, y_pred, from_logits=from_logits, axis=axis)
    return ops.where(valid, values, ops.zeros_like(values))


class _BuiltIn(LossFunctionWrapper):
    """A loss of this module: one NaN among the targets would make all weights NaN."""

    target_range = (-sys.float_info.max, sys.float_info.max)


class MeanSquaredError(_BuiltIn):
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


class MeanAbsoluteError(_BuiltIn):
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


class MeanAbsolutePercentageError(_BuiltIn):
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


class MeanSquaredLogarithmicError(_BuiltIn):
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


class Huber(_BuiltIn):
    """Squared error near zero, absolute beyond `delta` (Huber, 1964).

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> float(Huber(delta=1.0)(y, p))
    0.125
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


class BinaryCrossentropy(_BuiltIn):
    """Cross-entropy of independent yes/no targets, 0 to 1.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> round(float(BinaryCrossentropy()(y, p)), 4)
    0.6931
    """

    target_range = (-1e-6, 1 + 1e-6)  # soft targets may be off by a rounding

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        smoothing = _fraction("BinaryCrossentropy", label_smoothing)
        super().__init__(
            binary_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=smoothing, axis=axis
        )


class CategoricalCrossentropy(_BuiltIn):
    """Cross-entropy of one-hot targets.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> round(float(CategoricalCrossentropy()(y, p)), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        smoothing = _fraction("CategoricalCrossentropy", label_smoothing)
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(_BuiltIn):
    """Cross-entropy of class numbers.

    >>> import numpy as np
    >>> round(float(SparseCategoricalCrossentropy()(np.array([1]), np.array([[0.5, 0.5]]))), 4)
    0.6931
    """

    integer_targets = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(y_true, np.ndarray):
            self.check_targets(y_true, y_pred.shape)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def valid(self, y_true: Any) -> Any:
        ignored = self._fn_kwargs["ignore_class"]
        if ignored is None:
            return None
        y_true = ops.convert_to_tensor(y_true)
        if len(y_true.shape) > 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, axis=-1)
        return ops.not_equal(y_true, ignored)

    def check_targets(self, y: np.ndarray[Any, Any], shape: Sequence[int]) -> None:
        n_classes = shape[self._fn_kwargs["axis"]]
        bad = (y < 0) | (y >= n_classes)
        if graph_dtype(y.dtype).startswith("float"):
            bad |= ~(y == np.floor(y))  # NaN is not equal to itself
        if self._fn_kwargs["ignore_class"] is not None:
            bad &= y != self._fn_kwargs["ignore_class"]
        if bad.any():
            where = tuple(int(k) for k in np.argwhere(bad)[0])
            raise ValueError(
                f"{self.name} expects class numbers 0 to {n_classes - 1} (the model gives {n_classes} classes), got "
                f"{y[where]} in row {where[0]}"
            )


_CLASSES: tuple[type[Loss], ...] = (
    MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError, Huber,
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy,
)  # fmt: skip
_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error, huber,
    binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy,
)  # fmt: skip
_KNOWN: dict[str, Any] = {c.__name__: c for c in _CLASSES} | {f.__name__: f for f in _FUNCTIONS}
for _short, _long in (
    ("mse", mean_squared_error), ("mae", mean_absolute_error), ("mape", mean_absolute_percentage_error),
    ("msle", mean_squared_logarithmic_error), ("bce", binary_crossentropy),
):  # fmt: skip
    _KNOWN[_short] = _KNOWN[_short.upper()] = _long
_BY_FUNCTION: dict[Any, type[Loss]] = dict(zip(_FUNCTIONS, _CLASSES, strict=True))


def get(identifier: Any) -> Any:
    """A loss from its name ("mse"), class, config or callable; None stays None.

    A name in snake_case gives the function, a class name an instance. ValueError on an unknown name.

    >>> get("mse") is mean_squared_error, get("Huber").name
    (True, 'huber_loss')
    """
    return identify("loss", identifier, Loss, _KNOWN)


def object_name(function: Any) -> str:
    """What results of a callable are called: its own `name`, or that of the function or class in snake case."""
    name = getattr(function, "name", None)
    return name or to_snake_case(getattr(function, "__name__", type(function).__name__))


def as_loss(identifier: Any) -> Loss:
    """A `Loss` from anything `get` takes; a built-in function becomes its class, any other callable is wrapped."""
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else object_name(found)
    if found in _BY_FUNCTION:
        return _BY_FUNCTION[found](name=name)  # type: ignore[call-arg]
    return LossFunctionWrapper(found, name=name)
