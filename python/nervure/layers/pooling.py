"""One value for all places of a sequence, an image or a volume."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import ops
from . import checks
from .input_spec import InputSpec
from .layer import Layer
from .same_shape import built_at_once

__all__ = [
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
]  # fmt: skip


class _GlobalPooling(Layer):
    """(batch, places.., channels) to (batch, channels), or with `keepdims` to (batch, 1, .., channels).

    With the data format "channels_first" the channels stand before the places.
    """

    dimensions: ClassVar[int]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = checks.data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.dimensions + 2)
        built_at_once(self)

    @property
    def _axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.dimensions))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """One size for the batch, one for the channels, and 1 for the places with `keepdims`."""
        axes = self._axes
        kept = [1 if k in axes else n for k, n in enumerate(input_shape) if self.keepdims or k not in axes]
        return tuple(kept)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"data_format": self.data_format, "keepdims": self.keepdims}


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the steps: (batch, steps, features) to (batch, features). With a mask (batch, steps), the mean over
    the steps that count.

    >>> import numpy as np
    >>> x = np.array([[[1.0], [3.0], [8.0]]], "float32")
    >>> layer = GlobalAveragePooling1D()
    >>> layer(x).tolist(), layer(x, mask=np.array([[True, True, False]])).tolist()
    ([[4.0]], [[2.0]])
    """

    dimensions: ClassVar[int] = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        (axis,) = self._axes
        if mask is None:
            return ops.mean(inputs, axis=axis, keepdims=self.keepdims)
        counts = ops.cast(ops.expand_dims(mask, 3 - axis), "bool")
        total = ops.sum(ops.where(counts, inputs, 0), axis=axis, keepdims=self.keepdims)
        return total / ops.sum(ops.cast(counts, inputs.dtype), axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: there are no steps any more."""
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean over an image: (batch, height, width, channels) to (batch, channels).

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.ones((2, 3, 4, 5), "float32")).shape
    (2, 5)
    """

    dimensions: ClassVar[int] = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean over a volume: (batch, depth, height, width, channels) to (batch, channels).

    >>> import numpy as np
    >>> GlobalAveragePooling3D(keepdims=True)(np.ones((2, 3, 4, 5, 6), "float32")).shape
    (2, 1, 1, 1, 6)
    """

    dimensions: ClassVar[int] = 3


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest value over the steps: (batch, steps, features) to (batch, features).

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.array([[[1.0], [3.0]]], "float32")).tolist()
    [[3.0]]
    """

    dimensions: ClassVar[int] = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest value over an image: (batch, height, width, channels) to (batch, channels).

    >>> import numpy as np
    >>> GlobalMaxPooling2D(data_format="channels_first")(np.ones((2, 3, 4, 5), "float32")).shape
    (2, 3)
    """

    dimensions: ClassVar[int] = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The largest value over a volume: (batch, depth, height, width, channels) to (batch, channels).

    >>> import numpy as np
    >>> GlobalMaxPooling3D()(np.ones((2, 3, 4, 5, 6), "float32")).shape
    (2, 6)
    """

    dimensions: ClassVar[int] = 3


GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
