"""`BatchNormalization`."""

from __future__ import annotations

from typing import Any

from .. import constraints, initializers, ops, regularizers
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """Normalizes each feature along `axis` to zero mean and unit variance, then scales and shifts (Ioffe and Szegedy,
    ICML 2015): (x - mean) / sqrt(variance + epsilon) * gamma + beta.

    While training mean and variance (biased) are the batch's, and the moving ones follow:
    `moving = moving * momentum + batch * (1 - momentum)`. Otherwise, or with `trainable = False`, the moving ones are
    used. Weights: gamma, beta; moving_mean, moving_variance (not trained), each of shape (n,).

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
        synchronized: bool = False,
        renorm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("synchronized", synchronized), ("renorm", renorm)):
            if value:
                raise ValueError(f"BatchNormalization does not support {name}={value!r}")
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"BatchNormalization: expected `axis` to be an integer, got axis={axis!r}")
        if not 0 <= momentum <= 1 or not epsilon > 0:
            raise ValueError(
                "BatchNormalization: expected momentum between 0 and 1 and epsilon above 0, got "
                f"momentum={momentum!r}, epsilon={epsilon!r}"
            )
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Any = None
        self.beta: Any = None

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
            self.gamma = self.add_weight(
                shape=(n,),
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape=(n,),
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )
        self.moving_mean = self.add_weight(
            shape=(n,), initializer=self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape=(n,), initializer=self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=ndim, axes={self.axis: n})

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if mask is not None:
            raise ValueError(f"Layer '{self.name}': BatchNormalization does not support a mask")
        axis = self.axis % len(inputs.shape)
        if training and self.trainable:
            mean, variance = ops.moments(inputs, axes=[k for k in range(len(inputs.shape)) if k != axis])
            self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
            self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return ops.batch_normalization(
            inputs, mean, variance, axis, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon}
        config |= {"center": self.center, "scale": self.scale}
        for name in ("beta", "gamma", "moving_mean", "moving_variance"):
            config[f"{name}_initializer"] = initializers.serialize(getattr(self, f"{name}_initializer"))
        for name in ("beta", "gamma"):
            config[f"{name}_regularizer"] = regularizers.serialize(getattr(self, f"{name}_regularizer"))
            config[f"{name}_constraint"] = constraints.serialize(getattr(self, f"{name}_constraint"))
        return super().get_config() | config
