"""`Embedding`: a learned vector for each of a number of things."""

from __future__ import annotations

import warnings
from typing import Any

from .. import ops
from . import weight_arguments
from .calling import not_implemented
from .checks import unsupported
from .layer import Layer

__all__ = ["Embedding"]


class Embedding(Layer):
    """Integers (...) in [0, input_dim) to vectors (..., output_dim): the rows of the weight `embeddings`.

    With `mask_zero`, 0 stands for a step that is not there, and the output's mask is False where the input is 0.
    `weights` is the table to begin with. Floats are cut to integers. IndexError for numbers outside of the table.

    >>> import numpy as np
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> Embedding(3, 2, weights=table)(np.array([[2, 0]])).tolist()
    [[[3.0, 4.0], [0.0, 0.0]]]
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type {type(value).__name__})."
                )
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(**kwargs)
        unsupported("Embedding", lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.input_dim, self.output_dim = input_dim, output_dim
        weight_arguments.keep(
            self,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = mask_zero
        self.supports_masking = bool(mask_zero)
        self.autocast = False  # the inputs are no floats of this layer's dtype
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if not self.built:
            options = weight_arguments.options(self, "embeddings")
            self._embeddings = self.add_weight(shape=(self.input_dim, self.output_dim), name="embeddings", **options)

    @property
    def embeddings(self) -> Any:
        """The table, of shape (input_dim, output_dim). AttributeError before it is built."""
        if not self.built:
            raise AttributeError("You must build the layer before accessing `embeddings`.")
        return self._embeddings

    def call(self, inputs: Any) -> Any:
        if str(inputs.dtype) not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        return ops.take(self.embeddings, inputs, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where the input is not 0, if `mask_zero`; else None."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        """NotImplementedError: the weights have no low-rank adaptation."""
        raise not_implemented(self, "enable_lora")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(..., output_dim)."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        names = ("embeddings_initializer", "embeddings_regularizer", "activity_regularizer", "embeddings_constraint")
        return (
            super().get_config()
            | {"input_dim": self.input_dim, "output_dim": self.output_dim}
            | weight_arguments.described(self, *names)
            | {"mask_zero": self.mask_zero, "quantization_config": None}
        )
