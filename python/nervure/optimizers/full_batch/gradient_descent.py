"""Gradient descent with a line search."""

from __future__ import annotations

from typing import Any

from .line_search import LineSearchOptimizer


class GradientDescent(LineSearchOptimizer):
    """w -= t g: steepest descent, with t from a line search (Cauchy, 1847; Nocedal and Wright, "Numerical
    Optimization", 2nd ed., 3.3).

    Each step is safe, and there are many of them: the error falls by a factor that depends on how elongated the valley
    is. It is there to compare with, and for the first iterations on a function of which nothing is known; `LBFGS` costs
    the same an iteration and needs far fewer.

    An iteration costs a few gradients and O(p); memory is O(p).

    Args:
        line_search, c1, c2: how t is found, see `LineSearchOptimizer`.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> optimizer = GradientDescent("armijo", gtol=1e-3)
    >>> optimizer.line_search, optimizer.gtol
    ('armijo', 0.001)
    """

    method = "gradient_descent"
    own = ("line_search", "c1", "c2")

    def __init__(
        self,
        line_search: str = "strong_wolfe",
        goal: float | None = None,
        gtol: float = 1e-5,
        ftol: float = 0.0,
        xtol: float = 0.0,
        max_evals: int | None = None,
        name: str | None = None,
        *,
        patience: int = 1,
        max_seconds: float | None = None,
        c1: float = 1e-4,
        c2: float = 0.9,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(line_search, c1, c2, goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
