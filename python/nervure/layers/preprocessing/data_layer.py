"""What the preprocessing layers share: which data they take, and how `adapt` walks through them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ... import tree
from ..._tensor import Operators
from ..layer import Layer

__all__ = ["DataLayer", "as_array", "batches", "check_choice", "is_symbolic", "listed", "one_array"]


class DataLayer(Layer):
    """Base class of layers that may be called on lists and numbers as well as on arrays, and so can prepare data
    outside of a model too.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple(as_array(x) for x in args)
        return super().__call__(*args, **kwargs)


def is_symbolic(x: Any) -> bool:
    """True for tensors of a trace and KerasTensors, also inside lists and tuples. A Variable has numbers."""
    return any(isinstance(leaf, Operators) and not hasattr(leaf, "core") for leaf in tree.flatten(x))


def as_array(x: Any) -> Any:
    """Lists and numbers as an array; anything else, and lists of symbolic tensors, as they are."""
    if isinstance(x, (list, tuple, int, float)) and not is_symbolic(x):
        return np.asarray(x)
    return x


def one_array(data: Any) -> bool:
    """Are `data` a single array (of NumPy, pandas or whoever offers `__array__`) and not batches?"""
    return hasattr(data, "__array__") and not isinstance(data, type)


def batches(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches of a generator, a list, or an indexable dataset with a length: at most `steps` of them."""
    indexable = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if indexable and (hasattr(data, "num_batches") or not hasattr(data, "__iter__")):
        found: Iterator[Any] = (data[k] for k in range(len(data)))
    else:
        found = iter(data)
    return islice(found, steps)


def listed(x: Any) -> Any:
    """Arrays as lists, for a config."""
    return np.asarray(x).tolist() if one_array(x) else x


def check_choice(owner: str, argument: str, value: Any, allowed: tuple[str, ...]) -> None:
    """ValueError, as Keras words it, unless `value` is one of the texts `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"Unknown value for `{argument}` argument of {owner}. Allowed values are: {allowed}. Received: "
            f"{argument}={value}"
        )
