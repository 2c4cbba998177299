"""`minimize`: a function of arrays, by any of the methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .functions import Array, reason_of, scalar_of, start_of
from .methods import method_of
from .problem import Problem
from .result import OptimizeResult

__all__ = ["minimize"]

_MAXITER = 15_000
# Why it stopped as SciPy's `minimize` numbers it.
_STATUS: dict[str | None, int] = {"line_search": 2, "damping": 2, "radius": 2, "start": 3, "callback": 99}
_STATUS |= {"max_evals": 1, "max_seconds": 1, None: 1}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResult:
    """Looks for the least value of a function of arrays, with SciPy's arguments and fields.

    `fun` is traced, as by `nv.function`, and differentiated exactly; the iterations run in C. It is written with
    `nv.ops` and Python's operators. Numbers and lists in it are float64 here (float32 if x0 is a float32 array).

    Args:
        fun: fun(x, *args), a scalar. x is a tensor in the shape of x0.
        x0: the start, of any shape; a number is an array of one.
        args: more arguments of fun.
        method: "L-BFGS" (the default), "BFGS", "CG" (Polak-Ribiere+; "FR", "HS", "DY" and "HZ", which is
            CG_DESCENT), "SCG", "Newton-CG", "Newton", "trust-ncg", "gradient_descent"; without regard to case and
            hyphens. Or an optimizer such as `nv.optimizers.LBFGS(history_size=20)`, where each is described.
        jac, hess, hessp: must be left out: derivatives are taken from fun.
        bounds, constraints: must be left out; bounds on sums of squares are an argument of `least_squares`.
        tol: the same as options={"gtol": tol}.
        callback: callback(x) after each iteration, or callback(intermediate_result=r), if that is the name of its only
            parameter, with r.x, r.fun, r.nit and r.nfev. StopIteration ends the search.
        options: maxiter (15000), disp (prints the message), goal, gtol (1e-5), ftol, xtol, max_evals or maxfun, and
            the arguments of the method's optimizer; SciPy's maxcor, initial_trust_radius and max_trust_radius as well.

    Returns an `OptimizeResult`: x, fun, jac (the gradient, in the shape of x0), nit, nfev (evaluations of fun, with its
    gradient or without), njev (with it), nhev (products with the Hessian), success, status (0 for success, 1 at a
    limit, 2 where fun has no more digits, 3 where it is not finite at the start, 99 by the callback) and message.
    x is the best point found, whatever the reason.

    ValueError naming the argument for a start that is not finite, a method, an option or bounds that it does not have,
    and if fun gives no scalar. What fun raises comes as it is.

    >>> import nervure as nv, numpy as np
    >>> def rosenbrock(x):
    ...     return nv.ops.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    >>> result = nv.optimize.minimize(rosenbrock, [-1.2, 1.0], method="trust-ncg", tol=1e-10)
    >>> result.success, np.round(result.x, 8)
    (True, array([1., 1.]))
    """
    owner = "minimize"
    for name, value in (("jac", jac), ("hess", hess), ("hessp", hessp)):
        if value is not None:
            raise ValueError(f"{owner}: derivatives are taken from fun, leave out {name}; got {name}={value!r}")
    if bounds is not None:
        raise ValueError(f"{owner}: bounds are not supported, leave them out; least_squares has bounds")
    if not isinstance(constraints, (tuple, list)) or constraints:
        raise ValueError(f"{owner}: constraints are not supported, leave them out; got {constraints!r}")
    settings = dict(options or {})
    most, disp = _limit(settings.pop("maxiter", None)), settings.pop("disp", False)
    optimizer = method_of(method, settings, tol)
    start = start_of(x0, owner)
    args = args if isinstance(args, tuple) else (args,)
    problem = Problem.of_function(scalar_of(fun, owner), start, args, needs=frozenset({"gradient", *optimizer.needs}))
    minimizer = problem.minimizer(optimizer.method, optimizer.settings())
    minimizer.start(start.ravel())
    stopped = run(minimizer, most, callback, start)
    result = _result(minimizer, stopped, start)
    if disp:
        print(f"{result.message}\nfun={result.fun!r}, nit={result.nit}, nfev={result.nfev}")
    return result


def _limit(maxiter: Any) -> int:
    if maxiter is None:
        return _MAXITER
    if isinstance(maxiter, bool) or not isinstance(maxiter, (int, np.integer)) or maxiter < 0:
        raise ValueError(f"minimize: maxiter must be an integer of at least 0, got {maxiter!r}")
    return int(maxiter)


def run(minimizer: Any, most: int, callback: Callable[..., Any] | None, start: Array) -> bool:
    """At most so many iterations; True if the callback put an end to it."""
    if callback is None:
        minimizer.run(most)
        return False
    if not callable(callback):
        raise TypeError(f"callback must be a function, got {callback!r}")
    try:
        named = list(inspect.signature(callback).parameters) == ["intermediate_result"]
    except (TypeError, ValueError):  # of a builtin
        named = False
    for k in range(most):
        if not minimizer.run(1):
            break
        x = minimizer.x.reshape(start.shape).astype(start.dtype)
        try:
            if named:
                now = OptimizeResult(x=x, fun=minimizer.f, nit=k + 1, nfev=minimizer.counts["values"])
                callback(intermediate_result=now)
            else:
                callback(x)
        except StopIteration:
            return True
    return False


def _result(minimizer: Any, stopped: bool, start: Array) -> OptimizeResult:
    stop = "callback" if stopped else minimizer.stop
    _, success, message = reason_of(stop)
    counts = minimizer.counts
    return OptimizeResult(
        x=minimizer.x.reshape(start.shape).astype(start.dtype),
        fun=minimizer.f,
        jac=minimizer.g.reshape(start.shape).astype(start.dtype),
        nit=counts["iterations"],
        nfev=counts["values"],
        njev=counts["gradients"],
        nhev=counts["products"],
        success=success,
        status=0 if success else _STATUS[stop],
        message=message,
    )
