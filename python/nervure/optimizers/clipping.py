"""Gradients cut to a largest norm (Pascanu, Mikolov and Bengio, ICML 2013)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops

__all__ = ["clip_by_global_norm", "clip_by_norm", "global_norm"]


def clip_by_norm(gradient: Any, limit: float) -> Any:
    """gradient * min(1, limit / norm(gradient)), without dividing by a zero norm.

    >>> import numpy as np
    >>> clip_by_norm(np.array([3.0, 4.0], "float32"), 1.0)
    array([0.6, 0.8], dtype=float32)
    """
    return gradient * _factor(global_norm([gradient]), limit, gradient.dtype)


def global_norm(gradients: Sequence[Any]) -> Any:
    """The norm of all elements of all gradients.

    >>> import numpy as np
    >>> float(global_norm([np.array([3.0], "float32"), np.array([4.0], "float32")]))
    5.0
    """
    total = ops.sum(ops.square(gradients[0]))
    for gradient in gradients[1:]:
        total = total + ops.sum(ops.square(gradient))
    return ops.sqrt(total)


def clip_by_global_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """All gradients times min(1, limit / their global norm); all NaN if one is not finite.

    >>> import numpy as np
    >>> clip_by_global_norm([np.array([3.0], "float32"), np.array([4.0], "float32")], 1.0)
    [array([0.6], dtype=float32), array([0.8], dtype=float32)]
    """
    norm = global_norm(gradients)
    return [g * (_factor(norm, limit, g.dtype) + ops.cast(norm - norm, g.dtype)) for g in gradients]


def _factor(norm: Any, limit: float, dtype: Any) -> Any:
    return limit / ops.maximum(ops.cast(norm, dtype), limit)
