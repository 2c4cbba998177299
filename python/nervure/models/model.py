"""`Model`: layers that train together, from a graph of KerasTensors or a subclass with `call`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import tree
from ..keras_tensor import KerasTensor, infer
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

        `print_fn` is called with each line.
        """
        summarize(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def _repr_html_(self) -> str:
        """The summary, for notebooks."""
        from html import escape

        lines: list[str] = []
        self.summary(print_fn=lines.append)
        text = escape("\n".join(lines))
        return f'<pre style="line-height: 1.2">{text}</pre>'


def _batches(x: Any, rows: int | None) -> Any:
    """The shape of an input, None for the batch in a probe with `rows` rows."""
    if not hasattr(x, "shape"):
        return None
    shape = tuple(x.shape)
    return (None, *shape[1:]) if rows is not None and shape[:1] == (rows,) else shape


class Functional(Model):
    """What `Model(inputs, outputs)` gives.

    >>> import nervure as nv
    >>> x = nv.Input((4,))
    >>> type(nv.Model(x, nv.layers.Dense(2)(x))).__name__
    'Functional'
    """
