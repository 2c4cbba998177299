"""Look-ups in sorted constants, as ops: what they cost grows with the logarithm of the number of constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops

__all__ = ["count_at_most"]

_FEW = 32  # comparing with all of so few is quicker than going from one to the next


def count_at_most(constants: np.ndarray[Any, Any], x: Any) -> Any:
    """How many of the ascending `constants` are <= x: int32, of the shape of x, whose dtype is the constants'.

    >>> count_at_most(np.array([1.0, 2.0, 4.0]), np.array([0.5, 2.0, 9.0])).tolist()
    [0, 2, 3]
    """
    n = len(constants)
    if n <= _FEW:
        return ops.digitize(x, constants) if n else ops.zeros_like(x, dtype="int32")
    # Powers of two from large to small: a step is taken if the constant it leads to is still <= x.
    found = ops.zeros_like(x, dtype="int32")
    for step in (1 << k for k in reversed(range(n.bit_length()))):
        ahead = found + step
        reached = ops.take(constants, ops.minimum(ahead, n) - 1, axis=0)
        found = ops.where(ops.logical_and(ahead <= n, reached <= x), ahead, found)
    return found
