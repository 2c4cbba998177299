"""Intersection over union of predicted and true classes (Jaccard, 1912)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .. import config, ops
from .._dtypes import is_float
from .metric import Metric, compiled

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Metric):
    """true positives / (true positives + false positives + false negatives), the mean over `target_class_ids`.

    Classes that occur neither among the labels nor among the predictions are left out. Labels and predictions that are
    not in [0, num_classes), and labels of `ignore_class`, count nothing.

    `sparse_y_true`, `sparse_y_pred`: whether y_true and y_pred hold class numbers; else the largest along `axis` is the
    class. The counts are int32 unless `dtype` says otherwise, and weights are cast to that.

    >>> m = IoU(num_classes=2, target_class_ids=[0])
    >>> m.update_state([0, 0, 1, 1], [0, 1, 0, 1])
    >>> round(float(m.result()), 4)
    0.3333
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int32")
        if not hasattr(num_classes, "__index__") or int(num_classes) < 1:
            kind = TypeError if not hasattr(num_classes, "__index__") else ValueError
            raise kind(f"{type(self).__name__}: num_classes must be a positive integer, got {num_classes!r}")
        ids = list(target_class_ids)
        if not ids:
            raise ValueError(f"{type(self).__name__}: target_class_ids names no class")
        if max(ids) >= num_classes or min(ids) < 0:
            wrong = max(ids) if max(ids) >= num_classes else min(ids)
            raise ValueError(f"Target class id {wrong} is out of range, which is [{0}, {num_classes}).")
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable((num_classes, num_classes), dtype=self._dtype, name="total_confusion_matrix")
        self.target_class_ids = ids

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        weighs = getattr(sample_weight, "dtype", None)
        if weighs is not None and "float" in str(weighs) and not is_float(self._dtype):
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an incorrect weight due to "
                "type casting Consider using integer weights.",
                stacklevel=2,
            )
        return self._count(y_true, y_pred, sample_weight)

    @compiled
    def _count(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds to the confusion matrix: rows are true classes, columns predicted ones."""
        n = self.num_classes
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis)
        y_true, y_pred = (ops.reshape(ops.cast(y, "int32"), (-1,)) for y in (y_true, y_pred))
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"{type(self).__name__} expects as many labels as predictions, got {y_true.shape[0]} and "
                f"{y_pred.shape[0]}"
            )
        counts = ops.logical_and(_within(y_true, n), _within(y_pred, n))
        if self.ignore_class is not None:
            counts = ops.logical_and(counts, ops.not_equal(y_true, self.ignore_class))
        weight = ops.cast(1 if sample_weight is None else sample_weight, self._dtype)
        if len(weight.shape) > 1:
            weight = ops.reshape(weight, (-1,))
        weight = ops.broadcast_to(weight, y_true.shape)
        place = ops.where(counts, y_true * n + y_pred, 0)
        counted = ops.segment_sum(ops.where(counts, weight, ops.zeros_like(weight)), place, num_segments=n * n)
        self.total_cm.assign_add(ops.reshape(counted, (n, n)))

    @compiled
    def result(self) -> Any:
        hits = ops.diagonal(self.total_cm.value)
        union = ops.sum(self.total_cm, axis=0) + ops.sum(self.total_cm, axis=1) - hits
        hits, union = (ops.cast(ops.take(x, self.target_class_ids, axis=0), "float32") for x in (hits, union))
        occurs = union > 1e-9
        shares = ops.where(occurs, hits / (union + config.epsilon()), 0.0)
        return ops.sum(shares) / (ops.sum(ops.cast(occurs, "float32")) + config.epsilon())

    def get_config(self) -> dict[str, Any]:
        own = {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
        return super().get_config() | own


def _within(y: Any, n: int) -> Any:
    return ops.logical_and(ops.greater_equal(y, 0), ops.less(y, n))


class BinaryIoU(IoU):
    """`IoU` of the classes 0 and 1: y_pred at or above `threshold` is class 1.

    >>> m = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
    >>> m.update_state([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    >>> round(float(m.result()), 4)
    0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    @compiled
    def _count(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        above = ops.greater_equal(ops.cast(y_pred, "float32"), self.threshold)
        super()._count(y_true, ops.cast(above, "int32"), sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return _only(config, "target_class_ids", "name", "dtype") | {"threshold": self.threshold}


class MeanIoU(IoU):
    """The mean of `IoU` over all classes.

    >>> m = MeanIoU(num_classes=2)
    >>> m.update_state([0, 0, 1, 1], [0, 1, 0, 1])
    >>> round(float(m.result()), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, _all_of(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """`IoU` of one-hot labels; y_pred holds a score for each class unless `sparse_y_pred`.

    >>> m = OneHotIoU(num_classes=3, target_class_ids=[0, 2])
    >>> m.update_state([[0, 0, 1], [1, 0, 0]], [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
    >>> round(float(m.result()), 4)
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot labels; y_pred holds a score for each class unless `sparse_y_pred`.

    >>> m = OneHotMeanIoU(num_classes=3)
    >>> m.update_state([[0, 0, 1], [1, 0, 0]], [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
    >>> round(float(m.result()), 4)
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["sparse_y_true"]
        return config


def _all_of(num_classes: Any) -> Sequence[int]:
    return range(num_classes) if hasattr(num_classes, "__index__") else ()


def _only(config: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: config[key] for key in keys}
