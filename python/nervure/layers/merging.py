"""Layers that join several inputs into one."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar

from .. import ops
from .layer import Layer

__all__ = [
    "Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract",
    "add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip


class _Merge(Layer):
    """Elementwise over a list of inputs of shapes that broadcast; ranks are evened out after the batch axis."""

    merge: ClassVar[Any]
    exactly: ClassVar[int | None] = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True

    def call(self, inputs: Any) -> Any:
        inputs = _several(self, inputs)
        if self.exactly is not None and len(inputs) != self.exactly:
            raise ValueError(
                f"Layer '{self.name}': {type(self).__name__} expects {self.exactly} inputs, got {len(inputs)}"
            )
        ndim = max(len(x.shape) for x in inputs)
        even = []
        for x in inputs:
            shape = tuple(x.shape)
            even.append(ops.reshape(x, (*shape[:1], *(1,) * (ndim - len(shape)), *shape[1:])) if shape else x)
        try:
            return self._join(even)
        except ValueError as error:
            shapes = [tuple(x.shape)[1:] for x in inputs]
            raise ValueError(
                f"Layer '{self.name}': {type(self).__name__} expects inputs whose shapes broadcast, got {shapes} "
                "(without the batch)"
            ) from error

    def _join(self, inputs: list[Any]) -> Any:
        return reduce(type(self).merge, inputs)


def _several(layer: Layer, inputs: Any) -> list[Any]:
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(f"Layer '{layer.name}': {type(layer).__name__} expects a list of inputs, got {inputs!r}")
    return list(inputs)


class Add(_Merge):
    """The sum of the inputs.

    >>> import numpy as np
    >>> Add()([np.ones((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
    [[2.0, 2.0]]
    """

    merge: ClassVar[Any] = staticmethod(ops.add)


class Subtract(_Merge):
    """The first input minus the second; ValueError unless there are two.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Subtract()([x, y]).tolist()
    [[-2.0, 1.0]]
    """

    merge: ClassVar[Any] = staticmethod(ops.subtract)
    exactly: ClassVar[int | None] = 2


class Multiply(_Merge):
    """The product of the inputs.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Multiply()([x, y]).tolist()
    [[3.0, 12.0]]
    """

    merge: ClassVar[Any] = staticmethod(ops.multiply)


class Maximum(_Merge):
    """The larger value, element by element.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Maximum()([x, y]).tolist()
    [[3.0, 4.0]]
    """

    merge: ClassVar[Any] = staticmethod(ops.maximum)


class Minimum(_Merge):
    """The smaller value, element by element.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Minimum()([x, y]).tolist()
    [[1.0, 3.0]]
    """

    merge: ClassVar[Any] = staticmethod(ops.minimum)


class Average(_Merge):
    """The mean of the inputs.

    >>> import numpy as np
    >>> x, y = np.float32([[1, 4]]), np.float32([[3, 3]])
    >>> Average()([x, y]).tolist()
    [[2.0, 3.5]]
    """

    merge: ClassVar[Any] = staticmethod(ops.add)

    def _join(self, inputs: list[Any]) -> Any:
        return super()._join(inputs) / float(len(inputs))


class Concatenate(Layer):
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
        self.built = True

    def call(self, inputs: Any) -> Any:
        inputs = _several(self, inputs)
        shapes = [tuple(x.shape) for x in inputs]
        ndim = len(shapes[0])
        axis = self.axis + ndim if self.axis < 0 else self.axis
        rest = [(*s[:axis], *s[axis + 1 :]) for s in shapes]
        if not 0 <= axis < ndim or any(len(s) != ndim for s in shapes) or any(r != rest[0] for r in rest):
            raise ValueError(
                f"Layer '{self.name}': Concatenate expects inputs of the same shape except along axis {self.axis}, got "
                f"{[s[1:] for s in shapes]} (without the batch)"
            )
        return ops.concatenate(inputs, axis=axis)

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
