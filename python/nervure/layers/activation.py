"""Activations as layers."""

from __future__ import annotations

from typing import Any

from .. import activations, ops
from . import weight_arguments
from .checks import axis_or_axes, is_number
from .input_spec import InputSpec
from .layer import Layer
from .same_shape import SameShape

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class Activation(SameShape):
    """Applies a function given by name or as a callable.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": activations.serialize(self.activation)}


def _not_negative(owner: str, name: str, value: Any) -> Any:
    if not is_number(value) or value < 0:
        raise ValueError(f"{name} of a {owner} layer cannot be None or a negative value. Received: {name}={value!r}")
    return value


class ReLU(SameShape):
    """`x` where `x >= threshold`, elsewhere `negative_slope * (x - threshold)`; at most `max_value`.

    >>> import numpy as np
    >>> ReLU(max_value=1.0)(np.array([-1.0, 0.5, 2.0], "float32")).tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and (not is_number(max_value) or max_value < 0):
            raise ValueError(f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value!r}")
        self.max_value = max_value
        self.negative_slope = _not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = _not_negative("ReLU", "threshold", threshold)

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        config = {"max_value": self.max_value, "negative_slope": self.negative_slope, "threshold": self.threshold}
        return super().get_config() | config


class LeakyReLU(SameShape):
    """`x` where `x > 0`, elsewhere `negative_slope * x` (Maas, Hannun and Ng, 2013).

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-2.0, 2.0], "float32")).tolist()
    [-1.0, 2.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2, which Keras 3 takes too
        super().__init__(**kwargs)
        if not is_number(negative_slope) or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float. "
                f"Received: negative_slope={negative_slope!r}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class ELU(SameShape):
    """`x` where `x > 0`, elsewhere `alpha * (exp(x) - 1)` (Clevert, Unterthiner and Hochreiter, ICLR 2016).

    >>> import numpy as np
    >>> ELU(alpha=2.0)(np.array([-100.0, 1.0], "float32")).tolist()
    [-2.0, 1.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_number(alpha):
            raise ValueError(f"ELU: expected `alpha` to be a number, got alpha={alpha!r}")
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}


class PReLU(SameShape):
    """`x` where `x > 0`, elsewhere `alpha * x` with a learned `alpha` (He, Zhang, Ren and Sun, ICCV 2015).

    `alpha` has the shape of one sample, and size 1 along the `shared_axes`, which are counted from the batch axis, 0.
    ValueError if an axis that is not shared has no known size.

    >>> import numpy as np
    >>> PReLU(alpha_initializer="ones")(np.array([[-2.0, 2.0]], "float32")).tolist()
    [[-2.0, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        weight_arguments.keep(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
        )
        self.shared_axes = None if shared_axes is None else axis_or_axes("PReLU", shared_axes, ValueError)
        if isinstance(self.shared_axes, int):
            self.shared_axes = [self.shared_axes]

    def build(self, input_shape: Any) -> None:
        shared = [k % len(input_shape) for k in self.shared_axes or []]
        shape = [1 if k in shared else n for k, n in enumerate(input_shape)][1:]
        self.alpha = self.add_weight(shape=shape, name="alpha", **weight_arguments.options(self, "alpha"))
        axes = {k: n for k, n in enumerate(input_shape) if k > 0 and k not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def get_config(self) -> dict[str, Any]:
        arguments = weight_arguments.described(self, "alpha_initializer", "alpha_regularizer", "alpha_constraint")
        return super().get_config() | arguments | {"shared_axes": self.shared_axes}


class Softmax(SameShape):
    """exp(x) / sum(exp(x)) along `axis` (an int or several), where `mask` is True (everywhere by default), and 0
    elsewhere.

    `mask` broadcasts to the inputs; a mask of numbers is True above 0.5.

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 4), "float32"), mask=np.array([True, True, False, False])).tolist()
    [[0.5, 0.5, 0.0, 0.0]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        axis_or_axes("Softmax", axis, ValueError)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None:
            _check_mask(self, tuple(inputs.shape), tuple(mask.shape))
            if str(mask.dtype) != "bool":
                mask = ops.greater(mask, 0.5)
            inputs = ops.where(mask, inputs, -1e9)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        if len(axes) == 1:
            outputs = ops.softmax(inputs, axis=axes[0])
        else:
            outputs = ops.exp(inputs - ops.logsumexp(inputs, axis=tuple(axes), keepdims=True))
        return outputs if mask is None else ops.where(mask, outputs, 0.0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


def _check_mask(layer: Layer, shape: tuple[int, ...], mask: tuple[int, ...]) -> None:
    pairs = zip(mask[::-1], shape[::-1], strict=False)
    if len(mask) > len(shape) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(
            f"Layer '{layer.name}': the `mask` must be broadcastable to `inputs` and must not have more dimensions. "
            f"Received: inputs.shape={shape}, mask.shape={mask}"
        )
