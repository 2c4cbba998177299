"""Activations as layers."""

from __future__ import annotations

from typing import Any

from .. import activations, ops
from .layer import Layer

__all__ = ["Activation", "LeakyReLU", "ReLU", "Softmax"]


class Activation(Layer):
    """Applies a function given by name or as a callable.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}


def _slope(owner: str, name: str, value: Any) -> float:
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{owner}: expected `{name}` to be a non-negative number, got {name}={value!r}")
    return float(value)


class ReLU(Layer):
    """`x` where `x > threshold`, elsewhere `negative_slope * (x - threshold)`; at most `max_value`.

    >>> import numpy as np
    >>> ReLU(max_value=1.0)(np.array([-1.0, 0.5, 2.0], "float32")).tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else _slope("ReLU", "max_value", max_value)
        self.negative_slope = _slope("ReLU", "negative_slope", negative_slope)
        self.threshold = _slope("ReLU", "threshold", threshold)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        config = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return super().get_config() | config


class LeakyReLU(Layer):
    """`x` where `x > 0`, elsewhere `negative_slope * x` (Maas, Hannun and Ng, 2013).

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-2.0, 2.0], "float32")).tolist()
    [-1.0, 2.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2, which Keras 3 takes too
        super().__init__(**kwargs)
        self.negative_slope = _slope("LeakyReLU", "negative_slope", negative_slope)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along `axis` (an int or several), where `mask` is True (everywhere by default).

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4), "float32")).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            inputs = ops.where(mask, inputs, -3e38 if inputs.dtype == "float32" else -1e308)
        if isinstance(self.axis, int):
            return ops.softmax(inputs, axis=self.axis)
        return ops.exp(inputs - ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}
