"""`model.summary()`: a table of layers, and what they hold."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree
from ..variable import Variable

if TYPE_CHECKING:
    from .model import Model

__all__ = ["summarize"]


# Without a column "Connected to" and with one: the width of a table, and where its columns end, as parts of it.
_LENGTH = {False: 88, True: 108}
_ENDS = {False: [0.45, 0.80, 1.0], True: [0.3, 0.56, 0.74, 1.0]}
_TRAINABLE = 12  # more width for the column "Trainable", of which the others leave it a tenth


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


def _output_shape(layer: Any) -> str:
    """The shape of what the last call gave, or of what a layer gives for the shapes it was built for."""
    if layer._inbound_nodes:
        shapes = tree.map_structure(lambda t: str(tuple(t.shape)), layer._inbound_nodes[-1].outputs)
    else:
        built_for = getattr(layer, "_build_shapes", None)
        if not layer.built or not built_for:
            return "?"
        try:
            alone = len(built_for) == 1
            found = layer.compute_output_shape(*(built_for.values() if alone else ()), **({} if alone else built_for))
        except Exception:  # a layer of a user: it may want more than shapes
            return "?"
        shapes = _shown(found)
    return shapes if isinstance(shapes, str) else str(shapes).replace("'", "")


def _shown(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {k: _shown(v) for k, v in shapes.items()}
    if isinstance(shapes, (list, tuple)) and not all(d is None or isinstance(d, (int, np.integer)) for d in shapes):
        return type(shapes)(_shown(v) for v in shapes)
    return str(tuple(shapes))


def _rows(layer: Any, indent: str, nested: bool, graph: Any, trainable: bool) -> list[list[str]]:
    weights = getattr(layer, "weights", [])
    params = "0 (unbuilt)"
    if getattr(layer, "built", True):
        params = f"{layer.count_params():,}" if hasattr(layer, "count_params") else "0"  # operations have none
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
        row.append("-" if not weights else "Y" if layer.trainable else "N")
    rows = [row]
    if nested and getattr(layer, "layers", None):
        for inner in layer.layers:
            rows += _rows(inner, f"   {indent}" if indent else "   └ ", nested, graph, trainable)
    return rows


def _is_chain(graph: Any) -> bool:
    """Does each layer feed one other, and no layer come twice?"""
    parents = [parent for node in graph.nodes for parent in node.parents]
    operations = [node.operation for node in graph.nodes]
    single = len(graph.inputs) == 1 and all(len(node.inputs) <= 1 for node in graph.nodes)
    return single and len(set(parents)) == len(parents) and len(set(operations)) == len(operations)


def _widths(ends: Sequence[float], length: int, columns: int) -> list[int]:
    """The widths of the columns' texts: by where they end, then all give up as much for the borders."""
    widths, used = [], 0
    for end in ends:
        widths.append(max(int(end * length) - used, 4) + 2)
        used += widths[-1] - 2
    excess = max(sum(widths) - (length - columns - 1), 0)
    for k in range(columns):
        part = round(excess / (columns - k))
        widths[k] -= part
        excess -= part
    return [max(width - 2, 1) for width in widths]


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
    layers: list[Any] = list(model.layers if graph is None or hasattr(model, "pop") else graph.operations)
    if layer_range is not None:
        names = [layer.name for layer in layers]
        if len(layer_range) != 2 or any(n not in names for n in layer_range):
            raise ValueError(f"`layer_range` must be two names among {names}, got {layer_range!r}")
        first, last = sorted(names.index(n) for n in layer_range)
        layers = layers[first : last + 1]
    rows = [row for layer in layers for row in _rows(layer, "", expand_nested, branched, show_trainable)]
    ends = list(positions) if positions else list(_ENDS[branched is not None])
    if show_trainable and len(ends) == len(headers) - 1:
        ends = [end * 0.9 for end in ends] + [ends[-1]]
    ends = ends[: len(headers)]
    if len(ends) != len(headers):
        raise ValueError(f"`positions` must have {len(headers)} entries, one a column, got {positions!r}")
    if line_length is not None and (not isinstance(line_length, int) or line_length < 1):
        raise ValueError(f"`line_length` must be a positive integer, got {line_length!r}")
    if line_length is None:
        from shutil import get_terminal_size

        longest = _LENGTH[branched is not None] + (_TRAINABLE if show_trainable else 0)
        line_length = min(longest, get_terminal_size().columns - 4)
    widths = _widths([end / ends[-1] for end in ends], line_length, len(headers))
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
    text = "\n".join(out)
    if ascii_only:
        text = "".join(c if c.isascii() else ("|" if c in "┃│" else "-") for c in text)
    (print_fn or print)(text)


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
