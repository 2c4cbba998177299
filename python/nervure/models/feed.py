"""From (x, y, sample_weight) to the flat inputs of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import config, tree
from .._tensor import Tensor
from .._trace import Scope
from .data import SparseRows, check_finite, count_rows, leaves, rows_dtype

if TYPE_CHECKING:
    from .model import Model

__all__ = ["Feed"]


class Feed:
    """The arrays of one call, flat, with the dtype in which each enters the plan.

    Inputs that are optional may be None; they stay None in the trace. `signature` says all that a trace depends on but
    the number of rows.
    """

    def __init__(self, model: Model, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        x = leaves("x", x)
        if x is None:
            raise ValueError(f"Model '{model.name}': `x` is missing")
        self.y = leaves("y", y)
        self.n = count_rows((x, self.y, sample_weight))
        graph = model._graph
        flat_x = tree.flatten(x) if graph is None else graph.match(model.name, x)
        for k, a in enumerate(flat_x):
            if a is None and graph is not None:
                graph.require(k)
        if all(a is None for a in flat_x):
            raise ValueError(f"Model '{model.name}': `x` has no data, all of it is None")
        x = x if graph is None else tree.pack_sequence_as(graph.input_struct, flat_x)
        dtypes = [
            rows_dtype(a) if graph is None else graph.input_dtype(rows_dtype(a), k)
            for k, a in enumerate(flat_x)
            if a is not None
        ]
        structure = (x, self.y, sample_weight)
        for weights in tree.flatten(sample_weight):
            if weights is not None:
                check_finite("sample_weight", weights)
        self.arrays: list[Any] = [a for a in tree.flatten(structure) if a is not None]
        rest = self.arrays[len(dtypes) :]
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

    @property
    def loops(self) -> bool:
        """Can the loop in C gather the rows?"""
        return not any(isinstance(a, SparseRows) for a in self.arrays)

    def dense(self) -> list[Any]:
        """All rows as arrays."""
        return [a.dense() if isinstance(a, SparseRows) else a for a in self.arrays]

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
