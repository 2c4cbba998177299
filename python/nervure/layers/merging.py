"""Layers that join several inputs into one."""

from __future__ import annotations

from functools import reduce
from typing import Any

from .. import ops
from .._masks import get_mask, set_mask
from .layer import Layer
from .probing import Shape, stand_in, unknown_size, with_unknown

__all__ = [
    "Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract",
    "add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip


class Merge(Layer):
    """Base of layers that are called on a list of inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _several(self, inputs: Any) -> list[Any]:
        """The inputs; ValueError unless there is a list of them."""
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise self._no_list(inputs)
        return list(inputs)

    def _no_list(self, received: Any) -> ValueError:
        return ValueError(
            f"Layer '{self.name}': {type(self).__name__} expects a list of inputs. A merge layer should be called on a "
            f"list of inputs. Received: {received!r} (not a list)"
        )

    def _masks(self, inputs: Any, mask: Any) -> list[Any]:
        """The masks of the inputs; ValueError unless there is one, or None, for each."""
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, (tuple, list)):
                raise ValueError(f"`{name}` should be a list. Received: {name}={value!r} (layer '{self.name}')")
        if len(mask) != len(inputs):
            raise ValueError(
                "The lists `inputs` and `mask` should have the same length. Received: "
                f"{len(inputs)} inputs and {len(mask)} masks (layer '{self.name}')"
            )
        return list(mask)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where a step counts in any of the inputs; None if one of them has no mask."""
        if mask is None:
            return None
        masks = self._masks(inputs, mask)
        return None if any(m is None for m in masks) else reduce(ops.logical_or, masks)

    def get_config(self) -> dict[str, Any]:
        return super().get_config()  # written down: a class without it gets what its constructor was given


class _Elementwise(Merge):
    """Inputs of shapes that broadcast; ranks are evened out after the batch axis."""

    def build(self, input_shape: Any) -> None:
        if not input_shape or not isinstance(input_shape[0], (tuple, list)):
            raise self._no_list(input_shape)
        batches = {shape[0] for shape in input_shape if shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer '{self.name}': cannot merge tensors with different batch sizes. Received tensors with shapes "
                f"{input_shape}"
            )
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape to which the inputs broadcast. ValueError if they do not."""
        batches = {shape[0] for shape in input_shape if shape} - {None}
        rest = reduce(self._broadcast, [tuple(shape[1:]) for shape in input_shape])
        return (batches.pop() if len(batches) == 1 else None, *rest)

    def _broadcast(self, one: Shape, other: Shape) -> tuple[int | None, ...]:
        ndim = max(len(one), len(other))
        pairs = zip((1,) * (ndim - len(one)) + tuple(one), (1,) * (ndim - len(other)) + tuple(other), strict=True)
        sizes: list[int | None] = []
        for m, n in pairs:
            if m is not None and n is not None and m != n and 1 not in (m, n):
                raise ValueError(
                    f"Layer '{self.name}': Inputs have incompatible shapes: {type(self).__name__} expects inputs whose "
                    f"shapes broadcast, got {[tuple(one), tuple(other)]} (without the batch)"
                )
            sizes.append(None if None in (m, n) else n if m == 1 else m)
        return tuple(sizes)

    def call(self, inputs: Any) -> Any:
        inputs = self._several(inputs)
        shapes = [tuple(x.shape) for x in inputs]
        ndim = max(map(len, shapes))
        for k, shape in enumerate(shapes):
            if 0 < len(shape) < ndim:
                inputs[k] = ops.reshape(inputs[k], (*shape[:1], *(1,) * (ndim - len(shape)), *shape[1:]))
        try:
            return self._join(inputs)
        except ValueError:
            merged = self.compute_output_shape([with_unknown(shape) for shape in shapes])
            if unknown_size() is None:
                raise
            return stand_in(merged, inputs[0].dtype)

    def _join(self, inputs: list[Any]) -> Any:
        raise NotImplementedError


class Add(_Elementwise):
    """The sum of the inputs.

    >>> import numpy as np
    >>> Add()([np.ones((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
    [[2.0, 2.0]]
    """

    def _join(self, inputs: list[Any]) -> Any:
        return reduce(ops.add, inputs)


class Subtract(_Elementwise):
    """The first input minus the second; ValueError unless there are two.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Subtract()([x, y]).tolist()
    [[-2.0, 1.0]]
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self._two(input_shape)

    def _two(self, inputs: Any) -> None:
        if len(inputs) != 2:
            raise ValueError(
                f"Layer '{self.name}': A `Subtract` layer should be called on exactly 2 inputs: it expects 2 inputs, "
                f"got {len(inputs)}"
            )

    def _join(self, inputs: list[Any]) -> Any:
        self._two(inputs)
        return ops.subtract(*inputs)


class Multiply(_Elementwise):
    """The product of the inputs. A masked step counts as 1, or as 0 if it is masked in all inputs.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Multiply()([x, y]).tolist()
    [[3.0, 12.0]]
    """

    def _join(self, inputs: list[Any]) -> Any:
        masks = [_wide_mask(x) for x in inputs]
        pairs = zip(inputs, masks, strict=True)
        product = reduce(ops.multiply, [x if m is None else ops.where(m, x, ops.cast(1, x.dtype)) for x, m in pairs])
        if any(m is None for m in masks):
            return product
        counts = reduce(ops.logical_or, masks)
        return _masked(ops.where(counts, product, ops.cast(0, product.dtype)), counts)


def _wide_mask(x: Any) -> Any:
    """The mask of a tensor, in the tensor's own shape; None if it has none."""
    mask = get_mask(x)
    return None if mask is None else ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)


def _masked(x: Any, mask: Any) -> Any:
    """`x`, masked where `mask`, of its shape, is nowhere True along the last axis."""
    set_mask(x, ops.any(mask, axis=-1))
    return x


class _Extreme(_Elementwise):
    """A masked step is left out of the comparison."""

    def _better(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def _join(self, inputs: list[Any]) -> Any:
        best, counts = inputs[0], _wide_mask(inputs[0])
        for x in inputs[1:]:
            mask = _wide_mask(x)
            if mask is not None:
                x = ops.where(mask, x, best)
            if counts is not None:
                best = ops.where(counts, best, x)
            counts = None if mask is None or counts is None else ops.logical_or(counts, mask)
            best = self._better(best, x)
        return best if counts is None else _masked(best, counts)


class Maximum(_Extreme):
    """The larger value, element by element. A masked step is left out.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Maximum()([x, y]).tolist()
    [[3.0, 4.0]]
    """

    def _better(self, x: Any, y: Any) -> Any:
        return ops.maximum(x, y)


class Minimum(_Extreme):
    """The smaller value, element by element. A masked step is left out.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Minimum()([x, y]).tolist()
    [[1.0, 3.0]]
    """

    def _better(self, x: Any, y: Any) -> Any:
        return ops.minimum(x, y)


class Average(_Elementwise):
    """The mean of the inputs.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Average()([x, y]).tolist()
    [[2.0, 3.5]]
    """

    def _join(self, inputs: list[Any]) -> Any:
        return reduce(ops.add, inputs) / float(len(inputs))


class Concatenate(Merge):
    """Joins a list of inputs along `axis`; all other sizes must agree.

    >>> import numpy as np
    >>> Concatenate()([np.ones((1, 2), "float32"), np.zeros((1, 1), "float32")]).tolist()
    [[1.0, 1.0, 0.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise ValueError(f"Concatenate: expected `axis` to be an integer, got axis={axis!r}")
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The sizes along `axis` added up. ValueError if other sizes differ."""
        if not input_shape or not all(isinstance(shape, (list, tuple)) for shape in input_shape):
            raise ValueError(
                f"Layer '{self.name}': A `Concatenate` layer should be called on a list of inputs: Concatenate expects "
                f"a list. Received: input_shape={input_shape}"
            )
        ndim = len(input_shape[0])
        axis = self.axis + ndim if self.axis < 0 else self.axis
        fits = 0 <= axis < ndim and all(len(shape) == ndim for shape in input_shape)
        merged: list[int | None] = []
        for k, sizes in enumerate(zip(*input_shape, strict=False)):
            known = set(sizes) - {None}
            if k == axis:
                merged.append(None if None in sizes else sum(sizes))
            else:
                fits = fits and len(known) <= 1
                merged.append(known.pop() if len(known) == 1 else None)
        if not fits:
            raise ValueError(
                f"Layer '{self.name}': Concatenate expects inputs of the same shape except along axis {self.axis}, got "
                f"{[tuple(shape) for shape in input_shape]}. A `Concatenate` layer requires inputs with matching "
                "shapes except for the concatenation axis"
            )
        return tuple(merged)

    def call(self, inputs: Any) -> Any:
        inputs = self._several(inputs)
        shapes = [tuple(x.shape) for x in inputs]
        merged = self.compute_output_shape([with_unknown(shape) for shape in shapes])
        try:
            return ops.concatenate(inputs, axis=self.axis)
        except ValueError:
            if unknown_size() is None:
                raise
            return stand_in(merged, inputs[0].dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks joined like the inputs, without the last axis: True where any feature counts. An input without a
        mask counts everywhere."""
        if mask is None:
            return None
        masks = self._masks(inputs, mask)
        if all(m is None for m in masks):
            return None
        wide = []
        for x, m in zip(inputs, masks, strict=True):
            if m is None:
                m = ops.ones_like(x, dtype="bool")
            elif len(m.shape) < len(x.shape):
                m = ops.logical_or(ops.expand_dims(m, -1), ops.zeros_like(x, dtype="bool"))
            wide.append(m)
        return ops.any(ops.concatenate(wide, axis=self.axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> add([x, y]).tolist()
    [[4.0, 7.0]]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> subtract([x, y]).tolist()
    [[-2.0, 1.0]]
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> multiply([x, y]).tolist()
    [[3.0, 12.0]]
    """
    return Multiply(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> maximum([x, y]).tolist()
    [[3.0, 4.0]]
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> minimum([x, y]).tolist()
    [[1.0, 3.0]]
    """
    return Minimum(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> average([x, y]).tolist()
    [[2.0, 3.5]]
    """
    return Average(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` as a function.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> concatenate([x, y]).tolist()
    [[1.0, 4.0, 3.0, 3.0]]
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
