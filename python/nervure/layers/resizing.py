"""Sequences, images and volumes cut, padded with zeros, or with each place repeated: (batch, places.., channels)."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import ops
from . import checks
from .input_spec import InputSpec
from .layer import Layer

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip


class _Resizing(Layer):
    """Base of layers that change the sizes of the places and leave batch and channels."""

    dimensions: ClassVar[int]

    def __init__(self, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checks.data_format(data_format)
        self.input_spec = InputSpec(ndim=self.dimensions + 2)

    @property
    def _first(self) -> int:
        return 2 if self.data_format == "channels_first" else 1

    def _resized(self, size: int, place: int) -> int:
        """What becomes of the size of one of the places."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's, with the sizes of the places changed where they are known."""
        shape = list(input_shape)
        for place in range(self.dimensions):
            if shape[self._first + place] is not None:
                shape[self._first + place] = self._resized(shape[self._first + place], place)
        return tuple(shape)


def _pairs(name: str, value: Any, dimensions: int) -> tuple[tuple[int, ...], ...]:
    """(before, after) for each of the places: from one number, one for each, or two for each."""
    if checks.is_int(value):
        value = (value,) * dimensions
    if not isinstance(value, (tuple, list)) or len(value) != dimensions:
        raise ValueError(
            f"`{name}` should have {dimensions} elements: an int or a pair of ints for each place. Received: "
            f"{name}={value}."
        )
    return tuple(checks.sizes(name, v, 2) for v in value)


class _Cropping(_Resizing):
    _cropped: tuple[tuple[int, ...], ...]

    def _resized(self, size: int, place: int) -> int:
        before, after = self._cropped[place]
        if before + after >= size:
            raise ValueError(
                "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
                f"input. `cropping` parameter of `{type(self).__name__}` layer must be smaller than the input length. "
                f"Received: a size of {size}, cropping={self._cropped[place]}"
            )
        return size - before - after

    def call(self, inputs: Any) -> Any:
        sizes = self.compute_output_shape(inputs.shape)
        starts = [0] * len(sizes)
        for place, (before, _) in enumerate(self._cropped):
            starts[self._first + place] = before
        return inputs[tuple(slice(k, k + n) for k, n in zip(starts, sizes, strict=True))]


class Cropping1D(_Cropping):
    """(batch, steps, features) without the first and last steps: `cropping` is how many, or (first, last).

    >>> import numpy as np
    >>> Cropping1D((1, 2))(np.ones((2, 7, 3), "float32")).shape
    (2, 4, 3)
    """

    dimensions: ClassVar[int] = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.cropping = checks.sizes("cropping", cropping, 2)
        self._cropped = (self.cropping,)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping}


class _CroppingOfImages(_Cropping):
    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = self._cropped = _pairs("cropping", cropping, self.dimensions)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"cropping": self.cropping, "data_format": self.data_format}


class Cropping2D(_CroppingOfImages):
    """(batch, height, width, channels) without its rims: ((top, bottom), (left, right)), or (height, width), or one
    number.

    >>> import numpy as np
    >>> Cropping2D(((1, 2), 3))(np.ones((2, 9, 9, 1), "float32")).shape
    (2, 6, 3, 1)
    """

    dimensions: ClassVar[int] = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_CroppingOfImages):
    """(batch, depth, height, width, channels) without its rims, given as for `Cropping2D`.

    >>> import numpy as np
    >>> Cropping3D()(np.ones((2, 9, 9, 9, 1), "float32")).shape
    (2, 7, 7, 7, 1)
    """

    dimensions: ClassVar[int] = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class _ZeroPadding(_Resizing):
    padding: tuple[Any, ...]
    _padded: tuple[tuple[int, ...], ...]

    def _resized(self, size: int, place: int) -> int:
        return size + sum(self._padded[place])

    def call(self, inputs: Any) -> Any:
        return ops.pad(inputs, ((0, 0),) * self._first + self._padded + ((0, 0),) * (2 - self._first))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(_ZeroPadding):
    """(batch, steps, features) with zeros before and after: `padding` is how many steps, or (before, after).

    >>> import numpy as np
    >>> ZeroPadding1D((0, 2))(np.ones((1, 1, 1), "float32")).ravel().tolist()
    [1.0, 0.0, 0.0]
    """

    dimensions: ClassVar[int] = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = checks.sizes("padding", padding, 2)
        self._padded = (self.padding,)


class ZeroPadding2D(_ZeroPadding):
    """(batch, height, width, channels) with a rim of zeros: ((top, bottom), (left, right)), or (height, width), or one
    number.

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 2), 3))(np.ones((2, 4, 4, 1), "float32")).shape
    (2, 7, 10, 1)
    """

    dimensions: ClassVar[int] = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = self._padded = _pairs("padding", padding, 2)


class ZeroPadding3D(_ZeroPadding):
    """(batch, depth, height, width, channels) with a rim of zeros, given as for `ZeroPadding2D`.

    >>> import numpy as np
    >>> ZeroPadding3D()(np.ones((2, 4, 4, 4, 1), "float32")).shape
    (2, 6, 6, 6, 1)
    """

    dimensions: ClassVar[int] = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = self._padded = _pairs("padding", padding, 3)


class _UpSampling(_Resizing):
    _times: tuple[int, ...]

    def _resized(self, size: int, place: int) -> int:
        return size * self._times[place]

    def call(self, inputs: Any) -> Any:
        for place, times in enumerate(self._times):
            inputs = ops.repeat(inputs, times, axis=self._first + place)
        return inputs


class UpSampling1D(_UpSampling):
    """Each step of (batch, steps, features) `size` times.

    >>> import numpy as np
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]], "float32")).ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    dimensions: ClassVar[int] = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.size = checks.counted("size", size)
        self._times = (self.size,)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size}


class UpSampling2D(_UpSampling):
    """Each row of (batch, height, width, channels) `size[0]` times and each column `size[1]` times.

    ValueError for an interpolation other than "nearest".

    >>> import numpy as np
    >>> UpSampling2D((2, 3))(np.ones((1, 2, 2, 1), "float32")).shape
    (1, 4, 6, 1)
    """

    dimensions: ClassVar[int] = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self._times = checks.sizes("size", size, 2, least=1)
        self.interpolation = str(interpolation).lower()
        if self.interpolation != "nearest":
            raise ValueError(f"UpSampling2D does not support interpolation={interpolation!r}, only 'nearest'")

    def get_config(self) -> dict[str, Any]:
        config = {"size": self.size, "data_format": self.data_format, "interpolation": self.interpolation}
        return super().get_config() | config


class UpSampling3D(_UpSampling):
    """Each place of (batch, depth, height, width, channels) as many times along each of the three as `size` says.

    >>> import numpy as np
    >>> UpSampling3D()(np.ones((1, 2, 2, 2, 1), "float32")).shape
    (1, 4, 4, 4, 1)
    """

    dimensions: ClassVar[int] = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self._times = checks.sizes("size", size, 3, least=1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size, "data_format": self.data_format}
