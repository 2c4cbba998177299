"""Batches that come from elsewhere: generators, `PyDataset`s and any other iterable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..utils.packing import unpack_x_y_sample_weight
from ..utils.py_dataset import PyDataset
from .data import class_weights, leaves

__all__ = ["Stream", "is_stream", "signature_of"]


def is_stream(x: Any) -> bool:
    """Is `x` made of batches, and not an array or a structure of arrays?"""
    if isinstance(x, (PyDataset, str, bytes, dict, list, tuple)) or x is None:
        return isinstance(x, PyDataset)
    return hasattr(x, "__iter__") and not hasattr(x, "__array__") and not hasattr(x, "shape")


def _kind(x: Any) -> str:
    if isinstance(x, PyDataset):
        return "PyDataset"
    return "generator" if iter(x) is x else type(x).__name__


class Stream:
    """A source of batches, which can be gone through again if it is no iterator.

    `num_batches` is how many there are, None if that is not known. ValueError if y or weights are given beside it.
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any, class_weight: Any, n_outputs: int, seed: int | None) -> None:
        self.kind = _kind(x)
        for name, value, what in (("y", y, "the targets"), ("sample_weight", sample_weight, "the sample weights")):
            if value is not None:
                raise ValueError(
                    f"When providing `x` as a {self.kind}, `{name}` should not be passed. Instead, {what} should be "
                    f"included as part of the {self.kind}."
                )
        self._source, self._class_weight, self._n_outputs, self._seed = x, class_weight, n_outputs, seed
        self._passes = 0
        self.once = iter(x) is x if not isinstance(x, PyDataset) else False
        self.num_batches: int | None = x.num_batches if isinstance(x, PyDataset) else _length(x)
        if self.num_batches is not None and self.num_batches < 1:
            raise ValueError(f"The {self.kind} has length {self.num_batches}: it has no batches")

    def __iter__(self) -> Iterator[Any]:
        """From the first batch on; an iterator goes on where it is."""
        if not isinstance(self._source, PyDataset):
            return iter(self._source)
        seed = None if self._seed is None else (self._seed, self._passes)
        self._passes += 1
        return self._source._batches(seed)

    def on_epoch_begin(self) -> None:
        if isinstance(self._source, PyDataset):
            self._source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        if isinstance(self._source, PyDataset):
            self._source.on_epoch_end()

    def unpack(self, batch: Any) -> tuple[Any, Any, Any]:
        """(x, y, sample_weight) of a batch; class weights have become sample weights."""
        x, y, weight = unpack_x_y_sample_weight(batch)
        if self._class_weight is not None:
            if weight is not None:
                raise ValueError("`class_weight` and `sample_weight` cannot both be given")
            weight = class_weights(leaves("y", y), self._class_weight, self._n_outputs)
        return x, y, weight


def signature_of(batch: Any, arrays: list[Any]) -> Any:
    """The shapes and dtypes of a batch made of ndarrays alone, which are put into `arrays`; None for any other."""
    if type(batch) is tuple and len(batch) == 2 and type(batch[0]) is type(batch[1]) is np.ndarray:  # most often
        x, y = batch
        arrays += batch
        return x.shape, x.dtype, y.shape, y.dtype
    if type(batch) is np.ndarray:
        arrays.append(batch)
        return batch.shape, batch.dtype
    if type(batch) is dict:
        parts = [(k, signature_of(v, arrays)) for k, v in batch.items()]
        return None if any(p is None for _, p in parts) else ("dict", *parts)
    if type(batch) is not tuple and type(batch) is not list:
        return None
    found = []
    for item in batch:
        part = signature_of(item, arrays)
        if part is None:
            return None
        found.append(part)
    return type(batch), *found


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:
        return None
