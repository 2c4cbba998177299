"""`plot_model` and `model_to_dot`: the layers of a model as a graph, drawn by pydot and Graphviz if they are there."""

from __future__ import annotations

import importlib
import os
from html import escape
from typing import Any

from .. import tree

__all__ = ["model_to_dot", "plot_model"]


def _pydot() -> Any:
    for name in ("pydot", "pydot_ng", "pydotplus"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _check(model: Any, kwargs: dict[str, Any]) -> None:
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            "a batch of data."
        )
    if kwargs.pop("layer_range", None) is not None:
        raise ValueError("Argument `layer_range` is no longer supported.")
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")


def _text(tensors: Any, part: str) -> str:
    """The shapes or dtypes of a layer's tensors, `?` if it has not one call."""
    found = tree.map_structure(lambda t: getattr(t, part), tensors) if tensors is not None else "?"
    if isinstance(found, dict):
        return ", ".join(f"{k}: {v}" for k, v in found.items())
    return str(found)


def _tensors(layer: Any, end: str) -> Any:
    try:
        return getattr(layer, end)
    except (AttributeError, ValueError, RuntimeError):
        return None


def _label(layer: Any, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool) -> str:
    """A table in Graphviz's HTML: a head, and a row of cells."""
    kind = type(layer).__name__
    cells = []

    def cell(text: str, color: str = "white", ink: str = "black") -> None:
        cells.append(f'<td bgcolor="{color}"><font point-size="14" color="{ink}">{text}</font></td>')

    if shapes:
        if kind != "InputLayer":
            cell(f"Input shape: <b>{escape(_text(_tensors(layer, 'input'), 'shape'))}</b>")
        cell(f"Output shape: <b>{escape(_text(_tensors(layer, 'output'), 'shape'))}</b>")
    if dtype:
        cell(f"Output dtype: <b>{escape(_text(_tensors(layer, 'output'), 'dtype'))}</b>")
    if trainable and getattr(layer, "weights", None):
        cell(
            "<b>Trainable</b>" if layer.trainable else "<b>Non-trainable</b>",
            "forestgreen" if layer.trainable else "firebrick",
            "white",
        )
    span = max(len(cells), 1)
    title = f"<b>{escape(layer.name)}</b> ({escape(kind)})" if names else f"<b>{escape(kind)}</b>"
    rows = f'<tr><td colspan="{span}" bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>'
    activation = getattr(layer, "activation", None) if activations else None
    if activation is not None:
        called = getattr(activation, "name", None) or getattr(activation, "__name__", None) or str(activation)
        rows += (
            f'<tr><td bgcolor="white" colspan="{span}"><font point-size="14">Activation: <b>{escape(called)}</b></font>'
            "</td></tr>"
        )
    rows += f"<tr>{''.join(cells)}</tr>" if cells else ""
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{rows}</table>>'


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """The layers of a model and what flows between them as a `pydot.Dot`; a `pydot.Cluster` with subgraph=True.

    ImportError if pydot is not installed, ValueError if the model is not built.

    >>> import nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> print(model_to_dot(model).to_string())  # doctest: +SKIP
    """
    from ..models import Sequential

    _check(model, kwargs)
    pydot = _pydot()
    if pydot is None:
        raise ImportError("You must install pydot (`pip install pydot`) for model_to_dot to work.")
    if subgraph:
        dot = pydot.Cluster(style="dashed", graph_name=model.name)
        dot.set("label", model.name)
        dot.set("labeljust", "l")
    else:
        dot = pydot.Dot()
        for key, value in (("rankdir", rankdir), ("concentrate", True), ("dpi", dpi), ("splines", splines)):
            dot.set(key, value)
        dot.set_node_defaults(shape="record")
    shown = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)

    def add(layer: Any) -> None:
        node = pydot.Node(str(id(layer)), label=_label(layer, *shown))
        for key, value in (("fontname", "Helvetica"), ("border", "0"), ("margin", "0")):
            node.set(key, value)
        dot.add_node(node)

    graph = getattr(model, "_graph", None)
    if graph is None:  # its `call` is code, of which there is no graph
        add(model)
        return dot
    chain = isinstance(model, Sequential)
    for layer in model.layers if chain else graph.operations:
        if expand_nested and getattr(layer, "_graph", None) is not None:
            inner = model_to_dot(
                layer,
                show_shapes,
                show_dtype,
                show_layer_names,
                rankdir,
                expand_nested,
                dpi,
                subgraph=True,
                show_layer_activations=show_layer_activations,
                show_trainable=show_trainable,
            )
            dot.add_subgraph(inner)
        else:
            add(layer)
    for source, target in _pairs(graph, expand_nested):
        if not (chain and type(source).__name__ == "InputLayer"):
            edge = pydot.Edge(str(id(source)), str(id(target)))
            edge.set("penwidth", "2")
            dot.add_edge(edge)
    return dot


def _pairs(graph: Any, nested: bool) -> list[tuple[Any, Any]]:
    """Pairs of operations, the second of which takes what the first gives; of those inside of nested models if told."""
    pairs: list[tuple[Any, Any]] = []
    for node in graph.nodes:
        for k, tensor in enumerate(node.inputs):
            history, target = tensor._keras_history, node.operation
            while nested and getattr(history.operation, "_graph", None) is not None:
                history = history.operation._graph.outputs[history.tensor_index]._keras_history
            while nested and getattr(target, "_graph", None) is not None:
                target = _first(target, k)
            if (history.operation, target) not in pairs:
                pairs.append((history.operation, target))
    return pairs


def _first(model: Any, k: int) -> Any:
    """What takes input `k` of a nested model: its input layer, or the first layer of a chain."""
    from ..models import Sequential

    if isinstance(model, Sequential):
        return model.layers[0]
    return model._graph.inputs[k]._keras_history.operation


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draws a model into a file, whose ending says in which format; in a notebook the picture is returned.

    ImportError if pydot or Graphviz is not installed, ValueError if the model is not built. `model.summary()` needs
    neither.

    >>> import nervure as nv
    >>> plot_model(nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)]), "model.svg")  # doctest: +SKIP
    """
    _check(model, kwargs)
    pydot = _pydot()
    if pydot is None:
        raise ImportError("You must install pydot (`pip install pydot`) for `plot_model` to work.")
    try:
        pydot.Dot.create(pydot.Dot())
    except (OSError, getattr(pydot, "PydotException", OSError)):
        raise ImportError(
            "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) for `plot_model` to "
            "work."
        ) from None
    dot = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    path = str(to_file)
    kind = os.path.splitext(path)[1].removeprefix(".") or "png"
    dot.write(path, format=kind)
    if kind not in ("png", "jpg", "jpeg", "gif", "svg"):
        return None  # no notebook shows it
    try:
        display = importlib.import_module("IPython.display")
    except ImportError:
        return None
    return display.SVG(filename=path) if kind == "svg" else display.Image(filename=path)
