"""Targets, outputs and weights that fit each other: (n,) and (n, 1) are the same data, other shapes are not mixed."""

from __future__ import annotations

from typing import Any

from .. import config, ops, tree
from .._dtypes import is_float

__all__ = ["fit", "floats", "same_ranks", "same_shape", "squeeze_or_expand_to_same_rank"]


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Evens out ranks that differ by a trailing axis of size 1.

    >>> import numpy as np
    >>> [x.shape for x in squeeze_or_expand_to_same_rank(np.ones((3, 2, 1)), np.ones((3, 2)))]
    [(3, 2), (3, 2)]
    """
    if len(x1.shape) == len(x2.shape) + 1 and x1.shape[-1] == 1:
        if len(x2.shape) == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if len(x2.shape) == len(x1.shape) + 1 and x2.shape[-1] == 1:
        x2, x1 = squeeze_or_expand_to_same_rank(x2, x1, expand_rank_1)
    return x1, x2


def same_ranks(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """`squeeze_or_expand_to_same_rank` on each pair of leaves. ValueError if the structures differ."""
    if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
        return squeeze_or_expand_to_same_rank(y_true, y_pred)
    tree.assert_same_structure(y_true, y_pred)
    pairs = [squeeze_or_expand_to_same_rank(*p) for p in zip(tree.flatten(y_true), tree.flatten(y_pred), strict=True)]
    return tuple(tree.pack_sequence_as(y, [p[k] for p in pairs]) for k, y in enumerate((y_true, y_pred)))  # type: ignore[return-value]


def same_shape(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Evens out ranks; ValueError unless the shapes then agree, so that no (n, n) is broadcast by mistake."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{name} expects y_true and y_pred of the same shape, got y_true {tuple(y_true.shape)} and y_pred "
            f"{tuple(y_pred.shape)}: they must have the same shape"
        )
    return y_true, y_pred


def floats(y_true: Any, y_pred: Any, name: str) -> tuple[Any, Any]:
    """y_pred as floats, y_true in the same dtype and shape."""
    y_true, y_pred = same_shape(name, y_true, y_pred)
    if not is_float(str(y_pred.dtype)):
        y_pred = ops.cast(y_pred, config.floatx())
    return ops.cast(y_true, str(y_pred.dtype)), y_pred


def fit(sample_weight: Any, values: Any) -> tuple[Any, Any]:
    """sample_weight in the dtype and rank of values; its axes are the leading ones. ValueError if it has more."""
    sample_weight = ops.cast(sample_weight, str(values.dtype))
    values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
    given, rank = tuple(sample_weight.shape), len(values.shape)
    if len(given) < rank:
        sample_weight = ops.reshape(sample_weight, (*given, *(1,) * (rank - len(given))))
    elif len(given) > rank > 0:
        raise misfit(given, values)
    return sample_weight, values


def misfit(given: tuple[int, ...], values: Any) -> ValueError:
    return ValueError(f"sample_weight of shape {given} does not fit losses of shape {tuple(values.shape)}")
