"""`clone_model`: the same architecture with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..keras_tensor import KerasTensor, Operation
from ..layers import Input, InputLayer
from ..saving.serialization import deserialize_keras_object, serialize_keras_object
from .config import functional_like, is_functional
from .model import Functional
from .sequential import Sequential

__all__ = ["clone_model"]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same layers, by the same names, with new weights; compiled as `model` is.

    Args:
        input_tensors: KerasTensors to start from, nested as `model.input`; by default new inputs.
        clone_function: makes a layer of a layer, `layer.__class__.from_config(layer.get_config())` by default. It is
            called once for each layer that is no input.
        call_function: called as (new layer, *args, **kwargs) in place of the layer; for functional models.
        recursive: models inside of the model are cloned like it, with the same functions.

    ValueError for arguments that the kind of model does not allow: a model with its own `call` takes none of them.

    >>> import nervure as nv
    >>> model = nv.Sequential([nv.Input((3,)), nv.layers.Dense(2, name="d")])
    >>> clone_model(model).get_layer("d") is model.get_layer("d")
    False
    """
    made = kwargs.pop("cache", None)
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. In a Sequential model, layers "
                "aren't called at model-construction time (they're merely listed). Use `call_function` with Functional "
                f"models only. Received model of type '{type(model).__name__}', with call_function={call_function}"
            )
        cloner = _Cloner(clone_function, None, recursive, made)
        return _compiled_as(model, _clone_sequential(model, cloner, input_tensors))
    default = getattr(type(model).get_config, "_is_default", False)
    if is_functional(model) and (default or clone_function is not None or input_tensors is not None):
        cloner = _Cloner(clone_function, call_function, recursive, made)
        return _compiled_as(model, _clone_functional(model, cloner, call_function, input_tensors))
    if clone_function is not None or input_tensors is not None:
        raise ValueError(
            "Arguments `clone_function` and `input_tensors` are only supported for Sequential models or Functional "
            f"models. Received model of type '{type(model).__name__}', with clone_function={clone_function} and "
            f"input_tensors={input_tensors}"
        )
    if call_function is not None:
        raise ValueError(
            "Argument `call_function` is only supported for Functional models. Received model of type "
            f"'{type(model).__name__}', with call_function={call_function}"
        )
    config = serialize_keras_object(model)
    return deserialize_keras_object(config, custom_objects={type(model).__name__: type(model)})


class _Cloner:
    """Clones each layer once, so that what is shared stays shared."""

    def __init__(self, clone: Any, call: Any, recursive: bool, made: dict[int, Any] | None) -> None:
        self._clone = clone if clone is not None else (lambda layer: layer.__class__.from_config(layer.get_config()))
        if not callable(self._clone):
            raise ValueError(f"Expected `clone_function` argument to be a callable. Received: clone_function={clone}")
        self._call, self._recursive = call, recursive
        self._made: dict[int, Any] = {} if made is None else made

    def __call__(self, layer: Operation) -> Any:
        if id(layer) not in self._made:
            self._made[id(layer)] = self._new(layer)
        return self._made[id(layer)]

    def _new(self, layer: Operation) -> Any:
        if self._recursive and (isinstance(layer, Sequential) or is_functional(layer)):
            call = None if isinstance(layer, Sequential) else self._call
            return clone_model(layer, None, self._clone, call, recursive=True, cache=self._made)
        return self._clone(layer)


def _compiled_as(model: Any, clone: Any) -> Any:
    if model.compiled:
        clone.compile_from_config(model.get_compile_config())
    return clone


def _clone_sequential(model: Sequential, cloner: _Cloner, input_tensors: Any) -> Sequential:
    layers = [cloner(layer) for layer in model.layers]
    if input_tensors is not None:
        if isinstance(input_tensors, (list, tuple)):
            if len(input_tensors) != 1:
                raise ValueError("Argument `input_tensors` must contain a single tensor.")
            input_tensors = input_tensors[0]
        if not isinstance(input_tensors, KerasTensor):
            raise ValueError(
                f"Argument `input_tensors` must be a KerasTensor. Received invalid value: input_tensors={input_tensors}"
            )
        history = input_tensors._keras_history
        if history is None or not isinstance(history.operation, InputLayer):
            input_tensors = Input(batch_shape=input_tensors.shape, dtype=input_tensors.dtype)
        layers.insert(0, input_tensors)
    elif model._chain:
        entry = model._chain[0]
        layers.insert(0, Input(batch_shape=entry.shape, dtype=entry.dtype, name=entry.name))
    return Sequential(layers, name=model.name, trainable=model.trainable)


def _clone_functional(model: Any, cloner: _Cloner, call: Callable[..., Any] | None, input_tensors: Any) -> Any:
    if input_tensors is None:
        inputs = tree.map_structure(lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), model.input)
    else:
        inputs = input_tensors
        if not all(isinstance(t, KerasTensor) for t in tree.flatten(inputs)):
            raise ValueError(
                f"All entries in `input_tensors` must be KerasTensors. Received invalid values: inputs_tensors={inputs}"
            )
        try:
            tree.assert_same_structure(inputs, model.input)
        except ValueError:
            raise ValueError(
                "`input_tensors` must have the same structure as model.input\n"
                f"Reference structure: {model.input}\nReceived structure: {inputs}"
            ) from None
    graph = model._graph
    values: dict[int, Any] = {id(t): x for t, x in zip(graph.inputs, tree.flatten(inputs), strict=True)}

    def value(leaf: Any) -> Any:
        return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

    for node in graph.nodes:
        args, kwargs = tree.map_structure(value, (node.args, node.kwargs))
        layer = cloner(node.operation)
        results = layer(*args, **kwargs) if call is None else call(layer, *args, **kwargs)
        values.update({id(t): y for t, y in zip(tree.flatten(node.outputs), tree.flatten(results), strict=True)})
    outputs = tree.map_structure(value, model.output)
    cls = type(model) if functional_like(type(model)) else Functional
    return cls(inputs, outputs, name=model.name)
