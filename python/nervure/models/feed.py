"""From (x, y, sample_weight) to the flat inputs of a plan, and the loop that runs it over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, config, tree
from .._tensor import Tensor
from .._trace import Scope
from .data import Batches, count_rows, leaves, rows_dtype

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Feed", "Pass"]


class Feed:
    """The arrays of one call, flat, with the dtype in which each enters the plan.

    `signature` says all that a trace depends on but the number of rows.
    """

    def __init__(self, model: Model, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        x = leaves("x", x)
        if x is None:
            raise ValueError(f"Model '{model.name}': `x` is missing")
        self.y = leaves("y", y)
        self.n = count_rows((x, self.y, sample_weight))
        graph = model._graph
        flat_x = tree.flatten(x) if graph is None else graph.match(model.name, x)
        if any(a is None for a in flat_x):
            raise ValueError(f"Model '{model.name}': input {[a is None for a in flat_x].index(True)} of `x` is None")
        x = x if graph is None else tree.pack_sequence_as(graph.input_struct, flat_x)
        dtypes = [rows_dtype(a) if graph is None else graph.input_dtype(rows_dtype(a), k) for k, a in enumerate(flat_x)]
        structure = (x, self.y, sample_weight)
        for weights in tree.flatten(sample_weight):
            if weights is not None and not np.isfinite(weights).all():
                raise ValueError(f"`sample_weight` must be finite, got {weights[~np.isfinite(weights)][0]}")
        self.arrays: list[np.ndarray[Any, Any]] = [a for a in tree.flatten(structure) if a is not None]
        rest = self.arrays[len(flat_x) :]
        n_weights = sum(a is not None for a in tree.flatten(sample_weight))
        dtypes += [rows_dtype(a) for a in rest[: len(rest) - n_weights]] + [config.floatx()] * n_weights
        self.dtypes: list[str] = dtypes
        self.names = _names(("x", "y", "sample_weight"), structure)
        self._structure = tree.map_structure(lambda a: a is not None, structure)
        self.signature = (
            tree.outline(structure),
            *tree.flatten(self._structure),
            *((a.shape[1:], d) for a, d in zip(self.arrays, dtypes, strict=True)),
        )

    def inputs(self, scope: Scope, rows: int) -> list[Tensor]:
        """New inputs of the graph for a batch of `rows` rows."""
        return [
            scope.input((rows, *a.shape[1:]), dtype, name)
            for a, dtype, name in zip(self.arrays, self.dtypes, self.names, strict=True)
        ]

    def pack(self, flat: Sequence[Any]) -> tuple[Any, Any, Any]:
        """(x, y, sample_weight) with `flat` in the place of the arrays."""
        items = iter(flat)
        return tree.map_structure(lambda present: next(items) if present else None, self._structure)  # type: ignore[no-any-return]


def _names(parts: Sequence[str], structure: Sequence[Any]) -> list[str]:
    names = []
    for part, data in zip(parts, structure, strict=True):
        flat = tree.flatten(data)
        names += [part if len(flat) == 1 else f"{part}[{k}]" for k, a in enumerate(flat) if a is not None]
    return names


class Pass:
    """Steps over all rows, in epochs of at most `batches.per_epoch` steps, in a new order each time all rows have been
    seen.

    `shuffle` is True, False, or "batch": within each batch only. An epoch may end inside a pass, and the next goes on
    there; it ends with the pass at the latest.
    """

    def __init__(self, loop: _core.Loop, batches: Batches, shuffle: Any = False, seed: int = 0) -> None:
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"`shuffle` must be True, False or 'batch', got {shuffle!r}")
        self.loop, self.batches, self.shuffle, self.seed = loop, batches, shuffle, seed
        self.done = 0  # steps of the running epoch
        self._at = 0  # step of the running pass
        self._passes = 0
        self._order: np.ndarray[Any, Any] | None = None

    def start(self, rewind: bool) -> None:
        """Begins an epoch: where the last one stopped, or at the first row if told to rewind or all have been seen."""
        self.done = 0
        if rewind or self._at == self.batches.steps:
            self._at = 0
        if self._at == 0:
            self._new_order()

    @property
    def left(self) -> int:
        """Steps to the end of the epoch."""
        return min(self.batches.per_epoch - self.done, self.batches.steps - self._at)

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        """Runs at most `steps` steps for about `seconds` (0: no limit)."""
        reached = self.loop.run(self._at, self._at + min(steps, self.left), seconds, self._order)
        self.done += reached - self._at
        self._at = reached

    def _new_order(self) -> None:
        if not self.shuffle:
            return
        order = _core.permutation(self.seed, self._passes, self.batches.n)
        if self.shuffle == "batch":
            order = order[np.argsort(order // self.batches.batch, kind="stable")]
        self._order = order
        self._passes += 1
