"""`Dense`: y = activation(x W + b)."""

from __future__ import annotations

from typing import Any

from .. import activations, ops
from . import weight_arguments
from .calling import not_implemented
from .checks import positive_int, unsupported
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["Dense"]


class Dense(Layer):
    """A fully connected layer on the last axis: (..., n) to (..., units).

    Weights: kernel (n, units), bias (units,). The kernel starts as Glorot and Bengio (AISTATS 2010) uniform, the bias
    as zeros. ValueError if `units` is not a positive integer or an input's last axis has changed.

    >>> import numpy as np
    >>> Dense(3, kernel_initializer="ones")(np.ones((2, 4), "float32"))[0].tolist()
    [4.0, 4.0, 4.0]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        unsupported("Dense", lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.units = positive_int("Dense", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        weight_arguments.keep(
            self,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=2)
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        n = input_shape[-1] if input_shape else None
        if n is None:
            raise ValueError(f"Layer '{self.name}': the last axis of the input must be known, got shape {input_shape}")
        options = weight_arguments.options(self, "kernel")
        self.kernel = self.add_weight(shape=(n, self.units), name="kernel", **options)
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.units,), name="bias", **weight_arguments.options(self, "bias"))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: n})

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation is None else self.activation(x)

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """NotImplementedError: the weights have no low-rank adaptation."""
        raise not_implemented(self, "enable_lora")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(..., units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        config = {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        return (
            super().get_config()
            | config
            | weight_arguments.described(
                self,
                "kernel_initializer",
                "bias_initializer",
                "kernel_regularizer",
                "bias_regularizer",
                "kernel_constraint",
                "bias_constraint",
            )
            | {"quantization_config": None}
        )
