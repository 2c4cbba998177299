"""How often predictions are right."""

from __future__ import annotations

import math
from typing import Any

from .. import config, ops
from ..losses import same_shape
from .reduction import MeanOfBuiltIn

__all__ = [
    "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy", "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy",
]  # fmt: skip


def _equal(a: Any, b: Any) -> Any:
    return ops.cast(ops.equal(a, b), config.floatx())


def _class_numbers(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """y_true without a last axis of size 1. ValueError unless it has one class number for each row of y_pred."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    elif y_true.shape[-1:] == (1,) and math.prod(y_true.shape) == math.prod(y_pred.shape[:-1]):
        y_true = ops.reshape(y_true, tuple(y_pred.shape[:-1]))  # a column of all of them
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        raise ValueError(
            f"{name} expects y_true of shape {tuple(y_pred.shape[:-1])} (class numbers) for y_pred of shape "
            f"{tuple(y_pred.shape)}, got {tuple(y_true.shape)}"
        )
    return ops.cast(y_true, "int32") if str(y_true.dtype) == "bool" else y_true, y_pred


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
    y_true, y_pred = _class_numbers("sparse_categorical_accuracy", y_true, y_pred)
    matches = _equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), str(y_true.dtype)))
    return ops.squeeze(matches, axis=-1) if len(matches.shape) > 1 and matches.shape[-1] == 1 else matches


def _in_top_k(y_true: Any, y_pred: Any, k: int) -> Any:
    """Whether class y_true is among the k largest of its row; a number that is no class is not."""
    y_true = ops.cast(y_true, "int32")
    known = ops.logical_and(ops.greater_equal(y_true, 0), ops.less(y_true, y_pred.shape[-1]))
    found = ops.in_top_k(ops.where(known, y_true, 0), y_pred, k)
    return ops.cast(ops.logical_and(found, known), config.floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of y_true (one-hot) is among the k largest of y_pred, else 0. ValueError unless the shapes
    agree.

    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], k=1).tolist()
    [0.0, 1.0]
    """
    y_true, y_pred = same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """1 where the class number y_true is among the k largest of y_pred, else 0. ValueError unless the shapes fit.

    With `from_sorted_ids`, y_pred holds class numbers, the best first. The result has the shape of y_true.

    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]], k=2).tolist()
    [1.0, 1.0]
    """
    shape = tuple(ops.convert_to_tensor(y_true).shape)
    y_true, y_pred = _class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        y_true = ops.expand_dims(ops.cast(y_true, str(y_pred.dtype)), axis=-1)
        found = ops.any(ops.equal(y_true, y_pred[..., :k]), axis=-1)
        return ops.reshape(ops.cast(found, config.floatx()), shape)
    return ops.reshape(_in_top_k(y_true, y_pred, k), shape)


class Accuracy(MeanOfBuiltIn):
    """How often y_pred equals y_true.

    >>> m = Accuracy()
    >>> float(m([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name=name, dtype=dtype)


class BinaryAccuracy(MeanOfBuiltIn):
    """How often `y_pred > threshold` says the same as y_true.

    For logits a threshold of 0 is the probability 0.5. ValueError unless threshold is a number.

    >>> round(float(BinaryAccuracy()([1.0, 1.0], [0.9, 0.2])), 4)
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        try:
            float(threshold)
        except (TypeError, ValueError):
            raise ValueError(f"BinaryAccuracy: expected a number as threshold, got {threshold!r}") from None
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanOfBuiltIn):
    """How often the largest of y_pred is at the largest of y_true (one-hot).

    >>> round(float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])), 4)
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(MeanOfBuiltIn):
    """How often the largest of y_pred is at the class number y_true.

    >>> round(float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]])), 4)
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


class TopKCategoricalAccuracy(MeanOfBuiltIn):
    """How often the class of y_true (one-hot) is among the k largest of y_pred.

    >>> float(TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanOfBuiltIn):
    """How often the class number y_true is among the k largest of y_pred.

    With `from_sorted_ids`, y_pred holds class numbers, the best first.

    >>> float(SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
    0.5
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if not self.from_sorted_ids:
            del config["from_sorted_ids"]
        return config
