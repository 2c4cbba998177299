"""`split_dataset`: two parts of a dataset in memory."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from .row_dataset import RowDataset

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[RowDataset, RowDataset]:
    """The first samples and the last ones of an array, or of a list or tuple of arrays of as many rows.

    `left_size` and `right_size` are numbers of samples (int) or shares (float); one of them is enough. shuffle=True
    takes the samples in the order that Python's `random.shuffle` gives for `seed`. Each part goes through its samples,
    tuples if there are several arrays; `part.batch(32)` makes batches of them. `preferred_backend` has no effect.

    TypeError for another kind of dataset or size, ValueError for sizes that do not fit.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])
    """
    if not isinstance(dataset, (list, tuple, np.ndarray)):
        raise TypeError(
            f"The `dataset` argument must be an array or a list/tuple of arrays. Received: dataset={dataset} of type "
            f"{type(dataset)}"
        )
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: left_size=None and "
            "right_size=None"
        )
    arrays = [dataset] if isinstance(dataset, np.ndarray) else list(dataset)
    n = _rows(arrays, type(dataset).__name__)
    left, right = _sizes(left_size, right_size, n)
    order = list(range(n))
    if shuffle:
        random.Random(random.randint(0, 1_000_000) if seed is None else seed).shuffle(order)
    single = isinstance(dataset, np.ndarray)
    return _part(arrays, order[:left], single), _part(arrays, order[n - right :], single)


def _part(arrays: list[Any], order: list[int], single: bool) -> RowDataset:
    places = np.array(order)

    def rows(numbers: np.ndarray[Any, Any]) -> Any:
        found = tuple(a[places[numbers]] for a in arrays)
        return found[0] if single else found

    return RowDataset(len(order), rows)


def _rows(arrays: list[Any], kind: str) -> int:
    """How many rows all arrays have."""
    if not arrays or (isinstance(arrays[0], np.ndarray) and arrays[0].ndim == 0):
        raise ValueError(f"Received an empty {kind} dataset. Please provide a non-empty {kind} of arrays.")
    for k, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise ValueError(f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index {k}.")
        if array.shape[:1] != arrays[0].shape[:1]:
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at index {k}, Expected "
                f"shape={arrays[0].shape} Received shape={array.shape}. Please provide a {kind} of NumPy arrays of the "
                "same length."
            )
    if len(arrays[0]) == 0:
        raise ValueError("Received an empty dataset. Argument `dataset` must be a non-empty list/tuple of arrays.")
    return len(arrays[0])


def _sizes(left: Any, right: Any, n: int) -> tuple[int, int]:
    """Both sizes as numbers of samples."""
    if left == 0 and right == 0:
        raise ValueError(
            "Both `left_size` and `right_size` are zero. At least one of the split sizes must be non-zero."
        )
    counts: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and type(size) not in (int, float):
            raise TypeError(f"Invalid `{name}` Type. Expected: int or float or None, Received: {name}={size!r}")
        if size is not None and not 0 < size < (n if type(size) is int else 1):
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {n}, or a float within the range `[0, 1]`. "
                f"Received: {name}={size}"
            )
        counts.append(None if size is None else size if type(size) is int else round(size * n))
    if type(left) is type(right) is float and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or equal to 1."
        )
    first, last = counts
    first = n - (last or 0) if first is None else first
    last = n - first if last is None else last
    if first + last > n:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {n}. Received: left_size + right_size "
            f"= {first + last} and total_length = {n}"
        )
    for side, size in (("left", first), ("right", last)):
        if size == 0:
            raise ValueError(
                f"With `dataset` of length={n}, `left_size`={left} and `right_size`={right}. Resulting {side} side "
                "dataset split will be empty. Adjust any of the aforementioned parameters"
            )
    return first, last
