"""BFGS with a dense matrix."""

from __future__ import annotations

from typing import Any

from .line_search import LineSearchOptimizer
from .options import positive


class BFGS(LineSearchOptimizer):
    """w -= t H g; H = (I - r s y') H (I - r y s') + r s s' with r = 1 / y's, for the step s and the change of the
    gradient y (Broyden, Fletcher, Goldfarb and Shanno, 1970; Nocedal and Wright, "Numerical Optimization", 2nd ed.,
    6.1).

    H remembers every step, which near the minimum makes convergence faster than that of `LBFGS`. For up to some 1,000
    weights; beyond, `LBFGS`. It builds on one function: `fit` refuses a `batch_size`.

    An iteration costs a gradient, as a rule, and O(p^2); memory is p^2 numbers.

    Args:
        line_search, c1, c2: how t is found, see `LineSearchOptimizer`.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.
        first_step: the length of the first step tried; None for min(1, |g|).

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> BFGS(gtol=1e-8).batches
    False
    """

    method = "bfgs"
    batches = False
    own = ("line_search", "c1", "c2", "first_step")

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
        first_step: float | None = None,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(line_search, c1, c2, goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        self.first_step: float | None = positive("first_step", first_step, optional=True)

    def settings(self) -> dict[str, float]:
        return super().settings() | self._numbers("first_step")
