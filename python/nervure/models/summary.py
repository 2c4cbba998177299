"""`model.summary()`: a table of layers, and what they hold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..variable import Variable

if TYPE_CHECKING:
    from ..layers import Layer
    from .model import Model

__all__ = ["summarize"]


def _bytes(variables: Sequence[Variable]) -> tuple[int, str]:
    """Numbers held, and their size for people."""
    count = sum(int(np.prod(v.shape, dtype=np.int64)) for v in variables)
    size = float(sum(v.numpy().nbytes for v in variables))
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return count, f"{count:,} ({size:.2f} {unit})"


def _output_shape(layer: Layer) -> str:
    shapes = []
    for node in layer._inbound_nodes[:1]:
        shapes = [str(t.shape) for t in tree.flatten(node.outputs)]
    return ", ".join(shapes) or "?"


def _rows(layer: Layer, indent: str, nested: bool, graph: Any, trainable: bool) -> list[list[str]]:
    params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    row = [f"{indent}{layer.name} ({type(layer).__name__})", _output_shape(layer), params]
    if graph is not None:
        sources = []
        for node in layer._inbound_nodes:
            if node in graph.nodes:
                sources += [
                    f"{h.operation.name}[{h.node_index}][{h.tensor_index}]"
                    for t in node.inputs
                    if (h := t._keras_history)
                ]
        row.append(", ".join(sources) or "-")
    if trainable:
        row.append("Y" if layer.trainable and layer.weights else ("-" if not layer.weights else "N"))
    rows = [row]
    if nested and getattr(layer, "layers", None):
        for inner in layer.layers:  # type: ignore[attr-defined]
            rows += _rows(inner, indent + "  ", nested, graph, trainable)
    return rows


def _is_chain(graph: Any) -> bool:
    return all(len(node.inputs) <= 1 for node in graph.nodes) and len(graph.outputs) == 1


def summarize(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints one row a layer, then how many parameters there are. See `Model.summary`."""
    graph = model._graph
    branched = graph if graph is not None and not _is_chain(graph) else None
    headers = ["Layer (type)", "Output Shape", "Param #"]
    headers += ["Connected to"] if branched is not None else []
    headers += ["Trainable"] if show_trainable else []
    layers = list(model.layers)
    if layer_range is not None:
        names = [layer.name for layer in layers]
        if len(layer_range) != 2 or any(n not in names for n in layer_range):
            raise ValueError(f"`layer_range` must be two names among {names}, got {layer_range!r}")
        first, last = sorted(names.index(n) for n in layer_range)
        layers = layers[first : last + 1]
    rows = [row for layer in layers for row in _rows(layer, "", expand_nested, branched, show_trainable)]
    least = [33, 24, 15] + [18] * (len(headers) - 3)
    widths = [max(w - 2, *(len(r[k]) for r in (headers, *rows))) for k, w in enumerate(least)]
    if line_length is not None:
        room = max(line_length - 3 * len(widths) - 1, 4 * len(widths))
        marks = list(positions) if positions else [sum(widths[: k + 1]) / sum(widths) for k in range(len(widths))]
        if len(marks) != len(widths):
            raise ValueError(f"`positions` must have {len(widths)} entries, one a column, got {positions!r}")
        scale = marks[-1] if marks[-1] <= 1 else line_length
        edges = [0, *(round(m / scale * room) for m in marks)]
        widths = [max(4, b - a) for a, b in pairwise(edges)]

    def line(left: str, fill: str, middle: str, right: str) -> str:
        return left + middle.join(fill * (w + 2) for w in widths) + right

    def row_text(cells: Sequence[str], bar: str) -> str:
        shown = []
        for k, (cell, w) in enumerate(zip(cells, widths, strict=True)):
            cell = cell if len(cell) <= w else cell[: w - 1] + "…"
            shown.append(cell.rjust(w) if k == 2 else cell.ljust(w))
        return f"{bar} " + f" {bar} ".join(shown) + f" {bar}"

    out = [f'Model: "{model.name}"', line("┏", "━", "┳", "┓"), row_text(headers, "┃"), line("┡", "━", "╇", "┩")]
    for k, row in enumerate(rows):
        out += [line("├", "─", "┼", "┤")] if k else []
        out.append(row_text(row, "│"))
    out.append(line("└", "─", "┴", "┘"))
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    trained, fixed = model.trainable_weights, model.non_trainable_weights
    out += [
        f" Total params: {_bytes([*trained, *fixed, *slots])[1]}",
        f" Trainable params: {_bytes(trained)[1]}",
        f" Non-trainable params: {_bytes(fixed)[1]}",
    ]
    out += [f" Optimizer params: {_bytes(slots)[1]}"] if slots else []
    peak = model._peak_bytes()
    out += [f" Memory of a step: {peak / 1024:,.1f} KB"] if peak else []
    ascii_only = print_fn is None and not _can_print(out[1])
    for text in out:
        if ascii_only:
            text = "".join(c if c.isascii() else ("|" if c in "┃│" else "-") for c in text)
        (print_fn or print)(text)


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
