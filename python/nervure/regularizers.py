"""Penalties on weights or outputs, added to the loss: `L1`, `L2`, `L1L2`, `OrthogonalRegularizer` and any callable of
one tensor.

L2 is ridge regression's penalty (Hoerl and Kennard, 1970), L1 the lasso's (Tibshirani, 1996), both together the elastic
net (Zou and Hastie, 2005). There is no factor 1/2: `L2(0.01)` adds `0.01 * sum(w ** 2)`.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ops
from ._absent import absent
from ._identify import identify
from ._trace import current
from .utils import to_snake_case
from .variable import Variable

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


class Regularizer:
    """Base class: `__call__(x)` gives a scalar; `get_config` gives the constructor's arguments.

    >>> import numpy as np
    >>> float(L2(0.5)(np.array([1.0, 2.0], "float32")))
    2.5
    """

    def __call__(self, x: Any) -> Any:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Regularizer":
        return cls(**config)


def validate_float_arg(value: Any, name: str) -> float:
    """`value` as a float. ValueError unless it is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value!r}"
        )
    return float(value)


def is_sum(regularizer: Any) -> bool:
    """Is it a sum over the elements, so that parts of an array have their shares of it?"""
    return isinstance(regularizer, L1L2) and type(regularizer).__call__ is L1L2.__call__


def _apart(x: Any) -> bool:
    """Is this the L1 penalty of a weight, for a method that handles it apart?"""
    scope = current()
    return scope is not None and bool(scope.notes.get("apart")) and isinstance(x, Variable)


class L1L2(Regularizer):
    """`l1 * sum(abs(x)) + l2 * sum(x ** 2)`, a scalar. ValueError if a factor is negative or not finite.

    >>> import numpy as np
    >>> float(L1L2(l1=0.5, l2=0.25)(np.array([1.0, -2.0], "float32")))
    2.75
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = validate_float_arg(0.0 if l1 is None else l1, "l1")
        self.l2 = validate_float_arg(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Any:
        terms = []
        if self.l1 and not _apart(x):
            terms.append(self.l1 * ops.sum(ops.absolute(x)))
        if self.l2:
            terms.append(self.l2 * ops.sum(ops.square(x)))
        return sum(terms[1:], terms[0]) if terms else ops.zeros((), dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1 * sum(abs(x))`, a scalar.

    >>> import numpy as np
    >>> float(L1(0.5)(np.array([1.0, -2.0], "float32")))
    1.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(x ** 2)`, a scalar.

    >>> import numpy as np
    >>> float(L2(0.5)(np.array([1.0, -2.0], "float32")))
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean of |cos| over the pairs of rows, or of columns, of a matrix: 0 if they are orthogonal.

    Rows of zeros are orthogonal to all. ValueError unless `mode` is "rows" or "columns", `factor` a number of at least
    0, and what is penalized a matrix.

    >>> import numpy as np
    >>> round(float(OrthogonalRegularizer(0.5)(np.array([[1.0, 1.0], [2.0, 2.0]]))), 4)
    0.5
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = validate_float_arg(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        unit = ops.normalize(x if self.mode == "rows" else ops.transpose(x), axis=1)
        size = unit.shape[0]
        cosines = ops.matmul(unit, ops.transpose(unit))
        others = 1.0 - ops.eye(size, dtype=str(unit.dtype))
        pairs = size * (size - 1) / 2  # of a single row there are none, and the sum is 0
        return ops.sum(ops.absolute(cosines * others)) * (self.factor * 0.5 / max(pairs, 1.0))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2 = L1, L2, L1L2
orthogonal_regularizer = OrthogonalRegularizer
_KNOWN: dict[str, type[Regularizer]] = {"l1_l2": L1L2}
for _class in (L1, L2, L1L2, OrthogonalRegularizer, Regularizer):
    _KNOWN[_class.__name__] = _KNOWN[to_snake_case(_class.__name__)] = _class


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer or of a function.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    from .saving import serialize_keras_object

    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Callable[[Any], Any] | None:
    """The regularizer that a name or a config stands for. ValueError if it is unknown.

    >>> deserialize(serialize(L2(0.5))).l2
    0.5
    """
    return identify("regularizer", config, Regularizer, _KNOWN, custom_objects)  # type: ignore[no-any-return]


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """A regularizer from its name ("l2"), its config, its class, a callable, or None. ValueError on an unknown name.

    >>> get("l2").l2
    0.01
    """
    return identify("regularizer", identifier, Regularizer, _KNOWN)  # type: ignore[no-any-return]
