"""`Lambda`: a Python function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..saving import deserialize_keras_object, serialize_keras_object
from ..saving.registration import get_registered_name
from .calling import tree_of_shapes
from .layer import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """`function(inputs, **arguments)`, written with `ops`; it runs once for each signature, while tracing.

    If the function has arguments named `mask` or `training` it is given them. `mask` is the output's mask, or a
    function of (inputs, mask). `output_shape` (without the batch, or a function of the input's shape) is only what
    `compute_output_shape` answers. Variables that the function uses are not this layer's weights.

    A config names the function. It is found again in a file if it is nervure's, or registered, or in `custom_objects`;
    no code is stored. The config of a Python lambda carries the lambda itself, so that a model can be copied, and makes
    no JSON: TypeError.

    >>> import numpy as np
    >>> Lambda(lambda x, n: x * n, arguments={"n": 3.0})(np.array([2.0], "float32"))
    array([6.], dtype=float32)
    """

    def __init__(
        self,
        function: Any,
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: expected `function` to be callable, got {function!r}")
        if arguments is not None and not isinstance(arguments, Mapping):
            raise ValueError(f"Lambda: expected `arguments` to be a dict, got {arguments!r}")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._takes = _argument_names(function) & {"mask", "training"}

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        given = {name: value for name, value in (("mask", mask), ("training", training)) if name in self._takes}
        return self.function(inputs, **self.arguments, **given)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What the argument `mask` says."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """What the argument `output_shape` says; without it the shape is found by tracing the function."""
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batches: list[Any] = []
        tree_of_shapes(input_shape, lambda shape: batches.append(shape[0]))
        return tree_of_shapes(self._output_shape, lambda shape: (batches[0], *shape))

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"function": _described(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = _described(self._output_shape)
        if self.mask is not None:
            config["mask"] = _described(self.mask)
        return super().get_config() | config | {"arguments": serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: Any = None) -> Layer:
        """A layer from what `get_config` gave. `safe_mode` changes nothing: ValueError if the config holds code."""
        config = dict(config)
        for key in ("function", "output_shape", "mask", "arguments"):
            value = config.get(key)
            if isinstance(value, (_FunctionConfig, _Unnamed)):
                config[key] = value.function
            elif value is not None and not callable(value):
                value = deserialize_keras_object(value, custom_objects)
                is_shape = isinstance(value, list) and all(n is None or isinstance(n, int) for n in value)
                config[key] = tuple(value) if key == "output_shape" and is_shape else value
        return cls(**config)


def _argument_names(function: Any) -> set[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # something built in that does not say
        return set()
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


class _FunctionConfig(dict[str, Any]):
    """The config of a function, which a copy in this process can take the function itself from."""

    function: Any


class _Unnamed:
    """In place of the config of a Python lambda: good for a copy in this process, and for nothing else."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def get_config(self) -> dict[str, Any]:
        raise TypeError(
            f"the function of a Lambda layer has no name: {self.function!r}. No code is stored in configs and files: "
            "write a function with a name, and register it with nervure.saving.register_keras_serializable"
        )


def _described(value: Any) -> Any:
    """The config of a function, or of what is no function."""
    if not callable(value) or hasattr(value, "get_config"):
        return serialize_keras_object(value)
    if get_registered_name(value) == "<lambda>":
        return _Unnamed(value)
    config = _FunctionConfig(serialize_keras_object(value))
    config.function = value
    return config
