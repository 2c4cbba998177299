"""Masks: which steps of a tensor count. A tensor carries its mask from the layer that made it to whoever asks.

A mask is a tensor of bools with the leading axes of what it belongs to, True where a step counts. Tensors and
KerasTensors hold theirs; that of an array is remembered for as long as the array lives.
"""

import weakref
from typing import Any

import numpy as np

__all__ = ["get_mask", "has_masks", "set_mask"]

_of_arrays: dict[int, Any] = {}


def has_masks() -> bool:
    """Is there any array with a mask?

    >>> has_masks()
    False
    """
    return bool(_of_arrays)


def get_mask(x: Any) -> Any:
    """The mask of a tensor or an array; None if it has none.

    >>> x = np.ones((2, 3))
    >>> set_mask(x, np.array([[True, False, True]] * 2))
    >>> get_mask(x).shape, get_mask(np.ones(3))
    ((2, 3), None)
    """
    if isinstance(x, np.ndarray):
        return _of_arrays.get(id(x)) if _of_arrays else None
    return getattr(x, "_keras_mask", None)


def set_mask(x: Any, mask: Any) -> None:
    """Gives a tensor or an array a mask; None takes it away."""
    if not isinstance(x, np.ndarray):
        x._keras_mask = mask
    elif mask is None:
        _of_arrays.pop(id(x), None)
    else:
        key = id(x)
        if key not in _of_arrays:
            weakref.finalize(x, _of_arrays.pop, key, None)
        _of_arrays[key] = mask
