"""From integers to one-hot, multi-hot and counts: the output modes that the layers of categories share."""

from __future__ import annotations

from typing import Any

from ... import ops

__all__ = ["encode", "encoded_shape"]


def encode(indices: Any, output_mode: str, depth: int, dtype: str, count_weights: Any = None) -> Any:
    """`indices` in the given mode; integers outside of [0, depth) leave no trace.

    "int": as they are. "one_hot": a new last axis of size `depth` (in place of a last axis of size 1). "multi_hot",
    "count": axis 1 (of a vector, axis 0) holds the parts of a sample; which of the classes occur in it, or how often.
    With `count_weights`, of the shape of `indices`, a part counts by its weight.
    """
    if output_mode == "int":
        return ops.cast(indices, dtype)
    if output_mode == "one_hot":
        if len(indices.shape) > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, depth, dtype=dtype)
    if len(indices.shape) == 0:
        indices = ops.expand_dims(indices, -1)
    if output_mode == "multi_hot":
        return ops.multi_hot(indices, depth, dtype=dtype)
    hot = ops.one_hot(indices, depth, dtype=dtype)
    if count_weights is not None:
        hot = hot * ops.expand_dims(count_weights, -1)
    return ops.sum(hot, axis=1 if len(indices.shape) > 1 else 0)


def encoded_shape(input_shape: Any, output_mode: str, depth: int | None) -> tuple[int | None, ...]:
    """The shape that `encode` gives for indices of `input_shape`."""
    shape = tuple(input_shape)
    if output_mode == "int":
        return shape
    if len(shape) == 0:
        return (depth,)
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)
