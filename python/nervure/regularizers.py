"""Penalties on weights or outputs, added to the loss: `L1`, `L2`, `L1L2` and any callable of one tensor.

L2 is ridge regression's penalty (Hoerl and Kennard, 1970), L1 the lasso's (Tibshirani, 1996), both together the elastic
net (Zou and Hastie, 2005). There is no factor 1/2: `L2(0.01)` adds `0.01 * sum(w ** 2)`.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ops
from ._absent import absent
from ._identify import describe, identify
from .utils import to_snake_case

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get", "l1", "l1_l2", "l2", "serialize"]

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


def _factor(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float, got {value!r}")
    return float(value)


class L1L2(Regularizer):
    """`l1 * sum(abs(x)) + l2 * sum(x ** 2)`, a scalar. ValueError if a factor is negative or not finite.

    >>> import numpy as np
    >>> float(L1L2(l1=0.5, l2=0.25)(np.array([1.0, -2.0], "float32")))
    2.75
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1 or 0.0)
        self.l2 = _factor("l2", l2 or 0.0)

    def __call__(self, x: Any) -> Any:
        terms = []
        if self.l1:
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

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=_factor("l1", l1))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(x ** 2)`, a scalar.

    >>> import numpy as np
    >>> float(L2(0.5)(np.array([1.0, -2.0], "float32")))
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=_factor("l2", l2))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


l1, l2, l1_l2 = L1, L2, L1L2
_KNOWN: dict[str, type[Regularizer]] = {}
for _class in (L1, L2, L1L2):
    _KNOWN[_class.__name__] = _KNOWN[to_snake_case(_class.__name__)] = _KNOWN[_class.__name__.lower()] = _class
_KNOWN["l1_l2"] = L1L2


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """A regularizer from its name ("l2"), its config, a callable, or None. ValueError on an unknown name.

    >>> get("l2").l2
    0.01
    """
    return identify("regularizer", identifier, Regularizer, _KNOWN)  # type: ignore[no-any-return]


def serialize(regularizer: Any) -> Any:
    """The config of a regularizer: {"class_name", "config"}, or the name of a function.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return describe(regularizer)
