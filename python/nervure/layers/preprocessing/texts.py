"""Arrays of texts, as lists and NumPy and pandas hold them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tree
from .data_layer import is_symbolic

__all__ = ["data_of", "decimal", "objects", "texts"]


def objects(x: Any) -> np.ndarray[Any, Any]:
    """An array as it is; lists as an array of objects, which one long text among many does not make large."""
    return np.asarray(x, object if isinstance(x, (list, tuple, str, bytes)) else None)


def texts(x: Any, owner: str, encoding: str = "utf-8") -> tuple[list[str], tuple[int, ...]]:
    """All texts of an array or nested list as a flat list of str, and the shape.

    Bytes are decoded. TypeError if there is anything else than texts, and ValueError for nested lists of different
    lengths; both name `owner`.

    >>> texts([["a"], [b"b"]], "layer")
    (['a', 'b'], (2, 1))
    """
    array = objects(x)
    flat = array.reshape(-1).tolist()
    if array.dtype.kind not in "UT":
        flat = [value.decode(encoding) if isinstance(value, bytes) else value for value in flat]
        if array.dtype.kind not in "SO" and array.size:
            raise TypeError(f"{owner}: expected texts, got an array of dtype {array.dtype}")
        wrong = [value for value in flat if not isinstance(value, str)]
        if wrong and isinstance(wrong[0], (list, tuple)):
            raise ValueError(f"{owner}: expected an array of texts; nested lists must be rectangular, got {x!r}")
        if wrong:
            raise TypeError(
                f"{owner}: expected texts, got {wrong[0]!r} among them; give missing values a text of their own, "
                "such as ''"
            )
    return flat, array.shape


def decimal(array: np.ndarray[Any, Any]) -> list[bytes]:
    """Integers written out in decimal digits.

    >>> decimal(np.array([[7], [-12]]))
    [b'7', b'-12']
    """
    return [b"%d" % n for n in array.reshape(-1).tolist()]


def data_of(inputs: Any, owner: str, why: str) -> Any:
    """`inputs`, if they are data; the numbers of a tensor that has them (a constant, or in a step that runs eagerly).

    TypeError, which says `why`, for tensors that stand for data to come.
    """
    if not is_symbolic(inputs):
        return inputs
    try:
        return tree.map_structure(np.asarray, inputs)
    except (TypeError, ValueError):
        raise TypeError(
            f"{owner}: {why}, which cannot be a part of a compiled model; apply it to the data before training, and "
            "let the model begin with what it gives"
        ) from None
