"""`Input`: where data enters a functional model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._dtypes import standardize_dtype
from ..keras_tensor import KerasTensor, Node
from .layer import Layer

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Holds the place of one input. `shape` leaves out the batch; `batch_shape` has it, None where it may vary.

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
    ) -> None:
        super().__init__(name=name)
        for key, value in (
            ("sparse", sparse),
            ("ragged", ragged),
            ("optional", optional),
            ("input_tensor", input_tensor),
        ):
            if value:
                raise ValueError(f"Input '{self.name}': {key}={value!r} is not supported")
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"Input '{self.name}': expected one of `shape` and `batch_shape`")
        if batch_shape is None:
            if isinstance(shape, int) or shape is None:
                raise ValueError(f"Input '{self.name}': `shape` must be a tuple of sizes, got {shape!r}")
            batch_shape = (batch_size, *shape)
        elif batch_size is not None:
            raise ValueError(f"Input '{self.name}': `batch_size` and `batch_shape` exclude each other")
        for d in batch_shape:
            if d is not None and (isinstance(d, bool) or not isinstance(d, (int, np.integer)) or d < 0):
                raise ValueError(f"Input '{self.name}': sizes must be non-negative integers or None, got {batch_shape}")
        self.batch_shape = tuple(None if d is None else int(d) for d in batch_shape)
        self._dtype = standardize_dtype(dtype)
        self.autocast = False
        self.built = True
        output = KerasTensor(self.batch_shape, self._dtype, name=self.name)
        Node(self, (), {}, output)

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self._dtype, "name": self.name}


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

    `shape` leaves out the batch dimension. dtype None means `config.floatx()`.

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
