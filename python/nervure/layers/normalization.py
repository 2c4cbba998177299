"""Normalization of each sample by itself."""

from __future__ import annotations

import warnings
from typing import Any

from .. import ops
from . import weight_arguments
from .checks import axis_or_axes, inside, is_axes, is_int, is_number
from .input_spec import InputSpec
from .layer import Layer
from .same_shape import SameShape

__all__ = ["GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]

_ARGUMENTS = (
    "beta_initializer", "gamma_initializer", "beta_regularizer", "gamma_regularizer", "beta_constraint",
    "gamma_constraint",
)  # fmt: skip


def _axes_of(layer: Any, input_shape: Any) -> list[int]:
    """The axes as a sorted list; ValueError unless the input has them, with known sizes."""
    axes = sorted(layer.axis) if isinstance(layer.axis, list) else [layer.axis]
    inside(axes, input_shape)
    if any(input_shape[k] is None for k in axes):
        raise ValueError(f"Layer '{layer.name}': the sizes along axis={axes} must be known, got shape {input_shape}")
    return axes


def _epsilon(owner: str, value: Any) -> Any:
    if not is_number(value) or value < 0:
        raise ValueError(f"{owner}: expected `epsilon` to be a number not below 0, got epsilon={value!r}")
    return value


class LayerNormalization(SameShape):
    """Normalizes each sample over `axis` (an int or several) to zero mean and unit variance, then scales and shifts
    (Ba, Kiros and Hinton, 2016): (x - mean) / sqrt(variance + epsilon) * gamma + beta.

    Weights: gamma, if `scale`, and beta, if `center`, of the sizes along `axis`. With `rms_scaling` the mean is not
    subtracted and there is no beta. TypeError unless `axis` is an int or a list of ints.

    >>> import numpy as np
    >>> LayerNormalization()(np.array([[1.0, 3.0]], "float32")).round(2).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = bool(kwargs.pop("rms_scaling", False))
        if rms_scaling:
            warnings.warn(
                "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly scales the input by the "
                "variance, not the root mean square. Please use `RMSNormalization` instead.",
                stacklevel=2,
            )
        super().__init__(**kwargs)
        self.axis = axis_or_axes("LayerNormalization", axis)
        self.epsilon = _epsilon("LayerNormalization", epsilon)
        self.center, self.scale, self.rms_scaling = center, scale, rms_scaling
        weight_arguments.keep(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.autocast = False
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: Any) -> None:
        self.axis = _axes_of(self, input_shape)
        shape = tuple(input_shape[k] for k in self.axis)
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(name="gamma", shape=shape, **weight_arguments.options(self, "gamma"))
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(name="beta", shape=shape, **weight_arguments.options(self, "beta"))

    def call(self, inputs: Any) -> Any:
        if self.rms_scaling:
            y = inputs * ops.rsqrt(ops.var(inputs, axis=tuple(self.axis), keepdims=True) + self.epsilon)
            outputs = y * _along(self.gamma, self.axis, inputs.shape)
        else:
            outputs = ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's. ValueError if it has no such axis."""
        inside(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        config["rms_scaling"] = self.rms_scaling
        return super().get_config() | config | weight_arguments.described(self, *_ARGUMENTS)


def _along(weight: Any, axes: list[int], shape: Any) -> Any:
    """A weight with the sizes along `axes`, shaped so that it broadcasts to `shape`."""
    at = {k % len(shape) for k in axes}
    return ops.reshape(weight, tuple(n if k in at else 1 for k, n in enumerate(shape)))


class GroupNormalization(Layer):
    """Normalizes each sample over groups of the channels along `axis` and all other axes but the batch, then scales
    and shifts each channel (Wu and He, ECCV 2018).

    `groups` must divide the channels; -1 makes a group of each. Weights: gamma, if `scale`, and beta, if `center`, one
    value for each channel. ValueError for other numbers of groups.

    >>> import numpy as np
    >>> layer = GroupNormalization(groups=2)
    >>> layer(np.array([[1.0, 3.0, 10.0, 20.0]], "float32")).round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if not is_int(groups) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups}"
            )
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ValueError(f"GroupNormalization: expected `axis` to be an integer, got axis={axis!r}")
        self.groups, self.axis = int(groups), int(axis)
        self.epsilon = _epsilon("GroupNormalization", epsilon)
        self.center, self.scale = center, scale
        weight_arguments.keep(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.autocast = False
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, input_shape: Any) -> None:
        inside(self.axis, input_shape)
        n = input_shape[self.axis]
        if n is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer received an input "
                f"with shape {input_shape}."
            )
        groups = n if self.groups == -1 else self.groups
        if n < groups:
            raise ValueError(f"Number of groups ({groups}) cannot be more than the number of channels ({n}).")
        if n % groups:
            raise ValueError(f"The number of channels ({n}) must be a multiple of the number of groups ({groups}).")
        self.groups = groups
        if self.scale:
            self.gamma = self.add_weight(shape=(n,), name="gamma", **weight_arguments.options(self, "gamma"))
        if self.center:
            self.beta = self.add_weight(shape=(n,), name="beta", **weight_arguments.options(self, "beta"))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n})

    def call(self, inputs: Any) -> Any:
        shape = tuple(inputs.shape)
        axis = self.axis % len(shape)
        grouped = (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        x = ops.reshape(inputs, grouped)
        axes = tuple(k for k in range(1, len(grouped)) if k != axis)
        mean, variance = ops.moments(x, axes=axes, keepdims=True)

        def of_channels(weight: Any) -> Any:
            return ops.reshape(weight, tuple(m if k in (axis, axis + 1) else 1 for k, m in enumerate(grouped)))

        factor = ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * of_channels(self.gamma)
        shift = -mean * factor
        if self.beta is not None:
            shift = shift + of_channels(self.beta)
        return ops.cast(ops.reshape(x * factor + shift, shape), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's. ValueError if it has no such axis."""
        inside(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"groups": self.groups, "axis": self.axis, "epsilon": self.epsilon, "center": self.center}
        config["scale"] = self.scale
        return super().get_config() | config | weight_arguments.described(self, *_ARGUMENTS)


class RMSNormalization(Layer):
    """Divides each sample by its root mean square over `axis` (an int or several), then scales (Zhang and Sennrich,
    NeurIPS 2019): x / sqrt(mean(x^2) + epsilon) * scale.

    The weight `scale` has the sizes along `axis`.

    >>> import numpy as np
    >>> RMSNormalization()(np.array([[3.0, -3.0]], "float32")).round(4).tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis_or_axes("RMSNormalization", axis)
        self.epsilon = _epsilon("RMSNormalization", epsilon)

    def build(self, input_shape: Any) -> None:
        self.axis = _axes_of(self, input_shape)
        shape = tuple(input_shape[k] for k in self.axis)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x: Any) -> Any:
        return ops.rms_normalization(
            x, scale=_along(self.scale, self.axis, x.shape), axis=tuple(self.axis), epsilon=self.epsilon
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's. ValueError if it has no such axis."""
        inside(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(SameShape):
    """Divides each sample by its Euclidean norm along `axis` (an int or several).

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]], "float32")).round(4).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_axes(axis):
            raise TypeError(
                f"Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={axis!r}"
            )
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def call(self, inputs: Any) -> Any:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's. ValueError if it has no such axis."""
        inside(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}
