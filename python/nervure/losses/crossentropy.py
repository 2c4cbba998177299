"""Losses of classes: cross-entropies of yes/no targets, of one-hot targets and of class numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .. import _core, config, ops
from .._dtypes import graph_dtype, is_float
from .._masks import set_mask
from .checks import axis_number, fraction, number
from .loss import BuiltIn
from .ranks import floats

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy",
    "SparseCategoricalCrossentropy", "binary_crossentropy", "categorical_crossentropy",
    "categorical_generalized_cross_entropy", "one_hot_targets", "sparse_categorical_crossentropy", "yes_no_targets",
]  # fmt: skip


def yes_no_targets(name: str, y_true: Any, y_pred: Any, label_smoothing: float) -> tuple[Any, Any]:
    """Targets from 0 to 1, moved towards 1/2 by `label_smoothing`, and outputs of the same shape."""
    y_true, y_pred = floats(y_true, y_pred, name)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


def one_hot_targets(name: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int) -> tuple[Any, Any]:
    """One-hot targets, moved towards 1 / classes by `label_smoothing`, and outputs of the same shape."""
    axis_number(name, axis)
    y_true, y_pred = floats(y_true, y_pred, name)
    if y_pred.shape and y_pred.shape[axis] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. Received: "
            f"y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / float(y_pred.shape[axis])
    return y_true, y_pred


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: Any = -1
) -> Any:
    """-y log p - (1 - y) log(1 - p), the mean over `axis`; p is clipped to [epsilon, 1 - epsilon] unless the model
    gives logits, which stay exact.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> bool(abs(binary_crossentropy(y, p)[0] - np.log(2)) < 1e-6)
    True
    """
    y_true, y_pred = yes_no_targets("binary_crossentropy", y_true, y_pred, label_smoothing)
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
    y_true, y_pred = one_hot_targets("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def _class_numbers(name: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    """Class numbers of the shape of `y_pred` without `axis`: one there is left out. ValueError for other shapes."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    classes = axis % max(len(y_pred.shape), 1)
    expected = tuple(y_pred.shape[:classes]) + tuple(y_pred.shape[classes + 1 :])
    if len(y_true.shape) == len(y_pred.shape) > 0:
        for k in (classes, -1):
            if y_true.shape[k] == 1 and tuple(y_true.shape) != expected:
                y_true = ops.squeeze(y_true, axis=k)
                break
    if tuple(y_true.shape) != expected or not y_pred.shape:
        raise ValueError(
            f"{name} expects y_true of shape {expected} (class numbers) for y_pred of shape {tuple(y_pred.shape)}, "
            f"got {tuple(y_true.shape)}"
        )
    return y_true, y_pred


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """-log p[y] for class numbers y; samples of class `ignore_class` count nothing: the mask of the result leaves them
    out. ValueError if shapes or labels do not fit.

    >>> import numpy as np
    >>> y, p = np.array([1]), np.float32([[0.25, 0.75]])
    >>> bool(abs(sparse_categorical_crossentropy(y, p)[0] + np.log(0.75)) < 1e-6)
    True
    """
    y_true, y_pred = _class_numbers("sparse_categorical_crossentropy", y_true, y_pred, axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    kept = ops.where(valid, y_true, ops.zeros_like(y_true))
    values = ops.sparse_categorical_crossentropy(kept, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(valid, values, ops.zeros_like(values))
    set_mask(values, valid)
    return values


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """(1 - p[y] ** q) / q for class numbers y and probabilities p over the last axis (Zhang & Sabuncu, 2018).

    >>> import numpy as np
    >>> categorical_generalized_cross_entropy(np.array([1]), np.array([[0.75, 0.25]]), q=0.5).tolist()
    [1.0]
    """
    y_true, y_pred = _class_numbers("categorical_generalized_cross_entropy", y_true, y_pred, -1)
    if not is_float(str(y_pred.dtype)):
        y_pred = ops.cast(y_pred, config.floatx())
    own = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)
    # The slope of p ** q at 0 is infinite: from the smallest number on it is 0 instead.
    own = ops.maximum(ops.squeeze(own, axis=-1), float(np.finfo(str(y_pred.dtype)).tiny))
    return (1.0 - ops.power(own, q)) / q


class BinaryCrossentropy(BuiltIn):
    """Cross-entropy of independent yes/no targets, 0 to 1.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> round(float(BinaryCrossentropy()(y, p)), 4)
    0.6931
    """

    target_range = (-1e-6, 1 + 1e-6)  # soft targets may be off by a rounding
    from_logits: bool
    label_smoothing: float
    axis: Any

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        smoothing = fraction("BinaryCrossentropy", label_smoothing)
        super().__init__(
            binary_crossentropy, reduction, name, dtype, from_logits=from_logits, label_smoothing=smoothing, axis=axis
        )


class CategoricalCrossentropy(BuiltIn):
    """Cross-entropy of one-hot targets.

    >>> import numpy as np
    >>> y, p = np.float32([[0, 1]]), np.float32([[0.5, 0.5]])
    >>> round(float(CategoricalCrossentropy()(y, p)), 4)
    0.6931
    """

    from_logits: bool
    label_smoothing: float
    axis: int

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=fraction("CategoricalCrossentropy", label_smoothing),
            axis=axis_number("CategoricalCrossentropy", axis),
        )


class _OfClassNumbers(BuiltIn):
    """A loss whose targets are class numbers along `_axis` of the output."""

    integer_targets = True
    _axis = -1
    ignore_class: int | None = None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(y_true, np.ndarray):
            self.check_targets(y_true, y_pred.shape)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def check_targets(self, y: np.ndarray[Any, Any], shape: Sequence[int]) -> None:
        n_classes = shape[self._axis]
        if _core.within(y, 0, n_classes - 1, True):
            return
        bad = (y < 0) | (y >= n_classes)
        if graph_dtype(y.dtype).startswith("float"):
            bad |= ~(y == np.floor(y))  # NaN is not equal to itself
        if self.ignore_class is not None:
            bad &= y != self.ignore_class
        if bad.any():
            where = tuple(int(k) for k in np.argwhere(bad)[0])
            raise ValueError(
                f"{self.name} expects class numbers 0 to {n_classes - 1} (the model gives {n_classes} classes), got "
                f"{y[where]} in row {where[0]}"
            )


class SparseCategoricalCrossentropy(_OfClassNumbers):
    """Cross-entropy of class numbers. Samples of class `ignore_class` count nothing, and means are over the others.

    >>> import numpy as np
    >>> round(float(SparseCategoricalCrossentropy()(np.array([1]), np.array([[0.5, 0.5]]))), 4)
    0.6931
    """

    from_logits: bool
    axis: int
    _implied: ClassVar[dict[str, Any]] = {"axis": -1}

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        self._axis = axis_number("SparseCategoricalCrossentropy", axis)
        super().__init__(
            sparse_categorical_crossentropy, reduction, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip


class CategoricalGeneralizedCrossEntropy(_OfClassNumbers):
    """(1 - p[y] ** q) / q for class numbers y: between cross-entropy (q near 0) and absolute error (q near 1), it bears
    wrong labels (Zhang & Sabuncu, 2018). ValueError unless 0 < q < 1.

    >>> import numpy as np
    >>> float(CategoricalGeneralizedCrossEntropy(q=0.5)(np.array([1]), np.array([[0.75, 0.25]])))
    1.0
    """

    q: float

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < number("CategoricalGeneralizedCrossEntropy", "q", q) < 1:
            raise ValueError(f"q must be in the interval (0, 1), got {q!r}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
