"""Which method minimizes: a name, SciPy's or ours, and options, or an optimizer as `compile` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import optimizers
from ..optimizers.full_batch.base import FullBatchOptimizer

__all__ = ["method_of"]

# Names without case, '-', '_' and '+': the class, and what it is made with.
_METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "lbfgs": ("LBFGS", {}),
    "lbfgsb": ("LBFGS", {}),
    "bfgs": ("BFGS", {}),
    "cg": ("ConjugateGradient", {}),
    "conjugategradient": ("ConjugateGradient", {}),
    "pr": ("ConjugateGradient", {"variant": "pr+"}),
    "fr": ("ConjugateGradient", {"variant": "fr"}),
    "hs": ("ConjugateGradient", {"variant": "hs"}),
    "dy": ("ConjugateGradient", {"variant": "dy"}),
    "hz": ("ConjugateGradient", {"variant": "hz"}),
    "scg": ("ScaledConjugateGradient", {}),
    "scaledconjugategradient": ("ScaledConjugateGradient", {}),
    "newtoncg": ("NewtonCG", {"hessian": "exact"}),
    "newton": ("Newton", {}),
    "trustncg": ("TrustRegionNewton", {"hessian": "exact"}),
    "trustregion": ("TrustRegionNewton", {"hessian": "exact"}),
    "trustregionnewton": ("TrustRegionNewton", {"hessian": "exact"}),
    "gradientdescent": ("GradientDescent", {}),
}
_SHOWN = "BFGS, CG, gradient_descent, hz, L-BFGS, Newton, Newton-CG, SCG and trust-ncg"
# SciPy's names of options that have another name here.
_RENAMED = {
    "maxfun": "max_evals",
    "maxfev": "max_evals",
    "maxcor": "history_size",
    "initial_trust_radius": "radius",
    "max_trust_radius": "max_radius",
    "xrtol": "xtol",
}
_COMMON = ("goal", "gtol", "ftol", "xtol", "max_evals", "max_seconds", "patience")


def method_of(method: Any, options: Mapping[str, Any], tol: float | None) -> FullBatchOptimizer:
    """The optimizer: the one given, or of that name, made with these options (without maxiter and disp).

    ValueError for an unknown name or option, for options beside an optimizer, which has its own, and for methods
    that need a sum of squares.

    >>> method_of("Newton-CG", {"maxfun": 100}, tol=1e-8).gtol
    1e-08
    """
    if isinstance(method, FullBatchOptimizer):
        if options or tol is not None:
            given = ", ".join([*options, *(["tol"] if tol is not None else [])])
            raise ValueError(f"minimize: {type(method).__name__} has its own settings; got {given} besides")
        return _fit_for_functions(method)
    if not isinstance(method, str) and method is not None:
        raise TypeError(f"minimize: method must be a name or an optimizer such as LBFGS(), got {method!r}")
    name = "lbfgs" if method is None else method.lower().translate(str.maketrans("", "", "-_+ "))
    if name in ("lm", "levenbergmarquardt", "leastsquares"):
        raise ValueError(f"minimize: {method!r} needs a sum of squares: use least_squares")
    if name not in _METHODS:
        raise ValueError(f"minimize: there is no method {method!r}; there are {_SHOWN}")
    owner, own = _METHODS[name]
    cls = getattr(optimizers, owner)
    known = {*_COMMON, *cls.own}
    settings: dict[str, Any] = dict(own)
    for key, value in options.items():
        here = _RENAMED.get(key, key)
        if here not in known:
            raise ValueError(
                f"minimize: {owner} has no option {key!r}; it has disp, maxiter, {', '.join(sorted(known))}"
            )
        settings[here] = value
    if tol is not None:
        settings.setdefault("gtol", tol)
    made: FullBatchOptimizer = cls(**settings)
    return _fit_for_functions(made)


def _fit_for_functions(optimizer: FullBatchOptimizer) -> FullBatchOptimizer:
    extra = optimizer.needs - {"hessian_product"}
    if extra:
        raise ValueError(
            f"minimize: {type(optimizer).__name__} works with the Gauss-Newton matrix here, which needs a sum of "
            "squares: use least_squares, or hessian='exact'"
        )
    return optimizer
