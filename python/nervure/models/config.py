"""Models as data: the configs that Keras's files have, and models from them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import tree
from ..keras_tensor import KerasTensor, Node, Operation
from ..layers import InputLayer, Layer
from ..layers.layer import as_shapes
from ..saving.serialization import deserialize_keras_object, serialize_keras_object

if TYPE_CHECKING:
    from .function import Graph

__all__ = ["ModelConfig", "functional_config", "functional_from_config", "is_functional", "model_from_json"]

_COMPILE = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
_FUNCTIONAL_KEYS = ("name", "layers", "input_layers", "output_layers")


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model whose `to_json()` this is, with new weights.

    TypeError for a class that is neither nervure's nor registered nor in `custom_objects`.

    >>> import nervure as nv
    >>> model = nv.Sequential([nv.Input((3,)), nv.layers.Dense(2)])
    >>> model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    import json

    return deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)


def is_functional(operation: Any) -> bool:
    """True for a model made of KerasTensors that is no Sequential."""
    return getattr(operation, "_functional", False) is True


def functional_like(cls: type) -> bool:
    """Whether the constructor takes what `Model(inputs, outputs)` does, or everything."""
    constructor = inspect.signature(cls.__init__)  # type: ignore[misc]
    parameters = list(constructor.parameters.values())[1:]
    kinds = {p.kind for p in parameters}
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return names == ["inputs", "outputs", "name"] or kinds == {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    }


class ModelConfig:
    """The part of `Model` that describes it and makes one from a description."""

    _graph: Graph | None
    _compile_config: Any = None
    _build_shapes: dict[str, Any] | None

    def get_config(self: Any) -> dict[str, Any]:
        """What `from_config` makes an equal model of, with new weights: for a functional model its layers and how they
        are connected. Subclasses with an `__init__` of their own override it, as layers do.
        """
        if is_functional(self) and functional_like(type(self)):
            return functional_config(self)
        return super().get_config()  # type: ignore[no-any-return, misc]

    get_config._is_default = True  # type: ignore[attr-defined]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model from what `get_config` gave. TypeError if the constructor does not take it."""
        from .model import Functional, Model

        if all(key in config for key in _FUNCTIONAL_KEYS) and (cls in (Functional, Model) or functional_like(cls)):
            return functional_from_config(cls, config, custom_objects)
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                "Unable to revive model from config. When overriding the `get_config()` method, make sure that the "
                f"returned config contains all items used as arguments in the constructor to {cls}, which is the "
                "default behavior. You can override this default behavior by defining a `from_config(cls, config)` "
                f"class method to specify how to create an instance of {cls.__name__} from its config.\n\nReceived "
                f"config={config}\n\nError encountered during deserialization: {error}"
            ) from error

    def get_build_config(self: Any) -> dict[str, Any] | None:
        """The shape of the inputs the model was built for; None before."""
        if is_functional(self):
            return {"input_shape": None}  # its layers say theirs
        return super().get_build_config()  # type: ignore[no-any-return, misc]

    def build_from_config(self: Any, config: dict[str, Any]) -> None:
        """Builds the model for the shapes that `get_build_config` gave; a warning if that fails."""
        if not config:
            return
        shape = config.get("input_shape")
        try:
            if shape is not None:
                self.build(as_shapes(shape))
                self.built = True
                self._build_shapes = {"input_shape": as_shapes(shape)}
                return
            if config.get("shapes_dict"):
                self.build(**{k: as_shapes(v) for k, v in config["shapes_dict"].items()})
                self.built = True
                return
        except Exception as error:
            reason = f": {error}"
        else:
            reason = ""
        warnings.warn(
            f"Model '{self.name}' had a build config, but the model cannot be built automatically in "
            "`build_from_config(config)`. You should implement `def build_from_config(self, config)`, and you might "
            "also want to implement the method that generates the config at saving time, `def get_build_config(self)`"
            f"{reason}",
            stacklevel=2,
        )

    def get_compile_config(self: Any) -> dict[str, Any]:
        """What `compile` was given, as data; {} before."""
        given = self._compile_config
        if not self.compiled or given is None:
            return {}
        config = {key: given.get(key) for key in _COMPILE} | {"optimizer": self.optimizer}
        config["run_eagerly"] = bool(given.get("run_eagerly", False))
        config["steps_per_execution"] = given.get("steps_per_execution", 1)
        config["jit_compile"] = given.get("jit_compile", False) is True
        return serialize_keras_object(config)  # type: ignore[no-any-return]

    def compile_from_config(self: Any, config: dict[str, Any]) -> None:
        """Compiles the model as `get_compile_config` says; the optimizer gets its slots if the model is built."""
        from .trainer import Trainer

        if type(self).compile is not Trainer.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "All subclassed Models that have `compile()` overridden should also override `get_compile_config()` "
                "and `compile_from_config(config)`. Alternatively, you can call `compile()` manually after loading.",
                stacklevel=2,
            )
            return
        given = deserialize_keras_object(config)
        self.compile(**given)
        if self.optimizer is not None and self.built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture and how it was compiled, as text; `kwargs` are those of `json.dumps`.
        `models.model_from_json` reads it.
        """
        import json

        return json.dumps(serialize_keras_object(self), **kwargs)

    # ---- files ----

    def save(self: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """`saving.save_model`: architecture, weights, compile and optimizer state in a `.keras` file."""
        from ..saving.model_files import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(
        self: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """`saving.save_weights`: weights and optimizer state in a `.weights.h5` file."""
        from ..saving.model_files import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(self: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """`saving.load_weights`: weights and optimizer state of a `.weights.h5` or `.keras` file."""
        from ..saving.model_files import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def __reduce__(self) -> Any:
        """To copy and to pickle a model is to save and to load it."""
        from ..saving.model_files import from_bytes, to_bytes

        return from_bytes, (to_bytes(self), type(self))


# ---- functional models ----


def functional_config(model: Any) -> dict[str, Any]:
    """Layers in order, each with the calls of it that the model has, and which of their results are its inputs and
    outputs. Calls outside of the model do not count in the indices of calls.
    """
    graph: Graph = model._graph
    nodes: set[Node] = set(graph.nodes)
    nodes |= {t._keras_history.operation._inbound_nodes[t._keras_history.node_index] for t in graph.inputs}  # type: ignore[union-attr]
    names: dict[Operation, str] = {}  # a function's may be taken: it was given without a look at this model
    for operation in sorted(graph.operations, key=lambda o: not isinstance(o, Layer)):
        name, count = operation.name, 0
        while name in names.values():
            count += 1
            name = f"{operation.name}_{count}"
        names[operation] = name

    def place(tensor: KerasTensor, endpoint: bool) -> list[Any]:
        if id(tensor) in graph.entries:
            return [names[graph.entries[id(tensor)]], 0, 0]
        operation, index, which = tensor._keras_history  # type: ignore[misc]
        earlier = sum(node in nodes for node in operation._inbound_nodes[:index])
        # Keras counts from 1 what a functional model gives where it is an endpoint of another
        return [names[operation], earlier + (endpoint and is_functional(operation)), which]

    def argument(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return serialize_keras_object(leaf)
        config = {"shape": leaf.shape, "dtype": leaf.dtype, "keras_history": place(leaf, False)}
        return {"class_name": "__keras_tensor__", "config": config}

    layers = []
    for operation in graph.operations:
        calls = [
            {"args": list(_map(argument, node.args)), "kwargs": _map(argument, node.kwargs)}
            for node in operation._inbound_nodes
            if node in nodes and node.inputs
        ]
        layers.append(serialize_keras_object(operation) | {"name": names[operation], "inbound_nodes": calls})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _map(lambda t: place(t, True), graph.given_inputs),
        "output_layers": _map(lambda t: place(t, True), graph.given_outputs),
    }


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict):
        return {k: _map(function, v) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [_map(function, v) for v in structure]
        return parts if isinstance(structure, list) else tuple(parts)
    return function(structure)


class _NotYet(Exception):
    """A call whose inputs are not made yet."""


def functional_from_config(cls: type, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The model that `functional_config` described. ValueError if its graph is not one."""
    layers = config["layers"]
    if not isinstance(layers, (list, tuple)) or not all(isinstance(entry, Mapping) for entry in layers):
        raise ValueError(f"Invalid Functional model configuration: expected a list of layers, got {layers!r}")
    made: dict[str, Operation] = {}
    pending: dict[str, list[Any]] = {}
    for entry in layers:
        layer = deserialize_keras_object(entry, custom_objects=custom_objects)
        if not isinstance(layer, Operation):
            raise ValueError(
                f"Unexpected object from deserialization, expected a layer or operation, got a {type(layer)}"
            )
        name = entry.get("name", layer.name)
        if name in made:
            raise ValueError(f"Invalid Functional model configuration: two layers are named {name!r}")
        made[name] = layer
        pending[name] = list(entry.get("inbound_nodes") or ())
    # A layer shared between models comes with calls of its own, which are not counted here.
    offsets = {name: 0 if isinstance(layer, InputLayer) else len(layer._inbound_nodes) for name, layer in made.items()}

    def tensor(place: Any) -> KerasTensor:
        try:
            name, index, which = place
            layer, index = made[name], int(index) + offsets[name]
        except KeyError:
            raise ValueError(
                f"Invalid Functional model configuration: there is no {place!r}. Missing node: {name}"
            ) from None
        except (TypeError, ValueError):
            raise ValueError(f"Invalid Functional model configuration: there is no {place!r}") from None
        if index >= len(layer._inbound_nodes):
            raise _NotYet
        outputs = tree.flatten(layer._inbound_nodes[index].outputs)
        if not 0 <= which < len(outputs):
            raise ValueError(f"Invalid Functional model configuration: there is no {place!r}")
        return outputs[which]  # type: ignore[no-any-return]

    while any(pending.values()):
        before = sum(map(len, pending.values()))
        for name, calls in pending.items():
            while calls:
                try:
                    args, kwargs = _arguments(made[name], calls[0], tensor)
                except _NotYet:
                    break
                made[name](*args, **kwargs)
                calls.pop(0)
        if sum(map(len, pending.values())) == before:
            raise ValueError(
                "Invalid Functional model configuration. The graph of the Functional model either has loops or "
                "disconnected nodes. The following nodes failed to be resolved: "
                f"{[name for name, calls in pending.items() if calls]}"
            )

    def endpoint(place: Any) -> Any:
        if isinstance(place, dict):
            return {k: endpoint(v) for k, v in place.items()}
        if isinstance(place, (list, tuple)) and len(place) == 3 and isinstance(place[0], str):
            if is_functional(made.get(place[0])):
                place = [place[0], place[1] - 1, place[2]]
            try:
                return tensor(place)
            except _NotYet:
                raise ValueError(f"Invalid Functional model configuration: there is no {place!r}") from None
        if not isinstance(place, (list, tuple)):
            raise ValueError(f"Invalid Functional model configuration: there is no {place!r}")
        return type(place)(endpoint(v) for v in place)

    inputs, outputs = endpoint(config["input_layers"]), endpoint(config["output_layers"])
    rest = {k: v for k, v in config.items() if k not in (*_FUNCTIONAL_KEYS, "trainable")}
    if config.get("trainable") is not None:
        rest["trainable"] = config["trainable"]
    return cls(inputs=inputs, outputs=outputs, name=config.get("name"), **rest)


def _arguments(layer: Operation, call: Any, tensor: Callable[[Any], KerasTensor]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of one call of a layer."""
    if isinstance(call, (list, tuple)):  # as files of older versions have it: [name, call, output, kwargs] an input
        tensors = [tensor(entry[:3]) for entry in call]
        return [tensors[0] if len(tensors) == 1 else tensors], dict(call[0][3]) if call and len(call[0]) > 3 else {}

    def revived(leaf: Any) -> Any:
        if isinstance(leaf, KerasTensor) and leaf._saved_history is not None:
            return tensor(leaf._saved_history)
        return leaf

    args = [_map(revived, deserialize_keras_object(arg)) for arg in call["args"]]
    kwargs = {k: _map(revived, deserialize_keras_object(v)) for k, v in call["kwargs"].items()}
    if type(layer).__name__ == "GetItem" and len(args) > 1 and isinstance(args[1], list):
        args[1] = tuple(args[1])
    # Keras writes what it filled in: no mask, and the `training` that is the default anyway
    if kwargs.get("mask", 0) is None:
        del kwargs["mask"]
    if kwargs.get("training", 0) is None or (kwargs.get("training") is False and _calm(layer)):
        del kwargs["training"]
    return args, kwargs


def _calm(layer: Any) -> bool:
    """Whether `call` takes `training=False` by default."""
    parameters = layer._call_parameters() if hasattr(layer, "_call_parameters") else {}
    return "training" in parameters and parameters["training"].default is False
