"""Layers that only change shapes or scale: no weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from .input_spec import InputSpec
from .layer import Layer

__all__ = ["Flatten", "Rescaling", "Reshape"]


class Flatten(Layer):
    """(batch, a, b, ...) to (batch, a * b * ...); (batch,) to (batch, 1).

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4), "float32")).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ValueError(f"Flatten: expected data_format channels_last or channels_first, got {data_format!r}")
        self.data_format = data_format or "channels_last"
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Any) -> Any:
        shape = tuple(inputs.shape)
        if self.data_format == "channels_first" and len(shape) > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (shape[0], math.prod(shape[1:])))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """(batch, ...) to (batch, *target_shape); one size may be -1.

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6), "float32")).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if not all(isinstance(n, int) and (n == -1 or n >= 0) for n in target) or target.count(-1) > 1:
            raise ValueError(
                f"Reshape: expected target_shape to be sizes with at most one -1, got target_shape={target_shape!r}"
            )
        self.target_shape = target
        self.built = True

    def call(self, inputs: Any) -> Any:
        shape = tuple(inputs.shape)
        size, known = math.prod(shape[1:]), math.prod(n for n in self.target_shape if n != -1)
        if size != known if -1 not in self.target_shape else known == 0 or size % known:
            raise ValueError(
                f"Layer '{self.name}': cannot reshape inputs of shape {shape[1:]} to target_shape={self.target_shape}"
            )
        target = tuple(size // known if n == -1 else n for n in self.target_shape)
        return ops.reshape(inputs, (shape[0], *target))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}


class Rescaling(Layer):
    """`inputs * scale + offset`, for instance `Rescaling(1 / 255)` for 8-bit images. Gives floats.

    >>> import numpy as np
    >>> Rescaling(0.5, offset=1.0)(np.array([2, 4], "uint8")).tolist()
    [2.0, 3.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.built = True

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        return ops.cast(inputs, dtype) * ops.cast(self.scale, dtype) + ops.cast(self.offset, dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"scale": self.scale, "offset": self.offset}
