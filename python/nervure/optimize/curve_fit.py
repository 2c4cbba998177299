"""`curve_fit`: the parameters of a model from data, with their standard errors."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops, tree
from .covariance import covariance_of
from .functions import Array
from .least_squares import bounds_of, least_squares
from .result import OptimizeResult, OptimizeWarning

__all__ = ["CurveFit", "curve_fit"]

_FIELDS = ("popt", "stderr", "chi2", "reduced_chi2", "dof", "r2", "nfev", "message")


class CurveFit(tuple[Any, ...]):
    """What `curve_fit` found. It unpacks as (popt, pcov), with full_output as (popt, pcov, infodict, message, status).

    - popt: the parameters; pcov: their covariance; stderr: their standard errors, the roots of its diagonal.
    - residuals: ydata - f(xdata, *popt), as they are, without sigma.
    - chi2: the sum of the squares that was minimized: of residuals, divided by sigma if there is one.
    - dof: the number of data less that of parameters; reduced_chi2: chi2 / dof, NaN if dof is 0.
    - r2: 1 - sum residuals^2 / sum (ydata - mean)^2, the coefficient of determination; NaN if ydata are all equal.
    - nfev, status, message: as of `least_squares`.

    >>> import nervure as nv
    >>> fit = nv.optimize.curve_fit(lambda x, a, b: a + b * x, [0, 1, 2, 3], [1.0, 3.0, 5.0, 7.0])
    >>> popt, pcov = fit
    >>> isinstance(fit, CurveFit), popt is fit.popt, fit.dof, round(fit.r2, 9)
    (True, True, 2, 1.0)
    """

    popt: Array
    pcov: Array
    stderr: Array
    residuals: Array
    chi2: float
    reduced_chi2: float
    dof: int
    r2: float
    nfev: int
    status: int
    message: str

    def __repr__(self) -> str:
        return repr(OptimizeResult((name, getattr(self, name)) for name in _FIELDS))


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **kwargs: Any,
) -> CurveFit:
    """Fits f(xdata, *parameters) to ydata by least squares, with SciPy's arguments.

    The sum of ((ydata - f) / sigma)^2 is minimized by `least_squares`, to the last digit and with exact derivatives.
    `f` is written with `nv.ops` and Python's operators; all is float64.

    Args:
        f: f(x, a, b, ..), the model; parameters are scalars.
        xdata: M values; an array (k, M) or a tuple of k arrays for k variables; or whatever f takes: numbers in lists,
            tuples and dicts come to it as float64 arrays, all else as it is.
        ydata: M values, or an array of any shape that f gives.
        p0: the start. None: 1 for each parameter of f's signature; with bounds, between them.
        sigma: standard deviations of ydata, a number or of their shape; or their covariance, (M, M), positive definite.
        absolute_sigma: are sigma's values known, or only their ratios? If only these, pcov is multiplied by
            reduced_chi2.
        check_finite: ValueError if data are not finite. None: unless nan_policy is given.
        bounds: as in `least_squares`.
        method, jac: as in `least_squares`; None.
        full_output: the result unpacks as five values, the third {"fvec", "nfev"}, with fvec what was squared.
        nan_policy: "raise": ValueError for NaN in the data. "omit": such points are left out. None: neither.
        kwargs: arguments of `least_squares`; maxfev is max_nfev.

    Returns a `CurveFit`. pcov is (J'J)^-1, times reduced_chi2 unless absolute_sigma (Seber & Wild, "Nonlinear
    Regression", 2.1.2). Where the data do not determine all parameters, it is infinite, with an `OptimizeWarning`.

    Raises:
        ValueError: data, sigma or bounds of the wrong shape, not finite; parameters that cannot be counted.
        TypeError: fewer data than parameters, or none.
        RuntimeError: no minimum was found; the text says why and where it was then. The exception's `result` is that of
            `least_squares`.

    >>> import nervure as nv, numpy as np
    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    >>> y = np.array([2.1, 1.2, 0.8, 0.4, 0.3])
    >>> popt, pcov = nv.optimize.curve_fit(lambda x, a, b: a * nv.ops.exp(-b * x), x, y)
    >>> np.round(popt, 4), np.round(np.sqrt(np.diag(pcov)), 4)
    (array([2.0865, 0.515 ]), array([0.0507, 0.0244]))
    """
    owner = "curve_fit"
    for name in ("args", "kwargs"):
        if name in kwargs:
            raise ValueError(f"{owner}: {name} is not supported; parameters are what f takes after x")
    x, y, sigma = _data(xdata, ydata, sigma, check_finite, nan_policy, owner)
    start = _start(f, p0, bounds, owner)
    n = start.size
    if n > y.size:
        raise TypeError(f"{owner}: there are {n} parameters, more than the {y.size} data")
    if "maxfev" in kwargs:
        kwargs["max_nfev"] = kwargs.pop("maxfev")
    weigh = _weights(sigma, y, owner)

    def residuals(b: Any) -> Any:
        value = f(x, *[b[k] for k in range(n)])
        difference = ops.subtract(value, y)
        if difference.shape != y.shape:
            raise ValueError(f"{owner}: f gives shape {ops.shape(value)}, ydata have {y.shape}")
        return weigh(ops.reshape(difference, (-1,)))

    found = least_squares(residuals, start, jac=jac, bounds=bounds, method=method or "lm", **kwargs)
    if not found.success:
        error = RuntimeError(f"{owner}: no minimum was found. {found.message} The best point was {found.x}.")
        error.result = found  # type: ignore[attr-defined]
        raise error
    return _summary(found, y, sigma, absolute_sigma, full_output)


# ---- what comes in ----


def _floats(leaf: Any) -> Any:
    """Numbers as float64 arrays, anything else as it is."""
    if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "biuf":
        return np.asarray(leaf, np.float64)
    return leaf


def _independent(xdata: Any) -> Any:
    if isinstance(xdata, (list, tuple)):
        try:
            array = np.asarray(xdata)
            if array.dtype.kind in "biuf":
                return array.astype(np.float64)
        except (TypeError, ValueError):  # arrays of several lengths, a structure
            pass
    if hasattr(xdata, "to_numpy"):
        xdata = xdata.to_numpy()
    return tree.map_structure(_floats, xdata)


def _data(
    xdata: Any, ydata: Any, sigma: Any, check_finite: bool | None, nan_policy: str | None, owner: str
) -> tuple[Any, Array, Array | None]:
    if nan_policy not in (None, "raise", "omit"):
        raise ValueError(f"{owner}: nan_policy must be None, 'raise' or 'omit', got {nan_policy!r}")
    x = _independent(xdata)
    y = _array("ydata", ydata, owner)
    if not y.size:
        raise ValueError(f"{owner}: ydata is empty")
    sigma = None if sigma is None else _array("sigma", sigma, owner)
    arrays = [leaf for leaf in tree.flatten(x) if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"]
    if check_finite or (check_finite is None and nan_policy is None):
        for name, array in (("ydata", y), *(("xdata", leaf) for leaf in arrays)):
            if not np.isfinite(array).all():
                raise ValueError(f"{owner}: {name} must not contain infinities or NaN; see nan_policy")
    missing = [np.isnan(leaf).any() for leaf in (y, *arrays)]
    if any(missing) and nan_policy == "raise":
        raise ValueError(f"{owner}: the data contain NaN")
    if any(missing) and nan_policy == "omit":
        if not isinstance(x, np.ndarray) or y.ndim != 1 or x.shape[-1:] != y.shape:
            raise ValueError(f"{owner}: nan_policy='omit' needs xdata of shape (M,) or (k, M) and ydata of shape (M,)")
        good = ~(np.isnan(x).any(axis=tuple(range(x.ndim - 1))) | np.isnan(y))
        x, y = x[..., good], y[good]
        if sigma is not None and sigma.ndim:
            sigma = sigma[good] if sigma.ndim == 1 else sigma[good][:, good]
    return x, y, sigma


def _array(name: str, value: Any, owner: str) -> Array:
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{owner}: {name} must be an array of numbers, got {value!r}") from None


def _start(f: Callable[..., Any], p0: Any, bounds: Any, owner: str) -> Array:
    if p0 is not None:
        start = np.atleast_1d(_array("p0", p0, owner))
        if start.ndim > 1:
            raise ValueError(f"{owner}: p0 must have one axis, got shape {start.shape}")
        return start
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) < 2 or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"{owner}: f's signature does not say how many parameters there are: give p0")
    start = np.ones(sum(p.kind in kinds for p in parameters) - 1)
    limits = bounds_of(bounds, start, owner, within=False)
    if limits is None:
        return start
    low, high = limits["lower"], limits["upper"]
    with np.errstate(invalid="ignore"):
        middle = np.where(np.isfinite(low) & np.isfinite(high), low + 0.5 * (high - low), start)
    middle = np.where(np.isfinite(low) & ~np.isfinite(high), low + 1, middle)
    return np.where(~np.isfinite(low) & np.isfinite(high), high - 1, middle)


def _weights(sigma: Array | None, y: Array, owner: str) -> Callable[[Any], Any]:
    """What makes of differences, in one row, what is squared: a division by sigma, or by the Cholesky factor."""
    if sigma is None:
        return lambda difference: difference
    if sigma.ndim == 0 or sigma.shape == y.shape:
        if not (sigma > 0).all() or not np.isfinite(sigma).all():
            raise ValueError(f"{owner}: standard deviations must be positive and finite, got sigma={sigma}")
        weight = np.broadcast_to(1 / sigma, y.shape).reshape(-1)
        return lambda difference: difference * weight
    if sigma.shape != (y.size, y.size):
        raise ValueError(
            f"{owner}: sigma must be a number, of ydata's shape {y.shape}, or a covariance {(y.size, y.size)}; got "
            f"shape {sigma.shape}"
        )
    try:
        lower = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        raise ValueError(f"{owner}: a covariance sigma must be positive definite") from None
    inverse = np.linalg.solve(lower, np.eye(y.size))
    return lambda difference: ops.matmul(inverse, difference)


# ---- what comes out ----


def _summary(found: OptimizeResult, y: Array, sigma: Array | None, absolute_sigma: bool, full_output: bool) -> CurveFit:
    chi2, dof = 2 * float(found.cost), y.size - found.x.size
    reduced = chi2 / dof if dof else np.nan
    pcov = covariance_of(found.jac)
    if pcov is not None and not absolute_sigma:
        pcov = pcov * reduced if dof else None
    if pcov is None:
        why = "there are no more data than parameters" if not dof else "the data do not determine all parameters"
        warnings.warn(f"curve_fit: the covariance could not be estimated: {why}", OptimizeWarning, stacklevel=3)
        pcov = np.full((found.x.size, found.x.size), np.inf)
    residuals = -found.fun
    if sigma is not None and sigma.ndim == 2 and sigma.shape != y.shape:
        residuals = np.linalg.cholesky(sigma) @ residuals
    elif sigma is not None:
        residuals = residuals * np.broadcast_to(sigma, y.shape).reshape(-1)
    around = float(np.sum((y - y.mean()) ** 2))
    items: tuple[Any, ...] = (found.x, pcov)
    if full_output:
        items += ({"fvec": found.fun, "nfev": found.nfev}, found.message, found.status)
    fit = CurveFit(items)
    fit.popt, fit.pcov, fit.stderr = found.x, pcov, np.sqrt(np.diag(pcov))
    fit.residuals = residuals.reshape(y.shape)
    fit.chi2, fit.reduced_chi2, fit.dof = chi2, reduced, dof
    fit.r2 = 1 - float(np.sum(residuals**2)) / around if around else np.nan
    fit.nfev, fit.status, fit.message = found.nfev, found.status, found.message
    return fit
