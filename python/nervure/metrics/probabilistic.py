"""Cross-entropies, the Kullback-Leibler divergence and the Poisson loss as metrics."""

from __future__ import annotations

from typing import Any

from .. import ops
from .._masks import get_mask, set_mask
from ..losses import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from ._functions import kl_divergence, poisson
from .reduction import MeanOfBuiltIn

__all__ = [
    "BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence", "Poisson", "SparseCategoricalCrossentropy",
]  # fmt: skip


def _sparse_crossentropy(y_true: Any, y_pred: Any, from_logits: bool, ignore_class: int | None, axis: int) -> Any:
    """The loss; where samples are weighted, those of `ignore_class` are masked and have no weight."""
    values = sparse_categorical_crossentropy(y_true, y_pred, from_logits, ignore_class, axis)
    if ignore_class is not None and get_mask(values) is None:
        valid = ops.not_equal(y_true, ignore_class)
        set_mask(values, ops.reshape(valid, values.shape))
    return values


class KLDivergence(MeanOfBuiltIn):
    """The mean of sum(y_true * log(y_true / y_pred)) (Kullback & Leibler, 1951), both clipped to [epsilon, 1].

    >>> round(float(KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, name=name, dtype=dtype)


class Poisson(MeanOfBuiltIn):
    """The mean of y_pred - y_true * log(y_pred): what of the Poisson distribution's -log likelihood depends on y_pred.

    >>> round(float(Poisson()([[0.0, 1.0]], [[1.0, 1.0]])), 4)
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, name=name, dtype=dtype)


class BinaryCrossentropy(MeanOfBuiltIn):
    """The mean cross-entropy of independent yes/no targets.

    >>> round(float(BinaryCrossentropy()([[1.0]], [[0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(binary_crossentropy, name=name, dtype=dtype, **kwargs)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(MeanOfBuiltIn):
    """The mean cross-entropy of one-hot targets.

    >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

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
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(MeanOfBuiltIn):
    """The mean cross-entropy of class numbers; samples of class `ignore_class` give 0.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        kwargs = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(_sparse_crossentropy, name=name, dtype=dtype, **kwargs)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
