"""How a pass over the data goes: in C over arrays, or batch by batch where batches come from Python.

All are used alike: `start` an epoch, `advance` by some steps, look at `left`.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .data import Batches
from .mapped import is_mapped, spare_memory, take_rows

if TYPE_CHECKING:
    from .feed import Feed
    from .stream import Stream

__all__ = ["LoopPass", "Pass", "RowPass", "StreamPass"]

_MAPPED_BYTES = 1 << 23  # of memory-mapped rows read before their pages are let go
_STAGED_BYTES = 1 << 26  # of rows that are brought together from everywhere in memory-mapped files
_WHOLE = 1 << 23  # rows whose order is made at once; that of more rows would be a good part of their own size
_SLICE = 1 << 18  # entries of it that are made together otherwise
_ENDLESS = 1 << 62


class Pass:
    """Steps in epochs of `per_epoch` steps (None: as many as there are)."""

    per_epoch: int | None
    done = 0  # steps of the running epoch
    exhausted = False  # nothing will come any more

    def start(self, rewind: bool) -> None:
        """Begins an epoch: where the last one stopped, or at the first row if told to rewind or all have been seen."""
        raise NotImplementedError

    @property
    def left(self) -> int:
        """Steps to the end of the epoch, as far as is known."""
        raise NotImplementedError

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        """Runs at most `steps` steps for about `seconds` (0: no limit)."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Is there another step to make?"""
        return self.left > 0

    def finish(self, early: bool = False) -> None:
        """Ends the epoch; `early` if it was told to stop."""


class _Ordered(Pass):
    """Over rows, in a new order each time all have been seen.

    `shuffle` is True, False, or "batch": within each batch only. An epoch may end inside a pass, and the next goes on
    there; it ends with the pass at the latest.
    """

    def __init__(self, batches: Batches, shuffle: Any = False, seed: int = 0) -> None:
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"`shuffle` must be True, False or 'batch', got {shuffle!r}")
        self.batches, self.shuffle, self.seed = batches, shuffle, seed
        self.batch = batches.batch
        self.per_epoch = batches.per_epoch
        self._at = 0  # step of the running pass
        self._passes = 0
        self._order: np.ndarray[Any, Any] | None = None
        self._order_at = 0  # the row of the pass that its first entry is for
        self._some = max(_SLICE // batches.batch, 1)  # steps for which it is made, of a pass over many rows

    def start(self, rewind: bool) -> None:
        self.done = 0
        if rewind or self._at == self.batches.steps:
            self._at = 0
        if self._at == 0:
            self._new_order()

    @property
    def left(self) -> int:
        return min(self.batches.per_epoch - self.done, self.batches.steps - self._at)

    def _new_order(self) -> None:
        self._order, self._order_at = None, 0
        self._passes += bool(self.shuffle)

    def _ordered(self) -> int:
        """Sees to it that there is an order for the next step; returns the step up to which there is one."""
        if not self.shuffle:
            return self.batches.steps
        batch = self.batches.batch
        first = self._order_at // batch
        if self._order is None or not first <= self._at < first + math.ceil(len(self._order) / batch):
            if self.batches.n <= _WHOLE:
                first, self._order = 0, self._whole_order()
            else:
                first, self._order = self._at, self._slice_of_order(self._at, self._some)
            self._order_at = first * batch
        return first + math.ceil(len(self._order) / batch)

    def _whole_order(self) -> np.ndarray[Any, Any]:
        order = _core.permutation(self.seed, self._passes - 1, self.batches.n)
        if self.shuffle == "batch":
            order = order[np.argsort(order // self.batches.batch, kind="stable")]
        return order

    def _slice_of_order(self, step: int, steps: int) -> np.ndarray[Any, Any]:
        """The rows of `steps` steps. A batch is shuffled by sorting random numbers, of which no two are equal."""
        n, batch = self.batches.n, self.batches.batch
        first, last = step * batch, min((step + steps) * batch, n)
        order = _core.permutation_slice(self.seed, self._passes - 1, n, first, last)
        if self.shuffle == "batch":
            for at in range(0, last - first, batch):
                order[at : at + batch] = first + at + np.argsort(order[at : at + batch])
        return order

    def finish(self, early: bool = False) -> None:
        if self.done < self.batches.per_epoch and not early:
            warnings.warn(
                f"The data ended after {self.done} of the {self.batches.per_epoch} steps that an epoch should have. "
                "Make sure that there are at least `steps_per_epoch * epochs` batches",
                stacklevel=5,
            )


class LoopPass(_Ordered):
    """Over arrays, in C."""

    def __init__(
        self, loop: _core.Loop, arrays: list[Any], batches: Batches, shuffle: Any = False, seed: int = 0
    ) -> None:
        super().__init__(batches, shuffle, seed)
        self._loop = loop
        self._arrays = arrays
        self._mapped = [a for a in arrays if is_mapped(a)]
        self._slice = max(_MAPPED_BYTES // max(_row_bytes(self._mapped) * batches.batch, 1), 1)
        scattered = bool(shuffle) and shuffle != "batch"
        self._stages = scattered and sum(a.nbytes for a in self._mapped) > _STAGED_BYTES
        if self._stages:  # a row has its places in the order and in that of the file, too
            self._some = max(_STAGED_BYTES // ((_row_bytes(arrays) + 16) * batches.batch), 1)
        self._stage: tuple[_core.Loop, int, int] | None = None  # runs over steps from .. to of the pass

    def start(self, rewind: bool) -> None:
        super().start(rewind)
        if self._at == 0:
            self._stage = None

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        steps = min(steps, self.left)
        until = time.monotonic() + seconds if seconds else 0.0
        while steps > 0:
            if self._stages:
                made, some = self._run_staged(steps, seconds)
            else:
                some = min(steps, self._ordered() - self._at)
                some = min(some, self._slice) if self._mapped else some
                made = self._loop.run(self._at, self._at + some, seconds, self._order, self._order_at) - self._at
                spare_memory(self._mapped)
            self.done += made
            steps -= made
            self._at += made
            if made < some or (until and time.monotonic() >= until):
                return

    def _run_staged(self, steps: int, seconds: float) -> tuple[int, int]:
        """How many steps were made, of how many. Runs over rows that were brought together for many steps: read at
        random as they are needed, each row of a mapped file would cost a page.
        """
        if self._stage is None or not self._stage[1] <= self._at < self._stage[2]:
            self._stage = None
            batch = self.batches.batch
            last = min(self._at + self._some, self._ordered())
            assert self._order is not None
            rows = self._order[self._at * batch - self._order_at : last * batch - self._order_at]
            arrays = [take_rows(a, rows) for a in self._arrays]
            self._stage = _core.Loop(*self._loop.plans, arrays, len(rows), batch), self._at, last
        loop, first, last = self._stage
        some = min(steps, last - self._at)
        return loop.run(self._at - first, self._at - first + some, seconds) - (self._at - first), some


def _row_bytes(arrays: list[Any]) -> int:
    return sum(a.nbytes // max(len(a), 1) for a in arrays)


class RowPass(_Ordered):
    """Over rows that Python gathers, and a step that Python starts: sparse rows, steps run eagerly."""

    def __init__(
        self, feed: Feed, step: Callable[[list[Any]], Any], batches: Batches, shuffle: Any = False, seed: int = 0
    ) -> None:
        super().__init__(batches, shuffle, seed)
        self._feed, self.step = feed, step

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        until = time.monotonic() + seconds if seconds else 0.0
        for _ in range(min(steps, self.left)):
            first = self._at * self.batches.batch
            last = min(first + self.batches.batch, self.batches.n)
            self._ordered()
            rows = np.arange(first, last)
            if self._order is not None:
                rows = self._order[first - self._order_at : last - self._order_at]
            self.step([take_rows(a, rows) for a in self._feed.arrays])
            self._at += 1
            self.done += 1
            if until and time.monotonic() >= until:
                return


class StreamPass(Pass):
    """Over batches that come from elsewhere."""

    def __init__(self, stream: Stream, step: Callable[[Any], Any], per_epoch: int | None) -> None:
        self._stream, self.step, self._limit = stream, step, per_epoch
        self._iterator: Iterator[Any] | None = None
        self._seen = 0  # batches of the running iterator
        self._ended = False  # the running epoch found the end
        self._next: list[Any] = []  # a batch that was asked for and not yet used

    @property
    def per_epoch(self) -> int | None:  # type: ignore[override]
        return self._limit if self._limit is not None else self._stream.num_batches

    def start(self, rewind: bool) -> None:
        self.done, self._ended = 0, False
        self._stream.on_epoch_begin()
        if self._iterator is None or rewind or self._limit is None or self._seen == self._stream.num_batches:
            self._iterator, self._seen, self._next = iter(self._stream), 0, []

    @property
    def left(self) -> int:
        if self._ended:
            return 0
        return _ENDLESS if self.per_epoch is None else self.per_epoch - self.done

    def ready(self) -> bool:
        if self._next or not self.left or self._iterator is None:
            return bool(self._next)
        for batch in self._iterator:
            self._next.append(batch)
            return True
        if self._seen and not self.done and not self._stream.once:  # the last epoch took the last batch
            self._iterator, self._seen = iter(self._stream), 0
            return self.ready()
        self._ended, self._iterator = True, None
        self.exhausted = self._stream.once
        return False

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        until = time.monotonic() + seconds if seconds else 0.0
        step, left = self.step, min(steps, self.left)
        while left > 0 and self.ready():
            assert self._iterator is not None
            for batch in chain((self._next.pop(),), self._iterator):
                step(batch)
                self.done += 1
                self._seen += 1
                left -= 1
                if left <= 0 or (until and time.monotonic() >= until):
                    return

    def finish(self, early: bool = False) -> None:
        self._stream.on_epoch_end()
        expected = self.per_epoch
        if self._ended and not early and expected is not None and self.done < expected:
            warnings.warn(
                f"Your input ran out of data after {self.done} of the {expected} steps that an epoch should have; "
                "interrupting training. Make sure that your dataset or generator can generate at least "
                "`steps_per_epoch * epochs` batches",
                stacklevel=5,
            )
        if self._ended and not self._stream.once and self._limit is None and self._stream.num_batches is None:
            self._stream.num_batches = self.done or None
