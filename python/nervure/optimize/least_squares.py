"""`least_squares`: half the sum of the squares of residuals, by Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .functions import Array, reason_of, residuals_of, start_of
from .minimize import run
from .problem import Problem
from .result import OptimizeResult

__all__ = ["least_squares"]

_EVALS = 1000  # and 100 for each parameter


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "lm",
    ftol: float | None = 0.0,
    xtol: float | None = 0.0,
    gtol: float | None = 0.0,
    x_scale: Any = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: Any = None,
    tr_options: Any = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    workers: Any = None,
) -> OptimizeResult:
    """Looks for the least 1/2 sum r(x)^2, with SciPy's arguments and fields.

    `fun` is traced, as by `nv.function`, and differentiated exactly; the iterations run in C: Levenberg and
    Marquardt's method in a trust region, by QR with parameters scaled by the norms of the Jacobian's columns (J. J.
    More, Lecture Notes in Mathematics 630, 1978). It is written with `nv.ops` and Python's operators. Numbers and lists
    in it are float64 here (float32 if x0 is a float32 array).

    It goes on to the last digit: tolerances are 0 by default, not SciPy's 1e-8. Where f is flat to rounding
    the gradient still has digits, and near a minimum an iteration may double the right ones: to go on costs a few
    iterations, and gives as many digits of x again as a relative 1e-8 in f gives.

    Args:
        fun: fun(x, *args, **kwargs), the residuals: a vector, an array of any shape or a list of scalars. x is a tensor
            of shape (n,). There may be fewer residuals than parameters.
        x0: the start, shape (n,) or a number.
        jac, diff_step, jac_sparsity, workers: must be left out: derivatives are exact, taken from fun.
        bounds: (lower, upper), each a number or of shape (n,); or an object with lb and ub. x0 must be within.
        method: "lm". There is no other.
        ftol, xtol, gtol: ends when the cost falls by no more than ftol, relatively; when a step is no longer than
            xtol * (|x| + xtol); when no element of the gradient is larger than gtol. None is 0.
        x_scale: None or "jac": parameters are always scaled by the Jacobian.
        loss, f_scale, tr_solver, tr_options: must be left out: there is the linear loss, solved by QR.
        max_nfev: the most evaluations of fun; None for 1000 + 100 n.
        verbose: 1 and 2 print the message.
        args, kwargs: more arguments of fun.
        callback: as in `minimize`.

    Returns an `OptimizeResult`: x, cost (1/2 sum r^2), fun (the residuals), jac (the Jacobian, shape (m, n)), grad (its
    transpose times the residuals), optimality (the largest element of the gradient, at bounds of what does not point
    out of them), active_mask (-1, 0 or 1: at the lower bound, at none, at the upper one), nfev, njev, nit, success,
    status (SciPy's where it has one: 1 gtol, 2 ftol, 3 xtol, 0 max_nfev, -1 no lower point, -2 the callback, -5 not
    finite at the start) and message. x is the best point found, whatever the reason.

    ValueError naming the argument for a start that is not finite or out of bounds, and for what it does not have. What
    fun raises comes as it is.

    >>> import nervure as nv, numpy as np
    >>> t = np.arange(5.0)
    >>> y = 3.0 * np.exp(-0.5 * t)
    >>> result = nv.optimize.least_squares(lambda b: b[0] * nv.ops.exp(-b[1] * t) - y, [1.0, 1.0])
    >>> result.success, np.round(result.x, 12)
    (True, array([3. , 0.5]))
    """
    owner = "least_squares"
    _refuse(owner, jac=jac, diff_step=diff_step, jac_sparsity=jac_sparsity, workers=workers)
    for name, value in (("tr_solver", tr_solver), ("tr_options", tr_options or None)):
        if value is not None:
            raise ValueError(f"{owner}: steps are solved by QR, leave out {name}; got {name}={value!r}")
    if method != "lm":
        raise ValueError(f"{owner}: method must be 'lm', which takes bounds, too; got {method!r}")
    if loss != "linear" or f_scale != 1.0:
        raise ValueError(f"{owner}: the loss must be 'linear' with f_scale 1.0; got {loss!r} and {f_scale!r}")
    if x_scale is not None and not (isinstance(x_scale, str) and x_scale == "jac"):
        raise ValueError(f"{owner}: parameters are scaled by the Jacobian: x_scale must be None or 'jac'")
    start = start_of(x0, owner)
    if start.ndim > 1:
        raise ValueError(f"{owner}: x0 must have at most 1 axis, got shape {start.shape}")
    limits = bounds_of(bounds, start, owner)
    args = args if isinstance(args, tuple) else (args,)
    most = evaluations(max_nfev, start.size, owner)
    settings = {"max_evals": float(most)}
    settings |= {n: tolerance(owner, n, v) for n, v in (("ftol", ftol), ("xtol", xtol), ("gtol", gtol))}
    problem = Problem.of_residuals(residuals_of(fun, owner), start, args, dict(kwargs or {}))
    minimizer = problem.minimizer("least_squares", settings, **({} if limits is None else limits))
    minimizer.start(start)
    stopped = run(minimizer, most, callback, start)
    result = _result(problem, minimizer, stopped, start, limits)
    if verbose:
        print(f"{result.message}\ncost={result.cost!r}, optimality={result.optimality!r}, nfev={result.nfev}")
    return result


def _refuse(owner: str, **given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{owner}: derivatives are exact, taken from fun; leave out {name}, got {name}={value!r}")


def tolerance(owner: str, name: str, value: Any) -> float:
    """A tolerance as a number; None is 0."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value < np.inf:
        raise ValueError(f"{owner}: {name} must be a number of at least 0 or None, got {value!r}")
    return float(value)


def evaluations(max_nfev: Any, n: int, owner: str, name: str = "max_nfev") -> int:
    """How many evaluations there may be."""
    if max_nfev is None:
        return _EVALS + 100 * n
    if isinstance(max_nfev, bool) or not isinstance(max_nfev, (int, np.integer)) or max_nfev < 1:
        raise ValueError(f"{owner}: {name} must be an integer of at least 1 or None, got {max_nfev!r}")
    return int(max_nfev)


def bounds_of(bounds: Any, start: Array, owner: str, within: bool = True) -> dict[str, Array] | None:
    """{"lower", "upper"}, each of the start's shape; None if there are none. `within`: the start must be between."""
    try:
        lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
        both = [np.array(np.broadcast_to(np.asarray(b, np.float64), start.shape)) for b in (lower, upper)]
    except (TypeError, ValueError):
        raise ValueError(
            f"{owner}: bounds must be (lower, upper), each a number or of shape {start.shape}, got {bounds!r}"
        ) from None
    low, high = both
    if not (low < high).all():
        raise ValueError(f"{owner}: each lower bound must be below the upper one, got {bounds!r}")
    if np.isneginf(low).all() and np.isposinf(high).all():
        return None
    if within and not ((low <= start) & (start <= high)).all():
        raise ValueError(f"{owner}: x0 must be within the bounds, got {start} and {bounds!r}")
    return {"lower": low, "upper": high}


def _result(
    problem: Any, minimizer: Any, stopped: bool, start: Array, limits: dict[str, Array] | None
) -> OptimizeResult:
    x = minimizer.x
    r, jac = problem.jacobian(x)
    grad = jac.T @ r
    pressing = grad
    mask = np.zeros(start.size, int)
    if limits is not None:
        mask = np.where(x <= limits["lower"], -1, np.where(x >= limits["upper"], 1, 0))
        pressing = np.where(mask * grad < 0, 0.0, grad)
    status, success, message = reason_of("callback" if stopped else minimizer.stop)
    counts = minimizer.counts
    return OptimizeResult(
        x=x.astype(start.dtype),
        cost=0.5 * float(r @ r),
        fun=r,
        jac=jac,
        grad=grad,
        optimality=float(np.abs(pressing).max()),
        active_mask=mask,
        nfev=counts["values"],
        njev=counts["gradients"],
        nit=counts["iterations"],
        success=success,
        status=status,
        message=message,
    )
