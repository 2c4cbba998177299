"""Layers that only change shapes or scale: no weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..saving import deserialize_keras_object, serialize_keras_object
from . import checks
from .input_spec import InputSpec
from .layer import Layer
from .probing import stand_in, with_unknown
from .same_shape import SameShape

__all__ = ["Flatten", "Permute", "RepeatVector", "Rescaling", "Reshape"]


class Flatten(Layer):
    """(batch, a, b, ...) to (batch, a * b * ...); (batch,) to (batch, 1).

    With the data format "channels_first" the channels, on axis 1, are made the last axis before.

    >>> import numpy as np
    >>> Flatten()(np.ones((2, 3, 4), "float32")).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checks.data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        shape = tuple(inputs.shape)
        if self.data_format == "channels_first" and len(shape) > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (shape[0], math.prod(shape[1:])))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, product), None where it is not known."""
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """(batch, ...) to (batch, *target_shape); one size may be -1 or None and is then found from the others.

    ValueError if the sizes do not fit the input's.

    >>> import numpy as np
    >>> Reshape((2, -1))(np.ones((5, 6), "float32")).shape
    (5, 2, 3)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = tuple(target_shape) if isinstance(target_shape, (tuple, list)) else (target_shape,)
        if not all(n is None or (checks.is_int(n) and n >= -1) for n in target):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a single unknown "
                f"dimension. Received: target_shape={target_shape!r}."
            )
        if target.count(-1) + target.count(None) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`: expected at most one -1. "
                f"Received: target_shape={target_shape!r}."
            )
        self.target_shape: tuple[Any, ...] = target
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, *target_shape), with None for what is not known."""
        if None in input_shape[1:]:
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        given = [n for n in self.target_shape if n not in (None, -1)]
        size, known = math.prod(input_shape[1:]), math.prod(given)
        if size != known if len(given) == len(self.target_shape) else known == 0 or size % known:
            raise ValueError(
                f"Layer '{self.name}': cannot reshape inputs of shape {tuple(input_shape[1:])} to "
                f"target_shape={self.target_shape}. The total size of the tensor must be unchanged"
            )
        return (input_shape[0], *(size // known if n in (None, -1) else n for n in self.target_shape))

    def call(self, inputs: Any) -> Any:
        shape = tuple(inputs.shape)
        if None in (known := with_unknown(shape))[1:]:  # it need not fit yet
            return stand_in((shape[0], *self.compute_output_shape(known)[1:]), inputs.dtype)
        return ops.reshape(inputs, self.compute_output_shape(shape))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}


class Permute(Layer):
    """The axes behind the batch in another order: `dims` are their numbers, from 1. ValueError for other numbers.

    >>> import numpy as np
    >>> Permute((2, 1))(np.ones((5, 2, 3), "float32")).shape
    (5, 3, 2)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(dims, (tuple, list)) or sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, axes=(0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The sizes in the new order."""
        return (input_shape[0], *(input_shape[k] for k in self.dims))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) to (batch, n, features): `n` times the same.

    >>> import numpy as np
    >>> RepeatVector(2)(np.array([[1.0, 3.0]], "float32")).tolist()
    [[[1.0, 3.0], [1.0, 3.0]]]
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = checks.counted("n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, n, features)."""
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}


class Rescaling(SameShape):
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
        scale = ops.cast(self.scale, dtype)
        if scale.shape and checks.data_format(None) == "channels_first":
            scale = ops.reshape(scale, (*scale.shape, *(1,) * (3 - len(scale.shape))))
        return ops.cast(inputs, dtype) * scale + ops.cast(self.offset, dtype)

    def get_config(self) -> dict[str, Any]:
        config = {"scale": serialize_keras_object(self.scale), "offset": serialize_keras_object(self.offset)}
        return super().get_config() | config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Layer:
        """A layer from what `get_config` gave."""
        read = {key: deserialize_keras_object(config[key], custom_objects) for key in ("scale", "offset")}
        return cls(**(config | read))
