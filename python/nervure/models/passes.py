"""How a pass over the data goes: in C over arrays, or batch by batch where batches come from Python.

All are used alike: `start` an epoch, `advance` by some steps, look at `left`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .data import Batches, is_mapped, spare_memory

if TYPE_CHECKING:
    from .feed import Feed
    from .stream import Stream

__all__ = ["LoopPass", "Pass", "RowPass", "StreamPass"]

_MAPPED_BYTES = 1 << 23  # of memory-mapped rows read before their pages are let go
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
        self.per_epoch = batches.per_epoch
        self._at = 0  # step of the running pass
        self._passes = 0
        self._order: np.ndarray[Any, Any] | None = None

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
        if not self.shuffle:
            return
        order = _core.permutation(self.seed, self._passes, self.batches.n)
        if self.shuffle == "batch":
            order = order[np.argsort(order // self.batches.batch, kind="stable")]
        self._order = order
        self._passes += 1

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
        self._mapped = [a for a in arrays if is_mapped(a)]
        row = sum(a.nbytes // max(len(a), 1) for a in self._mapped)
        self._slice = max(_MAPPED_BYTES // max(row * batches.batch, 1), 1)

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        steps = min(steps, self.left)
        until = time.monotonic() + seconds if seconds else 0.0
        while steps > 0:
            some = min(steps, self._slice) if self._mapped else steps
            reached = self._loop.run(self._at, self._at + some, seconds, self._order)
            made = reached - self._at
            self.done += made
            steps -= made
            self._at = reached
            spare_memory(self._mapped)
            if made < some or (until and time.monotonic() >= until):
                return


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
            rows = np.arange(first, last) if self._order is None else self._order[first:last]
            self.step([a[rows] for a in self._feed.arrays])
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
        step = self.step
        for _ in range(min(steps, self.left)):
            if not self._next and not self.ready():
                return
            step(self._next.pop())
            self.done += 1
            self._seen += 1
            if until and time.monotonic() >= until:
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
