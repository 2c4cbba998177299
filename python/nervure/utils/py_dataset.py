"""`PyDataset`: batches by number, made by threads or processes while the model trains."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["PyDataset", "Sequence"]


class PyDataset:
    """A dataset in batches: write `__getitem__(index)`, a batch (x, y) or (x, y, sample_weight), and `__len__`.

    `on_epoch_begin` and `on_epoch_end` are called around each epoch. With `workers` above 1, or with
    `use_multiprocessing`, at most `max_queue_size` batches are made ahead, in order, by threads or by processes (to
    which the dataset is copied, or pickled where processes are spawned). What `__getitem__` raises, `fit` raises. A
    batch of None is left out. `fit` takes the batches in a new order each epoch unless `shuffle=False`. `num_batches`
    may be overridden; None means without end.

    >>> import numpy as np
    >>> class Ramp(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return np.full((4, 1), index, "float32"), np.zeros(4, "float32")
    >>> Ramp().num_batches
    2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        for name, value in (("workers", workers), ("max_queue_size", max_queue_size)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise ValueError(f"PyDataset: `{name}` must be a non-negative integer, got {value!r}")
        self._workers, self._use_multiprocessing = int(workers), bool(use_multiprocessing)
        self._max_queue_size = int(max_queue_size)

    def _setting(self, name: str, default: Any) -> Any:
        if "_workers" not in self.__dict__:
            import warnings

            warnings.warn(
                f"Your `PyDataset` class {type(self).__name__} should call `super().__init__(**kwargs)` in its "
                "constructor. `**kwargs` can include `workers`, `use_multiprocessing`, `max_queue_size`.",
                stacklevel=3,
            )
            PyDataset.__init__(self)
        return self.__dict__.get(name, default)

    @property
    def workers(self) -> int:
        return int(self._setting("_workers", 1))

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        return bool(self._setting("_use_multiprocessing", False))

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        return int(self._setting("_max_queue_size", 10))

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def __getitem__(self, index: int) -> Any:
        """The batch of that number."""
        raise NotImplementedError(f"{type(self).__name__} does not implement __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None for no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            "You need to implement the `__len__` or `num_batches` method in your class. If the number of batches is "
            "unknown, return None from `num_batches`"
        )

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def _batches(self, seed: Any = None) -> Iterator[Any]:
        """All batches, in an order drawn from `seed` or, without one, as they are numbered."""
        n = self.num_batches
        indices: Iterable[int]
        if n is None:
            import itertools

            indices = itertools.count()
        else:
            indices = range(n) if seed is None else np.random.default_rng(seed).permutation(n).tolist()
        if self.workers > 1 or (self.use_multiprocessing and self.workers > 0):
            return self._ahead(indices)
        return (batch for batch in map(self.__getitem__, indices) if batch is not None)

    def _ahead(self, indices: Iterable[int]) -> Iterator[Any]:
        from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

        pool: Executor
        if self.use_multiprocessing:
            pool = ProcessPoolExecutor(self.workers, initializer=_adopt, initargs=(self,))
            make: Any = _of_adopted
        else:
            pool, make = ThreadPoolExecutor(self.workers), self.__getitem__
        waiting: deque[Future[Any]] = deque()
        try:
            for index in indices:
                waiting.append(pool.submit(make, index))
                if len(waiting) > max(self.max_queue_size, 1):
                    batch = waiting.popleft().result()
                    if batch is not None:
                        yield batch
            while waiting:
                batch = waiting.popleft().result()
                if batch is not None:
                    yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


Sequence = PyDataset
_adopted: PyDataset | None = None


def _adopt(dataset: PyDataset) -> None:
    global _adopted
    _adopted = dataset


def _of_adopted(index: int) -> Any:
    assert _adopted is not None
    return _adopted[index]
