"""Activation functions by name. They are `nervure.ops` with the defaults that Keras's activations have."""

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import ops
from ._absent import absent
from ._identify import identify
from .ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

exponential = ops.exp
hard_swish = hard_silu
swish = silu


def linear(x: Any) -> Any:
    """x itself.

    >>> linear(3.0)
    3.0
    """
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """x above `threshold`, limited to [0, max_value] if there is one; negative_slope * (x - threshold) elsewhere.

    >>> import nervure as nv
    >>> nv.activations.relu([-2.0, 0.5, 9.0], negative_slope=0.5, max_value=6.0)
    array([-1. ,  0.5,  6. ], dtype=float32)
    """
    if not threshold and not negative_slope:
        return ops.relu(x) if max_value is None else ops.clip(x, 0.0, max_value)
    if not threshold:
        y = ops.leaky_relu(x, negative_slope)
        return y if max_value is None else ops.minimum(y, max_value)
    below = ops.multiply(ops.subtract(x, threshold), negative_slope) if negative_slope else 0.0
    return ops.where(ops.greater(x, threshold), x if max_value is None else ops.clip(x, 0.0, max_value), below)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; with `approximate`, its tanh formula (Hendrycks & Gimpel,
    2016).

    >>> import numpy as np
    >>> gelu(np.array([1.0], "float32")).round(4).tolist()
    [0.8413000106811523]
    """
    return ops.gelu(x, approximate=approximate)


def _public() -> dict[str, Any]:
    return {name: globals()[name] for name in __all__ if name not in ("get", "serialize", "deserialize")}


def serialize(activation: Any) -> Any:
    """The name of an activation of this module; the config of any other function, or of an object that has one.

    >>> serialize(relu)
    'relu'
    """
    from .saving import get_registered_name, serialize_keras_object

    if isinstance(activation, FunctionType):
        name = activation.__name__
        if getattr(sys.modules[__name__], name, None) is activation:
            return name
        if activation is exponential:  # a function of `ops` with another name there
            return "exponential"
        return serialize_keras_object(activation) | {"config": get_registered_name(activation)}
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that a name, or {"class_name": .., "config": ..}, stands for. ValueError if it is unknown.

    >>> deserialize("linear") is linear
    True
    """
    from .layers import Layer
    from .saving import deserialize_keras_object

    try:
        return identify("activation function", config, Layer, _public(), custom_objects)
    except ValueError:
        if not isinstance(config, dict) or "class_name" not in config:
            raise
    try:  # the config of a layer
        return deserialize_keras_object(config, custom_objects)
    except TypeError as error:
        raise ValueError(f"Could not interpret activation function identifier: {config!r}: {error}") from None


def get(identifier: Any) -> Any:
    """A name as its function; None as `linear`; a function or a layer as itself; a config as what it describes.

    >>> import nervure as nv
    >>> nv.activations.get("relu") is nv.activations.relu
    True
    """
    if identifier is None:
        return linear
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    raise ValueError(
        f"Could not interpret activation function identifier: {identifier!r}; expected a name, a function or a layer "
        "(not its class)"
    )
