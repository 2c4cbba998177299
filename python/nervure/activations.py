"""Activation functions by name. They are `nervure.ops` with the defaults that Keras's activations have."""

from typing import TYPE_CHECKING, Any

from . import ops
from ._absent import absent
from ._identify import describe, identify
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
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
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
    """x at or above `threshold`, at most `max_value`; negative_slope * (x - threshold) below.

    >>> import nervure as nv
    >>> nv.activations.relu([-2.0, 0.5, 9.0], negative_slope=0.5, max_value=6.0)
    array([-1. ,  0.5,  6. ], dtype=float32)
    """
    if not threshold and not negative_slope:
        return ops.relu(x) if max_value is None else ops.clip(x, 0.0, max_value)
    if threshold:
        below = ops.multiply(ops.subtract(x, threshold), negative_slope) if negative_slope else 0.0
        y = ops.where(ops.greater_equal(x, threshold), x, below)
    else:
        y = ops.leaky_relu(x, negative_slope)
    return y if max_value is None else ops.minimum(y, max_value)


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
    """The name of an activation of this module; the name of any other function; the config of an object that has one.

    >>> serialize(relu)
    'relu'
    """
    return describe(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation that a name, or {"class_name": .., "config": ..}, stands for. ValueError if it is unknown.

    >>> deserialize("linear") is linear
    True
    """
    from .layers import Layer

    public = _public() | {"hard_swish": hard_silu, "exponential": exponential}
    return identify("activation", config, Layer, public, custom_objects)


def get(identifier: Any) -> Any:
    """A name as its function; None as `linear`; a function as itself.

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
    raise ValueError(f"an activation is a name, a function or a layer (not its class), got {identifier!r}")
