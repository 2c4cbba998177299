"""When to save, for callbacks that save every so many batches."""

from __future__ import annotations

__all__ = ["BatchCounter"]


class BatchCounter:
    """Counts batches over epochs. `due(batch)` is True at each one that completes `every` batches.

    >>> every = BatchCounter(2)
    >>> [every.due(batch) for batch in (0, 1, 2, 0, 1)]
    [False, True, False, True, False]
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.last = -1  # the number of the last batch in its epoch
        self._since = 0  # batches since the last one that was due

    def due(self, batch: int) -> bool:
        """Batch number `batch` of its epoch is done; a number that is not above the last one begins an epoch."""
        self._since += batch - self.last if batch > self.last else batch + 1
        self.last = batch
        if self._since < self.every:
            return False
        self._since = 0
        return True
