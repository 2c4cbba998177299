"""What is done to a weight after each update: any callable `w -> w` written with `ops`.

The bounds on norms are those of weight vectors: with `axis` 0 each column of a matrix (inputs, units), the weights of
one unit, has its own norm. Limits on them are max-norm regularization (Srebro & Shraibman, 2005).
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import config, ops
from ._absent import absent
from ._identify import identify
from .utils import to_snake_case

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm", "min_max_norm",
    "non_neg", "serialize", "unit_norm",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


class Constraint:
    """Base class: `__call__(w)` gives the value that replaces `w`, here `w` itself.

    >>> class Halve(Constraint):
    ...     def __call__(self, w):
    ...         return w * 0.5
    >>> float(Halve()(2.0))
    1.0
    """

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Constraint":
        """A new constraint from `get_config`'s result."""
        return cls(**config)


def _number(owner: Any, name: str, value: Any, high: float = math.inf) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= high:
        limits = "of at least 0" if high == math.inf else f"from 0 to {high:g}"
        raise ValueError(f"{type(owner).__name__}: {name} must be a number {limits}, got {value!r}")
    return value


def _axis(owner: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, (list, tuple)) else [axis]
    if axis is not None and not all(isinstance(k, int) and not isinstance(k, bool) for k in axes):
        raise ValueError(f"{type(owner).__name__}: axis must be an int or a list of ints, got {axis!r}")
    return axis


def _norms(w: Any, axis: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class NonNeg(Constraint):
    """Negative weights become zero.

    >>> import numpy as np
    >>> NonNeg()(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


class MaxNorm(Constraint):
    """Vectors along `axis` longer than `max_value` are shortened to it (Srivastava et al., 2014).

    >>> import numpy as np
    >>> MaxNorm(1.0)(np.array([[3.0, 0.0], [4.0, 0.5]])).round(4).tolist()
    [[0.6, 0.0], [0.8, 0.5]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value, self.axis = _number(self, "max_value", max_value), _axis(self, axis)

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        return ops.multiply(w, ops.clip(norms, 0.0, float(self.max_value)) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(Constraint):
    """Vectors along `axis` get the length 1; those of zeros stay.

    >>> import numpy as np
    >>> UnitNorm()(np.array([[3.0, 0.0], [4.0, 0.0]])).round(4).tolist()
    [[0.6, 0.0], [0.8, 0.0]]
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = _axis(self, axis)

    def __call__(self, w: Any) -> Any:
        return ops.divide(w, config.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Vectors along `axis` get a length from `min_value` to `max_value`: at once with `rate` 1, else by that share of
    the way at each update.

    >>> import numpy as np
    >>> MinMaxNorm(1.0, 2.0)(np.array([[3.0, 0.3], [4.0, 0.4]])).round(4).tolist()
    [[1.2, 0.6], [1.6, 0.8]]
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0) -> None:
        self.min_value, self.max_value = _number(self, "min_value", min_value), _number(self, "max_value", max_value)
        if min_value > max_value:
            raise ValueError(f"MinMaxNorm: min_value {min_value!r} must not be above max_value {max_value!r}")
        self.rate, self.axis = _number(self, "rate", rate, 1), _axis(self, axis)

    def __call__(self, w: Any) -> Any:
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, float(self.min_value), float(self.max_value))
        if self.rate != 1:
            wanted = float(self.rate) * wanted + (1.0 - self.rate) * norms
        return ops.multiply(w, wanted / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_KNOWN: dict[str, type[Constraint]] = {"nonneg": NonNeg}
for _class in (Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm):
    _KNOWN[_class.__name__] = _KNOWN[to_snake_case(_class.__name__)] = _class


def serialize(constraint: Any) -> Any:
    """The config of a constraint or of a function.

    >>> serialize(NonNeg())["class_name"]
    'NonNeg'
    """
    from .saving import serialize_keras_object

    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Callable[[Any], Any] | None:
    """The constraint that a name or a config stands for. ValueError if it is unknown.

    >>> deserialize(serialize(MaxNorm(3))).max_value
    3
    """
    return identify("constraint", config, Constraint, _KNOWN, custom_objects)  # type: ignore[no-any-return]


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """A constraint from its name ("non_neg"), its config, its class, a callable, or None. ValueError on an unknown
    name.

    >>> type(get("non_neg")).__name__
    'NonNeg'
    """
    return identify("constraint", identifier, Constraint, _KNOWN)  # type: ignore[no-any-return]
