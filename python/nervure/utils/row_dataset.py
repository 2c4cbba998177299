"""`RowDataset`: samples by number, alone or in batches, as `split_dataset` and `timeseries_dataset_from_array` give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import tree

__all__ = ["RowDataset"]


class RowDataset:
    """`n` samples, gone through as often as wanted; `fit` takes it once it has batches.

    `rows(numbers)` gives the samples of an array of numbers: an array, or a structure of arrays, with one row for each.
    The other methods give a new dataset and leave this one alone. They are those of `tf.data.Dataset` that programs
    written for Keras use on small data.

    >>> numbers = RowDataset(5, lambda rows: rows * 10).batch(2)
    >>> [batch.tolist() for batch in numbers]
    [[0, 10], [20, 30], [40]]
    """

    def __init__(
        self,
        n: int,
        rows: Callable[[np.ndarray[Any, Any]], Any],
        batch_size: int | None = None,
        seed: int | None = None,
        limit: int | None = None,
        drop_remainder: bool = False,
    ) -> None:
        if batch_size is not None and (isinstance(batch_size, bool) or batch_size < 1):
            raise ValueError(f"`batch_size` must be a positive integer, got {batch_size!r}")
        self._n, self._rows, self._batch, self._seed = n, rows, batch_size, seed
        self._limit, self._whole = limit, drop_remainder
        self._passes = 0

    def __len__(self) -> int:
        """How many samples, or batches, there are."""
        size = self._batch or 1
        count = self._n // size if self._whole else -(-self._n // size)
        return count if self._limit is None else min(count, self._limit)

    def cardinality(self) -> int:
        """`len`."""
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        order = np.arange(self._n)
        if self._seed is not None:  # another order each time, the same in each run
            order = np.random.default_rng((self._seed, self._passes)).permutation(order)
            self._passes += 1
        size = self._batch or 1
        for k in range(len(self)):
            found = self._rows(order[k * size : (k + 1) * size])
            yield tree.map_structure(lambda a: a[0], found) if self._batch is None else found

    as_numpy_iterator = __iter__

    def _with(self, **changes: Any) -> RowDataset:
        now = {"batch_size": self._batch, "seed": self._seed, "limit": self._limit, "drop_remainder": self._whole}
        return RowDataset(self._n, self._rows, **(now | changes))

    def batch(self, batch_size: int, drop_remainder: bool = False) -> RowDataset:
        """In batches of so many samples, the last one smaller or, with drop_remainder=True, left out."""
        if self._batch is not None or self._limit is not None:
            raise ValueError("this dataset is in batches or cut short already")
        return self._with(batch_size=batch_size, drop_remainder=drop_remainder)

    def shuffle(self, buffer_size: int | None = None, seed: int | None = None) -> RowDataset:
        """In a new order each time, drawn over all samples whatever the size of the buffer."""
        return self._with(seed=int(np.random.randint(2**31)) if seed is None else seed)

    def take(self, count: int) -> RowDataset:
        """The first `count` samples or batches; of all if it is -1."""
        cut = self._with(limit=None if count < 0 else min(count, len(self)))
        cut._passes = self._passes
        self._passes += 1  # the next one begins with others if the order is random
        return cut

    def prefetch(self, buffer_size: Any = None) -> RowDataset:
        """The same: nothing has to be fetched."""
        return self

    cache = prefetch
