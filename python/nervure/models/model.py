"""`Model`: layers that train together, from a graph of KerasTensors or a subclass with `call`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..keras_tensor import KerasTensor, Operation, infer
from ..layers import Layer
from ..layers.calling import tree_of_shapes
from ..utils import auto_name
from .config import ModelConfig
from .function import Graph
from .summary import summarize
from .trainer import Trainer

__all__ = ["Functional", "Model"]


class Model(ModelConfig, Trainer, Layer):
    """A functional model, `Model(inputs, outputs)`, or the base class of models with their own `call`.

    `inputs` and `outputs` are KerasTensors, or lists or dicts of them; `inputs` come from `Input` or are intermediate
    results.

    >>> import numpy as np, nervure as nv
    >>> x = nv.Input((4,))
    >>> model = nv.Model(x, nv.layers.Dense(2)(x))
    >>> model.predict(np.ones((3, 4)), verbose=0).shape
    (3, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Model:
        functional = cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs)
        return super().__new__(Functional if functional else cls, *args, **kwargs)  # type: ignore[return-value]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        graph = None
        if args or "inputs" in kwargs or "outputs" in kwargs:
            names = ("inputs", "outputs", "name")
            if len(args) > len(names):
                raise TypeError(f"Model expects inputs, outputs and name by position, got {len(args)} arguments")
            for name, value in zip(names, args, strict=False):
                if name in kwargs:
                    raise TypeError(f"Model got `{name}` twice")
                kwargs[name] = value
            if "inputs" not in kwargs or "outputs" not in kwargs:
                raise ValueError("Model expects both `inputs` and `outputs`")
            inputs, outputs = kwargs.pop("inputs"), kwargs.pop("outputs")
            if kwargs.get("name") is None:
                kwargs["name"] = auto_name(type(self).__name__)
            graph = Graph(kwargs["name"], inputs, outputs)
        Layer.__init__(self, **kwargs)
        self._graph: Graph | None = graph
        self._functional = graph is not None
        self._init_trainer()
        if graph is not None:
            self.autocast = False  # each input has its own dtype
            if not self._trainable:
                self.trainable = False
            self.built = True

    def _held(self) -> Iterator[Any]:
        if self.__dict__.get("_graph") is not None:
            yield from self._graph.layers  # type: ignore[union-attr]
        yield from super()._held()

    def call(self, inputs: Any, training: Any = None) -> Any:
        if self._graph is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} ('{self.name}') does not implement `call()`: write it, or give inputs "
                "and outputs"
            )
        return self._graph.run(self.name, inputs)

    def build(self, input_shape: Any) -> None:
        """Makes the weights of a subclassed model for this shape (or structure of shapes), None for the batch."""
        if self._graph is None:
            inputs = tree_of_shapes(input_shape, lambda shape: KerasTensor(shape, self.dtype))
            infer(self.call, (inputs,), {"training": False} if "training" in self._call_parameters() else {})

    def _build_from(self, args: tuple[Any, ...], kwargs: dict[str, Any], rows: int | None) -> None:
        if type(self).build is Model.build:
            shapes = tree.map_structure(
                lambda x: _batches(x, rows), args[0] if args else next(iter(kwargs.values()), None)
            )
            object.__setattr__(self, "_build_shapes", {"input_shape": shapes})
            self.built = True  # the call that follows builds the sublayers
        else:
            super()._build_from(args, kwargs, rows)

    # ---- looking inside ----

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in order."""
        return self._sublayers()

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        """The model and all layers inside of it, or only those directly inside."""
        inside = list(self._walk_layers())[1:] if recursive else self._sublayers()
        return [self, *inside] if include_self else inside

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its index in `layers`. ValueError listing what there is."""
        layers = self.layers
        if (name is None) == (index is None):
            raise ValueError("get_layer expects one of `name` and `index`")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"Model '{self.name}' has {len(layers)} layers, got index {index}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}")

    @property
    def inputs(self) -> list[KerasTensor]:
        """The KerasTensors a functional or built sequential model starts from."""
        return list(self._the_graph("inputs").inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(self._the_graph("outputs").outputs)

    @property
    def input(self) -> Any:
        return self._the_graph("input").given_inputs

    @property
    def output(self) -> Any:
        return self._the_graph("output").given_outputs

    @property
    def input_shape(self) -> Any:
        return tree.map_structure(lambda t: t.shape, self._the_graph("input_shape").input_struct)

    @property
    def output_shape(self) -> Any:
        return tree.map_structure(lambda t: t.shape, self._the_graph("output_shape").output_struct)

    @property
    def operations(self) -> list[Operation]:
        """The layers and operations of a functional model, in order."""
        return list(self._the_graph("operations").operations)

    @property
    def output_names(self) -> list[str] | None:
        """The names of the layers that make the outputs; None for a model with its own `call`."""
        return None if self._graph is None else list(self._graph.output_names)

    def _the_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"Model '{self.name}' has no `{what}`: it is not made of KerasTensors, or not built yet"
            )
        return self._graph

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints a table of the layers, the numbers of parameters, and the memory of a step once one was planned.

        `print_fn` is called once, with the whole text.
        """
        summarize(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # ---- state ----

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """All variables as nested dicts along their paths: "trainable_variables", "non_trainable_variables",
        "optimizer_variables" and "metrics_variables". The leaves are tensors or, with "numpy_array", arrays.

        ValueError if two variables have one path.

        >>> import nervure as nv
        >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1, name="a")], name="m")
        >>> model.get_state_tree("numpy_array")["trainable_variables"]["m"]["a"]["bias"]
        array([0.], dtype=float32)
        """
        if value_format not in ("backend_tensor", "numpy_array"):
            raise ValueError(
                f"Invalid `value_format` argument. Expected one of 'backend_tensor', 'numpy_array'. Received: "
                f"value_format={value_format}"
            )
        return {
            kind: _nested_by_path(self.name, variables, value_format == "numpy_array")
            for kind, variables in self._variables_by_kind().items()
        }

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assigns what `get_state_tree` gave; parts that are left out stay as they are, and paths that the model does
        not have are passed over. ValueError, and nothing is changed, for unknown kinds and for wrong shapes.
        """
        kinds = self._variables_by_kind()
        found = []
        for kind, nested in state_tree.items():
            if kind not in kinds:
                raise ValueError(f"Unknown variable name: {kind}; expected one of {list(kinds)}")
            values = _by_path(nested)
            for v in kinds[kind]:
                if v.path in values:
                    value = np.asarray(values[v.path])
                    if value.shape != tuple(v.shape):
                        raise ValueError(f"'{v.path}' has shape {tuple(v.shape)}, got a value of shape {value.shape}")
                    found.append((v, value))
        for v, value in found:
            v.assign(value)

    def _variables_by_kind(self) -> dict[str, list[Any]]:
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": [] if self.optimizer is None else list(self.optimizer.variables),
            "metrics_variables": self.metrics_variables,
        }

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keras's export to other runtimes, which nervure does not have: NotImplementedError. `save` keeps a model."""
        known = ("tf_saved_model", "onnx", "openvino", "litert", "torch")
        if format not in known:
            raise ValueError(f"Unrecognized format={format}. Supported formats are: {list(known)}")
        raise NotImplementedError(
            f"Model '{self.name}': nervure has no `export`: `export_saved_model` only currently supports the "
            "tensorflow, jax and torch backends. `model.save('x.keras')` makes a file that Keras loads and exports"
        )

    def _repr_html_(self) -> str:
        """The summary, for notebooks."""
        from html import escape

        lines: list[str] = []
        self.summary(print_fn=lines.append)
        text = escape("\n".join(lines))
        return f'<pre style="line-height: 1.2">{text}</pre>'


def _nested_by_path(owner: str, variables: Sequence[Any], arrays: bool) -> dict[str, Any]:
    paths = [v.path for v in variables]
    nested: dict[str, Any] = {}
    for v in variables:
        if paths.count(v.path) > 1:
            raise ValueError(
                f"The following variable path is found twice in the model: '{v.path}'. `get_state_tree()` of '{owner}' "
                "needs unique paths. Make sure to give unique names to your layers (and other objects)."
            )
        *above, name = v.path.split("/")
        place = nested
        for part in above:
            place = place.setdefault(part, {})
        place[name] = v.numpy().copy() if arrays else v.value
    return nested


def _by_path(nested: Any, path: str = "") -> dict[str, Any]:
    """The leaves of nested dicts by their paths."""
    if not isinstance(nested, dict):
        return {path: nested}
    found: dict[str, Any] = {}
    for name, inner in nested.items():
        found |= _by_path(inner, f"{path}/{name}" if path else name)
    return found


def _batches(x: Any, rows: int | None) -> Any:
    """The shape of an input, None for the batch in a probe with `rows` rows."""
    if not hasattr(x, "shape"):
        return None
    shape = tuple(x.shape)
    return (None, *shape[1:]) if rows is not None and shape[:1] == (rows,) else shape


class _FunctionalType(type):
    """Instances of subclasses of `Model` that were given inputs and outputs are functional models too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls.__dict__.get("_is_functional", False) and getattr(instance, "_functional", False) is True


class Functional(Model, metaclass=_FunctionalType):
    """What `Model(inputs, outputs)` gives.

    >>> import nervure as nv
    >>> x = nv.Input((4,))
    >>> type(nv.Model(x, nv.layers.Dense(2)(x))).__name__
    'Functional'
    """

    _is_functional = True
