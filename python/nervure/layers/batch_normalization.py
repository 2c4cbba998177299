"""`BatchNormalization`."""

from __future__ import annotations

from typing import Any

from .. import config, initializers, ops
from . import weight_arguments
from .checks import inside, is_int, is_number
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["BatchNormalization"]

_ARGUMENTS = (
    "beta_initializer", "gamma_initializer", "moving_mean_initializer", "moving_variance_initializer",
    "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
)  # fmt: skip


class BatchNormalization(Layer):
    """Normalizes each feature along `axis` to zero mean and unit variance, then scales and shifts (Ioffe and Szegedy,
    ICML 2015): (x - mean) / sqrt(variance + epsilon) * gamma + beta.

    While training mean and variance (biased) are the batch's, and the moving ones follow:
    `moving = moving * momentum + batch * (1 - momentum)`. Otherwise, or with `trainable = False`, the moving ones are
    used. A `mask`, of the inputs' shape without the last axis, leaves samples or steps out of the batch's mean and
    variance. Weights: gamma, beta; moving_mean, moving_variance (not trained), each of shape (n,).

    With `renorm` (Ioffe, NeurIPS 2017) the normalization while training is corrected towards that of inference, by
    factors that the gradient does not see: r, kept between `renorm_clipping`'s "rmin" and "rmax", and d, of at most
    "dmax". Its own moving statistics, with the momentum `renorm_momentum`, are three more weights that are not trained:
    moving_stddev, renorm_mean and renorm_stddev.

    >>> import numpy as np
    >>> BatchNormalization()(np.array([[-1.0], [1.0]], "float32"), training=True).round(3).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError("BatchNormalization does not support synchronized=True: there is one replica")
        if not is_int(axis):
            raise ValueError(f"BatchNormalization: expected `axis` to be an integer, got axis={axis!r}")
        if not all(map(is_number, (momentum, epsilon))) or not 0 <= momentum <= 1 or epsilon < 0:
            raise ValueError(
                "BatchNormalization: expected momentum between 0 and 1 and epsilon not below 0, got "
                f"momentum={momentum!r}, epsilon={epsilon!r}"
            )
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.center, self.scale, self.synchronized = bool(center), bool(scale), bool(synchronized)
        weight_arguments.keep(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.renorm, self.renorm_momentum = bool(renorm), renorm_momentum
        self.renorm_clipping = _clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    def build(self, input_shape: Any) -> None:
        ndim = len(input_shape)
        if not -ndim <= self.axis < ndim:
            raise ValueError(f"Layer '{self.name}': axis {self.axis} is outside of the input's shape {input_shape}")
        n = input_shape[self.axis]
        if n is None:
            raise ValueError(
                f"Layer '{self.name}': axis {self.axis} of the input must be known, got shape {input_shape}"
            )
        if self.scale:
            self.gamma = self.add_weight(shape=(n,), name="gamma", **weight_arguments.options(self, "gamma"))
        if self.center:
            self.beta = self.add_weight(shape=(n,), name="beta", **weight_arguments.options(self, "beta"))
        mean, variance = (weight_arguments.options(self, name) for name in ("moving_mean", "moving_variance"))
        self.moving_mean = self.add_weight(shape=(n,), name="moving_mean", trainable=False, **mean)
        self.moving_variance = self.add_weight(shape=(n,), name="moving_variance", trainable=False, **variance)
        if self.renorm:

            def root(shape: Any, dtype: Any = None) -> Any:
                return ops.sqrt(_again(variance["initializer"])(shape, dtype=dtype))

            first = _again(mean["initializer"])
            self.moving_stddev = self.add_weight(shape=(n,), name="moving_stddev", trainable=False, initializer=root)
            self.renorm_mean = self.add_weight(shape=(n,), name="renorm_mean", trainable=False, initializer=first)
            self.renorm_stddev = self.add_weight(shape=(n,), name="renorm_stddev", trainable=False, initializer=root)
        self.input_spec = InputSpec(ndim=ndim, axes={self.axis: n})

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        axis = self.axis % len(inputs.shape)
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. Received: "
                f"mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        inputs = ops.cast(inputs, self.compute_dtype)  # if they are integers
        gamma, beta = self.gamma, self.beta
        if training and self.trainable:
            mean, variance = self._moments(inputs, mask, axis)
            if self.renorm:
                gamma, beta = self._corrected(mean, variance)
            else:
                _follow(self.moving_mean, mean, self.momentum)
                _follow(self.moving_variance, variance, self.momentum)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return ops.batch_normalization(inputs, mean, variance, axis, offset=beta, scale=gamma, epsilon=self.epsilon)

    def _moments(self, inputs: Any, mask: Any, axis: int) -> tuple[Any, Any]:
        axes = tuple(k for k in range(len(inputs.shape)) if k != axis)
        if mask is None:
            return ops.moments(inputs, axes=axes)
        counts = ops.broadcast_to(ops.expand_dims(ops.cast(mask, "bool"), -1), inputs.shape)
        total = ops.sum(ops.cast(counts, inputs.dtype), axes, keepdims=True) + config.epsilon()
        mean = ops.sum(ops.where(counts, inputs, 0), axes, keepdims=True) / total
        spread = ops.square(ops.where(counts, inputs - mean, 0))
        variance = ops.sum(spread, axes, keepdims=True) / total
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    def _corrected(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """gamma and beta of batch renormalization; the moving statistics go on."""
        clipping = self.renorm_clipping or {}
        stddev = ops.sqrt(variance + self.epsilon)
        usual = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r, d = stddev / usual, (mean - self.renorm_mean) / usual
        if clipping.get("rmin") is not None:
            r = ops.maximum(r, clipping["rmin"])
        if clipping.get("rmax") is not None:
            r = ops.minimum(r, clipping["rmax"])
        if clipping.get("dmax") is not None:
            d = ops.clip(d, -clipping["dmax"], clipping["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        gamma = r if self.gamma is None else r * self.gamma
        beta = d if self.gamma is None else d * self.gamma
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, stddev, self.renorm_momentum)
        _follow(self.moving_mean, mean, self.momentum)
        _follow(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(ops.relu(ops.square(self.moving_stddev) - self.epsilon))
        return gamma, beta if self.beta is None else beta + self.beta

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's. ValueError if it has no such axis."""
        inside(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return (
            super().get_config()
            | {
                "axis": self.axis,
                "momentum": self.momentum,
                "epsilon": self.epsilon,
                "center": self.center,
                "scale": self.scale,
            }
            | weight_arguments.described(self, *_ARGUMENTS)
            | {
                "synchronized": self.synchronized,
                "renorm": self.renorm,
                "renorm_clipping": self.renorm_clipping,
                "renorm_momentum": self.renorm_momentum,
            }
        )


def _follow(moving: Any, value: Any, momentum: float) -> None:
    moving.assign(moving * momentum + value * (1.0 - momentum))


def _again(initializer: Any) -> Any:
    """An equal initializer, as one with a seed of its own is for one weight."""
    if isinstance(initializer, initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer


def _clipping(value: dict[str, float]) -> dict[str, float]:
    if set(value) - {"rmax", "rmin", "dmax"}:
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {value}. Supported values: rmax, rmin, dmax."
        )
    rmax, rmin, dmax = (value.get(key) for key in ("rmax", "rmin", "dmax"))
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: {value}")
    if dmax is not None and dmax < 0:
        raise ValueError(f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={dmax}")
    return value
