"""What the free functions have in common: a start, a user's function in a trace, and reasons in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from .._trace import local
from ..ops.dispatch import tensor

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["REASONS", "reason_of", "residuals_of", "scalar_of", "start_of"]

Array = np.ndarray[Any, Any]

# Why a method of the core stopped: status, whether that is a success, in words. The numbers are SciPy's
# `least_squares` where it has them.
REASONS: dict[str | None, tuple[int, bool, str]] = {
    "gtol": (1, True, "The gradient is within gtol: no element is larger."),
    "ftol": (2, True, "The value falls by no more than ftol, relatively."),
    "xtol": (3, True, "The step is no longer than xtol, relatively."),
    "goal": (5, True, "The value is at the goal."),
    None: (0, False, "The largest number of iterations was made."),
    "max_evals": (0, False, "The largest number of evaluations was made."),
    "max_seconds": (0, False, "The time was up."),
    "line_search": (
        -1,
        False,
        "There is no lower point along the direction, nor along steepest descent: the value has no more digits.",
    ),
    "damping": (-1, False, "There is no lower point however short the step."),
    "radius": (-1, False, "There is no lower point however small the trust region."),
    "start": (-5, False, "The value or its gradient is not finite at the start."),
    "callback": (-2, False, "The callback raised StopIteration."),
}


def reason_of(stop: str | None) -> tuple[int, bool, str]:
    """(status, success, message) of what a minimizer says.

    >>> reason_of("gtol")
    (1, True, 'The gradient is within gtol: no element is larger.')
    """
    return REASONS[stop]


def start_of(x0: Any, owner: str) -> Array:
    """The start as an array of its own: float32 if it came as such, float64 otherwise. A number is an array of one.

    ValueError naming x0 if it is empty or not finite, TypeError if it holds no real numbers.

    >>> start_of([1, 2], "minimize"), start_of(3.0, "minimize")
    (array([1., 2.]), array([3.]))
    """
    try:
        given = np.asarray(x0)
        if given.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: x0 must be an array of real numbers, got {x0!r}") from None
    start = np.array(np.atleast_1d(given), np.float32 if given.dtype == np.float32 else np.float64)
    if not start.size:
        raise ValueError(f"{owner}: x0 is empty, there is nothing to find; got shape {given.shape}")
    if not np.isfinite(start).all():
        raise ValueError(f"{owner}: x0 must be finite, got {x0!r}")
    return start


def _called(fun: Callable[..., Any], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """fun(x, ..) in a trace where Python's numbers, alone or in lists, have the dtype of x."""
    scope = local.scope
    assert scope is not None
    before, scope.floatx = scope.floatx, x.dtype
    try:
        return fun(x, *args, **kwargs)
    finally:
        scope.floatx = before


def _result(value: Any, x: Tensor, owner: str) -> Tensor:
    scope = local.scope
    assert scope is not None
    before, scope.floatx = scope.floatx, x.dtype
    try:
        return ops.cast(tensor(value), x.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{owner}: fun must return numbers made of x by nervure.ops, got {value!r}: {error}") from error
    finally:
        scope.floatx = before


def scalar_of(fun: Callable[..., Any], owner: str) -> Callable[..., Any]:
    """`fun` as a function that gives a scalar of the dtype of x; ValueError if what it gives has several elements."""

    def scalar(x: Any, *args: Any, **kwargs: Any) -> Any:
        value = _called(fun, x, args, kwargs)
        y = _result(value, x, owner)
        if y.size != 1:
            raise ValueError(
                f"{owner}: fun must return a scalar, got shape {y.shape}; take its sum, or use least_squares for a sum "
                "of squares"
            )
        return ops.reshape(y, ())

    return scalar


def residuals_of(fun: Callable[..., Any], owner: str) -> Callable[..., Any]:
    """`fun` as a function that gives a vector of the dtype of x: whatever it returns, in one row."""

    def vector(x: Any, *args: Any, **kwargs: Any) -> Any:
        value = _called(fun, x, args, kwargs)
        y = ops.reshape(_result(value, x, owner), (-1,))
        if not y.size:
            raise ValueError(f"{owner}: fun must return at least one residual, got none")
        return y

    return vector
