"""Counts of right and wrong yes/no predictions at thresholds: what confusion metrics and AUC are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import config, ops
from ..losses import squeeze_or_expand_to_same_rank
from ..variable import Variable

__all__ = ["Thresholds", "add_counts"]

NEG_INF = -1e10  # a threshold that what is among the top k is above, and nothing else


class Thresholds:
    """Thresholds in ascending order. Where they are spread evenly over [0, 1], predictions are sorted into buckets
    between them, which costs the same for any number of thresholds.
    """

    def __init__(self, values: Sequence[float], even: bool | None = None) -> None:
        self.values = [float(t) for t in values]
        self.even = _spread_evenly(self.values) if even is None else even
        self.beyond = self.values[0] < 0.0 or self.values[-1] > 1.0  # do the outer ones lie just outside of [0, 1]?

    def __len__(self) -> int:
        return len(self.values)

    @staticmethod
    def of(owner: str, given: Any, default: float = 0.5) -> list[Any]:
        """The list of thresholds that a constructor was given: a number, several, or None for the default."""
        values: Any = default if given is None else given
        values = list(values) if np.ndim(values) == 1 else [values]
        if not values:
            raise ValueError(f"{owner}: `thresholds` is empty; give a number or a list of numbers in [0, 1]")
        if given is not None:
            try:
                wrong = [t for t in values if t is None or t < 0 or t > 1]
            except TypeError:
                raise TypeError(f"{owner}: `thresholds` must be numbers in [0, 1], got {given!r}") from None
            if wrong:
                raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
        return values


def _spread_evenly(values: Sequence[float]) -> bool:
    n = len(values)
    return n > 2 and np.allclose(values, np.arange(n, dtype=np.float32) / (n - 1), atol=config.epsilon())


def add_counts(
    owner: str,
    variables: Mapping[str, Variable],
    y_true: Any,
    y_pred: Any,
    thresholds: Thresholds,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
) -> None:
    """Adds the weighted counts of the batch to `variables`: "tp", "fp", "tn", "fn" (true positives, ..) of shape
    (thresholds,) or, with `multi_label`, (thresholds, labels). A prediction is positive above the threshold.
    """
    dtype = next(iter(variables.values())).dtype
    y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    if y_pred.shape != y_true.shape:
        raise ValueError(
            f"{owner} expects y_true and y_pred of the same shape, got y_true {tuple(y_true.shape)} and y_pred "
            f"{tuple(y_pred.shape)}"
        )
    weight = None
    if sample_weight is not None:
        weight = ops.expand_dims(ops.cast(sample_weight, dtype), axis=-1)
        _, weight = squeeze_or_expand_to_same_rank(y_true, weight, expand_rank_1=False)
    if top_k is not None:
        y_pred = _only_top_k(owner, y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = _only_class(owner, y_true, class_id), _only_class(owner, y_pred, class_id)
    if label_weights is not None:
        by_label = ops.cast(label_weights, dtype)
        weight = by_label if weight is None else weight * by_label
    if weight is not None:
        weight = ops.broadcast_to(weight, y_pred.shape)
    positive = ops.cast(y_true, "bool")
    if not multi_label:
        positive, y_pred = ops.reshape(positive, (-1,)), ops.reshape(y_pred, (-1,))
        weight = None if weight is None else ops.reshape(weight, (-1,))
    if thresholds.even:
        counts = _by_buckets(positive, y_pred, weight, thresholds)
    else:
        counts = _by_comparing(positive, y_pred, weight, thresholds, variables)
    for key, variable in variables.items():
        variable.assign_add(counts[key])


def _by_buckets(positive: Any, y_pred: Any, weight: Any, thresholds: Thresholds) -> dict[str, Any]:
    """One pass over the predictions: the weights of each bucket between thresholds are summed, negative and positive
    samples apart; what lies above each threshold is the running sum from the top.
    """
    n = len(thresholds)
    labels = y_pred.shape[1:]
    width = int(np.prod(labels))
    # Bucket k has what is above threshold k - 1 and not above threshold k; NaN goes to bucket 0.
    bucket = ops.ceil(ops.minimum(y_pred, 1.0) * float(n - 1))
    bucket = ops.cast(ops.where(y_pred > 0.0, bucket, 0.0), "int32")
    place = (n - 1) - bucket + ops.where(positive, 0, n)  # from the top; positive samples first
    if labels:
        place = place * width + ops.arange(width)
    weight = ops.ones_like(y_pred) if weight is None else weight
    sums = ops.segment_sum(ops.reshape(weight, (-1,)), ops.reshape(place, (-1,)), num_segments=2 * n * width)
    above = ops.flip(ops.cumsum(ops.reshape(sums, (2, n, *labels)), axis=1), axis=1)  # [.., k]: in bucket k or higher
    none = ops.zeros((2, 1, *labels), str(y_pred.dtype))
    first = [above[:, :1], above[:, 2:]] if thresholds.beyond else [above[:, 1:]]
    hits = ops.concatenate([*first, none], axis=1)
    misses = above[:, :1] - hits
    return {"tp": hits[0], "fp": hits[1], "fn": misses[0], "tn": misses[1]}


def _by_comparing(
    positive: Any, y_pred: Any, weight: Any, thresholds: Thresholds, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Each prediction against each threshold."""
    dtype = str(y_pred.dtype)
    n = len(thresholds)
    if n == 1:
        above = ops.greater(y_pred, thresholds.values[0])
    else:
        levels = np.reshape(np.array(thresholds.values, dtype), (n, *(1,) * len(y_pred.shape)))
        above = ops.greater(y_pred, levels)
    parts = {
        "tp": lambda: ops.logical_and(positive, above),
        "fp": lambda: ops.logical_and(ops.logical_not(positive), above),
        "fn": lambda: ops.logical_and(positive, ops.logical_not(above)),
        "tn": lambda: ops.logical_not(ops.logical_or(positive, above)),
    }
    counts = {}
    for key in wanted:
        hit = ops.cast(parts[key](), dtype) if weight is None else ops.where(parts[key](), weight, 0.0)
        count = ops.sum(hit, axis=0 if n == 1 else 1)
        counts[key] = ops.reshape(count, (n, *y_pred.shape[1:]))
    return counts


def _only_top_k(owner: str, y_pred: Any, k: int) -> Any:
    """y_pred, and NEG_INF where it is not among the k largest of its row."""
    n = y_pred.shape[-1]
    if k > n:
        raise ValueError(
            f"{owner}: top_k must be no larger than the last axis of y_pred; got top_k={k} with shape "
            f"{tuple(y_pred.shape)}"
        )
    best = ops.reshape(ops.top_k(y_pred, k)[1], (-1, k))
    rows = best.shape[0]
    places = ops.reshape(best + n * ops.expand_dims(ops.arange(rows), -1), (-1,))
    chosen = ops.segment_sum(ops.ones((rows * k,), str(y_pred.dtype)), places, num_segments=rows * n)
    chosen = ops.reshape(chosen, tuple(y_pred.shape))
    return ops.where(chosen > 0.0, y_pred, NEG_INF)


def _only_class(owner: str, y: Any, class_id: int) -> Any:
    if len(y.shape) == 1:
        raise ValueError(
            f"{owner}: When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), "
            f"found shape: {tuple(y.shape)}"
        )
    if not -y.shape[-1] <= class_id < y.shape[-1]:
        raise ValueError(f"{owner}: class_id {class_id} is out of range for {y.shape[-1]} classes")
    return ops.expand_dims(y[..., class_id], -1)
