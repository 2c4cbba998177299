"""Metrics: running results over batches, held in variables.

Use one on arrays (`m.update_state(y, p); m.result()`) or give it to `compile`, where it is traced into the epoch loop.
A custom metric subclasses `Metric` and is written with `nervure.ops`; a plain function of (y_true, y_pred) works too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import config, initializers, losses, ops
from ._absent import absent
from ._dtypes import standardize_dtype
from ._identify import identify
from ._trace import current
from .losses import object_name, same_shape, squeeze_or_expand_to_same_rank
from .utils import auto_name, to_snake_case
from .variable import Variable

__all__ = [
    "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "CategoricalAccuracy", "CategoricalCrossentropy", "Mean",
    "MeanAbsoluteError", "MeanMetricWrapper", "MeanSquaredError", "Metric", "RootMeanSquaredError",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "Sum", "accuracy", "binary_accuracy",
    "binary_crossentropy", "categorical_accuracy", "categorical_crossentropy", "get", "mean_absolute_error",
    "mean_squared_error", "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

binary_crossentropy = losses.binary_crossentropy
categorical_crossentropy = losses.categorical_crossentropy
sparse_categorical_crossentropy = losses.sparse_categorical_crossentropy
mean_squared_error = losses.mean_squared_error
mean_absolute_error = losses.mean_absolute_error


class Metric:
    """Base class: make variables in `__init__` with `add_variable`, write `update_state` and `result`.

    >>> import numpy as np
    >>> m = Mean()
    >>> m.update_state(np.array([1.0, 2.0]))
    >>> m.update_state(np.array([6.0]))
    >>> float(m.result())
    3.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state, that of metrics held in attributes included."""
        found = list(self._variables)
        for value in self.__dict__.values():
            for item in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(item, Metric):
                    found += item.variables
        return list({id(v): v for v in found}.values())

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new variable of the state; `reset_state` fills it with zeros."""
        variable = Variable(
            initializers.get(initializer), shape=shape, dtype=dtype or self._dtype, trainable=False, name=name
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Another name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def reset_state(self) -> None:
        """Back to the start."""
        scope = current()
        for v in self.variables:
            if scope is None:
                v.numpy()[...] = 0
            else:
                v.assign(ops.zeros(v.shape, dtype=v.dtype))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Takes in a batch."""
        raise NotImplementedError(f"{type(self).__name__} does not implement update_state()")

    def result(self) -> Any:
        """The value so far: a scalar (or a dict of them)."""
        raise NotImplementedError(f"{type(self).__name__} does not implement result()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _samplewise(values: Any, sample_weight: Any, reduce: Callable[..., Any], dtype: str) -> tuple[Any, Any]:
    """One weighted value for each entry of the first axis, and its weight (None if there are no weights)."""
    values = ops.cast(values, dtype)
    if sample_weight is not None:
        sample_weight = ops.cast(sample_weight, dtype)
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


class Sum(Metric):
    """The weighted sum of all values.

    >>> float(Sum()([1.0, 2.0], sample_weight=[1.0, 0.5]))
    2.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = _samplewise(values, sample_weight, ops.sum, self._dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        return ops.cast(self.total, self._dtype)


class Mean(Metric):
    """The weighted mean of all values.

    >>> float(Mean()([1.0, 4.0], sample_weight=[2.0, 1.0]))
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, sample_weight = _samplewise(values, sample_weight, ops.mean, self._dtype)
        self.total.assign_add(ops.sum(values))
        if sample_weight is not None:
            self.count.assign_add(ops.sum(sample_weight))
        else:
            self.count.assign_add(float(values.shape[0]) if values.shape else 1.0)

    def result(self) -> Any:
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred, **kwargs) that gives one value a sample.

    >>> float(MeanMetricWrapper(mean_squared_error, name="mine")([[0.0]], [[2.0]]))
    4.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(name=name or getattr(fn, "__name__", None), dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if values is None:
            raise TypeError(f"metric '{self.name}' must return a tensor, got None")
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._fn_kwargs


def _equal(a: Any, b: Any) -> Any:
    return ops.cast(ops.equal(a, b), config.floatx())


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where y_pred equals y_true, else 0. ValueError unless the shapes agree.

    >>> accuracy([1, 2], [1, 3]).tolist()
    [1.0, 0.0]
    """
    return _equal(*same_shape("accuracy", y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where `y_pred > threshold` says the same as y_true, else 0. ValueError unless the shapes agree.

    >>> binary_accuracy([1.0, 1.0], [0.9, 0.2]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = same_shape("binary_accuracy", y_true, y_pred)
    return _equal(y_true, ops.cast(ops.greater(y_pred, threshold), str(y_true.dtype)))


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred is at the largest of y_true (one-hot), else 0. ValueError unless the shapes agree.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = same_shape("categorical_accuracy", y_true, y_pred)
    return _equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the largest of y_pred is at the class number y_true, else 0. ValueError unless the shapes fit.

    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        raise ValueError(
            f"sparse_categorical_accuracy expects y_true of shape {tuple(y_pred.shape[:-1])} (class numbers) for "
            f"y_pred of shape {tuple(y_pred.shape)}, got {tuple(y_true.shape)}"
        )
    return _equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), str(y_true.dtype)))


class Accuracy(MeanMetricWrapper):
    """How often y_pred equals y_true.

    >>> m = Accuracy()
    >>> float(m([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
    0.75
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name=name, dtype=dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often `y_pred > threshold` says the same as y_true. ValueError unless 0 < threshold < 1.

    >>> round(float(BinaryAccuracy()([1.0, 1.0], [0.9, 0.2])), 4)
    0.5
    """

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if threshold is None or not 0 < threshold < 1:
            raise ValueError(f"BinaryAccuracy: expected threshold between 0 and 1, got {threshold!r}")
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest of y_pred is at the largest of y_true (one-hot).

    >>> round(float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])), 4)
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest of y_pred is at the class number y_true.

    >>> round(float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])), 4)
    0.5
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared errors.

    >>> round(float(MeanSquaredError()([[0.0]], [[2.0]])), 4)
    4.0
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name=name, dtype=dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute errors.

    >>> round(float(MeanAbsoluteError()([[0.0]], [[2.0]])), 4)
    2.0
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name=name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """The square root of the mean of squared errors.

    >>> round(float(RootMeanSquaredError()([[0.0]], [[2.0]])), 4)
    2.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        y_true, y_pred = same_shape("RootMeanSquaredError", y_true, y_pred)
        error = ops.cast(y_true, self._dtype) - ops.cast(y_pred, self._dtype)
        super().update_state(ops.square(error), sample_weight)

    def result(self) -> Any:
        return ops.sqrt(super().result())


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean binary cross-entropy.

    >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(binary_crossentropy, name=name, dtype=dtype, **kwargs)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of one-hot targets.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, name=name, dtype=dtype, **kwargs)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of class numbers.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(sparse_categorical_crossentropy, name=name, dtype=dtype, from_logits=from_logits, axis=axis)


_CLASSES: Sequence[type[Metric]] = (
    Accuracy, BinaryAccuracy, BinaryCrossentropy, CategoricalAccuracy, CategoricalCrossentropy, Mean, MeanAbsoluteError,
    MeanSquaredError, RootMeanSquaredError, SparseCategoricalAccuracy, SparseCategoricalCrossentropy, Sum,
)  # fmt: skip
_KNOWN: dict[str, Any] = {c.__name__: c for c in _CLASSES} | {to_snake_case(c.__name__): c for c in _CLASSES}
for _short, _class in (("mse", MeanSquaredError), ("mae", MeanAbsoluteError), ("bce", BinaryCrossentropy)):
    _KNOWN[_short] = _KNOWN[_short.upper()] = _class
for _name in ("mape", "msle", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "huber"):
    _KNOWN[_name] = _KNOWN[_name.upper()] = losses.get(_name)


def get(identifier: Any) -> Any:
    """A metric from its name ("mae"), class, config or callable; None stays None. ValueError on an unknown name.

    >>> get("mae").name
    'mean_absolute_error'
    """
    return identify("metric", identifier, (Metric, losses.Loss), _KNOWN)


def as_metric(identifier: Any) -> Metric:
    """A `Metric` from anything `get` takes: a callable is wrapped, a string gives the metric its name."""
    found = get(identifier)
    if found is None:
        raise ValueError("expected a metric, got None")
    if not isinstance(found, Metric):
        found = MeanMetricWrapper(found, name=object_name(found))
    if isinstance(identifier, str):
        found.name = identifier
    return found
