"""Newton's method with the whole Hessian."""

from __future__ import annotations

from typing import Any

from .base import FullBatchOptimizer
from .options import LINE_SEARCHES, chosen, positive_int


class Newton(FullBatchOptimizer):
    """w += t d with H d = -g, where H is the exact Hessian, changed as little as makes it positive definite, and t
    comes from a line search (Nocedal and Wright, "Numerical Optimization", 2nd ed., 3.4).

    Near a minimum the number of right digits doubles with each iteration. For small networks, and to check others
    against. It builds on one function: `fit` refuses a `batch_size`.

    An iteration costs p products with the Hessian (about two gradients each) and O(p^3); memory is 2 p^2 numbers.

    Args:
        max_parameters: `fit` refuses more weights than that with a ValueError, since each iteration would take long.
        line_search: how t is found, see `LineSearchOptimizer`; t = 1 is tried first.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.

    L1 penalties: only a subgradient.

    >>> import nervure as nv
    >>> Newton(max_parameters=500).settings()["max_parameters"]
    500.0
    """

    method = "newton"
    batches = False
    own = ("max_parameters", "line_search")

    def __init__(
        self,
        max_parameters: int = 2000,
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
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        self.max_parameters = positive_int("max_parameters", max_parameters)
        self.line_search = chosen("line_search", line_search, LINE_SEARCHES)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(("hessian_product",))

    def settings(self) -> dict[str, float]:
        kind = {"line_search": float(LINE_SEARCHES[self.line_search])}
        return super().settings() | kind | self._numbers("max_parameters")
