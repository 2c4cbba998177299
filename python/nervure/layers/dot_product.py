"""`Dot`: sums of products over one axis of each of two inputs."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from .. import ops
from .checks import is_int
from .merging import Merge

__all__ = ["Dot", "dot"]


class Dot(Merge):
    """The sum over one axis of each of two inputs, sample by sample; the other axes stay, the first input's before.

    `axes` is the axis in both, or one for each; the batch, 0, is none. With `normalize` the inputs are divided by their
    Euclidean norms along it before, which gives cosines. The mask ends here.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 2]]), np.float32([[3, 4]])
    >>> Dot(axes=1)([x, y]).tolist()
    [[11.0]]
    """

    def __init__(self, axes: int | tuple[int, int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not is_int(axes):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes!r}"
                )
            if len(axes) != 2:
                raise ValueError(
                    f"Invalid format for argument `axes`: it should contain two elements. Received: axes={axes!r}"
                )
            if not all(map(is_int, axes)):
                raise ValueError(
                    f"Invalid format for argument `axes`: list elements should be integers. Received: axes={axes!r}"
                )
        self.axes, self.normalize = axes, normalize

    def _axes(self, shapes: Any) -> tuple[int, int]:
        """The axis in each input, counted from 0. ValueError unless they fit."""
        if not isinstance(shapes, (list, tuple)) or len(shapes) != 2 or any(not hasattr(s, "__len__") for s in shapes):
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={shapes} (layer "
                f"'{self.name}')"
            )
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        first, second = shapes
        for axis, shape in zip(axes, shapes, strict=True):
            if len(shape) < 2 or not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    f"Layer '{self.name}': Dot needs an axis behind the batch in each input, got axes={self.axes} for "
                    f"shapes {tuple(first)} and {tuple(second)}"
                )
        a, b = axes[0] % len(first), axes[1] % len(second)
        if first[a] != second[b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} (at axis {b}). Full "
                f"input shapes: {tuple(first)}, {tuple(second)} (layer '{self.name}')"
            )
        return a, b

    def build(self, input_shape: Any) -> None:
        self._axes(input_shape)

    def call(self, inputs: Any) -> Any:
        a, b = self._axes([tuple(x.shape) for x in self._several(inputs)])
        x, y = inputs
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        letters = iter(ascii_lowercase[2:])  # "a" is the batch and "b" what is summed over
        of_x = ["a" if k == 0 else "b" if k == a else next(letters) for k in range(len(x.shape))]
        of_y = ["a" if k == 0 else "b" if k == b else next(letters) for k in range(len(y.shape))]
        kept = [c for c in of_x if c != "b"] + [c for c in of_y if c not in "ab"]
        outputs = ops.einsum(f"{''.join(of_x)},{''.join(of_y)}->{''.join(kept)}", x, y)
        return outputs if len(kept) > 1 else ops.expand_dims(outputs, 1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The sizes that stay; (batch, 1) for two vectors."""
        a, b = self._axes(input_shape)
        first, second = input_shape
        rest = [n for k, n in enumerate(first) if k != a] + [n for k, n in enumerate(second) if k not in (0, b)]
        return tuple(rest) if len(rest) > 1 else (*rest, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None."""
        return None

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axes": self.axes, "normalize": self.normalize}


def dot(inputs: Any, axes: int | tuple[int, int] = -1, **kwargs: Any) -> Any:
    """`Dot` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 2]]), np.float32([[3, 4]])
    >>> dot([x, y]).tolist()
    [[11.0]]
    """
    return Dot(axes=axes, **kwargs)(inputs)
