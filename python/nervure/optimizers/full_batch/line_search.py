"""`LineSearchOptimizer`, the base class of methods that go along a direction until the loss is low enough."""

from __future__ import annotations

from typing import Any

from .base import FullBatchOptimizer
from .options import LINE_SEARCHES, chosen, wolfe


class LineSearchOptimizer(FullBatchOptimizer):
    """w += t d, where the direction d is the method's and t is found by a line search, in which the loss f is
    evaluated at several points.

    Args:
        line_search: what t must fulfil, with f(t) the loss and f'(t) its slope along the direction.
            "strong_wolfe": f(t) <= f(0) + c1 t f'(0) and |f'(t)| <= c2 |f'(0)| (More and Thuente, ACM TOMS 20, 1994).
            "hager_zhang": f'(t) >= c2 f'(0) and, where f(t) has no digits left that tell it from f(0), the first
            condition in terms of f'(t) (Hager and Zhang, SIAM J. Optim. 16, 2005). "armijo": the first condition
            alone, by shorter and shorter steps. (Nocedal and Wright, "Numerical Optimization", 2nd ed., 3.1.)
        c1, c2: 0 < c1 < c2 < 1. A smaller c2 makes the search more exact, with more evaluations.
        kwargs: see `FullBatchOptimizer`.

    >>> import nervure as nv
    >>> nv.optimizers.BFGS(line_search="armijo").settings()["line_search"]
    2.0
    """

    def __init__(self, line_search: str, c1: float, c2: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line_search = chosen("line_search", line_search, LINE_SEARCHES)
        self.c1, self.c2 = wolfe(c1, c2)

    def settings(self) -> dict[str, float]:
        kind = {"line_search": float(LINE_SEARCHES[self.line_search])}
        return super().settings() | kind | self._numbers("c1", "c2")
