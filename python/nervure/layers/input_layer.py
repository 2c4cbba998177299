"""`Input`: where data enters a functional model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._dtypes import standardize_dtype
from ..keras_tensor import KerasTensor, Node
from .layer import Layer

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Holds the place of one input. `shape` leaves out the batch; `batch_shape` has it, None where it may vary.
    `input_tensor` is a KerasTensor to be that input. An `optional` input may be None where the model gets data.

    ValueError if neither or both are given, for sizes that are no sizes, and for what is not supported (sparse,
    ragged).

    >>> InputLayer((8,)).batch_shape
    (None, 8)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if "input_shape" in kwargs:
            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2)
            shape = kwargs.pop("input_shape")
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        if input_tensor is not None:
            _check_tensor(input_tensor, batch_size, shape, batch_shape, dtype, sparse)
            shape, batch_size, batch_shape, dtype = None, None, input_tensor.shape, input_tensor.dtype
        for key, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                raise ValueError(f"Input '{self.name}': `{key}={value!r}` is not supported")
        self.sparse = self.ragged = False
        self.optional = bool(optional)
        self.batch_shape = self._sizes(shape, batch_size, batch_shape)
        self._dtype = standardize_dtype(dtype)
        self.built = True
        output = KerasTensor(self.batch_shape, self._dtype, name=self.name) if input_tensor is None else input_tensor
        Node(self, (), {}, output)

    def _sizes(self, shape: Any, batch_size: int | None, batch_shape: Any) -> tuple[int | None, ...]:
        """The shape with the batch. ValueError unless it is given, and given once."""
        if batch_shape is not None:
            for key, value in (("shape", shape), ("batch_size", batch_size)):
                if value is not None:
                    raise ValueError(
                        f"Input '{self.name}': You cannot pass both `{key}` and `batch_shape` at the same time."
                    )
        elif shape is None:
            raise ValueError(f"Input '{self.name}': You must pass a `shape` argument.")
        for key, value in (("shape", shape), ("batch_shape", batch_shape)):
            if value is not None and not isinstance(value, (tuple, list)):
                raise ValueError(f"Input '{self.name}': `{key}` must be a tuple of sizes, got {value!r}")
        sizes = (batch_size, *shape) if batch_shape is None else tuple(batch_shape)
        for d in sizes:
            if d is not None and (isinstance(d, bool) or not isinstance(d, (int, np.integer)) or d < 0):
                raise ValueError(f"Input '{self.name}': sizes must be non-negative integers or None, got {sizes}")
        return tuple(None if d is None else int(d) for d in sizes)

    def call(self, inputs: Any = None) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _check_tensor(tensor: Any, batch_size: Any, shape: Any, batch_shape: Any, dtype: Any, sparse: Any) -> None:
    """ValueError unless `tensor` is a KerasTensor which the other arguments, where given, agree with."""
    if not isinstance(tensor, KerasTensor):
        raise ValueError(
            f"Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor={tensor} (of type "
            f"{type(tensor)})"
        )
    first, rest = tensor.shape[:1], tensor.shape[1:]
    for name, given, agrees in (
        ("batch_size", batch_size, first == (batch_size,)),
        ("shape", shape, shape is not None and tuple(shape) == rest),
        ("batch_shape", batch_shape, batch_shape is not None and tuple(batch_shape) == tensor.shape),
        ("dtype", dtype, str(dtype) == str(tensor.dtype)),
        ("sparse", sparse, sparse is False),
    ):
        if given is not None and not agrees:
            raise ValueError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument."
            )


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> Any:
    """A symbolic tensor to build a functional model from.

    `shape` leaves out the batch dimension. dtype None means `config.floatx()`. What an `optional` input gives to layers
    is None if the data for it is.

    >>> Input((8,), name="x")
    <KerasTensor shape=(None, 8), dtype=float32, name=x>
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    ).output
