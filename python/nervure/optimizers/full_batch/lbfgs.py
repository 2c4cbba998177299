"""Limited-memory BFGS."""

from __future__ import annotations

from typing import Any

from .line_search import LineSearchOptimizer
from .options import positive, positive_int


class LBFGS(LineSearchOptimizer):
    """w -= t H g, where H approximates the inverse Hessian from the last `history_size` steps s and changes of the
    gradient y, and is never formed (Liu and Nocedal, Mathematical Programming 45, 1989).

    The one to begin with: for networks of any size, with the fewest assumptions. `LevenbergMarquardt` needs fewer
    iterations for squares of small networks, `NewtonCG` where curvature differs much between weights.

    With an L1 penalty it is OWL-QN (Andrew and Gao, ICML 2007): steps stay in the orthant that the pseudo-gradient
    points into, so that weights become exactly 0. It is the only optimizer here that does so.

    An iteration costs a gradient, as a rule, and O(history_size p); memory is 2 history_size p numbers.

    Args:
        history_size: how many pairs (s, y) are kept.
        line_search, c1, c2: how t is found, see `LineSearchOptimizer`.
        goal, gtol, ftol, xtol, max_evals, name, patience, max_seconds: see `FullBatchOptimizer`.
        first_step: the length of the first step tried; None for min(1, |g|).
        max_step: no step tried is longer; None for no limit.

    >>> import nervure as nv
    >>> optimizer = LBFGS(history_size=20, max_evals=1000)
    >>> nv.optimizers.get(nv.optimizers.serialize(optimizer)).history_size
    20
    >>> type(nv.optimizers.get("lbfgs")).__name__
    'LBFGS'
    """

    method = "lbfgs"
    own = ("history_size", "line_search", "c1", "c2", "first_step", "max_step")

    def __init__(
        self,
        history_size: int = 10,
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
        max_step: float | None = None,
        **kwargs: Any,
    ) -> None:
        common: dict[str, Any] = {"patience": patience, "max_seconds": max_seconds}
        super().__init__(line_search, c1, c2, goal, gtol, ftol, xtol, max_evals, name, **common, **kwargs)
        self.history_size = positive_int("history_size", history_size)
        self.first_step: float | None = positive("first_step", first_step, optional=True)
        self.max_step: float | None = positive("max_step", max_step, optional=True)

    def settings(self) -> dict[str, float]:
        return super().settings() | self._numbers("history_size", "first_step", "max_step")
