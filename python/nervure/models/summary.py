"""`model.summary()`: a table of layers, and what they hold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..variable import Variable

if TYPE_CHECKING:
    from ..layers import Layer
    from .model import Model

__all__ = ["summarize"]


_WIDTH = 76  # of a table, unless line_length says otherwise
_SHARES = {  # of that width for each column, without a column "Connected to" and with one
    False: {"Layer (type)": 33, "Output Shape": 24, "Param #": 15, "Trainable": 9},
    True: {"Layer (type)": 21, "Output Shape": 19, "Param #": 12, "Connected to": 19, "Trainable": 9},
}


def _size(size: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            break
        size /= 1024
    return f"{size:.2f} {unit}"


def _held(variables: Sequence[Variable]) -> str:
    """How many numbers, and their size."""
    count = sum(int(np.prod(v.shape, dtype=np.int64)) for v in variables)
    return f"{count:,} ({_size(sum(v.numpy().nbytes for v in variables))})"


def _wrapped(cell: str, width: int) -> list[str]:
    """A cell in lines of at most `width`, broken at spaces; what is longer without one is cut."""
    indent = cell[: len(cell) - len(cell.lstrip(" └"))]
    lines: list[str] = []
    for word in cell[len(indent) :].split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            word = (indent if not lines else " " * len(indent)) + word
            lines.append(word if len(word) <= width else word[: width - 1] + "…")
    return lines


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
            rows += _rows(inner, f"   {indent}" if indent else "   └ ", nested, graph, trainable)
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
    shares = [_SHARES[branched is not None][header] for header in headers]
    marks = list(positions) if positions else list(accumulate(shares))
    if len(marks) != len(headers):
        raise ValueError(f"`positions` must have {len(headers)} entries, one a column, got {positions!r}")
    if line_length is not None and (not isinstance(line_length, int) or line_length < 1):
        raise ValueError(f"`line_length` must be a positive integer, got {line_length!r}")
    room = (line_length or _WIDTH) - len(headers) - 1
    edges = [0, *(round(mark / marks[-1] * room) for mark in marks)]
    widths = [max(4, b - a - 2) for a, b in pairwise(edges)]
    more = max((len(row[2]) for row in rows), default=0) - widths[2]
    if more > 0:  # a number is never cut
        widths[2] += more
        widths[0] = max(4, widths[0] - more)

    def line(left: str, fill: str, middle: str, right: str) -> str:
        return left + middle.join(fill * (w + 2) for w in widths) + right

    def row_text(cells: Sequence[str], bar: str) -> Iterator[str]:
        columns = [_wrapped(cell, w) for cell, w in zip(cells, widths, strict=True)]
        for texts in zip_longest(*columns, fillvalue=""):
            shown = [
                text.rjust(w) if header == "Param #" else text.center(w) if header == "Trainable" else text.ljust(w)
                for header, text, w in zip(headers, texts, widths, strict=True)
            ]
            yield f"{bar} " + f" {bar} ".join(shown) + f" {bar}"

    out = [f'Model: "{model.name}"', line("┏", "━", "┳", "┓"), *row_text(headers, "┃"), line("┡", "━", "╇", "┩")]
    for k, row in enumerate(rows):
        out += [line("├", "─", "┼", "┤")] if k else []
        out += row_text(row, "│")
    out.append(line("└", "─", "┴", "┘"))
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    trained, fixed = model.trainable_weights, model.non_trainable_weights
    out += [
        f" Total params: {_held([*trained, *fixed, *slots])}",
        f" Trainable params: {_held(trained)}",
        f" Non-trainable params: {_held(fixed)}",
    ]
    out += [f" Optimizer params: {_held(slots)}"] if slots else []
    peak = model._peak_bytes()
    out += [f" Memory at the peak of a step: {_size(peak)} besides these"] if peak else []
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
