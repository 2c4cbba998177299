"""What is done to a weight after each update: any callable `w -> w` written with `ops`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import ops
from ._absent import absent
from ._identify import describe, identify

__all__ = ["Constraint", "NonNeg", "get", "non_neg", "serialize"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


class Constraint:
    """Base class: `__call__(w)` gives the value that replaces `w`.

    >>> class Halve(Constraint):
    ...     def __call__(self, w):
    ...         return w * 0.5
    >>> float(Halve()(2.0))
    1.0
    """

    def __call__(self, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not implement __call__()")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Constraint":
        return cls(**config)


class NonNeg(Constraint):
    """Negative weights become zero.

    >>> import numpy as np
    >>> NonNeg()(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, 0.0)


non_neg = NonNeg
_KNOWN: dict[str, type[Constraint]] = {"NonNeg": NonNeg, "non_neg": NonNeg, "nonneg": NonNeg}


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """A constraint from its name ("non_neg"), its config, a callable, or None. ValueError on an unknown name.

    >>> type(get("non_neg")).__name__
    'NonNeg'
    """
    return identify("constraint", identifier, Constraint, _KNOWN)  # type: ignore[no-any-return]


def serialize(constraint: Any) -> Any:
    """The config of a constraint: {"class_name", "config"}, or the name of a function.

    >>> serialize(NonNeg())["class_name"]
    'NonNeg'
    """
    return describe(constraint)
